/* SPDX-License-Identifier: Apache-2.0 */
/* The probe that uses BPF: owns its parts and knows which of them this kernel allows. */
#include "probe/probe-bpf.h"

#include "basic/log.h"
#include "probe/probe-offcpu.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#define PROC_PID_INIT_INO 0xEFFFFFFCU /* include/linux/proc_ns.h */

int pid_namespace_read(PidNamespace *ret) {
        struct stat st;

        if (stat("/proc/self/ns/pid", &st) < 0)
                return -errno;

        *ret = (PidNamespace){
                .inum = (uint32_t) st.st_ino,
                .is_first = st.st_ino == PROC_PID_INIT_INO,
        };
        return 0;
}

void probe_bpf_set_feature(ProbeBpf *b, ProbeFeature feature, int error, const char *step) {
        b->errors[feature] = error;
        if (error < 0)
                (void) probe_failure_text(step, error, b->reasons[feature], sizeof(b->reasons[feature]));
}

static int on_libbpf_print(enum libbpf_print_level level, const char *format, va_list ap) {
        char line[512];

        if (log_get_max_level() < LOG_DEBUG)
                return 0;

        (void) vsnprintf(line, sizeof(line), format, ap);
        line[strcspn(line, "\n")] = '\0';
        log_debug("libbpf: %s", line);
        return 0;
}

/* The unwinder is a part of the on-CPU sampler: where that loads, it works. */
static void ask_unwind(ProbeBpf *b) {
#if defined(__x86_64__)
        b->errors[PROBE_FEATURE_UNWIND] = b->errors[PROBE_FEATURE_ON_CPU];
        (void) snprintf(b->reasons[PROBE_FEATURE_UNWIND],
                        sizeof(b->reasons[PROBE_FEATURE_UNWIND]),
                        "%s",
                        b->reasons[PROBE_FEATURE_ON_CPU]);
#else
        b->errors[PROBE_FEATURE_UNWIND] = -EOPNOTSUPP;
        (void) snprintf(b->reasons[PROBE_FEATURE_UNWIND],
                        sizeof(b->reasons[PROBE_FEATURE_UNWIND]),
                        "unwind tables are for x86-64; on this machine stacks are those of frame pointers");
#endif
}

/* With the part that reads interpreters; where the kernel refuses that, without. */
static void ask_oncpu(ProbeBpf *b) {
#if defined(__x86_64__)
        b->errors[PROBE_FEATURE_PYTHON] = 0;
#endif
        if (probe_bpf_arm(b, PROBE_USE_ON_CPU) < 0) {
                int error = b->errors[PROBE_FEATURE_ON_CPU];

                probe_bpf_set_feature(
                                b,
                                PROBE_FEATURE_PYTHON,
                                error,
                                "loading the on-CPU sampler with Python frames");
                (void) probe_bpf_arm(b, PROBE_USE_ON_CPU);
        }

        probe_bpf_load_fork(b);
        probe_bpf_disarm(b, PROBE_USE_ON_CPU);
}

/* Tries everything once, so that what can't work is known before a policy relies on it. */
static void ask_features(ProbeBpf *b) {
        int r;

        r = pid_namespace_read(&b->ns);
        if (r < 0) {
                for (ProbeFeature f = 0; f < _PROBE_FEATURE_MAX; f++)
                        probe_bpf_set_feature(b, f, r, "reading /proc/self/ns/pid");
                return;
        }

        for (ProbeFeature f = PROBE_FEATURE_UNWIND; f < _PROBE_FEATURE_MAX; f++)
                probe_bpf_set_feature(b, f, -EOPNOTSUPP, "looking for it");

        probe_bpf_set_feature(b, PROBE_FEATURE_EVENTS, probe_events_try(), "opening process events");

        r = probe_tasks_new(&b->ns, &b->tasks);
        probe_bpf_set_feature(b, PROBE_FEATURE_TASK_ITERATOR, r, "loading the task iterator");

        ask_oncpu(b);
        if (probe_bpf_arm(b, PROBE_USE_OFF_CPU) >= 0)
                probe_bpf_disarm(b, PROBE_USE_OFF_CPU);

        ask_unwind(b);
        probe_bpf_ask_http(b);
}

static void configure(ProbeBpf *b, const ProbeConfig *config) {
        b->statistics_fd = -EBADF;
        b->oncpu_every = 1;
        b->config = *config;
        b->config.oncpu_hz = config->oncpu_hz ?: PROBE_ONCPU_HZ_DEFAULT;
        b->config.watched_max = config->watched_max ?: PROBE_WATCHED_MAX;
        b->config.unwind_bytes = config->unwind_bytes ?: PROBE_UNWIND_BYTES_DEFAULT;
}

/* Asks with a small pool: memory is for when there are tables. */
static int ask(ProbeBpf *b) {
        ProbeConfig small = b->config;
        int r;

        r = probe_python_new(&b->python);
        if (r < 0)
                return r;

        small.unwind_bytes = sizeof(struct cprof_unwind_row);
        r = probe_unwind_new(&small, &b->unwind);
        if (r < 0)
                return r;

        ask_features(b);
        b->unwind = probe_unwind_free(b->unwind);
        return probe_unwind_new(&b->config, &b->unwind);
}

int probe_new(const ProbeConfig *config, Probe **ret_probe) {
        _cleanup_(freep) Probe *p = NULL;
        ProbeBpf *b;
        int r;

        assert(config);
        assert(ret_probe);

        p = calloc(1, sizeof(*p));
        b = calloc(1, sizeof(*b));
        if (!p || !b) {
                free(b);
                return -ENOMEM;
        }

        (void) libbpf_set_print(on_libbpf_print);
        configure(b, config);
        r = ask(b);
        if (r < 0) {
                probe_bpf_free(b);
                return r;
        }

        *p = (Probe){ .ops = &probe_bpf_ops, .self = b };
        *ret_probe = TAKE_PTR(p);
        return 0;
}
