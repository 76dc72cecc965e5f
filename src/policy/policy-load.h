/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/policy-scan.h"

#include <sys/stat.h>

/* The files one policy consists of, and reading them. */

typedef struct PolicyPiece {
        char *path;
        PolicySource source;
        /* Tells whether the file is still the one that was read. The change time catches what keeps the
         * modification time. */
        dev_t dev;
        ino_t ino;
        off_t size;
        struct timespec mtime, ctime;
} PolicyPiece;

typedef struct PolicyPieces {
        bool masked; /* by its main file; there are no items then */
        bool reread; /* never equal: something about it could not be seen */
        size_t n;
        PolicyPiece items[]; /* the main file, then drop-ins in the order they apply */
} PolicyPieces;

void policy_pieces_free(PolicyPieces *p);
DEFINE_CLEANUP(PolicyPieces *, policy_pieces_free)
bool policy_pieces_equal(const PolicyPieces *a, const PolicyPieces *b);

/* Looks at the files of @name, whose main file is in @source, without opening them. Returns -ENOENT when the
 * main file has gone, -EINVAL with *reterr_message = "PATH: why" when one is no readable file, -ENOMEM. */
int policy_pieces_list(
                const PolicyScan *scan,
                const char *name,
                PolicySource source,
                PolicyPieces **ret_pieces,
                char **reterr_message);

/* Reads and parses them, and notes in @pieces what was read. Returns what policy_parse() does; also -EINVAL
 * with *reterr_message for files that cannot be read. */
int policy_pieces_read(
                const PolicyScan *scan,
                const char *name,
                PolicyPieces *pieces,
                Policy **ret_policy,
                char **reterr_message);
