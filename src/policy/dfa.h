/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"
#include "policy/uri-match.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A deterministic automaton over the bytes of a path while it is made. */
typedef struct Dfa {
        uint32_t n_states, n_classes;
        uint32_t start;       /* a state */
        uint8_t classes[256]; /* byte -> class; 0 = the path ends before it */
        uint32_t *next;       /* [state * n_classes + class]: a state; class 0 is not used */
        uint64_t *accepts;    /* state -> rules that match if the path ends here */
} Dfa;

/* Before it is minimised it may be larger. */
#define DFA_RAW_STATES_MAX (4 * URI_STATES_MAX)
#define DFA_RAW_TRANSITIONS_MAX (4 * URI_TRANSITIONS_MAX)

/* Patterns come from elsewhere: what may be spent on one call from outside, in steps of the innermost loops
 * (2 to 6 ns each), is bounded, whatever they are. */
#define DFA_STEPS_MAX (UINT64_C(6) << 20)

typedef struct DfaBudget {
        uint64_t steps; /* left */
} DfaBudget;

/* false: there are not so many left. */
static inline bool dfa_spend(DfaBudget *b, uint64_t steps) {
        if (steps > b->steps) {
                b->steps = 0;
                return false;
        }

        b->steps -= steps;
        return true;
}

/* Whether a path ends before @byte: at space and control characters, which cannot stand in a request target,
 * and where the query or fragment begins. */
static inline bool dfa_byte_is_end(uint8_t byte) {
        return byte <= ' ' || byte == 0x7f || byte == '?' || byte == '#';
}

/* All states without transitions (to state 0) and accepting nothing. */
int dfa_new(uint32_t n_states, uint32_t n_classes, Dfa **ret_dfa);
Dfa *dfa_free(Dfa *d);
DEFINE_CLEANUP(Dfa *, dfa_free)

/* Splits the classes that have bytes inside and outside of a set. Ends are left alone. */
void dfa_classes_refine(uint8_t classes[static 256], uint32_t *n_classes, const bool set[static 256]);

/* One byte of each class; [0] is not set. */
void dfa_class_samples(const uint8_t classes[static 256], uint8_t samples[static 256]);

/* The rules matched if the path is these bytes up to an end. */
uint64_t dfa_run(const Dfa *d, const char *text, size_t length);
