/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "http/http-bed.h"

/* What passed on one connection: the bytes of both directions, and the steps in which they passed. */
typedef struct TranscriptStep {
        unsigned direction;
        bool is_end, is_skipped, is_continued;
        size_t from, length; /* of the direction's bytes */
        uint64_t at_ns;
} TranscriptStep;

#define TRANSCRIPT_BYTES_MAX (1U << 20)
#define TRANSCRIPT_STEPS_MAX (1U << 17)

typedef struct Transcript {
        char *bytes[2];
        size_t n_bytes[2];
        TranscriptStep *steps;
        size_t n_steps;
        uint64_t now_ns; /* of the next step */
} Transcript;

Transcript *transcript_new(void);
Transcript *transcript_free(Transcript *t);
DEFINE_CLEANUP(Transcript *, transcript_free)

void transcript_clear(Transcript *t);
/* One piece; time goes on by @pause_ns before it, in steps of 4 ns. */
void transcript_add(Transcript *t, unsigned direction, const void *data, size_t n, uint64_t pause_ns);
void transcript_add_skipped(
                Transcript *t, unsigned direction, const void *data, size_t n, uint64_t pause_ns);
void transcript_add_end(Transcript *t, uint64_t pause_ns);

/* Tells it all to the parser. */
void transcript_play(const Transcript *t, HttpBed *b);
/* For a person who has to find out why a count is wrong. */
void transcript_print(const Transcript *t, FILE *f);
