/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/folded.h"

#include "basic/hash.h"

#include <stdbool.h>
#include <string.h>

#define NO_NAME UINT32_MAX

typedef struct WaitKey {
        uint32_t function, caller, state; /* names */
} WaitKey;

typedef struct Wait {
        WaitKey key;
        uint64_t total;
        UT_hash_handle hh;
} Wait;

static void free_all(Wait **table) {
        Wait *w, *next;

        HASH_ITER(hh, *table, w, next) {
                HASH_DEL(*table, w);
                free(w);
        }
}

static bool is_kernel(const char *name) {
        size_t n = strlen(name);

        return n >= 4 && strcmp(name + n - 4, "_[k]") == 0;
}

/* "libc.so.6+0x2a1c0" is no name. */
static bool is_name(const char *name) {
        return !strstr(name, "+0x") && strcmp(name, "[unknown]") != 0;
}

/* What a library calls its own functions. */
static bool is_public(const char *name) {
        return is_name(name) && name[0] != '_';
}

static bool is_any(const char *name) {
        return true;
}

/* The innermost frame above @depth that is the program's and is as wanted; its depth, 0 = none. */
static uint32_t
find_user(const Folded *f, const uint32_t *path, uint32_t depth, bool (*wanted)(const char *name)) {
        while (--depth > 0) {
                const char *name = folded_name(f, path[depth]);

                if (!is_kernel(name) && wanted(name))
                        return depth;
        }

        return 0;
}

/* @path has the names from the thread to the state. */
static WaitKey make_key(const Folded *f, const uint32_t *path, uint32_t depth) {
        uint32_t function = find_user(f, path, depth, is_name), caller = 0;

        function = function ?: find_user(f, path, depth, is_any);
        if (function > 0)
                caller = find_user(f, path, function, is_public) ?: find_user(f, path, function, is_name);
        else
                function = depth - 1; /* a thread of the kernel's only, or none at all */

        return (WaitKey){
                .function = path[function],
                .caller = caller > 0 ? path[caller] : NO_NAME,
                .state = path[depth],
        };
}

static int add_wait(Wait **table, const WaitKey *key, uint64_t n) {
        Wait *w;

        HASH_FIND(hh, *table, key, sizeof(*key), w);
        if (!w) {
                w = calloc(1, sizeof(*w));
                if (!w)
                        return -ENOMEM;

                w->key = *key;
                HASH_ADD(hh, *table, key, sizeof(w->key), w);
                if (!HASH_ADDED(w)) {
                        free(w);
                        return -ENOMEM;
                }
        }

        w->total += n;
        return 0;
}

static int sum_waits(const Folded *f, Wait **table) {
        _cleanup_(freep) uint32_t *path = NULL;
        const FoldedNode *nodes;
        uint32_t deepest = 0;
        size_t n;
        int r;

        nodes = folded_nodes(f, &n);
        for (size_t i = 0; i < n; i++)
                deepest = nodes[i].depth > deepest ? nodes[i].depth : deepest;

        path = calloc((size_t) deepest + 1, sizeof(*path));
        if (!path)
                return -ENOMEM;

        for (size_t i = 0; i < n; i++) {
                WaitKey key;

                path[nodes[i].depth] = nodes[i].name;
                if (nodes[i].self == 0 || nodes[i].depth == 0)
                        continue;

                key = make_key(f, path, nodes[i].depth);
                r = add_wait(table, &key, nodes[i].self);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int compare_rows(const void *a, const void *b) {
        const FoldedWait *x = a, *y = b;
        int r;

        if (x->total != y->total)
                return x->total > y->total ? -1 : 1;

        r = strcmp(x->function, y->function);
        return r != 0 ? r : strcmp(x->caller, y->caller);
}

/* "[sleep]" without its brackets. */
static void copy_state(FoldedWait *row, const char *name) {
        size_t n;

        if (name[0] == '[')
                name++;
        n = strnlen(name, sizeof(row->state) - 1);
        if (n > 0 && name[n - 1] == ']')
                n--;
        memcpy(row->state, name, n);
}

int folded_waits(const Folded *f, size_t max, FoldedWait **ret_rows, size_t *ret_n) {
        _cleanup_(free_all) Wait *table = NULL;
        _cleanup_(freep) FoldedWait *rows = NULL;
        Wait *w, *next;
        size_t n = 0;
        int r;

        assert(f);
        assert(ret_rows);
        assert(ret_n);

        r = sum_waits(f, &table);
        if (r < 0)
                return r;

        rows = calloc((size_t) HASH_COUNT(table) + 1, sizeof(*rows));
        if (!rows)
                return -ENOMEM;

        HASH_ITER(hh, table, w, next) {
                FoldedWait *row = rows + n++;

                row->function = folded_name(f, w->key.function);
                row->caller = w->key.caller == NO_NAME ? "" : folded_name(f, w->key.caller);
                row->total = w->total;
                copy_state(row, folded_name(f, w->key.state));
        }
        qsort(rows, n, sizeof(*rows), compare_rows);

        *ret_rows = TAKE_PTR(rows);
        *ret_n = n < max ? n : max;
        return 0;
}
