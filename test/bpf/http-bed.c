/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/http-bed.h"

#include "bpf/spawn.h"
#include "host/clock.h"

#include <criterion/criterion.h>
#include <string.h>

#define STATES_MAX 32U
#define LATE_USEC (20 * USEC_PER_MSEC) /* what a program may be late with a second's last request */

/* An automaton for whole URIs: a tree of their bytes; state 0 is the dead one. */
typedef struct Tree {
        HttpAutomaton a;
        uint32_t next[STATES_MAX * 257];
        uint64_t accepts[8];
} Tree;

static void tree_begin(Tree *t) {
        memset(t, 0, sizeof(*t));
        t->a.n_states = 2;
        t->a.n_accepts = 1; /* the empty set */
        t->a.next = t->next;
        t->a.accepts = t->accepts;

        /* bytes above ' ' but '?' are parts of a URI; those that are not letters share a class */
        for (unsigned i = '!'; i < 256; i++)
                t->a.classes[i] = i >= 'a' && i <= 'z' ? (uint8_t) (i - 'a' + 1) : i == '/' ? 27 : 28;
        t->a.classes['?'] = 0;
        t->a.classes['#'] = 0;
        t->a.classes[127] = 0;
        t->a.n_classes = 29;
        t->a.start = t->a.n_classes;
}

static void tree_add(Tree *t, const char *uri, uint64_t set) {
        uint32_t state = t->a.start;

        for (const char *p = uri; *p; p++) {
                uint32_t *edge = t->next + state + t->a.classes[(uint8_t) *p];

                if (*edge == 0) {
                        cr_assert_lt(t->a.n_states, STATES_MAX);
                        *edge = t->a.n_states++ * t->a.n_classes;
                }
                state = *edge;
        }

        t->accepts[t->a.n_accepts] = set;
        t->next[state] = t->a.n_accepts++;
}

/* Nothing leads out of the dead state. */
static void tree_end(Tree *t) {
        for (uint32_t i = 1; i < t->a.n_states * t->a.n_classes; i++)
                if (i % t->a.n_classes != 0 && t->next[i] == 0)
                        t->next[i] = CPROF_HTTP_ABSORBING;
}

/* What a user reads on such a kernel. */
static void expect_refusal(Probe *probe) {
        const char *reason = "";

        cr_expect_eq(probe_feature(probe, PROBE_FEATURE_HTTP, &reason), -EOPNOTSUPP);
        cr_expect_not_null(strstr(reason, "newer kernel (5.15)"), "%s", reason);
        cr_expect_eq(probe_feature(probe, PROBE_FEATURE_HTTP_TLS, &reason), -EOPNOTSUPP);
        cr_expect_eq(probe_arm(probe, PROBE_USE_HTTP), -EOPNOTSUPP);
}

bool http_bed_open_with(HttpBed *b, Probe *probe) {
        static Tree tree;
        HttpRules rules = { .n_rules = BED_RULES, .all = 1, .n_groups = 1 };
        const char *reason = "";

        b->probe = probe;
        if (!kernel_is_at_least(5, 15)) {
                expect_refusal(probe);
                return false;
        }

        cr_expect_eq(probe_feature(probe, PROBE_FEATURE_HTTP, &reason), 0, "%s", reason);
        cr_assert_eq(probe_arm(b->probe, PROBE_USE_HTTP), 0);

        tree_begin(&tree);
        tree_add(&tree, "/a", 1 << 1);
        tree_add(&tree, "/error", 1 << 2);
        tree_end(&tree);
        rules.groups[0] = tree.a;
        cr_assert_eq(probe_http_rules_add(b->probe, &rules, &b->rules), 0);
        return true;
}

bool http_bed_open(HttpBed *b) {
        Probe *probe = NULL;

        cr_assert_eq(probe_new(&(ProbeConfig){}, &probe), 0);
        if (http_bed_open_with(b, probe))
                return true;

        b->probe = probe_free(probe);
        return false;
}

void http_bed_reset(HttpBed *b) {
        memset(b->sums, 0, sizeof(b->sums));
        b->next_second = (clock_monotonic_usec() - LATE_USEC) / USEC_PER_SEC;
}

void http_bed_close(HttpBed *b) {
        probe_http_rules_remove(b->probe, b->rules);
        probe_disarm(b->probe, PROBE_USE_HTTP);
        b->probe = probe_free(b->probe);
}

int http_bed_watch(HttpBed *b, pid_t pid, ProbeHttpHook hook, const char *cgroup) {
        ProbeHttpTarget target = { .pid = pid, .rules = b->rules, .cgroup = cgroup, .hook = hook };

        return probe_http_watch(b->probe, &target, &b->hook);
}

static void take_sums(pid_t pid, unsigned rule, const struct cprof_http_cell *sums, void *userdata) {
        HttpBed *b = userdata;
        struct cprof_http_cell *sum = b->sums + rule;

        cr_assert_lt(rule, BED_RULES);
        cr_expect_gt(sums->n_total, 0u, "rules without requests are not told");
        if (b->pid > 0 && b->pid != pid)
                return;

        sum->n_total += sums->n_total;
        sum->n_4xx += sums->n_4xx;
        sum->n_5xx += sums->n_5xx;
        sum->n_timed += sums->n_timed;
        sum->sum_ns += sums->sum_ns;
        for (unsigned i = 0; i < CPROF_HTTP_BUCKETS; i++)
                sum->buckets[i] += sums->buckets[i];
}

void http_bed_catch_up(HttpBed *b) {
        uint64_t second = (clock_monotonic_usec() - LATE_USEC) / USEC_PER_SEC;

        cr_assert_lt(second - b->next_second, CPROF_HTTP_SECONDS - 1, "the test is too slow");
        for (; b->next_second < second; b->next_second++)
                cr_assert_eq(probe_http_read(b->probe, b->next_second, take_sums, b), 0);
}

void http_bed_read(HttpBed *b) {
        usec_t now_usec;

        http_bed_catch_up(b);
        now_usec = clock_monotonic_usec();
        sleep_usec((now_usec / USEC_PER_SEC + 1) * USEC_PER_SEC + LATE_USEC - now_usec);
        http_bed_catch_up(b);
}

uint64_t http_bed_counter(HttpBed *b, pid_t pid, enum cprof_http_loss counter) {
        uint64_t counters[CPROF_HTTP_COUNTERS_MAX];

        cr_assert_eq(probe_http_counters(b->probe, pid, counters), 0);
        return counters[counter];
}

uint64_t http_bed_losses(HttpBed *b, pid_t pid) {
        uint64_t counters[CPROF_HTTP_COUNTERS_MAX], sum = 0;

        cr_assert_eq(probe_http_counters(b->probe, pid, counters), 0);
        for (unsigned i = 0; i < CPROF_HTTP_LOSSES_DEGRADING; i++) {
                sum += counters[i];
                if (counters[i] > 0)
                        fprintf(stderr,
                                "# %s: %llu\n",
                                probe_http_counter_to_string(i),
                                (unsigned long long) counters[i]);
        }

        return sum;
}
