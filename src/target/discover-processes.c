/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over all processes: by the kernel's task iterator, else by /proc. The common case, a process that
 * is known and the same, costs one look-up per thread and nothing else. */
#include "host/procfs-pid.h"
#include "target/target-set-internal.h"

static void queue_changed(TargetSet *s, Process *p) {
        if (p->changed_queued)
                return;

        p->changed_queued = true;
        p->changed_next = s->changed;
        s->changed = p;
}

static void forget_pass(TargetSet *s) {
        Process *p, *next;

        for (; s->changed; s->changed = s->changed->changed_next)
                s->changed->changed_queued = false;

        HASH_ITER(hh, s->appeared, p, next)
        process_drop(s, p);

        s->last = NULL;
        s->n_known_seen = s->n_tasks_expected = s->n_tasks_seen = 0;
}

static bool is_process(const Process *p, ProcessKey key) {
        return p && p->key.pid == key.pid && p->key.start_ticks == key.start_ticks;
}

/* The known process of @key, or one that waits to be added. NULL: over the cap or out of memory, counted. */
static Process *find_process(TargetSet *s, ProcessKey key, bool leader) {
        Process *p = s->last;

        if (is_process(p, key))
                return p;

        /* The iterator goes by PID, and so it did when it found them: mostly it is the next one. */
        p = p && p->unit ? p->hh.next : NULL;
        if (is_process(p, key)) {
                __builtin_prefetch(p->hh.next);
                return p;
        }

        HASH_FIND(hh, s->processes, &key.pid, sizeof(key.pid), p);
        if (!p || p->key.start_ticks != key.start_ticks)
                HASH_FIND(hh, s->appeared, &key.pid, sizeof(key.pid), p);
        if (p)
                return p->key.start_ticks == key.start_ticks ? p : NULL; /* reused within this very pass */

        if (HASH_COUNT(s->processes) + HASH_COUNT(s->appeared) >= TARGETS_PROCESSES_MAX ||
            process_new(s, key, &p) < 0) {
                s->n_dropped += leader;
                return NULL;
        }

        return p;
}

/* The first sight of @p in this pass. */
static void see_process(TargetSet *s, Process *p, unsigned n_threads, uint64_t cpu_ns) {
        p->pass = s->pass;
        p->n_threads = n_threads;
        process_sample(s, p, cpu_ns);
        if (!p->unit)
                return; /* appeared in this pass */

        p->fresh = false;
        s->n_known_seen++;
        if (s->pass >= p->recheck_pass)
                queue_changed(s, p);
}

/* Whether the iterator says that @p runs another program or is in another cgroup than before. */
static bool is_changed(const TargetSet *s, const Process *p, const struct cprof_task *t) {
        if (p->exec_id != t->exec_id)
                return true;
        if (s->host->cgroup_layout == CGROUP_LAYOUT_UNIFIED)
                return p->cgroup_id != t->cgroup_id;

        /* of the name=systemd hierarchy there is no number, but whoever moves in it gets another set */
        return p->cgroup_set != t->cgroup_set;
}

static void on_task(const struct cprof_task *t, void *userdata) {
        TargetSet *s = userdata;
        ProcessKey key = { .pid = (pid_t) t->pid, .start_ticks = t->start_ns / NSEC_PER_TICK };
        Process *p;

        p = find_process(s, key, t->tid == t->pid);
        if (!p)
                return;
        s->last = p;

        if (p->pass != s->pass) {
                see_process(s, p, t->n_threads, t->dead_ns);
                p->n_tasks_seen = 0;
                s->n_tasks_expected += t->n_threads;

                if (p->unit && is_changed(s, p, t))
                        queue_changed(s, p);
                p->exec_id = t->exec_id;
                p->cgroup_id = t->cgroup_id;
                p->cgroup_set = t->cgroup_set;
        }

        p->now.cpu_ns += t->cpu_ns;
        p->n_tasks_seen++;
        s->n_tasks_seen++;
}

/* A thread that ends between the record of its group's dead and its own is in neither, and its run time
 * would be missing now and come back as a peak in the next pass: ask the clock of such processes. */
static void correct_torn(TargetSet *s) {
        Process *next, *p;

        if (s->n_tasks_expected == s->n_tasks_seen || !s->host->process_cpu_ns)
                return;

        HASH_ITER(hh, s->processes, p, next)
        if (p->pass == s->pass && p->n_tasks_seen != p->n_threads)
                (void) s->host->process_cpu_ns(p->key.pid, &p->now.cpu_ns);
}

static int read_cpu_ns(TargetSet *s, const ProcStat *st, uint64_t *ret_ns) {
        int r = -EOPNOTSUPP;

        if (s->host->process_cpu_ns)
                r = s->host->process_cpu_ns(st->pid, ret_ns);
        if (r >= 0 || r == -ESRCH)
                return r;

        *ret_ns = (st->utime_ticks + st->stime_ticks) * NSEC_PER_TICK;
        return 0;
}

static int on_pid(pid_t pid, void *userdata) {
        TargetSet *s = userdata;
        uint64_t cpu_ns;
        Process *p;
        ProcStat st;

        if (procfs_read_stat(s->host, pid, &st) < 0 || st.kernel_thread)
                return 0;
        /* A zombie leader of living threads is a living process. */
        if ((st.state == 'Z' || st.state == 'X') && st.n_threads <= 1)
                return 0;
        if (read_cpu_ns(s, &st, &cpu_ns) < 0)
                return 0;

        p = find_process(s, (ProcessKey){ .pid = pid, .start_ticks = st.start_ticks }, /* leader= */ true);
        if (!p)
                return 0;

        see_process(s, p, st.n_threads, cpu_ns);
        if (p->unit && strcmp(p->comm, st.comm) != 0)
                queue_changed(s, p);

        return 0;
}

int discover_processes(TargetSet *s) {
        int r;

        forget_pass(s);
        s->pass++;
        s->from_bpf = true;

        r = probe_feature(s->probe, PROBE_FEATURE_TASK_ITERATOR, NULL);
        if (r >= 0)
                r = probe_tasks_read(s->probe, on_task, s);
        if (r >= 0)
                correct_torn(s);
        else {
                forget_pass(s);
                s->pass++; /* what the iterator may have given does not count as seen */
                s->from_bpf = false;
                r = procfs_for_each_pid(s->host, on_pid, s);
        }

        s->last = NULL;
        return r < 0 ? r : 0;
}
