/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/symbol-table.h"

#include <string.h>

#define SORT_SLICE 8192U /* elements moved per step: about a millisecond in a large table */

/* Symbols may be nested or overlap, so that the one that starts last is
 * not always the one that holds an address. */
#define WALK_MAX 256U

typedef enum TableState {
        TABLE_ADDING,
        TABLE_HEAPING,
        TABLE_SORTING,
        TABLE_FINISHED,
} TableState;

typedef struct NameBlock {
        char *memory;    /* owned; NULL: in the file */
        uint64_t offset; /* in the file */
        uint64_t size;
} NameBlock;

struct SymbolTable {
        TableState state;
        size_t cursor; /* of the sort */
        bool sorted;   /* as added */

        Symbol *symbols; /* owned */
        size_t n_symbols, n_allocated;
        uint32_t size_largest;

        NameBlock names[2];
        int fd; /* borrowed */
};

int symbol_table_new(SymbolTable **ret_table) {
        SymbolTable *t;

        assert(ret_table);

        t = malloc(sizeof(*t));
        if (!t)
                return -ENOMEM;

        *t = (SymbolTable){ .sorted = true, .fd = -EBADF };

        *ret_table = t;
        return 0;
}

SymbolTable *symbol_table_free(SymbolTable *t) {
        if (!t)
                return NULL;

        free(t->names[0].memory);
        free(t->names[1].memory);
        free(t->symbols);
        free(t);
        return NULL;
}

/* A total order, so that the result does not depend on the order of the file. Symbols with a size come
 * before those without, because they decide whether the others count. */
static bool symbol_is_before(const Symbol *a, const Symbol *b) {
        if (a->address != b->address)
                return a->address < b->address;
        if ((a->flags ^ b->flags) & SYMBOL_OPEN)
                return b->flags & SYMBOL_OPEN;
        return a->name < b->name;
}

int symbol_table_add(SymbolTable *t, uint64_t address, uint64_t size, unsigned flags, uint32_t name) {
        Symbol *s;

        assert(t);
        assert(t->state == TABLE_ADDING);

        if (t->n_symbols >= SYMBOLS_MAX)
                return -E2BIG;

        if (t->n_symbols == t->n_allocated) {
                size_t n = t->n_allocated > 0 ? t->n_allocated * 2 : 256;

                s = realloc(t->symbols, n * sizeof(*s));
                if (!s)
                        return -ENOMEM;
                t->symbols = s;
                t->n_allocated = n;
        }

        s = &t->symbols[t->n_symbols];
        *s = (Symbol){
                .address = address,
                .size = (uint32_t) MIN_OF(size, (uint64_t) SYMBOL_SIZE_MAX),
                .flags = flags & 31U,
                .name = name,
        };
        if (t->n_symbols > 0 && symbol_is_before(s, s - 1))
                t->sorted = false;
        t->n_symbols++;

        return 0;
}

static void sift_down(Symbol *symbols, size_t root, size_t n) {
        Symbol moved = symbols[root];

        for (;;) {
                size_t child = 2 * root + 1;

                if (child >= n)
                        break;
                if (child + 1 < n && symbol_is_before(&symbols[child], &symbols[child + 1]))
                        child++;
                if (!symbol_is_before(&moved, &symbols[child]))
                        break;

                symbols[root] = symbols[child];
                root = child;
        }

        symbols[root] = moved;
}

/* Heapsort: in place, can pause after any element, and no order of the
 * input makes it slow. Returns 1 for more. */
static int sort_step(SymbolTable *t) {
        size_t n = SORT_SLICE;

        for (; t->state == TABLE_HEAPING && n > 0; n--) {
                if (t->cursor == 0) {
                        t->state = TABLE_SORTING;
                        t->cursor = t->n_symbols;
                        break;
                }
                sift_down(t->symbols, --t->cursor, t->n_symbols);
        }

        for (; t->state == TABLE_SORTING && n > 0; n--) {
                Symbol last;

                if (t->cursor <= 1)
                        return 0;

                t->cursor--;
                last = t->symbols[t->cursor];
                t->symbols[t->cursor] = t->symbols[0];
                t->symbols[0] = last;
                sift_down(t->symbols, 0, t->cursor);
        }

        return 1;
}

/* Index of the first symbol behind @i at another address. */
static size_t group_end(const SymbolTable *t, size_t i) {
        size_t end = i + 1;

        while (end < t->n_symbols && t->symbols[end].address == t->symbols[i].address)
                end++;
        return end;
}

/* Gives symbols without a size theirs, and drops the ones inside a
 * function that has one: these are labels. */
static void close_open_symbols(SymbolTable *t, bool complete) {
        uint64_t covered_end = 0;
        size_t n = 0, next = 0;

        for (size_t i = 0; i < t->n_symbols; i++) {
                Symbol s = t->symbols[i];
                uint64_t end;

                if (!(s.flags & SYMBOL_OPEN)) {
                        if (!__builtin_add_overflow(s.address, (uint64_t) s.size, &end))
                                covered_end = MAX_OF(covered_end, end);
                } else {
                        if (s.address < covered_end)
                                continue;

                        if (next <= i)
                                next = group_end(t, i);
                        if (!complete)
                                s.size = 1;
                        else if (next < t->n_symbols)
                                s.size = (uint32_t) MIN_OF(
                                                (uint64_t) s.size, t->symbols[next].address - s.address);
                }

                t->size_largest = MAX_OF(t->size_largest, (uint32_t) s.size);
                t->symbols[n++] = s;
        }

        t->n_symbols = n;
}

