/* SPDX-License-Identifier: Apache-2.0 */
/* Off-CPU recording: a program at every context switch from the first watch to the last unwatch, and passes
 * over the threads of a process for those that do not switch. */
#include "probe/probe-offcpu.h"

#include "cprof-offcpu.h"

#include "basic/hash.h"
#include "bpf/offcpu.skel.h"
#include "probe/iter-pass.h"
#include "probe/map-walk.h"
#include "probe/sched-text.h"

#include <bpf/bpf.h>

#define RING_BYTES (1024U * 1024) /* each stack comes once */

typedef struct Watched {
        pid_t pid;
        uint32_t tgid; /* the kernel's number; 0: it was gone already */
        unsigned n;
        struct cprof_offcpu_watch value;
        UT_hash_handle hh;
} Watched;

struct ProbeOffcpu {
        struct cprof_offcpu *skel;
        bool is_first_namespace;
        bool has_dump;
        unsigned watched_max;
        uint32_t generation, epoch; /* of the last watch, of the last session */

        struct bpf_link *link; /* while something is watched */
        struct ring_buffer *ring;
        Watched *watched;

        /* while reading */
        ProbeSampleFn fn;
        void *userdata;
};

static int on_stack(void *userdata, void *data, size_t size) {
        const struct cprof_sample *s = data;
        ProbeOffcpu *o = userdata;

        if (size >= sizeof(*s) &&
            size >= sizeof(*s) + ((size_t) s->n_kernel + s->n_user) * sizeof(s->frames[0]))
                o->fn(s, o->userdata);

        return 0;
}

ProbeOffcpu *probe_offcpu_free(ProbeOffcpu *o) {
        Watched *w, *next;

        if (!o)
                return NULL;

        HASH_ITER(hh, o->watched, w, next) {
                HASH_DEL(o->watched, w);
                free(w);
        }

        (void) bpf_link__destroy(o->link);
        ring_buffer__free(o->ring);
        cprof_offcpu__destroy(o->skel);
        free(o);
        return NULL;
}

static int load(ProbeOffcpu *o,
                const PidNamespace *ns,
                const ProbeConfig *config,
                const ProbeShared *shared,
                bool with_dump) {
        SchedText text = {};
        int r;

        o->skel = cprof_offcpu__open();
        if (!o->skel)
                return -errno;

        (void) sched_text_read(&text); /* without it the scheduler's own frames stay in */
        o->skel->rodata->our_pidns_inum = ns->inum;
        o->skel->rodata->our_pidns_is_first = ns->is_first;
        o->skel->rodata->sched_text = text.start;
        o->skel->rodata->sched_text_size = text.size;
        o->skel->rodata->token_ns =
                        NSEC_PER_SEC / (config->offcpu_stacks_per_sec ?: PROBE_OFFCPU_STACKS_PER_SEC);

        r = bpf_map__set_max_entries(o->skel->maps.offcpu_tgids, config->watched_max);
        if (r < 0)
                return r;

        r = bpf_map__set_max_entries(o->skel->maps.stacks, RING_BYTES);
        if (r < 0)
                return r;

        o->skel->rodata->python_enabled = shared->python != NULL;
        if (shared->python) {
                r = probe_python_share(shared->python, o->skel->maps.python_offsets);
                if (r < 0)
                        return r;
        }

        r = probe_unwind_share(
                        shared->unwind,
                        o->skel->maps.unwind_rows,
                        o->skel->maps.unwind_mappings,
                        o->skel->maps.targets);
        if (r < 0)
                return r;

        r = bpf_program__set_autoload(o->skel->progs.offcpu_dump, with_dump);
        if (r < 0)
                return r;

        r = cprof_offcpu__load(o->skel);
        if (r < 0) {
                cprof_offcpu__destroy(o->skel);
                o->skel = NULL;
                return r;
        }

        o->has_dump = with_dump;
        o->ring = ring_buffer__new(bpf_map__fd(o->skel->maps.stacks), on_stack, o, NULL);
        return o->ring ? 0 : -errno;
}

