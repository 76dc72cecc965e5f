/* SPDX-License-Identifier: Apache-2.0 */
#include "http/edge.h"

#include <criterion/criterion.h>
#include <string.h>

const PathRule edge_rules[RULES] = {
        [RULE_ALL] = { NULL },
        [RULE_WS] = { "/ws", .is_prefix = true },
        [RULE_EVIL] = { "/evil", .is_prefix = true },
};

static void play_step(Transcript *t, const char *step, const char *before) {
        unsigned direction = step[0] == '<' ? BED_IN : BED_OUT;

        if (step[0] == '+') {
                direction = before[0] == '<' ? BED_IN : BED_OUT;
                transcript_add(t, direction, step + 1, strlen(step + 1), 1000);
                t->steps[t->n_steps - 1].is_continued = true;
        } else if (step[0] == '~') {
                static const char nothing[800000];

                transcript_add_skipped(t, BED_OUT, nothing, strtoul(step + 1, NULL, 10), 1000);
        } else {
                transcript_add(t, direction, step + 1, strlen(step + 1), 1000);
        }
}

static void check_cell(const Edge *e, unsigned rule, const struct cprof_http_cell *got) {
        cr_expect_eq(got->n_total, e->expected[rule].n, "%s: rule %u: %llu", e->name, rule, got->n_total);
        cr_expect_eq(got->n_4xx,
                     e->expected[rule].n_4xx,
                     "%s: rule %u: %llu 4xx",
                     e->name,
                     rule,
                     got->n_4xx);
        cr_expect_eq(got->n_5xx,
                     e->expected[rule].n_5xx,
                     "%s: rule %u: %llu 5xx",
                     e->name,
                     rule,
                     got->n_5xx);
        cr_expect_eq(got->n_timed,
                     e->expected[rule].n_timed,
                     "%s: rule %u: %llu timed",
                     e->name,
                     rule,
                     got->n_timed);
}

static void check_counters(const Edge *e, const BedSums *sums) {
        for (unsigned i = 0; i < CPROF_HTTP_COUNTERS_MAX; i++) {
                unsigned expected = 0;

                if (i == CPROF_HTTP_SEEN_REQUESTS || i == CPROF_HTTP_SEEN_RESPONSES)
                        continue;
                for (unsigned k = 0; k < EDGE_LOSSES_MAX; k++)
                        if (e->losses[k].n > 0 && e->losses[k].counter == i)
                                expected = e->losses[k].n;
                cr_expect_eq(sums->counters[i],
                             expected,
                             "%s: counter %u is %lu",
                             e->name,
                             i,
                             (unsigned long) sums->counters[i]);
        }
        cr_expect_eq(sums->counters[CPROF_HTTP_SEEN_RESPONSES],
                     sums->cells[RULE_ALL].n_total,
                     "%s: answers",
                     e->name);
}

void edge_check_transcript(const Edge *e, const Transcript *t, HttpBed *b) {
        BedSums sums;

        transcript_play(t, b);
        http_bed_collect(b, &sums);
        for (unsigned rule = 0; rule < RULES; rule++)
                check_cell(e, rule, &sums.cells[rule]);
        check_counters(e, &sums);
}

void edges_check(const Edge *edges, size_t n) {
        _cleanup_(path_rules_freep) HttpRules *compiled = path_rules_compile(edge_rules, RULES, 1);
        _cleanup_(transcript_freep) Transcript *t = transcript_new();
        _cleanup_(http_bed_freep) HttpBed *b = http_bed_new(compiled);

        for (size_t i = 0; i < n; i++) {
                const char *const *step = edges[i].steps;

                transcript_clear(t);
                for (; *step && strcmp(*step, GOES_ON) != 0; step++)
                        play_step(t, *step, step > edges[i].steps ? step[-1] : NULL);
                if (!*step)
                        transcript_add_end(t, 1000);
                edge_check_transcript(&edges[i], t, b);
        }
}
