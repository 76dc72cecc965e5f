/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cprof-abi.h"

#include "basic/cleanup.h"
#include "basic/time-util.h"
#include "probe/http-rules.h"
#include "probe/unwind-rows.h"

#include <stdbool.h>
#include <sys/types.h>

/* What this build and kernel can do, asked once at start. */
typedef enum ProbeFeature {
        PROBE_FEATURE_TASK_ITERATOR, /* one pass for all processes */
        PROBE_FEATURE_ON_CPU,        /* sampled stacks */
        PROBE_FEATURE_UNWIND,        /* unwind tables in the kernel; without it frame pointers only */
        PROBE_FEATURE_OFF_CPU,       /* stacks of blocked threads */
        PROBE_FEATURE_THREAD_DUMP,   /* user stacks of threads that are blocked already */
        PROBE_FEATURE_EVENTS,        /* new mappings, exec, fork and exit as they happen */
        PROBE_FEATURE_PYTHON,        /* frames of CPython */
        PROBE_FEATURE_CHILDREN,      /* children of sampled processes from their first instruction on */
        PROBE_FEATURE_HTTP,          /* HTTP/1 requests, by whichever hook there is */
        PROBE_FEATURE_HTTP_TLS,      /* those within TLS */
        _PROBE_FEATURE_MAX,
        _PROBE_FEATURE_INVALID = -EINVAL,
} ProbeFeature;

const char *probe_feature_to_string(ProbeFeature f);

/* What a process is watched for. */
typedef enum ProbeUse {
        PROBE_USE_ON_CPU,
        PROBE_USE_RECORDER,
        PROBE_USE_OFF_CPU,
        PROBE_USE_HTTP, /* armed and disarmed as the others; watched by probe_http_watch() */
        _PROBE_USE_MAX,
} ProbeUse;

typedef void (*ProbeTaskFn)(const struct cprof_task *task, void *userdata);
typedef void (*ProbeSampleFn)(const struct cprof_sample *sample, void *userdata);
typedef void (*ProbeOffcpuFn)(
                const struct cprof_offcpu_key *key, const struct cprof_offcpu_value *value, void *userdata);

/* Something that changed the mappings of a process, any process of the host. */
typedef enum ProbeEventType {
        PROBE_EVENT_MAP,  /* an executable mapping appeared */
        PROBE_EVENT_EXEC, /* all mappings are others now */
        PROBE_EVENT_FORK, /* @parent made @pid; both have the same mappings */
        PROBE_EVENT_EXIT, /* of the first thread: of the process, unless others outlive it */
} ProbeEventType;

typedef struct ProbeEvent {
        ProbeEventType type;
        pid_t pid, parent; /* thread groups, in our PID namespace */
        usec_t at_usec;    /* CLOCK_MONOTONIC */

        /* PROBE_EVENT_MAP */
        uint64_t start, length, offset;
        uint32_t dev_major, dev_minor;
        uint64_t inode;
        const char *path; /* as the kernel says it; of the event only */
} ProbeEvent;
typedef void (*ProbeEventFn)(const ProbeEvent *event, void *userdata);

/* Where a table of unwind rows applies in a process. */
typedef struct ProbeMapping {
        uint64_t start, end;
        uint64_t base;  /* address of pc 0 of the table in the process */
        uint32_t table; /* of unwind_add(), UNWIND_TABLE_NONE: frame pointers */
        uint32_t rule; /* enum cprof_unwind_rule for code without a table; UNSUPPORTED: it should have one */
        int32_t cfa;   /* of that rule, in bytes */
} ProbeMapping;

/* Where the kernel sees the bytes of a process's sockets. */
typedef enum ProbeHttpHook {
        PROBE_HTTP_HOOK_AUTO,    /* the best one that there is for that process */
        PROBE_HTTP_HOOK_SOCKET,  /* tp_btf/sock_{send,recv}_length: kernel 6.3 and later */
        PROBE_HTTP_HOOK_CGROUP,  /* cgroup_skb on the unit's cgroup: TCP only; sees io_uring and splice, too.
                                  * Processes with the same listening socket count as one of them */
        PROBE_HTTP_HOOK_SYSCALL, /* exits of the socket calls */
        _PROBE_HTTP_HOOK_MAX,
        _PROBE_HTTP_HOOK_INVALID = -EINVAL,
} ProbeHttpHook;
const char *probe_http_hook_to_string(ProbeHttpHook h); /* "auto", "socket", "cgroup", "syscall" */
int probe_http_hook_from_string(const char *name);

