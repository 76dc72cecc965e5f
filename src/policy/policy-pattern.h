/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The lists of globs of a policy: NULL-terminated arrays that own their strings, without duplicates. A
 * backslash in a glob is an ordinary character (FNM_NOESCAPE), because unit names have it. */

typedef enum PatternKind {
        PATTERN_UNIT,  /* completed to a unit name as systemctl does, '/' between nested ones */
        PATTERN_SLICE, /* ditto, ".slice" is what is added */
        PATTERN_EXE,   /* absolute path */
        PATTERN_USER,  /* name or number */
        _PATTERN_KIND_MAX,
} PatternKind;

/* Adds the words of @value to *list. Returns -EINVAL with *reterr_what = what is wrong, -ENOMEM; *list is
 * valid then, with the words before the bad one. */
int policy_patterns_add(PatternKind kind, const char *value, char ***list, char **reterr_what);

/* Takes @pattern over in any case; NULL stands for a failed allocation. One that is there is not added
 * again. Errors as above. */
int policy_patterns_push(char ***list, char *pattern, char **reterr_what);

/* An empty list, to be freed like any other; NULL when out of memory. */
char **policy_patterns_new(void);
void policy_patterns_free(char **list);

/* The same patterns in any order. */
bool policy_patterns_equal(char *const *a, char *const *b);

/* Bytes of all of them, each with a separator. */
size_t policy_patterns_size(char *const *list);
