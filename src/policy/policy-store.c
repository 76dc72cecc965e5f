/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy-store-internal.h"

#include "policy/policy-load.h"

#include <string.h>

static const char *const default_directories[] = {
        [POLICY_SOURCE_ETC] = "/etc/cprof/policies.d",
        [POLICY_SOURCE_RUN] = "/run/cprof/policies.d",
        [POLICY_SOURCE_VENDOR] = "/usr/lib/cprof/policies.d",
        [POLICY_SOURCE_OAP] = "/var/lib/cprof/oap/policies",
};

const char *policy_source_directory(PolicySource source) {
        return source >= 0 && source < _POLICY_SOURCE_MAX ? default_directories[source] : NULL;
}

const char *policy_source_to_string(PolicySource s) {
        static const char *const names[] = {
                [POLICY_SOURCE_ETC] = "etc",
                [POLICY_SOURCE_RUN] = "run",
                [POLICY_SOURCE_VENDOR] = "vendor",
                [POLICY_SOURCE_OAP] = "oap",
        };

        return s >= 0 && s < _POLICY_SOURCE_MAX ? names[s] : NULL;
}

const char *policy_state_to_string(PolicyState s) {
        static const char *const names[] = {
                [POLICY_STATE_LOADED] = "loaded",
                [POLICY_STATE_STALE] = "stale",
                [POLICY_STATE_ERROR] = "error",
                [POLICY_STATE_MASKED] = "masked",
        };

        return s >= 0 && s < _POLICY_STATE_MAX ? names[s] : NULL;
}

void policy_entry_free(PolicyEntry *e) {
        if (!e)
                return;

        free(e->name);
        free(e->path);
        free(e->message);
        policy_unref(e->policy);
        policy_pieces_free(e->pieces);
        free(e);
}

int policy_store_new(
                const char *const *directories, PolicyChangeFn fn, void *userdata, PolicyStore **ret_store) {
        _cleanup_(policy_store_freep) PolicyStore *s = NULL;

        assert(ret_store);

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;

        s->fn = fn;
        s->userdata = userdata;

        for (PolicySource i = 0; i < _POLICY_SOURCE_MAX; i++) {
                const char *directory = directories      ? directories[i]
                                : i == POLICY_SOURCE_OAP ? NULL
                                                         : default_directories[i];
                int r;

                r = policy_store_set_directory(s, i, directory);
                if (r < 0)
                        return r;
        }

        *ret_store = TAKE_PTR(s);
        return 0;
}

int policy_store_set_directory(PolicyStore *s, PolicySource source, const char *directory) {
        char *copy = NULL;

        assert(s);
        assert(source >= 0 && source < _POLICY_SOURCE_MAX);

        if (directory) {
                copy = strdup(directory);
                if (!copy)
                        return -ENOMEM;
        }

        free(s->directories[source]);
        s->directories[source] = copy;
        return 0;
}

PolicyStore *policy_store_free(PolicyStore *s) {
        PolicyEntry *e, *next;

        if (!s)
                return NULL;

        HASH_ITER(hh, s->entries, e, next) {
                HASH_DEL(s->entries, e);
                policy_entry_free(e);
        }

        policy_problems_done(&s->problems);
        for (int i = 0; i < _POLICY_SOURCE_MAX; i++)
                free(s->directories[i]);
        free(s);
        return NULL;
}

PolicyEntry *policy_store_entries(PolicyStore *s) {
        assert(s);

        return s->entries;
}

PolicyEntry *policy_store_find(PolicyStore *s, const char *name) {
        PolicyEntry *e;

        assert(s);
        assert(name);

        HASH_FIND_STR(s->entries, name, e);
        return e;
}

unsigned policy_store_n_loaded(const PolicyStore *s) {
        unsigned n = 0;

        assert(s);

        for (const PolicyEntry *e = s->entries; e; e = e->hh.next)
                n += e->policy != NULL;

        return n;
}

char **policy_store_problems(const PolicyStore *s) {
        assert(s);

        return s->problems.messages ?: (char **) s->no_problems;
}
