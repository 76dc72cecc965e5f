/* SPDX-License-Identifier: Apache-2.0 */
/* The operations about HTTP of the BPF probe. */
#include "probe/probe-http.h"

_Static_assert(PROBE_HTTP_HOOK_SOCKET == CPROF_HTTP_HOOK_SOCKET &&
                               PROBE_HTTP_HOOK_CGROUP == CPROF_HTTP_HOOK_CGROUP &&
                               PROBE_HTTP_HOOK_SYSCALL == CPROF_HTTP_HOOK_SYSCALL,
               "the programs know their hook by its number");

static void refuse(ProbeBpf *b, int error, const char *reason) {
        for (ProbeFeature f = PROBE_FEATURE_HTTP; f <= PROBE_FEATURE_HTTP_TLS; f++) {
                b->errors[f] = error;
                (void) snprintf(b->reasons[f], sizeof(b->reasons[f]), "%s", reason);
        }
}

void probe_bpf_ask_http(ProbeBpf *b) {
        HttpKernel kernel = {};
        int r;

        r = http_kernel_read(&kernel);
        if (r >= 0 && !kernel.is_new_enough) {
                refuse(b, -EOPNOTSUPP, "HTTP needs a newer kernel (5.15)");
                return;
        }

        if (r >= 0)
                r = probe_http_new(&b->ns, &b->config, &b->http);
        if (r >= 0)
                b->http->kernel = kernel;

        for (ProbeFeature f = PROBE_FEATURE_HTTP; f <= PROBE_FEATURE_HTTP_TLS; f++)
                probe_bpf_set_feature(b, f, r, "reading the kernel's type information");
}

void probe_bpf_free_http(ProbeBpf *b) {
        b->http = probe_http_free(b->http);
}

int probe_bpf_arm_http(ProbeBpf *b) {
        int r;

        if (!b->http)
                return b->errors[PROBE_FEATURE_HTTP];

        r = probe_http_arm(b->http);
        probe_bpf_set_feature(b, PROBE_FEATURE_HTTP, r, b->http->failed_step);
        return r;
}

void probe_bpf_disarm_http(ProbeBpf *b) {
        if (b->http)
                probe_http_disarm(b->http);
}

int probe_bpf_http_rules_add(void *self, const HttpRules *rules, uint32_t *ret_rules) {
        ProbeBpf *b = self;

        return b->http ? probe_http_add_rules(b->http, rules, ret_rules) : b->errors[PROBE_FEATURE_HTTP];
}

void probe_bpf_http_rules_remove(void *self, uint32_t rules) {
        ProbeBpf *b = self;

        probe_http_remove_rules(b->http, rules);
}

int probe_bpf_http_watch(void *self, const ProbeHttpTarget *target, ProbeHttpHook *ret_hook) {
        ProbeBpf *b = self;

        return b->http ? probe_http_watch_process(b->http, target, ret_hook) : b->errors[PROBE_FEATURE_HTTP];
}

void probe_bpf_http_unwatch(void *self, pid_t pid) {
        ProbeBpf *b = self;

        if (b->http)
                probe_http_unwatch_process(b->http, pid);
}

int probe_bpf_http_read(void *self, uint64_t second, ProbeHttpFn fn, void *userdata) {
        ProbeBpf *b = self;

        return b->http ? probe_http_read_second(b->http, second, fn, userdata)
                       : b->errors[PROBE_FEATURE_HTTP];
}

int probe_bpf_http_counters(void *self, pid_t pid, uint64_t ret[static CPROF_HTTP_COUNTERS_MAX]) {
        ProbeBpf *b = self;

        return b->http ? probe_http_read_counters(b->http, pid, ret) : b->errors[PROBE_FEATURE_HTTP];
}

int probe_bpf_http_tls_attach(void *self, pid_t pid, const ProbeTls *tls) {
        ProbeBpf *b = self;
        HttpProcess *p;
        int r;

        if (!b->http)
                return b->errors[PROBE_FEATURE_HTTP_TLS];

        p = probe_http_find(b->http, pid);
        if (!p)
                return -ENOENT;

        r = http_tls_attach(b->http, p, tls);
        if (r != -ESRCH && r != -ENOENT && r != -EUSERS) /* else it is about that process or file */
                probe_bpf_set_feature(b, PROBE_FEATURE_HTTP_TLS, r, b->http->failed_step);
        return r;
}

void probe_bpf_http_run_time(const ProbeBpf *b, ProbeCounters *ret) {
        if (b->http)
                probe_http_run_time(b->http, &ret->http_run_ns, &ret->http_run_count);
}
