/* SPDX-License-Identifier: Apache-2.0 */
#include "target/function-table.h"

#include "basic/hash.h"

typedef struct Entry {
        Function function;
        uint32_t index;
        size_t key_size;
        UT_hash_handle hh;
        char key[]; /* first line, name, NUL, file, NUL */
} Entry;

struct FunctionTable {
        Entry *entries;   /* by key */
        Entry **by_index; /* owned by the other */
        size_t n, n_allocated, bytes;
};

int function_table_new(FunctionTable **ret_table) {
        FunctionTable *t;

        assert(ret_table);

        t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;

        *ret_table = t;
        return 0;
}

FunctionTable *function_table_free(FunctionTable *t) {
        if (!t)
                return NULL;

        HASH_CLEAR(hh, t->entries);
        for (size_t i = 0; i < t->n; i++)
                free(t->by_index[i]);

        free(t->by_index);
        free(t);
        return NULL;
}

static int make_room(FunctionTable *t) {
        size_t n;
        Entry **p;

        if (t->n < t->n_allocated)
                return 0;

        n = t->n_allocated > 0 ? 2 * t->n_allocated : 64;
        p = realloc(t->by_index, n * sizeof(t->by_index[0]));
        if (!p)
                return -ENOMEM;

        t->by_index = p;
        t->n_allocated = n;
        return 0;
}

static Entry *entry_new(const char *name, const char *file, uint32_t first_line) {
        size_t n_name = strlen(name) + 1, n_file = strlen(file) + 1;
        size_t key_size = sizeof(first_line) + n_name + n_file;
        Entry *e;

        e = calloc(1, sizeof(*e) + key_size);
        if (!e)
                return NULL;

        memcpy(e->key, &first_line, sizeof(first_line));
        memcpy(e->key + sizeof(first_line), name, n_name);
        memcpy(e->key + sizeof(first_line) + n_name, file, n_file);
        e->key_size = key_size;
        e->function = (Function){
                .name = e->key + sizeof(first_line),
                .file = e->key + sizeof(first_line) + n_name,
                .first_line = first_line,
        };
        return e;
}

int function_table_add(
                FunctionTable *t,
                const char *name,
                const char *file,
                uint32_t first_line,
                uint32_t *ret_index) {
        _cleanup_(freep) Entry *e = NULL;
        Entry *known;
        int r;

        assert(t);
        assert(name);
        assert(file);
        assert(ret_index);

        e = entry_new(name, file, first_line);
        if (!e)
                return -ENOMEM;

        HASH_FIND(hh, t->entries, e->key, e->key_size, known);
        if (known) {
                *ret_index = known->index;
                return 0;
        }

        if (t->n >= FUNCTION_TABLE_MAX || t->bytes + e->key_size > FUNCTION_TABLE_BYTES_MAX)
                return -ENOSPC;

        r = make_room(t);
        if (r < 0)
                return r;

        e->index = (uint32_t) t->n;
        HASH_ADD_KEYPTR(hh, t->entries, e->key, e->key_size, e);
        if (!HASH_ADDED(e))
                return -ENOMEM;

        t->bytes += e->key_size;
        *ret_index = e->index;
        t->by_index[t->n++] = TAKE_PTR(e);
        return 0;
}

const Function *function_table_get(const FunctionTable *t, uint32_t index) {
        return index < t->n ? &t->by_index[index]->function : NULL;
}

size_t function_table_size(const FunctionTable *t) {
        return t->n;
}
