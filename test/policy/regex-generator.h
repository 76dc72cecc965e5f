/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Random regular expressions of the syntax of RE2, and random paths that nearly match them. */

#define GENERATED_MAX 512

typedef struct Random {
        uint64_t state;
} Random;

/* 0…@n - 1. */
unsigned random_below(Random *r, unsigned n);

typedef struct Text {
        char bytes[GENERATED_MAX + 1]; /* NUL behind */
        size_t n;
} Text;

void text_clear(Text *t);

/* What does not fit is left out. */
void text_add(Text *t, const char *text, size_t n);

/* A pattern of RE2 without errors, mostly; and a path that it matches, mostly. */
void generate_pattern(Random *r, Text *ret_pattern, Text *ret_sample);

/* Changes up to three characters to ones that mean something in a pattern. */
void spoil_pattern(Random *r, Text *pattern);

/* A path: @sample with a few changes, or characters that are frequent in patterns. */
void generate_path(Random *r, const Text *sample, Text *ret_path);
