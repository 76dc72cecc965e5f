/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "probe/probe-python.h"
#include "probe/probe-unwind.h"
#include "probe/probe.h"

/* Private to the BPF probe: its parts, each in a file of its own. */

/* What translating process numbers needs; goes into the programs' read-only data. */
typedef struct PidNamespace {
        uint32_t inum;
        bool is_first;
} PidNamespace;

int pid_namespace_read(PidNamespace *ret);

/* probe-tasks.c */
typedef struct ProbeTasks ProbeTasks;
int probe_tasks_new(const PidNamespace *ns, ProbeTasks **ret_tasks);
ProbeTasks *probe_tasks_free(ProbeTasks *t);
DEFINE_CLEANUP(ProbeTasks *, probe_tasks_free)
int probe_tasks_pass(ProbeTasks *t, ProbeTaskFn fn, void *userdata);

/* What all samplers share. */
typedef struct ProbeShared {
        ProbeUnwind *unwind;
        ProbePython *python; /* NULL: without the code that reads interpreters */
} ProbeShared;

/* probe-oncpu.c: loaded, linked, events disabled until probe_oncpu_set_rate(). *reterr_step names what
 * failed. What @shared refers to is borrowed until probe_oncpu_free(). */
typedef struct ProbeOncpu ProbeOncpu;
int probe_oncpu_new(
                const PidNamespace *ns,
                const ProbeConfig *config,
                const ProbeShared *shared,
                ProbeOncpu **ret_oncpu,
                const char **reterr_step);
ProbeOncpu *probe_oncpu_free(ProbeOncpu *o);
DEFINE_CLEANUP(ProbeOncpu *, probe_oncpu_free)
/* By what there are targets for: the rate of tasks, else that of the recorder, else none. */
void probe_oncpu_set_rate(ProbeOncpu *o, bool tasks, bool recorder);
void probe_oncpu_thin_tasks(ProbeOncpu *o, unsigned every);
int probe_oncpu_read(ProbeOncpu *o, ProbeSampleFn fn, void *userdata);
void probe_oncpu_counters(ProbeOncpu *o, ProbeCounters *ret);

/* probe-events.c: what happens from then on. */
typedef struct ProbeEvents ProbeEvents;
int probe_events_try(void); /* whether the kernel lets us */
int probe_events_new(ProbeEvents **ret_events);
ProbeEvents *probe_events_free(ProbeEvents *e);
DEFINE_CLEANUP(ProbeEvents *, probe_events_free)
int probe_events_pass(ProbeEvents *e, ProbeEventFn fn, void *userdata); /* as ProbeOps.events_read */
uint64_t probe_events_n_lost(const ProbeEvents *e);

/* probe-fork.c: children of targets for on-CPU and recorder are targets from fork to exit, until watched. */
typedef struct ProbeFork ProbeFork;
int probe_fork_new(const PidNamespace *ns, ProbeUnwind *unwind, ProbeFork **ret_fork);
ProbeFork *probe_fork_free(ProbeFork *f);
DEFINE_CLEANUP(ProbeFork *, probe_fork_free)
int probe_fork_attach(ProbeFork *f, bool on); /* off: forgets those children */

/* probe-features.c: what a refused @step (a verb phrase) with -errno @error means here, for a person. */
const char *probe_failure_text(const char *step, int error, char *buf, size_t size);

/* The whole, for probe-bpf.c, which makes it, and probe-bpf-ops.c, which works with it. */
typedef struct ProbeOffcpu ProbeOffcpu;
typedef struct ProbeHttp ProbeHttp;
typedef struct ProbeBpf {
        ProbeConfig config;
        PidNamespace ns;

        ProbeTasks *tasks;
        ProbeEvents *events; /* from the first reading on */
        ProbeUnwind *unwind;
        ProbePython *python;
        ProbeOncpu *oncpu;   /* only while armed */
        ProbeFork *fork;     /* ditto; NULL where the kernel does not let us: children are found later */
        bool fork_asked;     /* its loading was tried since the sampler is armed */
        ProbeOffcpu *offcpu; /* as oncpu */
        ProbeHttp *http;     /* costs nothing unless armed; NULL: the kernel has nothing for it */
        unsigned oncpu_uses; /* armed for: bits by ProbeUse */
        unsigned oncpu_every;
        ProbeCounters oncpu_before; /* of samplers that were disarmed */
        uint64_t offcpu_threshold_nsec;

        int statistics_fd; /* open: run times are counted */

        int errors[_PROBE_FEATURE_MAX]; /* 0 or -errno */
        char reasons[_PROBE_FEATURE_MAX][256];
} ProbeBpf;

extern const ProbeOps probe_bpf_ops;
void probe_bpf_free(void *self);
int probe_bpf_arm(void *self, ProbeUse use);
void probe_bpf_disarm(void *self, ProbeUse use);
void probe_bpf_add_counters(ProbeCounters *sum, const ProbeCounters *more);
/* Once, while the sampler is armed. It takes about as long as loading that: what is to be sampled need not
 * wait for it. */
void probe_bpf_load_fork(ProbeBpf *b);

/* Available with @error 0; else why, by the @step (a verb phrase) that failed. */
void probe_bpf_set_feature(ProbeBpf *b, ProbeFeature feature, int error, const char *step);

/* probe-http-ops.c */
void probe_bpf_ask_http(ProbeBpf *b); /* cheap: loads nothing */
int probe_bpf_arm_http(ProbeBpf *b);
void probe_bpf_disarm_http(ProbeBpf *b);
void probe_bpf_free_http(ProbeBpf *b);
int probe_bpf_http_rules_add(void *self, const HttpRules *rules, uint32_t *ret_rules);
void probe_bpf_http_rules_remove(void *self, uint32_t rules);
int probe_bpf_http_watch(void *self, const ProbeHttpTarget *target, ProbeHttpHook *ret_hook);
void probe_bpf_http_unwatch(void *self, pid_t pid);
int probe_bpf_http_read(void *self, uint64_t second, ProbeHttpFn fn, void *userdata);
int probe_bpf_http_counters(void *self, pid_t pid, uint64_t ret[static CPROF_HTTP_COUNTERS_MAX]);
int probe_bpf_http_tls_attach(void *self, pid_t pid, const ProbeTls *tls);
void probe_bpf_http_run_time(const ProbeBpf *b, ProbeCounters *ret);
