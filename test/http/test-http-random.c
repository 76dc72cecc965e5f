/* SPDX-License-Identifier: Apache-2.0 */
/* Random conversations through the parser, against test/http/reference.c. CPROF_HTTP_SEED repeats a run,
 * CPROF_HTTP_SECONDS makes it longer. */
#include "http/conversation.h"
#include "http/reference.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <time.h>

TestSuite(http_random, .timeout = 3600);

#define RUN_SECONDS 8U
#define PRINT_STEPS_MAX 20000U

static uint64_t from_environment(const char *name, uint64_t otherwise) {
        const char *value = getenv(name);

        return value ? strtoull(value, NULL, 0) : otherwise;
}

/* A bed without our clock has times of its own: how many were timed is all that can be compared. */
static void forget_times(BedSums *s) {
        for (size_t i = 0; i < ELEMENTSOF(s->cells); i++) {
                s->cells[i].sum_ns = 0;
                memset(s->cells[i].buckets, 0, sizeof(s->cells[i].buckets));
        }
}

static void print_difference(const BedSums *got, const BedSums *expected) {
        for (size_t i = 0; i < ELEMENTSOF(got->cells); i++) {
                const struct cprof_http_cell *g = &got->cells[i], *e = &expected->cells[i];

                if (memcmp(g, e, sizeof(*g)) != 0)
                        fprintf(stderr,
                                "rule %zu: total %llu (%llu) 4xx %llu (%llu) 5xx %llu (%llu) timed %llu (%llu) ns %llu (%llu)\n",
                                i,
                                g->n_total,
                                e->n_total,
                                g->n_4xx,
                                e->n_4xx,
                                g->n_5xx,
                                e->n_5xx,
                                g->n_timed,
                                e->n_timed,
                                g->sum_ns,
                                e->sum_ns);
        }
        for (size_t i = 0; i < ELEMENTSOF(got->counters); i++)
                if (got->counters[i] != expected->counters[i])
                        fprintf(stderr,
                                "counter %zu: %" PRIu64 " (%" PRIu64 ")\n",
                                i,
                                got->counters[i],
                                expected->counters[i]);
}

static bool is_same(const Transcript *t, HttpBed *b) {
        static BedSums got, expected;

        transcript_play(t, b);
        http_bed_collect(b, &got);
        reference_count(t, conversation_rules, CONVERSATION_RULES, &expected);
        if (!http_bed_has_clock()) {
                forget_times(&got);
                forget_times(&expected);
        }
        if (memcmp(&got, &expected, sizeof(got)) == 0)
                return true;

        fprintf(stderr, "got (expected):\n");
        print_difference(&got, &expected);
        if (t->n_steps <= PRINT_STEPS_MAX)
                transcript_print(t, stderr);
        return false;
}

Test(http_random, every_count_is_that_of_the_reference) {
        _cleanup_(path_rules_freep) HttpRules *rules =
                        path_rules_compile(conversation_rules, CONVERSATION_RULES, 2);
        _cleanup_(transcript_freep) Transcript *t = transcript_new();
        _cleanup_(http_bed_freep) HttpBed *b = http_bed_new(rules);
        uint64_t seed = from_environment("CPROF_HTTP_SEED", (uint64_t) time(NULL));
        uint64_t seconds = from_environment("CPROF_HTTP_SECONDS", RUN_SECONDS), n = 0, n_steps = 0;
        time_t end = time(NULL) + seconds;

        for (; time(NULL) < end; n++, n_steps += t->n_steps) {
                Random r = { .state = seed + n };

                transcript_clear(t);
                conversation_random(&r, t);
                cr_assert(is_same(t, b), "CPROF_HTTP_SEED=%" PRIu64 " differs", seed + n);
        }

        fprintf(stderr, "seed %" PRIu64 ": %" PRIu64 " connections, %" PRIu64 " pieces\n", seed, n, n_steps);
        cr_expect_gt(n, 0);
}
