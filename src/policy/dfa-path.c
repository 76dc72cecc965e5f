/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/dfa-path.h"

#include <string.h>

/* How much of "http://" or "https://" has been read. */
typedef enum Scheme {
        SCHEME_NOTHING,
        SCHEME_H,
        SCHEME_HT,
        SCHEME_HTT,
        SCHEME_HTTP,
        SCHEME_HTTPS,
        SCHEME_COLON,
        SCHEME_SLASH,
        SCHEME_COMPLETE,
        SCHEME_OTHER,
} Scheme;

/* As long as it may become a scheme, the path is read as if it were none; since each letter has two cases,
 * of HTTPS there are 32. */
#define PAIRS_MAX 256U

typedef struct Pair {
        Scheme scheme;
        uint32_t state; /* of the old automaton */
} Pair;

/* States of the new automaton: those of the old one, one that is in the host, then pairs. */
typedef struct HostSkipper {
        const Dfa *old;
        Dfa *dfa;
        Pair pairs[PAIRS_MAX];
        uint32_t n_pairs;
} HostSkipper;

/* Each byte of a path is a class. Returns how many bytes they have together. */
static uint32_t
classify_paths(const char *const *paths, size_t n, uint8_t classes[static 256], uint32_t *ret_n_classes) {
        uint32_t n_bytes = 0, n_classes = 2;
        bool used[256] = {};

        for (size_t i = 0; i < n; i++)
                for (const char *p = paths[i]; *p; p++, n_bytes++)
                        used[(uint8_t) *p] = true;

        for (unsigned b = 0; b < 256; b++)
                classes[b] = dfa_byte_is_end((uint8_t) b) ? 0 : used[b] ? (uint8_t) n_classes++ : 1;

        *ret_n_classes = n_classes;
        return n_bytes;
}

int dfa_new_exact(const char *const *paths, const uint64_t *accepts, size_t n, Dfa **ret_dfa) {
        _cleanup_(dfa_freep) Dfa *d = NULL;
        uint8_t classes[256];
        uint32_t n_bytes, n_classes;
        int r;

        n_bytes = classify_paths(paths, n, classes, &n_classes);
        r = dfa_new(n_bytes + 2, n_classes, &d);
        if (r < 0)
                return r;
        memcpy(d->classes, classes, sizeof(classes));

        /* State 0 is "something else", 1 the beginning; each byte leads to a state of its own. */
        d->start = 1;
        d->n_states = 2;
        for (size_t i = 0; i < n; i++) {
                uint32_t state = d->start;

                for (const char *p = paths[i]; *p; p++) {
                        uint32_t *next = &d->next[state * n_classes + classes[(uint8_t) *p]];

                        if (*next == 0)
                                *next = d->n_states++;
                        state = *next;
                }
                d->accepts[state] |= accepts[i];
        }

        *ret_dfa = TAKE_PTR(d);
        return 0;
}

static Scheme scheme_next(Scheme s, uint8_t byte) {
        static const struct {
                Scheme from;
                uint8_t byte;
                Scheme to;
        } steps[] = {
                { SCHEME_NOTHING, 'h', SCHEME_H },      { SCHEME_H, 't', SCHEME_HT },
                { SCHEME_HT, 't', SCHEME_HTT },         { SCHEME_HTT, 'p', SCHEME_HTTP },
                { SCHEME_HTTP, 's', SCHEME_HTTPS },     { SCHEME_HTTP, ':', SCHEME_COLON },
                { SCHEME_HTTPS, ':', SCHEME_COLON },    { SCHEME_COLON, '/', SCHEME_SLASH },
                { SCHEME_SLASH, '/', SCHEME_COMPLETE },
        };

        if (byte >= 'A' && byte <= 'Z') /* RFC 3986, 3.1 */
                byte = (uint8_t) (byte - 'A' + 'a');

        for (size_t i = 0; i < ELEMENTSOF(steps); i++)
                if (steps[i].from == s && steps[i].byte == byte)
                        return steps[i].to;

        return SCHEME_OTHER;
}

static uint32_t state_in_host(const HostSkipper *h) {
        return h->old->n_states;
}

static uint32_t state_of_pair(HostSkipper *h, Scheme scheme, uint32_t state) {
        uint32_t i;

        for (i = 0; i < h->n_pairs; i++)
                if (h->pairs[i].scheme == scheme && h->pairs[i].state == state)
                        break;
        if (i == h->n_pairs) {
                assert(i < PAIRS_MAX);
                h->pairs[h->n_pairs++] = (Pair){ scheme, state };
        }

        return state_in_host(h) + 1 + i;
}

static uint32_t pair_next(HostSkipper *h, Pair p, uint8_t byte) {
        Scheme scheme = scheme_next(p.scheme, byte);
        uint32_t state = h->old->next[p.state * h->old->n_classes + h->old->classes[byte]];

        if (scheme == SCHEME_COMPLETE)
                return state_in_host(h);

        return scheme == SCHEME_OTHER ? state : state_of_pair(h, scheme, state);
}

static void connect(HostSkipper *h) {
        const Dfa *old = h->old;
        Dfa *d = h->dfa;
        uint8_t samples[256];
        uint32_t host = state_in_host(h);

        dfa_class_samples(d->classes, samples);

        for (uint32_t s = 0; s < old->n_states; s++) {
                d->accepts[s] = old->accepts[s];
                for (uint32_t c = 1; c < d->n_classes; c++)
                        d->next[s * d->n_classes + c] =
                                        old->next[s * old->n_classes + old->classes[samples[c]]];
        }

        d->accepts[host] = old->accepts[old->start];
        for (uint32_t c = 1; c < d->n_classes; c++)
                d->next[host * d->n_classes + c] =
                                samples[c] == '/' ? d->next[old->start * d->n_classes + c] : host;

        d->start = state_of_pair(h, SCHEME_NOTHING, old->start);
        for (uint32_t i = 0; i < h->n_pairs; i++) {
                uint32_t s = host + 1 + i;

                d->accepts[s] = old->accepts[h->pairs[i].state];
                for (uint32_t c = 1; c < d->n_classes; c++)
                        d->next[s * d->n_classes + c] = pair_next(h, h->pairs[i], samples[c]);
        }

        d->n_states = host + 1 + h->n_pairs;
}

int dfa_skip_host(Dfa **d) {
        static const char letters[][3] = { "hH", "tT", "pP", "sS", ":", "/" };
        _cleanup_(dfa_freep) Dfa *made = NULL;
        HostSkipper h = { .old = *d };
        uint32_t n_classes = (*d)->n_classes;
        uint8_t classes[256];
        int r;

        memcpy(classes, (*d)->classes, sizeof(classes));
        for (size_t i = 0; i < ELEMENTSOF(letters); i++) {
                bool set[256] = {};

                set[(uint8_t) letters[i][0]] = set[(uint8_t) letters[i][1]] = true;
                dfa_classes_refine(classes, &n_classes, set);
        }

        r = dfa_new((*d)->n_states + 1 + PAIRS_MAX, n_classes, &made);
        if (r < 0)
                return r;
        memcpy(made->classes, classes, sizeof(classes));

        h.dfa = made;
        connect(&h);

        dfa_free(*d);
        *d = TAKE_PTR(made);
        return 0;
}