typedef struct ProbeHttpTarget {
        pid_t pid;
        uint32_t rules;     /* of probe_http_rules_add() */
        const char *cgroup; /* directory of the unit's own cgroup on the unified hierarchy, NULL: none */
        ProbeHttpHook hook; /* wanted */
} ProbeHttpTarget;

/* The sums of one rule of one process in one second, of all CPUs. */
typedef void (*ProbeHttpFn)(pid_t pid, unsigned rule, const struct cprof_http_cell *sums, void *userdata);

/* Which function of a TLS library. Reads and writes of OpenSSL: (SSL *, buffer, length) -> length, _EX with
 * a fourth argument where the length is written to and 1 for success, _EX2 with flags as the fourth and that
 * as the fifth; SENDFILE: (SSL *, ...) -> length, of bytes that nobody sees; GnuTLS: (session, buffer,
 * length) -> length. Go: (*Conn).Read and Write of crypto/tls in the register ABI. */
typedef enum ProbeTlsRole {
        PROBE_TLS_SSL_READ,
        PROBE_TLS_SSL_READ_EX,
        PROBE_TLS_SSL_WRITE,
        PROBE_TLS_SSL_WRITE_EX,
        PROBE_TLS_SSL_WRITE_EX2,
        PROBE_TLS_SSL_SENDFILE,
        PROBE_TLS_SSL_FREE,
        PROBE_TLS_GNUTLS_READ,
        PROBE_TLS_GNUTLS_WRITE,
        PROBE_TLS_GNUTLS_FREE,
        PROBE_TLS_GO_READ,
        PROBE_TLS_GO_WRITE,
        PROBE_TLS_GO_CLOSE,
        _PROBE_TLS_ROLE_MAX,
} ProbeTlsRole;

#define PROBE_TLS_FUNCTIONS_MAX 16U
#define PROBE_TLS_RETURNS_MAX 32U

typedef struct ProbeTlsFunction {
        ProbeTlsRole role;
        uint64_t offset; /* in the file, of the instruction to probe */
        /* Go: a return probe would break its stacks, so each return instruction has a probe of its own. */
        unsigned n_returns;
        uint64_t returns[PROBE_TLS_RETURNS_MAX];
} ProbeTlsFunction;

typedef struct ProbeTls {
        const char *path; /* the file as we can open it */
        size_t n_functions;
        ProbeTlsFunction functions[PROBE_TLS_FUNCTIONS_MAX];
} ProbeTls;

#define PROBE_PYTHON_VERSIONS_MAX 16U /* sets of struct cprof_python_offsets at once */

/* Counters since the probe was made; what is lost is lost by name. */
typedef struct ProbeCounters {
        uint64_t n_samples;       /* of watched processes */
        uint64_t n_ring_full;     /* records dropped: ring buffer full */
        uint64_t n_no_user_stack; /* samples without a user stack although in a process */
        uint64_t n_events_lost;   /* of PROBE_EVENT_* */

        uint64_t n_offcpu_rate_limited; /* blocked intervals counted without a stack */
        uint64_t n_offcpu_seen_late;    /* blocked intervals whose end the kernel did not show; counted */
        uint64_t n_offcpu_table_full;   /* blocked intervals not counted, and their time */
        uint64_t offcpu_table_full_nsec;
        uint64_t n_run_queue; /* involuntary switches of processes watched for off-CPU, and their wait */
        uint64_t run_queue_nsec;

        /* Run time and runs of our programs; 0 unless statistics are on. */
        uint64_t bpf_run_ns;
        uint64_t bpf_run_count;
        uint64_t offcpu_run_ns; /* of the off-CPU programs alone; part of bpf_run_ns */
        uint64_t offcpu_run_count;

        uint64_t http_run_ns; /* of the HTTP programs alone; not part of bpf_run_ns */
        uint64_t http_run_count;
        uint64_t unwind_rows, unwind_rows_max; /* in use and possible */
        uint64_t n_tables_refused;             /* tables and mappings that found no place */
} ProbeCounters;

/* The kernel side of cprofd behind one table, so that tests can put a fake there. Not thread-safe. Each
 * function gets @self. Functions of a feature that is missing return its error.
 *
 * Samplers: arm loads and links, idle; the first watch of that use starts the work in the kernel, the last
 * unwatch ends it. Watching twice needs unwatching twice. PROBE_USE_ON_CPU and PROBE_USE_RECORDER share one
 * program. */
