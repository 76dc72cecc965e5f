/* SPDX-License-Identifier: Apache-2.0 */
#include "http/transcript.h"

#include <ctype.h>
#include <string.h>

Transcript *transcript_new(void) {
        Transcript *t = calloc(1, sizeof(*t));

        assert(t);
        for (size_t i = 0; i < ELEMENTSOF(t->bytes); i++) {
                t->bytes[i] = malloc(TRANSCRIPT_BYTES_MAX);
                assert(t->bytes[i]);
        }
        t->steps = calloc(TRANSCRIPT_STEPS_MAX, sizeof(t->steps[0]));
        assert(t->steps);
        t->now_ns = 1000000000000ULL;
        return t;
}

Transcript *transcript_free(Transcript *t) {
        if (!t)
                return NULL;

        free(t->bytes[0]);
        free(t->bytes[1]);
        free(t->steps);
        free(t);
        return NULL;
}

/* Time goes on: the clock of a bed never goes back. */
void transcript_clear(Transcript *t) {
        t->n_bytes[0] = t->n_bytes[1] = t->n_steps = 0;
}

static TranscriptStep *add_step(Transcript *t, unsigned direction, uint64_t pause_ns) {
        assert(t->n_steps < TRANSCRIPT_STEPS_MAX);
        t->now_ns += pause_ns / 4 * 4;
        t->steps[t->n_steps] = (TranscriptStep){ .direction = direction, .at_ns = t->now_ns };
        return &t->steps[t->n_steps++];
}

static TranscriptStep *
add_bytes(Transcript *t, unsigned direction, const void *data, size_t n, uint64_t pause_ns) {
        TranscriptStep *s = add_step(t, direction, pause_ns);

        assert(n <= TRANSCRIPT_BYTES_MAX - t->n_bytes[direction]);
        s->from = t->n_bytes[direction];
        s->length = n;
        memcpy(t->bytes[direction] + s->from, data, n);
        t->n_bytes[direction] += n;
        return s;
}

void transcript_add(Transcript *t, unsigned direction, const void *data, size_t n, uint64_t pause_ns) {
        (void) add_bytes(t, direction, data, n, pause_ns);
}

void transcript_add_skipped(
                Transcript *t, unsigned direction, const void *data, size_t n, uint64_t pause_ns) {
        add_bytes(t, direction, data, n, pause_ns)->is_skipped = true;
}

void transcript_add_end(Transcript *t, uint64_t pause_ns) {
        add_step(t, BED_IN, pause_ns)->is_end = true;
}

/* In memory of just that size, so that the sanitizer sees what is read beyond it. */
static void play_bytes(const Transcript *t, const TranscriptStep *s, HttpBed *b) {
        char *exact = malloc(s->length > 0 ? s->length : 1);

        assert(exact);
        memcpy(exact, t->bytes[s->direction] + s->from, s->length);
        http_bed_feed(b, s->direction, exact, s->length, s->is_continued, s->at_ns);
        free(exact);
}

void transcript_play(const Transcript *t, HttpBed *b) {
        http_bed_open(b);
        for (size_t i = 0; i < t->n_steps; i++) {
                const TranscriptStep *s = &t->steps[i];

                if (s->is_end)
                        http_bed_end(b, s->at_ns);
                else if (s->is_skipped)
                        http_bed_skip(b, s->direction, s->length, s->at_ns);
                else
                        play_bytes(t, s, b);
        }
}

void transcript_print(const Transcript *t, FILE *f) {
        for (size_t i = 0; i < t->n_steps; i++) {
                const TranscriptStep *s = &t->steps[i];

                fprintf(f,
                        "%llu %s%s%s \"",
                        (unsigned long long) s->at_ns,
                        s->is_end ? "end" : "",
                        s->is_end                                ? ""
                                        : s->direction == BED_IN ? "read"
                                                                 : "written",
                        s->is_skipped ? " unseen" : "");
                for (size_t k = 0; k < s->length; k++) {
                        unsigned char c = t->bytes[s->direction][s->from + k];

                        fprintf(f, isprint(c) ? "%c" : "\\x%02x", c);
                }
                fprintf(f, "\"\n");
        }
}
