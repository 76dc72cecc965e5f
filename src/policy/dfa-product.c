/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/dfa-product.h"

#include "basic/hash.h"

#define SLOTS (4 * URI_STATES_MAX)

typedef struct Product {
        const Dfa *a, *b;
        Dfa *dfa;
        uint32_t n_states_max;
        struct {
                uint32_t a, b;
        } states[URI_STATES_MAX];
        uint32_t slots[SLOTS]; /* state + 1 */
} Product;

/* Bytes are of one class if they are in both. */
static uint32_t join_classes(const Dfa *a, const Dfa *b, uint8_t classes[static 256]) {
        uint32_t n = 1;

        for (unsigned i = 0; i < 256; i++) {
                unsigned j;

                classes[i] = 0;
                if (a->classes[i] == 0)
                        continue;

                for (j = 0; j < i; j++)
                        if (a->classes[j] == a->classes[i] && b->classes[j] == b->classes[i])
                                break;
                classes[i] = j < i ? classes[j] : (uint8_t) n++;
        }

        return n;
}

/* The number of a pair of states, a new one if need be. -E2BIG: there are too many. */
static int state_of(Product *p, uint32_t a, uint32_t b) {
        size_t slot = hash_u64(a, b) % SLOTS;
        uint32_t s;

        for (; p->slots[slot]; slot = (slot + 1) % SLOTS) {
                s = p->slots[slot] - 1;
                if (p->states[s].a == a && p->states[s].b == b)
                        return (int) s;
        }

        s = p->dfa->n_states;
        if (s >= p->n_states_max)
                return -E2BIG;

        p->states[s].a = a;
        p->states[s].b = b;
        p->dfa->accepts[s] = p->a->accepts[a] | p->b->accepts[b];
        p->slots[slot] = s + 1;
        return (int) p->dfa->n_states++;
}

static int connect(Product *p, const uint8_t samples[static 256], DfaBudget *budget) {
        const Dfa *a = p->a, *b = p->b;
        uint32_t n_classes = p->dfa->n_classes;
        int r;

        r = state_of(p, a->start, b->start);
        if (r < 0)
                return r;
        p->dfa->start = (uint32_t) r;

        for (uint32_t s = 0; s < p->dfa->n_states; s++) {
                const uint32_t *from_a = a->next + (size_t) p->states[s].a * a->n_classes;
                const uint32_t *from_b = b->next + (size_t) p->states[s].b * b->n_classes;

                if (!dfa_spend(budget, 2 * n_classes))
                        return -E2BIG;

                for (uint32_t c = 1; c < n_classes; c++) {
                        r = state_of(p, from_a[a->classes[samples[c]]], from_b[b->classes[samples[c]]]);
                        if (r < 0)
                                return r;
                        p->dfa->next[s * n_classes + c] = (uint32_t) r;
                }
        }

        return 0;
}

int dfa_product(const Dfa *a, const Dfa *b, DfaBudget *budget, Dfa **ret_dfa) {
        _cleanup_(freep) Product *p = calloc(1, sizeof(*p));
        _cleanup_(dfa_freep) Dfa *d = NULL;
        uint8_t classes[256], samples[256];
        uint32_t n_classes, n_states_max;
        int r;

        if (!p)
                return -ENOMEM;

        n_classes = join_classes(a, b, classes);
        n_states_max = MIN_OF(URI_STATES_MAX, URI_TRANSITIONS_MAX / n_classes);
        r = dfa_new(n_states_max, n_classes, &d);
        if (r < 0)
                return r;
        memcpy(d->classes, classes, sizeof(classes));
        dfa_class_samples(classes, samples);

        d->n_states = 0;
        p->a = a;
        p->b = b;
        p->dfa = d;
        p->n_states_max = n_states_max;
        r = connect(p, samples, budget);
        if (r < 0)
                return r;

        *ret_dfa = TAKE_PTR(d);
        return 0;
}
