/* SPDX-License-Identifier: Apache-2.0 */
#include "task/thread-names.h"

#include "basic/utf8.h"
#include "task/profile.h"

#include <string.h>

void thread_names_done(ThreadNames *t) {
        HASH_CLEAR(hh, t->by_key);
        for (uint32_t i = 0; i < t->n; i++) {
                free(t->list[i]->name);
                free(t->list[i]);
        }
        free(t->list);
}

/* Makes room for one more; the list grows by doubling. */
static int reserve(ThreadNames *t) {
        ThreadName **bigger;

        if (t->n > 0 && (t->n & (t->n - 1)) != 0)
                return 0;

        bigger = realloc(t->list, (t->n > 0 ? 2 * (size_t) t->n : 1) * sizeof(*bigger));
        if (!bigger)
                return -ENOMEM;

        t->list = bigger;
        return 0;
}

static int add(ThreadNames *t, const char key[static CPROF_COMM_LEN], uint32_t *ret_index) {
        ThreadName *n;
        int r;

        r = reserve(t);
        if (r < 0)
                return r;

        n = calloc(1, sizeof(*n));
        if (!n)
                return -ENOMEM;

        memcpy(n->key, key, sizeof(n->key));
        n->index = t->n;
        n->name = utf8_sanitize(key, strnlen(key, CPROF_COMM_LEN));
        if (!n->name) {
                free(n);
                return -ENOMEM;
        }

        HASH_ADD(hh, t->by_key, key, sizeof(n->key), n);
        if (!HASH_ADDED(n)) {
                free(n->name);
                free(n);
                return -ENOMEM;
        }

        t->list[t->n++] = n;
        *ret_index = n->index;
        return 0;
}

int thread_names_index(ThreadNames *t, const char *name, uint32_t *ret_index) {
        char key[CPROF_COMM_LEN] = {};
        ThreadName *n;

        memcpy(key, name, strnlen(name, sizeof(key)));

        HASH_FIND(hh, t->by_key, key, sizeof(key), n);
        if (n) {
                *ret_index = n->index;
                return 0;
        }

        if (t->n < PROFILE_THREADS_MAX)
                return add(t, key, ret_index);

        /* A program that renames its threads all the time: keep the stacks, give up the names. */
        memset(key, 0, sizeof(key));
        memcpy(key, PROFILE_THREAD_OTHER, strlen(PROFILE_THREAD_OTHER));
        HASH_FIND(hh, t->by_key, key, sizeof(key), n);
        if (!n)
                return add(t, key, ret_index);

        *ret_index = n->index;
        return 0;
}

const char *thread_names_get(const ThreadNames *t, uint32_t index) {
        assert(index < t->n);

        return t->list[index]->name;
}
