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
        _POLICY_SOURCE_MAX,
        _POLICY_SOURCE_INVALID = -EINVAL,
} PolicySource;
const char *policy_source_to_string(PolicySource s); /* "etc", "run", "vendor" */

typedef enum PolicyState {
        POLICY_STATE_LOADED,
        POLICY_STATE_STALE,  /* the file is broken; its last good version is in force */
        POLICY_STATE_ERROR,  /* broken and never good: not in force */
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
        char *message;  /* "path:line: …" for stale and error, else NULL */
        Policy *policy; /* in force, NULL for error and masked */
        UT_hash_handle hh; /* by name */
} PolicyEntry;

/* Told during policy_store_reload(). @old or @new may be NULL (added, removed); never called for equal ones. Entries
 * are borrowed for the call. */
typedef void (*PolicyChangeFn)(const char *name, Policy *old, Policy *new, void *userdata);

/* @directories: one per PolicySource, absolute; NULL for the defaults. Missing ones are fine and may appear later. */
int policy_store_new(const char *const *directories, PolicyChangeFn fn, void *userdata, PolicyStore **ret_store);
PolicyStore *policy_store_free(PolicyStore *s);
DEFINE_CLEANUP(PolicyStore *, policy_store_free)

/* Reads the search path anew. A bad file never stops the others. *ret_n_bad (may be NULL) counts entries in ERROR or
 * STALE plus directories that could not be read; messages about those are in policy_store_problems(). */
int policy_store_reload(PolicyStore *s, unsigned *ret_n_bad);

PolicyEntry *policy_store_entries(PolicyStore *s); /* HASH_ITER, sorted by name */
PolicyEntry *policy_store_find(PolicyStore *s, const char *name);
unsigned policy_store_n_loaded(const PolicyStore *s); /* in force */
/* NULL-terminated messages of the last reload: one per bad entry, unreadable directory, cap. Borrowed. */
char **policy_store_problems(const PolicyStore *s);

/* These write files (atomic, directories made as needed) and then reload. @runtime: /run instead of /etc.
 * add: -EINVAL/-EOPNOTSUPP with *reterr_message for a bad text (nothing written; PATH in messages is NAME.policy).
 * remove: deletes NAME.policy and its drop-ins from /etc and /run; -ENOENT if neither has it; a vendor policy is
 *         not removed: -EROFS (mask it).
 * mask: links NAME.policy to /dev/null; -EEXIST when a real file is in the way. unmask: -ENOENT if not masked there. */
int policy_store_add(PolicyStore *s, const char *name, const char *text, bool runtime, char **reterr_message);
int policy_store_remove(PolicyStore *s, const char *name);
int policy_store_mask(PolicyStore *s, const char *name, bool runtime);
int policy_store_unmask(PolicyStore *s, const char *name, bool runtime);
/* Text as it stands in the files, main file then drop-ins each under a "# path" comment line. -ENOENT. */
int policy_store_get_text(PolicyStore *s, const char *name, char **ret_text, char **ret_path);
