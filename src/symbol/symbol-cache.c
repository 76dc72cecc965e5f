/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/symbol-cache.h"

#include "basic/hash.h"

/* Without padding: hashed and compared as bytes. */
typedef struct FileKey {
        uint64_t dev, inode;
        int64_t change_sec, change_nsec;
} FileKey;

typedef struct Entry {
        FileKey key;
        ModuleSymbols *symbols; /* owned */
        size_t bytes;
        UT_hash_handle hh; /* in order of use, oldest first */
} Entry;

struct SymbolCache {
        size_t bytes, bytes_max;
        Entry *entries;
};

int symbol_cache_new(size_t bytes_max, SymbolCache **ret_cache) {
        SymbolCache *c;

        assert(ret_cache);

        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        c->bytes_max = bytes_max;

        *ret_cache = c;
        return 0;
}

/* Forgets an entry and hands its symbols over. */
static ModuleSymbols *take_entry(SymbolCache *c, Entry *e) {
        ModuleSymbols *symbols = e->symbols;

        HASH_DEL(c->entries, e);
        c->bytes -= e->bytes;
        free(e);
        return symbols;
}

SymbolCache *symbol_cache_free(SymbolCache *c) {
        if (!c)
                return NULL;

        while (c->entries)
                module_symbols_free(take_entry(c, c->entries));
        free(c);
        return NULL;
}

static Entry *find_entry(SymbolCache *c, const Module *m) {
        FileKey key = {
                .dev = m->dev,
                .inode = m->inode,
                .change_sec = m->change_sec,
                .change_nsec = m->change_nsec,
        };
        Entry *e;

        HASH_FIND(hh, c->entries, &key, sizeof(key), e);
        return e;
}

ModuleSymbols *symbol_cache_take(SymbolCache *c, const Module *m) {
        Entry *e;

        assert(c);
        assert(m);

        e = find_entry(c, m);
        return e ? take_entry(c, e) : NULL;
}

void symbol_cache_put(SymbolCache *c, const Module *m, ModuleSymbols *symbols) {
        Entry *e;

        assert(c);
        assert(m);
        assert(symbols);

        e = find_entry(c, m); /* two jobs may have loaded the same file */
        if (e)
                module_symbols_free(take_entry(c, e));

        e = calloc(1, sizeof(*e));
        if (!e) {
                module_symbols_free(symbols);
                return;
        }

        *e = (Entry){
                .key = { .dev = m->dev,
                         .inode = m->inode,
                         .change_sec = m->change_sec,
                         .change_nsec = m->change_nsec },
                .symbols = symbols,
                .bytes = module_symbols_bytes(symbols) + sizeof(*e),
        };
        HASH_ADD(hh, c->entries, key, sizeof(e->key), e);
        if (!HASH_ADDED(e)) {
                module_symbols_free(symbols);
                free(e);
                return;
        }

        c->bytes += e->bytes;
        while (c->bytes > c->bytes_max)
                module_symbols_free(take_entry(c, c->entries));
}

size_t symbol_cache_bytes(const SymbolCache *c) {
        return c->bytes;
}

size_t symbol_cache_size(const SymbolCache *c) {
        return HASH_COUNT(c->entries);
}
