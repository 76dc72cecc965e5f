/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/hash.h"
#include "policy/policy.h"

/* The policies in force: files of the search path, masks, drop-ins, last good versions. */
typedef struct PolicyStore PolicyStore;

/* By precedence, highest first. */
typedef enum PolicySource {
        POLICY_SOURCE_ETC,    /* /etc/cprof/policies.d */
        POLICY_SOURCE_RUN,    /* /run/cprof/policies.d */
        POLICY_SOURCE_VENDOR, /* /usr/lib/cprof/policies.d */
        POLICY_SOURCE_OAP,    /* /var/lib/cprof/oap/policies: written by oap/, what SkyWalking's OAP says */
        _POLICY_SOURCE_MAX,
        _POLICY_SOURCE_INVALID = -EINVAL,
} PolicySource;
const char *policy_source_to_string(PolicySource s); /* "etc", "run", "vendor", "oap" */

typedef enum PolicyState {
        POLICY_STATE_LOADED,
        POLICY_STATE_STALE, /* the file is broken; its last good version is in force */
        POLICY_STATE_ERROR, /* broken and never good: not in force */
        POLICY_STATE_MASKED,
        _POLICY_STATE_MAX,
        _POLICY_STATE_INVALID = -EINVAL,
} PolicyState;
const char *policy_state_to_string(PolicyState s);

#define POLICIES_MAX 4096U /* files beyond are counted and reported, by name order */

typedef struct PolicyEntry {
        char *name;
        PolicySource source;
        char *path; /* of the main file */
        PolicyState state;
        char *message;               /* "path:line: …" for stale and error, else NULL */
        Policy *policy;              /* in force, NULL for error and masked */
        struct PolicyPieces *pieces; /* internal: what it was read from */
        UT_hash_handle hh;           /* by name */
} PolicyEntry;

/* Told at the end of policy_store_reload(), when the store is as it will be. @old or @new may be NULL
 * (added, removed); never called for equal ones. Removals come first. All are borrowed for the call. */
typedef void (*PolicyChangeFn)(const char *name, Policy *old, Policy *new, void *userdata);

/* @directories: one per PolicySource, absolute; one that is NULL is not searched. NULL for the defaults,
 * which are without OAP's: see policy_store_set_directory(). Missing ones are fine and may appear later.
 *
 * NAME.policy: the first directory that has it wins. The .conf files in NAME.policy.d of all directories
 * follow it, in byte order of their file names; of two with the same name that of the directory of higher
 * precedence is read. A link to /dev/null or an empty file masks, a policy as well as a drop-in. Hidden
 * files and other suffixes are ignored. */
int policy_store_new(
                const char *const *directories, PolicyChangeFn fn, void *userdata, PolicyStore **ret_store);
PolicyStore *policy_store_free(PolicyStore *s);
DEFINE_CLEANUP(PolicyStore *, policy_store_free)

/* Where @source has its policies from the next reload on; NULL: nowhere. */
int policy_store_set_directory(PolicyStore *s, PolicySource source, const char *directory);
/* The default one of @source. */
const char *policy_source_directory(PolicySource source);

/* Reads the search path anew, but not files that are unchanged. A bad file never stops the others; what came
 * from a directory that cannot be read now stays as it was (STALE). *ret_n_bad (may be NULL) counts entries
 * in ERROR or STALE plus directories that could not be read; messages about those are in
 * policy_store_problems(). Returns -ENOMEM, with nothing changed. */
int policy_store_reload(PolicyStore *s, unsigned *ret_n_bad);

PolicyEntry *policy_store_entries(PolicyStore *s); /* HASH_ITER, sorted by name */
PolicyEntry *policy_store_find(PolicyStore *s, const char *name);
unsigned policy_store_n_loaded(const PolicyStore *s); /* in force */
/* NULL-terminated messages of the last reload: one per bad entry, unreadable directory, cap. Borrowed. */
char **policy_store_problems(const PolicyStore *s);

/* The next four change files (atomic, directories made as needed) and then reload. @runtime: /run instead of
 * /etc. A bad name is -EINVAL. */

/* Returns -EINVAL or -EOPNOTSUPP for a bad text, where PATH in the message is NAME.policy; -EEXIST when /etc
 * would win over what is to be written to /run, or when the name is masked; -EROFS for one of OAP's; -E2BIG
 * above POLICIES_MAX. All of these have a message and nothing is written; other errors of writing have one,
 * too. */
int policy_store_add(
                PolicyStore *s, const char *name, const char *text, bool runtime, char **reterr_message);

/* Deletes NAME.policy and its drop-ins from /etc and /run, but not masks. Returns -ENOENT if neither has it,
 * and -EROFS for one of the vendor or of OAP, which can only be masked. */
int policy_store_remove(PolicyStore *s, const char *name);

/* Links NAME.policy to /dev/null. Returns -EEXIST when a real file is in the way there or, for @runtime, in
 * /etc. */
int policy_store_mask(PolicyStore *s, const char *name, bool runtime);

/* Returns -ENOENT if it is not masked there. */
int policy_store_unmask(PolicyStore *s, const char *name, bool runtime);

/* Text as it stands in the files now: the main file as it is, then each drop-in under a "# path" comment
 * line. Empty for a masked policy. -ENOENT, or what reading says. */
int policy_store_get_text(PolicyStore *s, const char *name, char **ret_text, char **ret_path);
