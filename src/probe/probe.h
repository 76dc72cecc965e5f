/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cprof-abi.h"

#include "basic/cleanup.h"
#include "basic/time-util.h"

#include <stdbool.h>
#include <sys/types.h>

/* What this build and kernel can do, asked once at start. */
typedef enum ProbeFeature {
        PROBE_FEATURE_TASK_ITERATOR, /* one pass for all processes */
        PROBE_FEATURE_ON_CPU,        /* sampled stacks */
        _PROBE_FEATURE_MAX,
        _PROBE_FEATURE_INVALID = -EINVAL,
} ProbeFeature;

const char *probe_feature_to_string(ProbeFeature f);

typedef void (*ProbeTaskFn)(const struct cprof_task *task, void *userdata);
typedef void (*ProbeSampleFn)(const struct cprof_sample *sample, void *userdata);

/* Counters since the probe was made; what is lost is lost by name. */
typedef struct ProbeCounters {
        uint64_t n_samples;       /* of watched processes */
        uint64_t n_ring_full;     /* samples dropped: ring buffer full */
        uint64_t n_no_user_stack; /* samples without a user stack although in a process */
        uint64_t bpf_run_ns; /* run time of the sampling program; 0 where the kernel keeps no statistics */
        uint64_t bpf_run_count;
} ProbeCounters;

/* The kernel side of cprofd behind one table, so that tests can put a fake there. Not thread-safe. Each
 * function gets
 * @self. Samplers: arm loads and links with events disabled; the first watch enables the events, the last
 * unwatch disables them. Watching twice needs unwatching twice. */
typedef struct ProbeOps {
        void (*free)(void *self);

        /* 0 = available; else -errno, and *ret_reason is a static or probe-owned text that names what is
         * missing. */
        int (*feature)(void *self, ProbeFeature feature, const char **ret_reason);

        /* One pass over all user tasks visible in our PID namespace. */
        int (*tasks_read)(void *self, ProbeTaskFn fn, void *userdata);

        int (*oncpu_arm)(void *self);
        void (*oncpu_disarm)(void *self);          /* only while nothing is watched */
        int (*oncpu_watch)(void *self, pid_t pid); /* -ENOSPC: table full; -ESRCH never: not checked */
        void (*oncpu_unwatch)(void *self, pid_t pid);
        /* Hands over all samples that are there, oldest first per CPU. Returns the number. */
        int (*oncpu_drain)(void *self, ProbeSampleFn fn, void *userdata);

        void (*counters)(void *self, ProbeCounters *ret);
} ProbeOps;

typedef struct Probe {
        const ProbeOps *ops;
        void *self;
} Probe;

#define PROBE_ONCPU_HZ_DEFAULT 99U /* off beat with 10 ms ticks */
#define PROBE_ONCPU_HZ_MAX 1000U   /* shorter periods can stall a virtual machine */
#define PROBE_WATCHED_MAX 4096U    /* processes sampled at once */

typedef struct ProbeConfig {
        unsigned oncpu_hz;    /* 0 = default */
        unsigned watched_max; /* ditto */
        size_t ring_bytes;    /* a power of two and of pages; 0 = by the number of CPUs */
} ProbeConfig;

/* The probe of this build: BPF, or one without any feature for -Dbpf=disabled. Never fails for a missing
 * kernel feature, only -ENOMEM. */
int probe_new(const ProbeConfig *config, Probe **ret_probe);
Probe *probe_free(Probe *p);
DEFINE_CLEANUP(Probe *, probe_free)

int probe_feature(Probe *p, ProbeFeature feature, const char **ret_reason);
int probe_tasks_read(Probe *p, ProbeTaskFn fn, void *userdata);
int probe_oncpu_arm(Probe *p);
void probe_oncpu_disarm(Probe *p);
int probe_oncpu_watch(Probe *p, pid_t pid);
void probe_oncpu_unwatch(Probe *p, pid_t pid);
int probe_oncpu_drain(Probe *p, ProbeSampleFn fn, void *userdata);
void probe_counters(Probe *p, ProbeCounters *ret);
