/* SPDX-License-Identifier: Apache-2.0 */
/* Where blocked threads wait and how long, against what they measure themselves. */
#include "bpf/links.h"
#include "bpf/spawn-waiter.h"
#include "bpf/spawn.h"
#include "bpf/switch-account.h"
#include "bpf/unwind-process.h"

#include "host/clock.h"
#include "probe/probe.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#define SLACK_NS 200e3 /* where the disk is memory, its waits are no longer than that */
#define TOTALS_MAX 512U
#define STACKS_MAX 512U

TestSuite(offcpu, .timeout = 60);

typedef struct Total {
        struct cprof_offcpu_key key;
        struct cprof_offcpu_value value;
} Total;

typedef struct Stack {
        uint64_t hash;
        uint32_t pid, tid;
        unsigned n_kernel, n_user;
        uint8_t end;
} Stack;

/* One session on one process. */
typedef struct Session {
        Probe *probe;
        Waiter waiter;
        SwitchAccount switches;
        uint64_t begin_ns[2], end_ns[2]; /* before and after the call */
        ProbeCounters before, after;

        Total totals[TOTALS_MAX];
        size_t n_totals;
        Stack stacks[STACKS_MAX];
        size_t n_stacks;
} Session;

static void
take_total(const struct cprof_offcpu_key *key, const struct cprof_offcpu_value *value, void *userdata) {
        Session *s = userdata;

        cr_assert_lt(s->n_totals, TOTALS_MAX);
        s->totals[s->n_totals++] = (Total){ .key = *key, .value = *value };
}

static void take_stack(const struct cprof_sample *sample, void *userdata) {
        Session *s = userdata;

        cr_assert_eq(sample->type, CPROF_RECORD_BLOCKED_STACK);
        cr_assert_lt(s->n_stacks, STACKS_MAX);
        s->stacks[s->n_stacks++] = (Stack){
                .hash = sample->hash,
                .pid = sample->pid,
                .tid = sample->tid,
                .n_kernel = sample->n_kernel,
                .n_user = sample->n_user,
                .end = sample->end,
        };
}

static uint64_t now_ns(void) {
        return clock_monotonic_usec() * NSEC_PER_USEC;
}

static void session_open(Session *s, const ProbeConfig *config) {
        cr_assert_eq(probe_new(config, &s->probe), 0);
        cr_assert_eq(probe_arm(s->probe, PROBE_USE_OFF_CPU), 0);
}

static void session_begin(Session *s) {
        probe_counters(s->probe, &s->before);
        cr_assert_eq(probe_watch(s->probe, s->waiter.pid, PROBE_USE_OFF_CPU), 0);
        s->begin_ns[0] = now_ns();
        cr_assert_eq(probe_offcpu_begin(s->probe, s->waiter.pid), 0);
        s->begin_ns[1] = now_ns();
}

static void session_end(Session *s) {
        s->end_ns[0] = now_ns();
        cr_assert_eq(probe_offcpu_end(s->probe, s->waiter.pid), 0);
        s->end_ns[1] = now_ns();

        cr_assert_geq(probe_drain(s->probe, take_stack, s), 0);
        cr_assert_eq(probe_offcpu_read(s->probe, s->waiter.pid, take_total, s), 0);
        probe_counters(s->probe, &s->after);
        probe_unwatch(s->probe, s->waiter.pid, PROBE_USE_OFF_CPU);
        probe_offcpu_forget(s->probe, s->waiter.pid);
}

static void session_close(Session *s) {
        waiter_stop(&s->waiter);
        probe_disarm(s->probe, PROBE_USE_OFF_CPU);
        probe_free(s->probe);
}

/* The whole of it, with one waiter. */
static void session_run(Session *s, const ProbeConfig *config, const char *const *kinds) {
        session_open(s, config);
        waiter_start(&s->waiter, kinds);
        switch_account_begin(&s->switches, s->waiter.pid);
        session_begin(s);
        waiter_go(&s->waiter);
        session_end(s);
        switch_account_end(&s->switches);
}

/* What was counted under thread name @comm in @state; -1: in any. */
static struct cprof_offcpu_value sum(const Session *s, const char *comm, int state) {
        struct cprof_offcpu_value sum = {};

