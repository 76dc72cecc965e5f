/* SPDX-License-Identifier: Apache-2.0 */
#include "fake/fake-probe-http.h"

#include "fake/fake-probe.h"

#include <string.h>

int fake_http_find(const FakeProbe *f, pid_t pid) {
        for (unsigned i = 0; i < FAKE_HTTP_MAX; i++)
                if (pid > 0 && f->http.processes[i].pid == pid)
                        return (int) i;

        return -ENOENT;
}

static void add(struct cprof_http_cell *sum, const struct cprof_http_cell *more) {
        sum->n_total += more->n_total;
        sum->n_4xx += more->n_4xx;
        sum->n_5xx += more->n_5xx;
        sum->n_timed += more->n_timed;
        sum->sum_ns += more->sum_ns;
        for (size_t i = 0; i < CPROF_HTTP_BUCKETS; i++)
                sum->buckets[i] += more->buckets[i];
}

void fake_http_push(FakeProbe *f, pid_t pid, unsigned rule, const struct cprof_http_cell *sums) {
        int process = fake_http_find(f, pid);
        FakeHttp *h = &f->http;
        size_t i;

        assert(process >= 0);
        assert(rule < h->rules[h->processes[process].rules].n_rules);

        for (i = 0; i < h->n_sums; i++)
                if (h->sums[i].pid == pid && h->sums[i].rule == rule &&
                    h->sums[i].cell.second == sums->second)
                        break;

        assert(i < ELEMENTSOF(h->sums));
        if (i == h->n_sums) {
                memset(h->sums + i, 0, sizeof(h->sums[i]));
                h->sums[i].pid = pid;
                h->sums[i].rule = rule;
                h->sums[i].cell.second = sums->second;
                h->n_sums++;
        }

        add(&h->sums[i].cell, sums);
}

static unsigned bucket_of(uint64_t nsec) {
        uint64_t usec = nsec / NSEC_PER_USEC;
        unsigned log2;

        if (usec < 1U << CPROF_HTTP_BUCKET_FIRST_LOG2)
                return 0;

        log2 = 63U - (unsigned) __builtin_clzll(usec);
        return (unsigned) MIN_OF(
                        (log2 - CPROF_HTTP_BUCKET_FIRST_LOG2) * CPROF_HTTP_BUCKETS_PER_OCTAVE +
                                        ((usec >> (log2 - 2)) & 3),
                        CPROF_HTTP_BUCKETS - 1ULL);
}

void fake_http_requests(
                FakeProbe *f,
                pid_t pid,
                unsigned rule,
                uint64_t second,
                unsigned n,
                unsigned n_5xx,
                uint64_t nsec) {
        struct cprof_http_cell cell = {
                .second = second,
                .n_total = n,
                .n_5xx = n_5xx,
                .n_timed = n,
                .sum_ns = n * nsec,
        };

        cell.buckets[bucket_of(nsec)] = n;
        fake_http_push(f, pid, rule, &cell);
}

void fake_http_count(FakeProbe *f, pid_t pid, enum cprof_http_loss counter, uint64_t n) {
        int i = fake_http_find(f, pid);

        assert(i >= 0);
        f->http.processes[i].counters[counter] += n;
}

int fake_http_arm(void *self) {
        FakeProbe *f = self;

        if (f->fail[PROBE_FEATURE_HTTP] < 0)
                return f->fail[PROBE_FEATURE_HTTP];

        f->http.n_armed += !f->http.armed;
        f->http.armed = true;
        return 0;
}

void fake_http_disarm(void *self) {
        FakeProbe *f = self;

        for (unsigned i = 0; i < FAKE_HTTP_MAX; i++)
                if (f->http.processes[i].pid > 0)
                        return;

        f->http.armed = false;
}

