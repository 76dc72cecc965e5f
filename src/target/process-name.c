/* SPDX-License-Identifier: Apache-2.0 */
/* Names that stay the same when a worker dies and its successor takes its place. */
#include "target/target-set-internal.h"

#define WORD_BITS 64U

/* Processes of one unit that run the same program. */
struct NameGroup {
        unsigned n_used;
        size_t n_words, first_free; /* no word before first_free has a free bit */
        uint64_t *used;             /* bit i: ordinal i + 1 is taken */
        UT_hash_handle hh;
        char comm[];
};

static NameGroup *group_new(Unit *u, const char *comm) {
        size_t n = strlen(comm);
        NameGroup *g;

        g = calloc(1, sizeof(*g) + n + 1);
        if (!g)
                return NULL;

        memcpy(g->comm, comm, n + 1);
        HASH_ADD_KEYPTR(hh, u->names, g->comm, n, g);
        if (!HASH_ADDED(g)) {
                free(g);
                return NULL;
        }

        return g;
}

static void group_free(Unit *u, NameGroup *g) {
        HASH_DEL(u->names, g);
        free(g->used);
        free(g);
}

/* Lowest ordinal that is not taken, from 1; 0 = out of memory. */
static unsigned group_take(NameGroup *g) {
        uint64_t *used;

        for (; g->first_free < g->n_words; g->first_free++) {
                uint64_t *word = g->used + g->first_free;

                if (*word != UINT64_MAX) {
                        unsigned bit = (unsigned) __builtin_ctzll(~*word);

                        *word |= UINT64_C(1) << bit;
                        g->n_used++;
                        return (unsigned) g->first_free * WORD_BITS + bit + 1;
                }
        }

        used = realloc(g->used, (g->n_words + 1) * sizeof(used[0]));
        if (!used)
                return 0;

        g->used = used;
        g->used[g->n_words++] = 1;
        g->n_used++;
        return (unsigned) g->first_free * WORD_BITS + 1;
}

int process_name_take(Unit *u, Process *p) {
        NameGroup *g;
        unsigned ordinal;
        char *name;

        HASH_FIND_STR(u->names, p->comm, g);
        if (!g)
                g = group_new(u, p->comm);
        if (!g)
                return -ENOMEM;

        ordinal = group_take(g);
        if (ordinal > 1) {
                if (asprintf(&name, "%s#%u", p->comm, ordinal) < 0)
                        name = NULL;
        } else
                name = ordinal == 1 ? strdup(p->comm) : NULL;

        p->ordinal = ordinal;
        if (!name) {
                process_name_release(u, p);
                return -ENOMEM;
        }

        free(p->name);
        p->name = name;
        return 0;
}

void process_name_release(Unit *u, Process *p) {
        NameGroup *g;
        size_t word;

        HASH_FIND_STR(u->names, p->comm, g);
        if (!g)
                return;

        if (p->ordinal > 0) {
                word = (p->ordinal - 1) / WORD_BITS;
                g->used[word] &= ~(UINT64_C(1) << (p->ordinal - 1) % WORD_BITS);
                g->first_free = MIN_OF(g->first_free, word);
                g->n_used--;
                p->ordinal = 0;
        }

        if (g->n_used == 0)
                group_free(u, g);
}