        for (size_t i = 0; i < s->n_totals; i++) {
                const Total *t = s->totals + i;

                if (strcmp(t->key.comm, comm) != 0 || (state >= 0 && t->key.state != (uint32_t) state))
                        continue;
                sum.n += t->value.n;
                sum.ns += t->value.ns;
                sum.max_ns = MAX_OF(sum.max_ns, t->value.max_ns);
        }

        return sum;
}

static const Stack *find_stack(const Session *s, uint64_t hash) {
        for (size_t i = 0; i < s->n_stacks; i++)
                if (s->stacks[i].hash == hash)
                        return s->stacks + i;

        return NULL;
}

static void expect_between(const char *what, uint64_t ns, double least_ns, double most_ns) {
        least_ns = least_ns * 0.99 - SLACK_NS;
        most_ns = most_ns * 1.01 + SLACK_NS;

        cr_expect((double) ns >= least_ns && (double) ns <= most_ns,
                  "%s: %.3f ms, expected %.3f to %.3f",
                  what,
                  (double) ns / 1e6,
                  least_ns / 1e6,
                  most_ns / 1e6);
}

/* Two others observed the same waits, and the truth lies between them. By its own clocks a thread waited
 * @idle_ns at most, and less by what the scheduler calls waiting for a CPU, as that counts as blocked after
 * an event but not after being preempted; what interrupts of the disk and the hypervisor take is in nobody's
 * CPU time and so too much. perf tells switches out that block from preemptions, but has the time until the
 * switch is done. Returns the most. */
static double expect_truth(const Session *s, const WaiterLine *l, uint64_t ns, uint64_t idle_ns) {
        SwitchName perf = switch_account_of(&s->switches, l->kind);
        double most = MAX_OF((double) perf.ns, (double) idle_ns), least = (double) perf.ns;

        if (strcmp(l->kind, "disk") == 0) /* in memory, nobody waits for it */
                cr_expect_geq(perf.n + 3, l->n_switches, "%s", l->kind);
        else {
                cr_expect_gt(perf.n, 0, "%s", l->kind);
                least = MIN_OF(least, (double) idle_ns - (double) l->delay_ns);
        }

        expect_between(l->kind, ns, least, most);
        return most;
}

/* A thread may wait around its own measurement. */
static void expect_seen(uint64_t n, uint64_t expected) {
        cr_expect(n + 3 >= expected && n <= expected + 3, "%" PRIu64 ", expected %" PRIu64, n, expected);
}

Test(offcpu, each_kind_of_wait_is_counted_by_its_state_within_a_percent) {
        static const char *const names[] = { "sleep", "futex", "pipe", "socket", "disk", NULL };
        static Session s;

        session_run(&s, &(ProbeConfig){}, names);
        cr_assert_eq(s.waiter.n_lines, ELEMENTSOF(names) - 1);

        for (size_t i = 0; i < s.waiter.n_lines; i++) {
                const WaiterLine *l = s.waiter.lines + i;
                bool is_disk = strcmp(l->kind, "disk") == 0;
                struct cprof_offcpu_value v =
                                sum(&s, l->kind, is_disk ? CPROF_OFFCPU_DISK : CPROF_OFFCPU_SLEEP);

                (void) expect_truth(&s, l, v.ns, l->wait_ns - l->cpu_ns);
                expect_seen(v.n, l->n_switches);
                cr_expect_geq(v.max_ns * v.n, v.ns, "%s", l->kind);
        }

        cr_expect_eq(s.after.n_offcpu_table_full, s.before.n_offcpu_table_full);
        session_close(&s);
}

Test(offcpu, the_sum_over_all_stacks_is_the_time_that_threads_did_not_run) {
        static const char *const names[] = { "sleep", "pipe", "futex", "disk", NULL };
        uint64_t blocked = 0, perf = 0;
        double most = 0;
        static Session s;

        session_run(&s, &(ProbeConfig){}, names);

        for (size_t i = 0; i < s.waiter.n_lines; i++) {
                const WaiterLine *l = s.waiter.lines + i;
                uint64_t ns = sum(&s, l->kind, -1).ns;

                most += expect_truth(&s, l, ns, l->wall_ns - l->cpu_ns);
                perf += switch_account_of(&s.switches, l->kind).ns;
                blocked += ns;
        }

        expect_between("all", blocked, (double) perf, most);
        session_close(&s);
}