int fake_http_rules_add(void *self, const HttpRules *rules, uint32_t *ret_rules) {
        FakeProbe *f = self;
        FakeHttp *h = &f->http;

        assert(rules->n_rules > 0 && rules->n_rules <= CPROF_HTTP_RULES_MAX);
        assert(rules->n_groups <= CPROF_HTTP_GROUPS_MAX);

        if (h->rules_error < 0)
                return h->rules_error;

        for (uint32_t i = 0; i < FAKE_HTTP_MAX; i++)
                if (!h->rules[i].is_used) {
                        h->rules[i].is_used = true;
                        h->rules[i].n_rules = rules->n_rules;
                        h->rules[i].n_groups = rules->n_groups;
                        h->rules[i].all = rules->all;
                        h->n_rules_added++;
                        *ret_rules = i;
                        return 0;
                }

        return -ENOSPC;
}

void fake_http_rules_remove(void *self, uint32_t rules) {
        FakeProbe *f = self;

        assert(f->http.rules[rules].is_used && f->http.rules[rules].n_users == 0);
        f->http.rules[rules].is_used = false;
        f->http.n_rules_removed++;
}

/* As the kernel side does: what was counted under other rules is gone. */
static void forget(FakeHttp *h, int process) {
        size_t n = 0;

        for (size_t i = 0; i < h->n_sums; i++)
                if (h->sums[i].pid != h->processes[process].pid)
                        h->sums[n++] = h->sums[i];

        h->n_sums = n;
        h->rules[h->processes[process].rules].n_users--;
        memset(h->processes + process, 0, sizeof(h->processes[0]));
}

int fake_http_watch(void *self, const ProbeHttpTarget *target, ProbeHttpHook *ret_hook) {
        FakeProbe *f = self;
        FakeHttp *h = &f->http;
        int i;

        assert(h->armed);
        assert(target->pid > 0);
        assert(h->rules[target->rules].is_used);

        if (h->watch_error < 0)
                return h->watch_error;

        i = fake_http_find(f, target->pid);
        if (i >= 0)
                forget(h, i);
        for (i = 0; i < (int) FAKE_HTTP_MAX && h->processes[i].pid > 0; i++)
                ;
        if (i == FAKE_HTTP_MAX)
                return -ENOSPC;

        h->processes[i].pid = target->pid;
        h->processes[i].rules = target->rules;
        h->processes[i].wanted = target->hook;
        h->processes[i].hook = target->hook ?: h->hook ?: PROBE_HTTP_HOOK_SOCKET;
        (void) snprintf(h->processes[i].cgroup, sizeof(h->processes[i].cgroup), "%s", target->cgroup ?: "");
        h->rules[target->rules].n_users++;
        h->n_watched++;
        *ret_hook = h->processes[i].hook;
        return 0;
}

void fake_http_unwatch(void *self, pid_t pid) {
        FakeProbe *f = self;
        int i = fake_http_find(f, pid);

        assert(i >= 0);
        forget(&f->http, i);
        f->http.n_unwatched++;
}

int fake_http_read(void *self, uint64_t second, ProbeHttpFn fn, void *userdata) {
        FakeProbe *f = self;
        FakeHttp *h = &f->http;

        if (!h->armed)
                return -ENOENT;

        h->n_read++;
        for (size_t i = 0; i < h->n_sums; i++)
                if (h->sums[i].cell.second == second && h->sums[i].cell.n_total > 0)
                        fn(h->sums[i].pid, h->sums[i].rule, &h->sums[i].cell, userdata);

        return 0;
}

int fake_http_counters(void *self, pid_t pid, uint64_t ret[static CPROF_HTTP_COUNTERS_MAX]) {
        FakeProbe *f = self;
        int i = fake_http_find(f, pid);

        if (i < 0)
                return i;

        memcpy(ret, f->http.processes[i].counters, sizeof(f->http.processes[i].counters));
        return 0;
}

int fake_http_tls_attach(void *self, pid_t pid, const ProbeTls *tls) {
        FakeProbe *f = self;
        int i = fake_http_find(f, pid);

        if (i < 0)
                return i;
        if (f->http.tls_error < 0)
                return f->http.tls_error;

        f->http.processes[i].n_tls++;
        (void) snprintf(f->http.processes[i].tls_path,
                        sizeof(f->http.processes[i].tls_path),
                        "%s",
                        tls->path);
        return 0;
}