int probe_offcpu_new(
                const PidNamespace *ns,
                const ProbeConfig *config,
                const ProbeShared *shared,
                ProbeOffcpu **ret_offcpu,
                const char **reterr_step) {
        const ProbeShared without_python = { .unwind = shared->unwind };
        _cleanup_(probe_offcpu_freep) ProbeOffcpu *o = NULL;
        int r;

        *reterr_step = "loading the off-CPU recorder";

        o = calloc(1, sizeof(*o));
        if (!o)
                return -ENOMEM;

        o->watched_max = config->watched_max;
        o->is_first_namespace = ns->is_first;

        r = load(o, ns, config, shared, /* with_dump= */ true);
        if (r < 0 && !o->skel)
                r = load(o, ns, config, shared, /* with_dump= */ false);
        if (r < 0 && !o->skel && shared->python)
                r = load(o, ns, config, &without_python, /* with_dump= */ true);
        if (r < 0 && !o->skel && shared->python)
                r = load(o, ns, config, &without_python, /* with_dump= */ false);
        if (r < 0)
                return r;

        *ret_offcpu = TAKE_PTR(o);
        return 0;
}

bool probe_offcpu_has_dump(const ProbeOffcpu *o) {
        return o->has_dump;
}

bool probe_offcpu_is_idle(const ProbeOffcpu *o) {
        return !o->watched;
}

/* What the kernel calls process @pid of our namespace. */
static int find_tgid(ProbeOffcpu *o, pid_t pid, uint32_t *ret_tgid) {
        if (o->is_first_namespace) {
                *ret_tgid = (uint32_t) pid;
                return 0;
        }

        o->skel->bss->offcpu_pass = CPROF_OFFCPU_FIND;
        o->skel->bss->offcpu_pass_pid = (uint32_t) pid;
        return iter_pass(o->skel->progs.offcpu_threads, pid, ret_tgid);
}

static void set_filter(ProbeOffcpu *o, uint32_t tgid) {
        uint32_t slot = tgid % CPROF_OFFCPU_FILTER_SIZE;
        bool is_used = false;
        Watched *w, *next;

        HASH_ITER(hh, o->watched, w, next)
        is_used |= w->tgid > 0 && w->tgid % CPROF_OFFCPU_FILTER_SIZE == slot;

        o->skel->bss->offcpu_filter[slot] = is_used;
}

static int write_watch(ProbeOffcpu *o, const Watched *w) {
        if (w->tgid == 0)
                return 0;
        if (bpf_map_update_elem(bpf_map__fd(o->skel->maps.offcpu_tgids), &w->tgid, &w->value, BPF_ANY) < 0)
                return errno == E2BIG ? -ENOSPC : -errno;

        return 0;
}

static int attach(ProbeOffcpu *o) {
        if (o->link)
                return 0;

        o->link = bpf_program__attach(o->skel->progs.offcpu_switch);
        return o->link ? 0 : -errno;
}

int probe_offcpu_watch(ProbeOffcpu *o, pid_t pid) {
        Watched *w;
        int r;

        HASH_FIND_INT(o->watched, &pid, w);
        if (w) {
                w->n++;
                return 0;
        }

        if (HASH_COUNT(o->watched) >= o->watched_max)
                return -ENOSPC;

        w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;

        *w = (Watched){
                .pid = pid,
                .n = 1,
                .value = { .pid = (uint32_t) pid, .generation = ++o->generation, .epoch = ++o->epoch },
        };
        (void) find_tgid(o, pid, &w->tgid); /* gone: nothing to record */
        HASH_ADD_INT(o->watched, pid, w);
        if (!HASH_ADDED(w)) {
                free(w);
                return -ENOMEM;
        }

        r = write_watch(o, w);
        if (r >= 0)
                r = attach(o);
        if (r < 0) {
                probe_offcpu_unwatch(o, pid);
                return r;
        }

        set_filter(o, w->tgid);
        return 0;
}

/* A MapElementFn. */
static void drop_thread(int map_fd, const void *key, const void *value, void *userdata) {
        const struct cprof_offcpu_thread *t = value;

        if (t->pid == *(const uint32_t *) userdata)
                (void) bpf_map_delete_elem(map_fd, key);
}

void probe_offcpu_unwatch(ProbeOffcpu *o, pid_t pid) {
        uint32_t tgid;
        Watched *w;

        HASH_FIND_INT(o->watched, &pid, w);
        if (!w || --w->n > 0)
                return;

        tgid = w->tgid;
        HASH_DEL(o->watched, w);
        free(w);

        if (!o->watched) {
                (void) bpf_link__destroy(o->link);
                o->link = NULL;
        }

        (void) bpf_map_delete_elem(bpf_map__fd(o->skel->maps.offcpu_tgids), &tgid);
        set_filter(o, tgid);
        (void) map_walk(bpf_map__fd(o->skel->maps.threads),
                        sizeof(uint32_t),
                        sizeof(struct cprof_offcpu_thread),
                        drop_thread,
                        &pid);
}

