/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/hash.h"
#include "monitor/uri-rule.h"
#include "policy/uri-match.h"

/* One list of URI rules and what became of it. */
typedef struct HttpCompiled {
        char *key; /* the list as one string of key_length bytes */
        size_t key_length;

        UriRule *rules; /* those that are measured; own their texts */
        size_t n_rules;
        UriMatch *match; /* of these; NULL when none is left */

        UriRule *refused; /* the others, and why */
        char **reasons;
        size_t n_refused;

        bool is_used; /* for the owner's sweep */
        UT_hash_handle hh;
} HttpCompiled;

/* That of the list in *cache, compiled if it is new (*ret_is_new). Rules that do not go together with those
 * before them are left out, and those above CPROF_HTTP_RULES_MAX. -ENOMEM. */
int http_compiled_get(
                HttpCompiled **cache,
                const UriRule *const *rules,
                size_t n_rules,
                HttpCompiled **ret_compiled,
                bool *ret_is_new);
/* What is there, NULL for none. */
HttpCompiled *http_compiled_find(HttpCompiled *cache, const UriRule *const *rules, size_t n_rules);

/* Out of the cache. */
void http_compiled_drop(HttpCompiled **cache, HttpCompiled *c);