int symbol_table_finish_step(SymbolTable *t, bool complete) {
        Symbol *fitted;

        assert(t);

        if (t->state == TABLE_FINISHED)
                return 0;

        if (!t->sorted) {
                if (t->state == TABLE_ADDING) {
                        t->state = TABLE_HEAPING;
                        t->cursor = t->n_symbols / 2;
                }
                if (sort_step(t) > 0)
                        return 1;
        }

        close_open_symbols(t, complete);

        fitted = t->n_symbols > 0 ? realloc(t->symbols, t->n_symbols * sizeof(*fitted)) : NULL;
        if (fitted) {
                t->symbols = fitted;
                t->n_allocated = t->n_symbols;
        }

        t->state = TABLE_FINISHED;
        return 0;
}

void symbol_table_names_in_memory(SymbolTable *t, unsigned block, char *memory, size_t size) {
        assert(t);
        assert(block < ELEMENTSOF(t->names));

        free(t->names[block].memory);
        t->names[block] = (NameBlock){ .memory = memory, .size = size };
}

void symbol_table_names_in_file(SymbolTable *t, unsigned block, uint64_t offset, uint64_t size) {
        assert(t);
        assert(block < ELEMENTSOF(t->names));

        free(t->names[block].memory);
        t->names[block] = (NameBlock){ .offset = offset, .size = size };
}

void symbol_table_bind(SymbolTable *t, int fd) {
        assert(t);

        t->fd = fd;
}

size_t symbol_table_size(const SymbolTable *t) {
        return t->n_symbols;
}

size_t symbol_table_bytes(const SymbolTable *t) {
        size_t bytes = sizeof(*t) + t->n_allocated * sizeof(t->symbols[0]);

        for (size_t i = 0; i < ELEMENTSOF(t->names); i++)
                if (t->names[i].memory)
                        bytes += t->names[i].size;
        return bytes;
}

/* Index of the first symbol that starts above @address. */
static size_t upper_bound(const SymbolTable *t, uint64_t address) {
        size_t low = 0, high = t->n_symbols;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (t->symbols[middle].address <= address)
                        low = middle + 1;
                else
                        high = middle;
        }

        return low;
}

static bool symbol_holds(const Symbol *s, uint64_t address) {
        return address >= s->address && address - s->address < s->size;
}

/* The last symbol that holds @address, or NULL; its aliases are before it. */
static const Symbol *find_symbol(const SymbolTable *t, uint64_t address) {
        size_t i = upper_bound(t, address);

        for (unsigned walked = 0; i > 0 && walked < WALK_MAX; walked++) {
                const Symbol *s = &t->symbols[--i];

                if (address - s->address >= t->size_largest)
                        break;
                if (symbol_holds(s, address))
                        return s;
        }

        return NULL;
}

/* Fills @name; returns the length of what counts of it, 0 for one that can't be read. */
static size_t read_name(const SymbolTable *t, const Symbol *s, char name[static SYMBOL_NAME_MAX + 1]) {
        const NameBlock *block = &t->names[s->flags & SYMBOL_SECOND ? 1 : 0];
        size_t length;

        if (s->name >= block->size)
                return 0;

        length = (size_t) MIN_OF(block->size - s->name, (uint64_t) SYMBOL_NAME_MAX);
        if (block->memory)
                memcpy(name, block->memory + s->name, length);
        else {
                ssize_t k;

                if (t->fd < 0)
                        return 0;

                k = pread(t->fd, name, length, (off_t) (block->offset + s->name));
                if (k <= 0)
                        return 0;
                length = (size_t) k;
        }

        name[length] = '\0';

        /* In .symtab the version is part of the name: "fopen@@GLIBC_2.2.5". */
        return strcspn(name, "@");
}

static unsigned flags_rank(unsigned flags) {
        return (flags & SYMBOL_FUNCTION ? 2 : 0) + (flags & SYMBOL_EXPORTED ? 1 : 0);
}

static bool is_better_name(const Symbol *a, const char *name_a, const Symbol *b, const char *name_b) {
        size_t underscores_a = strspn(name_a, "_"), underscores_b = strspn(name_b, "_");
        size_t length_a = strlen(name_a), length_b = strlen(name_b);

        if (flags_rank(a->flags) != flags_rank(b->flags))
                return flags_rank(a->flags) > flags_rank(b->flags);
        if (underscores_a != underscores_b)
                return underscores_a < underscores_b;
        if ((a->flags ^ b->flags) & SYMBOL_WEAK)
                return b->flags & SYMBOL_WEAK;
        if (length_a != length_b)
                return length_a < length_b;
        return strcmp(name_a, name_b) < 0;
}

int symbol_table_name(const SymbolTable *t, uint64_t address, char ret_name[static SYMBOL_NAME_MAX + 1]) {
        char name[SYMBOL_NAME_MAX + 1], best_name[SYMBOL_NAME_MAX + 1];
        const Symbol *last, *best = NULL;

        assert(t);
        assert(t->state == TABLE_FINISHED);

        last = find_symbol(t, address);
        if (!last)
                return -ENOENT;

        for (unsigned n = 0; n < SYMBOL_ALIASES_MAX; n++) {
                const Symbol *s;
                size_t length;

                if ((size_t) (last - t->symbols) < n)
                        break;
                s = last - n;
                if (s->address != last->address)
                        break;
                if (!symbol_holds(s, address))
                        continue;

                length = read_name(t, s, name);
                name[length] = '\0';
                if (length == 0 || (best && !is_better_name(s, name, best, best_name)))
                        continue;

                memcpy(best_name, name, length + 1);
                best = s;
        }
        if (!best)
                return -ENOENT;

        strcpy(ret_name, best_name);
        return 0;
}
