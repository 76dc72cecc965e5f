/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP part of the table of operations, and its names. */
#include "probe/probe.h"

#include <string.h>

static const char *const hook_names[_PROBE_HTTP_HOOK_MAX] = {
        [PROBE_HTTP_HOOK_AUTO] = "auto",
        [PROBE_HTTP_HOOK_SOCKET] = "socket",
        [PROBE_HTTP_HOOK_CGROUP] = "cgroup",
        [PROBE_HTTP_HOOK_SYSCALL] = "syscall",
};

static const char *const counter_names[CPROF_HTTP_COUNTERS_MAX] = {
        [CPROF_HTTP_LOSS_UNPAIRED_RESPONSE] = "unpaired-response",
        [CPROF_HTTP_LOSS_PENDING_FULL] = "pending-full",
        [CPROF_HTTP_LOSS_LONG_LINE] = "long-line",
        [CPROF_HTTP_LOSS_MANY_PIECES] = "many-pieces",
        [CPROF_HTTP_LOSS_UNSEEN] = "unseen",
        [CPROF_HTTP_LOSS_FAULT] = "fault",
        [CPROF_HTTP_LOSS_FRAMING] = "framing",
        [CPROF_HTTP_LOSS_BAD_REQUEST] = "bad-request",
        [CPROF_HTTP_LOSS_STEPS] = "steps",
        [CPROF_HTTP_LOSS_CARRY] = "carry",
        [CPROF_HTTP_LOSS_CONNECTION_FULL] = "connection-full",
        [CPROF_HTTP_LOSS_BUSY] = "busy",
        [CPROF_HTTP_LOSS_IO_URING] = "io-uring",
        [CPROF_HTTP_LOSS_LONG_URI] = "long-uri",
        [CPROF_HTTP_LOSS_JOINED] = "joined",
        [CPROF_HTTP_LOSS_RESYNC] = "resync",
        [CPROF_HTTP_LOSS_ABORTED_REQUEST] = "aborted-request",
        [CPROF_HTTP_LOSS_TRUNCATED_RESPONSE] = "truncated-response",
        [CPROF_HTTP_LOSS_AMBIGUOUS] = "ambiguous",
        [CPROF_HTTP_SEEN_REQUESTS] = "requests",
        [CPROF_HTTP_SEEN_RESPONSES] = "responses",
        [CPROF_HTTP_SEEN_CLIENT] = "client",
        [CPROF_HTTP_SEEN_TLS] = "tls",
        [CPROF_HTTP_SEEN_TLS_PLAIN] = "tls-plain",
        [CPROF_HTTP_SEEN_HTTP2] = "http2",
        [CPROF_HTTP_SEEN_UPGRADED] = "upgraded",
        [CPROF_HTTP_SEEN_OTHER] = "other",
};

const char *probe_http_hook_to_string(ProbeHttpHook h) {
        return h >= 0 && h < _PROBE_HTTP_HOOK_MAX ? hook_names[h] : NULL;
}

int probe_http_hook_from_string(const char *name) {
        assert(name);

        for (int i = 0; i < _PROBE_HTTP_HOOK_MAX; i++)
                if (strcmp(hook_names[i], name) == 0)
                        return i;

        return -EINVAL;
}

const char *probe_http_counter_to_string(enum cprof_http_loss counter) {
        return counter < CPROF_HTTP_COUNTERS_MAX ? counter_names[counter] : NULL;
}

int probe_http_rules_add(Probe *p, const HttpRules *rules, uint32_t *ret_rules) {
        return p->ops->http_rules_add ? p->ops->http_rules_add(p->self, rules, ret_rules) : -EOPNOTSUPP;
}

void probe_http_rules_remove(Probe *p, uint32_t rules) {
        if (p->ops->http_rules_remove)
                p->ops->http_rules_remove(p->self, rules);
}

int probe_http_watch(Probe *p, const ProbeHttpTarget *target, ProbeHttpHook *ret_hook) {
        return p->ops->http_watch ? p->ops->http_watch(p->self, target, ret_hook) : -EOPNOTSUPP;
}

void probe_http_unwatch(Probe *p, pid_t pid) {
        if (p->ops->http_unwatch)
                p->ops->http_unwatch(p->self, pid);
}

int probe_http_read(Probe *p, uint64_t second, ProbeHttpFn fn, void *userdata) {
        return p->ops->http_read ? p->ops->http_read(p->self, second, fn, userdata) : -EOPNOTSUPP;
}

int probe_http_counters(Probe *p, pid_t pid, uint64_t ret[static CPROF_HTTP_COUNTERS_MAX]) {
        return p->ops->http_counters ? p->ops->http_counters(p->self, pid, ret) : -EOPNOTSUPP;
}

int probe_http_tls_attach(Probe *p, pid_t pid, const ProbeTls *tls) {
        return p->ops->http_tls_attach ? p->ops->http_tls_attach(p->self, pid, tls) : -EOPNOTSUPP;
}