Test(offcpu, every_total_has_a_stack_that_was_sent) {
        static const char *const names[] = { "sleep", "futex", "pipe", "stuck", "once", NULL };
        static Session s;

        session_run(&s, &(ProbeConfig){}, names);

        cr_assert_gt(s.n_totals, 5);
        for (size_t i = 0; i < s.n_totals; i++) {
                const Total *t = s.totals + i;
                const Stack *stack = find_stack(&s, t->key.hash);

                cr_expect_not_null(stack, "%s: %lx", t->key.comm, t->key.hash);
                if (!stack)
                        continue;
                cr_expect_gt(stack->n_kernel, 2, "%s", t->key.comm);
                cr_expect_eq(stack->pid, s.waiter.pid);
        }

        session_close(&s);
}

Test(offcpu, user_stacks_are_complete_by_tables_of_blocked_threads_too) {
        static const char *const names[] = { "stuck", "sleep", "futex", NULL };
        static Session s;
        size_t n_dumped = 0;
        const char *reason = NULL;
        bool has_dump;

        session_open(&s, &(ProbeConfig){});
        has_dump = probe_feature(s.probe, PROBE_FEATURE_THREAD_DUMP, &reason) == 0;
        cr_expect_eq(has_dump, kernel_is_at_least(5, 18), "%s", reason);
        waiter_start(&s.waiter, names);
        (void) unwind_process(s.probe, s.waiter.pid);
        session_begin(&s);
        cr_assert_geq(probe_drain(s.probe, take_stack, &s),
                      has_dump ? 3 : 2,
                      "the main thread, a stuck one, and two at the same place");
        n_dumped = s.n_stacks;
        waiter_go(&s.waiter);
        session_end(&s);

        cr_expect_gt(s.n_stacks, n_dumped);
        for (size_t i = 0; i < s.n_stacks; i++) {
                if (i < n_dumped && !has_dump) { /* in the kernel only */
                        cr_expect_eq(s.stacks[i].end, CPROF_END_NONE);
                        continue;
                }
                cr_expect_eq(s.stacks[i].end, CPROF_END_ROOT, "%zu: %u", i, s.stacks[i].end);
                cr_expect_gt(s.stacks[i].n_user, 2);
        }

        session_close(&s);
}

Test(offcpu, a_thread_that_never_wakes_is_counted_for_the_whole_session) {
        static const char *const names[] = { "stuck", "once", "sleep", NULL };
        struct cprof_offcpu_value stuck, once;
        static Session s;

        session_run(&s, &(ProbeConfig){}, names);
        stuck = sum(&s, "stuck", CPROF_OFFCPU_SLEEP);
        once = sum(&s, "once", CPROF_OFFCPU_SLEEP);

        cr_expect_eq(stuck.n, 1);
        cr_expect_geq(stuck.ns, s.end_ns[0] - s.begin_ns[1]);
        cr_expect_leq(stuck.ns, s.end_ns[1] - s.begin_ns[0] + 2000);
        cr_expect_eq(once.n, 1);
        cr_expect_geq(once.ns, s.waiter.lines[0].wall_ns * 98 / 100, "blocked when the others began");
        cr_expect_leq(once.ns, s.end_ns[1] - s.begin_ns[0]);
        session_close(&s);
}

