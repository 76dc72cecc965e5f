/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whole-string parsers of decimal numbers, without locale. All return -EINVAL for text that is not of the
 * form and -ERANGE for a value outside the stated range; the result is written on success only. */
int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret);
int parse_uint(const char *text, unsigned min, unsigned max, unsigned *ret);

/* Digits with an optional fraction: "80", "0.25". No sign, exponent, inf or nan. */
int parse_double(const char *text, double max, double *ret);

/* 1/yes/y/true/t/on and 0/no/n/false/f/off, as systemd.syntax(7). */
int parse_bool(const char *text, bool *ret);

/* Bytes with an optional binary suffix K, M, G, T: "500M". */
int parse_bytes(const char *text, uint64_t *ret);

/* One unsigned field inside a line that is not NUL-terminated, of @base 10 or 16: moves *@p behind the
 * digits, at most up to @end. Returns -EINVAL when there is no digit, -ERANGE on overflow. */
int parse_field(const char **p, const char *end, unsigned base, uint64_t *ret);
