/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/dfa.h"

#include <string.h>

int dfa_new(uint32_t n_states, uint32_t n_classes, Dfa **ret_dfa) {
        _cleanup_(dfa_freep) Dfa *d = calloc(1, sizeof(*d));

        if (!d)
                return -ENOMEM;

        d->n_states = n_states;
        d->n_classes = n_classes;
        d->next = calloc((size_t) n_states * n_classes, sizeof(d->next[0]));
        d->accepts = calloc(n_states, sizeof(d->accepts[0]));
        if (!d->next || !d->accepts)
                return -ENOMEM;

        *ret_dfa = TAKE_PTR(d);
        return 0;
}

Dfa *dfa_free(Dfa *d) {
        if (!d)
                return NULL;

        free(d->next);
        free(d->accepts);
        free(d);
        return NULL;
}

void dfa_classes_refine(uint8_t classes[static 256], uint32_t *n_classes, const bool set[static 256]) {
        bool outside[256] = {};
        uint8_t inside[256] = {}; /* class -> the new class of its bytes in the set */

        for (unsigned b = 0; b < 256; b++)
                if (classes[b] != 0 && !set[b])
                        outside[classes[b]] = true;

        for (unsigned b = 0; b < 256; b++) {
                uint8_t c = classes[b];

                if (c == 0 || !set[b] || !outside[c])
                        continue;
                if (inside[c] == 0)
                        inside[c] = (uint8_t) (*n_classes)++;
                classes[b] = inside[c];
        }
}

void dfa_class_samples(const uint8_t classes[static 256], uint8_t samples[static 256]) {
        for (unsigned b = 256; b > 0; b--)
                samples[classes[b - 1]] = (uint8_t) (b - 1);
}

uint64_t dfa_run(const Dfa *d, const char *text, size_t length) {
        uint32_t state = d->start;

        for (size_t i = 0; i < length; i++) {
                uint8_t class = d->classes[(uint8_t) text[i]];

                if (class == 0)
                        break;
                state = d->next[state * d->n_classes + class];
        }

        return d->accepts[state];
}