int probe_offcpu_pass(ProbeOffcpu *o, pid_t pid, bool is_begin) {
        const struct bpf_program *program =
                        is_begin && o->has_dump ? o->skel->progs.offcpu_dump : o->skel->progs.offcpu_threads;
        uint32_t nothing;
        Watched *w;
        int r;

        HASH_FIND_INT(o->watched, &pid, w);
        if (!w)
                return -ENOENT;
        if (w->tgid == 0)
                return 0;

        if (is_begin) {
                w->value.epoch = ++o->epoch;
                r = write_watch(o, w);
                if (r < 0)
                        return r;
        }

        o->skel->bss->offcpu_pass = is_begin ? CPROF_OFFCPU_BEGIN : CPROF_OFFCPU_END;
        o->skel->bss->offcpu_pass_tgid = w->tgid;
        r = iter_pass(program, pid, &nothing);
        return r == -ENOENT || r == -ESRCH ? 0 : r; /* its threads may be gone */
}

typedef struct TotalsReader {
        uint32_t pid;
        ProbeOffcpuFn fn;
        void *userdata;
} TotalsReader;

/* A MapElementFn. */
static void read_total(int map_fd, const void *key, const void *value, void *userdata) {
        const struct cprof_offcpu_key *k = key;
        const TotalsReader *r = userdata;

        if (r->pid == 0 || k->pid == r->pid)
                r->fn(k, value, r->userdata);
}

/* Ditto. */
static void drop_total(int map_fd, const void *key, const void *value, void *userdata) {
        const struct cprof_offcpu_key *k = key;
        uint32_t pid = *(const uint32_t *) userdata;

        if (pid == 0 || k->pid == pid)
                (void) bpf_map_delete_elem(map_fd, k);
}

static int walk_totals(ProbeOffcpu *o, MapElementFn fn, void *userdata) {
        return map_walk(bpf_map__fd(o->skel->maps.offcpu),
                        sizeof(struct cprof_offcpu_key),
                        sizeof(struct cprof_offcpu_value),
                        fn,
                        userdata);
}

int probe_offcpu_totals(ProbeOffcpu *o, pid_t pid, ProbeOffcpuFn fn, void *userdata) {
        TotalsReader r = { .pid = (uint32_t) pid, .fn = fn, .userdata = userdata };

        return walk_totals(o, read_total, &r);
}

void probe_offcpu_drop(ProbeOffcpu *o, pid_t pid) {
        (void) walk_totals(o, drop_total, &pid);
}

void probe_offcpu_set_threshold(ProbeOffcpu *o, uint64_t nsec) {
        o->skel->bss->offcpu_threshold_ns = nsec;
}

int probe_offcpu_drain(ProbeOffcpu *o, ProbeSampleFn fn, void *userdata) {
        int r;

        o->fn = fn;
        o->userdata = userdata;
        r = ring_buffer__consume(o->ring);
        o->fn = NULL;
        o->userdata = NULL;
        return r;
}

static void add_run_time(const struct bpf_program *program, ProbeCounters *c) {
        struct bpf_prog_info info = {};
        uint32_t size = sizeof(info);

        if (bpf_program__fd(program) < 0 ||
            bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) < 0)
                return;

        c->offcpu_run_ns += info.run_time_ns;
        c->offcpu_run_count += info.run_cnt;
}

void probe_offcpu_counters(ProbeOffcpu *o, ProbeCounters *ret) {
        int fd = bpf_map__fd(o->skel->maps.counters);

        *ret = (ProbeCounters){
                .n_ring_full = map_read_counter(fd, CPROF_COUNTER_RING_FULL),
                .n_offcpu_rate_limited = map_read_counter(fd, CPROF_COUNTER_OFFCPU_RATE_LIMITED),
                .n_offcpu_seen_late = map_read_counter(fd, CPROF_COUNTER_OFFCPU_SEEN_LATE),
                .n_offcpu_table_full = map_read_counter(fd, CPROF_COUNTER_OFFCPU_TABLE_FULL),
                .offcpu_table_full_nsec = map_read_counter(fd, CPROF_COUNTER_OFFCPU_TABLE_FULL_NS),
                .n_run_queue = map_read_counter(fd, CPROF_COUNTER_RUN_QUEUE_N),
                .run_queue_nsec = map_read_counter(fd, CPROF_COUNTER_RUN_QUEUE_NS),
        };

        add_run_time(o->skel->progs.offcpu_switch, ret);
        add_run_time(o->skel->progs.offcpu_threads, ret);
        if (o->has_dump)
                add_run_time(o->skel->progs.offcpu_dump, ret);
        ret->bpf_run_ns = ret->offcpu_run_ns;
        ret->bpf_run_count = ret->offcpu_run_count;
}