Test(offcpu, a_second_session_gets_the_stacks_again_and_the_time_once) {
        static const char *const names[] = { "stuck", "sleep", NULL };
        static Session s;
        uint64_t first_ns;

        session_open(&s, &(ProbeConfig){});
        waiter_start(&s.waiter, names);
        session_begin(&s);
        cr_assert_eq(probe_watch(s.probe, s.waiter.pid, PROBE_USE_OFF_CPU), 0);
        sleep_usec(50 * USEC_PER_MSEC);
        cr_assert_geq(probe_drain(s.probe, take_stack, &s), 1);

        s.n_stacks = 0;
        cr_assert_eq(probe_offcpu_begin(s.probe, s.waiter.pid), 0);
        cr_assert_eq(probe_offcpu_read(s.probe, s.waiter.pid, take_total, &s), 0);
        first_ns = sum(&s, "stuck", -1).ns;
        cr_expect_geq(first_ns, 50 * USEC_PER_MSEC * NSEC_PER_USEC, "booked up to the second session");

        s.n_totals = 0;
        waiter_go(&s.waiter);
        session_end(&s);
        cr_expect_eq(sum(&s, "stuck", -1).n, 1, "it is one wait");
        cr_expect_geq(sum(&s, "stuck", -1).ns, s.end_ns[0] - s.begin_ns[1]);
        cr_expect_leq(sum(&s, "stuck", -1).ns, s.end_ns[1] - s.begin_ns[0] + 2000);
        for (size_t i = 0; i < s.n_totals; i++)
                if (strcmp(s.totals[i].key.comm, "stuck") == 0)
                        cr_expect_not_null(find_stack(&s, s.totals[i].key.hash));

        cr_expect(is_link_there("offcpu_switch"), "one watch is left");
        probe_unwatch(s.probe, s.waiter.pid, PROBE_USE_OFF_CPU);
        session_close(&s);
}

Test(offcpu, more_waits_than_stacks_per_second_are_still_counted) {
        static const char *const names[] = { "ping", NULL };
        const ProbeConfig config = { .offcpu_stacks_per_sec = 100 };
        uint64_t without = 0, with = 0;
        struct cprof_offcpu_value ping;
        const WaiterLine *l;
        static Session s;

        session_run(&s, &config, names);
        for (size_t i = 0; i < s.n_totals; i++)
                *(s.totals[i].key.hash == 0 ? &without : &with) += s.totals[i].value.n;

        /* the waits are so short that the time from waking up to running matters, and the scheduler charges
         * that to the thread if its CPU was idle */
        l = s.waiter.lines;
        ping = sum(&s, "ping", -1);
        expect_between("ping",
                       ping.ns,
                       (double) l->wall_ns - (double) (l->cpu_ns + l->delay_ns),
                       (double) l->wall_ns);
        expect_seen(ping.n, l->n_switches);
        cr_expect_gt(without, with);
        cr_expect_gt(with, 0);
        expect_seen(without, s.after.n_offcpu_rate_limited - s.before.n_offcpu_rate_limited);
        session_close(&s);
}

Test(offcpu, short_waits_take_no_stack_below_the_threshold) {
        static const char *const names[] = { "sleep", "ping", NULL };
        uint64_t ping_with = 0, sleep_without = 0;
        static Session s;

        session_open(&s, &(ProbeConfig){ .offcpu_stacks_per_sec = 1000000 });
        cr_assert_eq(probe_offcpu_threshold(s.probe, NSEC_PER_SEC / 500), 0);
        waiter_start(&s.waiter, names);
        session_begin(&s);
        waiter_go(&s.waiter);
        session_end(&s);

        for (size_t i = 0; i < s.n_totals; i++) {
                const Total *t = s.totals + i;

                if (strcmp(t->key.comm, "ping") == 0 && t->key.hash != 0)
                        ping_with += t->value.n;
                if (strcmp(t->key.comm, "sleep") == 0 && t->key.hash == 0)
                        sleep_without += t->value.n;
        }

        cr_expect(ping_with < sum(&s, "ping", -1).n / 10 && sleep_without < 5);
        session_close(&s);
}

Test(offcpu, nothing_is_attached_once_nobody_is_watched) {
        static const char *const names[] = { "stuck", NULL };
        static Session s;

        session_open(&s, &(ProbeConfig){});
        cr_expect_not(is_link_there("offcpu_switch"), "armed only");

        waiter_start(&s.waiter, names);
        session_begin(&s);
        cr_expect(is_link_there("offcpu_switch"));
        waiter_go(&s.waiter);
        session_end(&s);
        cr_expect_not(is_link_there("offcpu_switch"));

        s.n_totals = 0;
        cr_expect(probe_offcpu_read(s.probe, s.waiter.pid, take_total, &s) == 0 && s.n_totals == 0);
        cr_expect_eq(probe_offcpu_end(s.probe, s.waiter.pid), -ENOENT);
        session_close(&s);
}