typedef struct ProbeOps {
        void (*free)(void *self);

        /* 0 = available; else -errno, and *ret_reason is a static or probe-owned text that names what is
         * missing. */
        int (*feature)(void *self, ProbeFeature feature, const char **ret_reason);

        /* One pass over all user tasks visible in our PID namespace. */
        int (*tasks_read)(void *self, ProbeTaskFn fn, void *userdata);

        int (*arm)(void *self, ProbeUse use);
        void (*disarm)(void *self, ProbeUse use); /* only while nothing is watched for it */
        int (*watch)(void *self,
                     pid_t pid,
                     ProbeUse use); /* -ENOSPC: table full; -ESRCH never: not checked */
        void (*unwatch)(void *self, pid_t pid, ProbeUse use);
        /* Hands over all samples that are there, oldest first per CPU: CPROF_RECORD_SAMPLE and
         * CPROF_RECORD_BLOCKED_STACK. Returns the number. From the first one on, children of what is watched
         * for samples are so from their first moment. */
        int (*drain)(void *self, ProbeSampleFn fn, void *userdata);
        /* One sample in @every of the rate of tasks from now on (1 = each); the recorder is not concerned.
         */
        int (*oncpu_thin)(void *self, unsigned every);

        /* Off-CPU totals since the process was first watched, of threads that blocked at least once. begin:
         * counts threads that are blocked already from now on, with their stacks where the kernel can;
         * end: books the time of those that are blocked still, up to now. Call them after the first watch
         * and before the last unwatch of a process. read and forget: pid 0 = all processes, in one go. */
        int (*offcpu_begin)(void *self, pid_t pid);
        int (*offcpu_end)(void *self, pid_t pid);
        int (*offcpu_read)(void *self, pid_t pid, ProbeOffcpuFn fn, void *userdata);
        void (*offcpu_forget)(void *self, pid_t pid); /* drops its totals */
        /* Threads whose last wait was shorter than this block without a stack; 0 = each takes one. */
        int (*offcpu_threshold)(void *self, uint64_t nsec);

        /* A table of rows for any number of mappings; copied. -ENOSPC: the pool is full. */
        int (*unwind_add)(void *self, const UnwindRows *rows, uint32_t *ret_table);
        /* When no mapping uses it any more; the place is reused after the programs that may read it ended.
         */
        void (*unwind_remove)(void *self, uint32_t table);
        /* The mappings of a process, ascending, in place of those it had; they stay until unwind_unmap(),
         * watched or not. -ENOSPC: keeps the old ones. */
        int (*unwind_map)(void *self, pid_t pid, const ProbeMapping *mappings, size_t n);
        void (*unwind_unmap)(void *self, pid_t pid);
        /* The process runs CPython with these offsets, its _PyRuntime at @runtime; NULL: it does not. */
        int (*python_set)(
                        void *self, pid_t pid, const struct cprof_python_offsets *offsets, uint64_t runtime);

        /* From the first call on: what happened since the last one. -EOVERFLOW after the others: events were
         * lost, look at all processes again. */
        int (*events_read)(void *self, ProbeEventFn fn, void *userdata);

        /* Rules are copied; any number of processes may have the same. -ENOSPC: no place for its automata.
         */
        int (*http_rules_add)(void *self, const HttpRules *rules, uint32_t *ret_rules);
        void (*http_rules_remove)(void *self, uint32_t rules); /* when no process has them */
        /* Armed for PROBE_USE_HTTP. Watching again gives a process other rules: sums and counters begin at
         * zero, TLS attachments stay. *ret_hook is the one in use. -ENOSPC: more rules of processes than
         * ProbeConfig.http_rules_max. -EOPNOTSUPP: the kernel has not the hook that is wanted; -ENODEV: it
         * can't see this process (CGROUP without a group of the process's own, or without a TCP port that it
         * listens on). On failure a process that was watched is so no longer. */
        int (*http_watch)(void *self, const ProbeHttpTarget *target, ProbeHttpHook *ret_hook);
        void (*http_unwatch)(void *self, pid_t pid); /* its TLS attachments go, too */
        /* What happened in @second of CLOCK_MONOTONIC, which is over by less than CPROF_HTTP_SECONDS - 1:
         * calls @fn for rules that had any request. */
        int (*http_read)(void *self, uint64_t second, ProbeHttpFn fn, void *userdata);
        /* Since it is watched, by enum cprof_http_loss. */
        int (*http_counters)(void *self, pid_t pid, uint64_t ret[static CPROF_HTTP_COUNTERS_MAX]);
        /* Has that file's TLS functions seen in that process, which is watched, until it is unwatched. Again
         * changes nothing. -EUSERS: too many probes. */
        int (*http_tls_attach)(void *self, pid_t pid, const ProbeTls *tls);

        /* The kernel counts the run time of programs (a little cost for each run) while on. */
        int (*statistics)(void *self, bool on);
        void (*counters)(void *self, ProbeCounters *ret);
} ProbeOps;

