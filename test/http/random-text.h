/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Random numbers that a seed repeats, and text to put together. */
typedef struct Random {
        uint64_t state;
} Random;

/* SplitMix64: https://prng.di.unimi.it/splitmix64.c */
static inline uint64_t random_next(Random *r) {
        uint64_t x = r->state += 0x9e3779b97f4a7c15ULL;

        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
        x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
        return x ^ (x >> 31);
}

static inline unsigned random_below(Random *r, unsigned n) {
        return random_next(r) % n;
}

static inline bool random_percent(Random *r, unsigned percent) {
        return random_below(r, 100) < percent;
}

#define RANDOM_OF(r, array) ((array)[random_below(r, ELEMENTSOF(array))])

typedef struct Text {
        char data[40000];
        size_t n;
} Text;

static inline void text_add_bytes(Text *t, const char *s, size_t n) {
        assert(n <= sizeof(t->data) - t->n);
        memcpy(t->data + t->n, s, n);
        t->n += n;
}

static inline void text_add(Text *t, const char *s) {
        text_add_bytes(t, s, strlen(s));
}

static inline void text_fill(Text *t, char c, size_t n) {
        assert(n <= sizeof(t->data) - t->n);
        memset(t->data + t->n, c, n);
        t->n += n;
}

_printf_(2, 3) static inline void text_addf(Text *t, const char *format, ...) {
        char line[512];
        va_list arguments;
        int n;

        va_start(arguments, format);
        n = vsnprintf(line, sizeof(line), format, arguments);
        va_end(arguments);
        assert(n >= 0 && (size_t) n < sizeof(line));
        text_add_bytes(t, line, n);
}
