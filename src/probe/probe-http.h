/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cprof-http-hook.h"

#include "basic/hash.h"
#include "probe/probe-bpf.h"
#include "probe/probe-http-rules.h"

struct bpf_object_skeleton;
struct bpf_program;

/* Private to the files probe-http*.c: the processes that are measured, and the programs that see their
 * bytes. */

typedef struct HttpTls HttpTls;
typedef struct HttpTlsProcess HttpTlsProcess;

/* A process; borrowed while it is watched. */
typedef struct HttpProcess {
        pid_t pid; /* the key */
        uint32_t rules;
        ProbeHttpHook hook;
        Place cells, slot;
        uint64_t since_sec;  /* of CLOCK_MONOTONIC: cells may have been another process's before */
        HttpTlsProcess *tls; /* NULL: nothing attached */
        UT_hash_handle hh;
} HttpProcess;

typedef struct ProbeHttp ProbeHttp;

/* One object of programs, loaded when it is needed first and attached while it has processes. */
typedef struct HttpHook {
        const struct HttpHookType *type;
        void *skel;                           /* of the type; NULL: not loaded */
        struct bpf_object_skeleton *skeleton; /* in @skel */
        struct bpf_object *object;            /* ditto */
        struct cprof_http_marks *marks;       /* in the memory of the programs; from loading on */
        unsigned n_processes;
        void *more; /* of the type */
} HttpHook;

typedef struct HttpHookType {
        const char *step; /* what fails, for a person */
        /* Opens the object and sets what is constant in it; fills in all pointers but @marks. */
        int (*open)(HttpHook *hook, const ProbeHttp *http);
        struct cprof_http_marks *(*marks)(HttpHook *hook);
        void (*destroy)(HttpHook *hook);
        /* NULL: all programs of the object to what their sections name. */
        int (*attach)(HttpHook *hook);
        void (*detach)(HttpHook *hook);
        /* More to do for a process than its mark; may be NULL. -ENODEV: this hook can't see it. */
        int (*watch)(HttpHook *hook, const HttpProcess *p, const ProbeHttpTarget *target);
        void (*unwatch)(HttpHook *hook, const HttpProcess *p);
        /* Once per second: a little of what has to be looked after; may be NULL. */
        void (*tick)(HttpHook *hook);
} HttpHookType;

extern const HttpHookType http_hook_socket, http_hook_cgroup, http_hook_syscall;

/* probe-http-kernel.c: which ways there are, and what the kernel has, by its type information. */
typedef struct HttpKernel {
        bool is_new_enough; /* 5.15 */
        bool has_socket_hook;
        unsigned n_uring_args; /* of tp_btf/io_uring_complete; 0: none */
} HttpKernel;
int http_kernel_read(HttpKernel *ret);

/* Loads that program for io_uring which fits the kernel. Returns whether it shows what moves. */
bool http_kernel_choose_uring(
                const HttpKernel *k,
                struct bpf_program *with_cqe,
                struct bpf_program *with_request,
                struct bpf_program *without_request);

struct ProbeHttp {
        PidNamespace ns;
        unsigned rules_max;
        HttpKernel kernel;
        bool is_armed;

        HttpMaps maps;
        HttpRuleList rules;
        HttpHook hooks[_PROBE_HTTP_HOOK_MAX]; /* AUTO is unused */
        HttpTls *tls;                         /* NULL: not loaded */
        HttpProcess *processes;
        uint32_t generation; /* of the last watch */
        uint64_t epoch;

        uint64_t run_ns, run_count; /* of programs that are gone */
        const char *failed_step;
};

/* What programs have to know before they are loaded. */
#define http_set_constants(skel, http)                                    \
        do {                                                              \
                (skel)->rodata->http_n_cells = (http)->maps.n_cells;      \
                (skel)->rodata->our_pidns_inum = (http)->ns.inum;         \
                (skel)->rodata->our_pidns_is_first = (http)->ns.is_first; \
        } while (0)

/* Of those that see io_uring: leaves the program that fits this kernel. */
#define http_set_uring(skel, http)                                 \
        ((skel)->rodata->uring_is_seen = http_kernel_choose_uring( \
                         &(http)->kernel,                          \
                         (skel)->progs.http_uring,                 \
                         (skel)->progs.http_uring_6_1,             \
                         (skel)->progs.http_uring_5_15))

/* The open @opened is the hook's from now on. */
#define http_hook_take(hook, opened)                   \
        do {                                           \
                (hook)->skel = (opened);               \
                (hook)->skeleton = (opened)->skeleton; \
                (hook)->object = (opened)->obj;        \
        } while (0)

/* Adds the run times of all programs of @object. */
void http_add_run_time(const struct bpf_object *object, uint64_t *ns, uint64_t *count);

/* probe-http-hook.c: programs that are loaded once and attached while they have processes. */
int http_hook_load(HttpHook *hook, const ProbeHttp *h);
void http_hook_unload(HttpHook *hook, ProbeHttp *h);
/* @p is in the list of processes. */
int http_hook_watch(HttpHook *hook, ProbeHttp *h, const HttpProcess *p, const ProbeHttpTarget *target);
void http_hook_unwatch(HttpHook *hook, ProbeHttp *h, const HttpProcess *p);
/* All connections ask again whose they are. */
void http_hooks_renew(ProbeHttp *h);
/* Once in a while: forgets marks of children that are older than since the last but one time. */
void http_hooks_age(ProbeHttp *h);

/* probe-http-tls.c */
int http_tls_attach(ProbeHttp *h, HttpProcess *p, const ProbeTls *tls);
void http_tls_detach(ProbeHttp *h, HttpProcess *p);
/* Once in a while: takes out what processes left that are not watched any more. */
void http_tls_sweep(ProbeHttp *h);
void http_tls_run_time(const ProbeHttp *h, uint64_t *ns, uint64_t *count);
/* Nothing is attached; whether it @waits for probes to be gone. */
void http_tls_unload(ProbeHttp *h, bool waits);

/* probe-http.c */
int probe_http_new(const PidNamespace *ns, const ProbeConfig *config, ProbeHttp **ret_http);
ProbeHttp *probe_http_free(ProbeHttp *h);
DEFINE_CLEANUP(ProbeHttp *, probe_http_free)
/* On failure failed_step says what. */
int probe_http_arm(ProbeHttp *h);
void probe_http_disarm(ProbeHttp *h); /* nothing while a process is watched */
HttpProcess *probe_http_find(const ProbeHttp *h, pid_t pid);
void probe_http_run_time(const ProbeHttp *h, uint64_t *ret_ns, uint64_t *ret_count);

/* As in ProbeOps. */
int probe_http_add_rules(ProbeHttp *h, const HttpRules *rules, uint32_t *ret_rules);
void probe_http_remove_rules(ProbeHttp *h, uint32_t rules);
int probe_http_watch_process(ProbeHttp *h, const ProbeHttpTarget *target, ProbeHttpHook *ret_hook);
void probe_http_unwatch_process(ProbeHttp *h, pid_t pid);
int probe_http_read_second(ProbeHttp *h, uint64_t second, ProbeHttpFn fn, void *userdata);
int probe_http_read_counters(ProbeHttp *h, pid_t pid, uint64_t ret[static CPROF_HTTP_COUNTERS_MAX]);