typedef struct Probe {
        const ProbeOps *ops;
        void *self;
} Probe;

#define PROBE_ONCPU_HZ_DEFAULT 99U /* off beat with 10 ms ticks */
#define PROBE_ONCPU_HZ_MAX 1000U   /* shorter periods can stall a virtual machine */
#define PROBE_WATCHED_MAX 4096U    /* processes sampled at once */

#define PROBE_UNWIND_BYTES_DEFAULT (16U * 1024 * 1024) /* two million rows: eighty times those of libc */
#define PROBE_MAPPINGS_MAX 65536U                      /* of all processes */
#define PROBE_OFFCPU_STACKS_PER_SEC 1000U              /* per CPU */
#define PROBE_HTTP_RULES_DEFAULT 2048U /* 9 MiB per CPU, while HTTP is armed; fewer with many CPUs */

typedef struct ProbeConfig {
        unsigned oncpu_hz;              /* 0 = default */
        unsigned recorder_every;        /* one sample in so many of oncpu_hz; 0 = no recorder */
        unsigned watched_max;           /* 0 = default */
        size_t unwind_bytes;            /* for tables; 0 = default */
        unsigned offcpu_stacks_per_sec; /* per CPU; 0 = default */
        unsigned http_rules_max;        /* rules of all processes; 0 = default */
        size_t ring_bytes;              /* a power of two and of pages; 0 = by the number of CPUs */
} ProbeConfig;

/* The probe of this build: BPF, or one without any feature for -Dbpf=disabled. Never fails for a missing
 * kernel feature, only -ENOMEM. */
int probe_new(const ProbeConfig *config, Probe **ret_probe);
Probe *probe_free(Probe *p);
DEFINE_CLEANUP(Probe *, probe_free)

int probe_feature(Probe *p, ProbeFeature feature, const char **ret_reason);
int probe_tasks_read(Probe *p, ProbeTaskFn fn, void *userdata);
int probe_arm(Probe *p, ProbeUse use);
void probe_disarm(Probe *p, ProbeUse use);
int probe_watch(Probe *p, pid_t pid, ProbeUse use);
void probe_unwatch(Probe *p, pid_t pid, ProbeUse use);
int probe_drain(Probe *p, ProbeSampleFn fn, void *userdata);
int probe_oncpu_thin(Probe *p, unsigned every);
int probe_offcpu_begin(Probe *p, pid_t pid);
int probe_offcpu_end(Probe *p, pid_t pid);
int probe_offcpu_read(Probe *p, pid_t pid, ProbeOffcpuFn fn, void *userdata);
void probe_offcpu_forget(Probe *p, pid_t pid);
int probe_offcpu_threshold(Probe *p, uint64_t nsec);
int probe_unwind_add(Probe *p, const UnwindRows *rows, uint32_t *ret_table);
void probe_unwind_remove(Probe *p, uint32_t table);
int probe_unwind_map(Probe *p, pid_t pid, const ProbeMapping *mappings, size_t n);
void probe_unwind_unmap(Probe *p, pid_t pid);
int probe_python_set(Probe *p, pid_t pid, const struct cprof_python_offsets *offsets, uint64_t runtime);
int probe_events_read(Probe *p, ProbeEventFn fn, void *userdata);
int probe_http_rules_add(Probe *p, const HttpRules *rules, uint32_t *ret_rules);
void probe_http_rules_remove(Probe *p, uint32_t rules);
int probe_http_watch(Probe *p, const ProbeHttpTarget *target, ProbeHttpHook *ret_hook);
void probe_http_unwatch(Probe *p, pid_t pid);
int probe_http_read(Probe *p, uint64_t second, ProbeHttpFn fn, void *userdata);
int probe_http_counters(Probe *p, pid_t pid, uint64_t ret[static CPROF_HTTP_COUNTERS_MAX]);
int probe_http_tls_attach(Probe *p, pid_t pid, const ProbeTls *tls);
/* The key of a counter as `unit show` has it: "unpaired-response". */
const char *probe_http_counter_to_string(enum cprof_http_loss counter);
int probe_statistics(Probe *p, bool on);
void probe_counters(Probe *p, ProbeCounters *ret);
