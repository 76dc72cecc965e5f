/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"
#include "policy/regex-tree.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the parts of the parser of regular expressions share: where they are in the text, and how they refuse
 * it. */

#define REGEX_DEPTH_MAX 64 /* groups inside each other; parser and compiler recurse with them */
#define REGEX_NAMES_MAX 256

typedef enum RegexFlags {
        REGEX_FOLD = 1 << 0,      /* (?i) */
        REGEX_MULTILINE = 1 << 1, /* (?m); a path has one line, so nothing depends on it */
        REGEX_DOT_ALL = 1 << 2,   /* (?s) */
        REGEX_UNGREEDY = 1 << 3,  /* (?U): which match is found, not whether */
} RegexFlags;

typedef struct RegexReader {
        const char *text; /* UTF-8 */
        size_t length;
        size_t at; /* what is read next */
        unsigned flags, depth;
        RegexTree *tree;
        struct {
                size_t at, length;
        } names[REGEX_NAMES_MAX]; /* of groups */
        size_t n_names;
        char **reterr_message;
} RegexReader;

static inline bool regex_at_end(const RegexReader *p) {
        return p->at >= p->length;
}

/* The byte @ahead, NUL behind the end. */
static inline char regex_peek(const RegexReader *p, size_t ahead) {
        return p->at + ahead < p->length ? p->text[p->at + ahead] : '\0';
}

bool regex_looking_at(const RegexReader *p, const char *prefix);

/* Reads one character; not at the end. */
uint32_t regex_next(RegexReader *p);

/* Bytes of the character at @at. */
size_t regex_character_length(const RegexReader *p, size_t at);

/* What a person counts: characters, from 1. */
unsigned regex_column(const RegexReader *p, size_t at);

/* "column 3: 'TEXT' REASON" about @length bytes at @at. Returns -EINVAL. */
int regex_refuse(const RegexReader *p, size_t at, size_t length, const char *reason, ...) _printf_(4, 5);

int regex_refuse_unsupported(const RegexReader *p, size_t at, size_t length, const char *what);

/* The refusal of characters whose cases are not known. */
int regex_refuse_folding(const RegexReader *p, size_t at, size_t length);
