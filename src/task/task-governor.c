/* SPDX-License-Identifier: Apache-2.0 */
/* What recording costs while tasks run, and what is done when it is too much. */
#include "host/clock.h"
#include "task/task-manager-private.h"

#include <utlist.h>

#define STEP_MIN_USEC (USEC_PER_SEC / 2) /* a shorter time says too little */
#define THINNED_MAX 1024U                /* bytes of Task.thinned */

static unsigned n_cpus(void) {
        long n = sysconf(_SC_NPROCESSORS_ONLN);

        return n > 0 ? (unsigned) n : 1;
}

/* Adds @text to what the task says of itself. */
static void note_thinned(TaskManager *m, Task *t, const char *text) {
        char *all = NULL;

        if (m->events.thinned)
                m->events.thinned(t, text, m->events.userdata);

        if (t->thinned && strlen(t->thinned) + strlen(text) > THINNED_MAX)
                return;
        if (asprintf(&all, "%s%s%s", t->thinned ?: "", t->thinned ? "; " : "", text) < 0)
                return;

        free(t->thinned);
        t->thinned = all;
}

static void note_thinned_kind(TaskManager *m, ProfileKind kind, const char *text) {
        RunningTask *rt;

        DL_FOREACH(m->running, rt)
        if (rt->task->kinds & PROFILE_KIND_BIT(kind))
                note_thinned(m, rt->task, text);
}

/* A task that begins while another one is held back is so from its start. */
static void note_inherited(TaskManager *m, Task *t) {
        char text[128];

        if (m->oncpu_thin > 1 && (t->kinds & PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU))) {
                (void) snprintf(text,
                                sizeof(text),
                                "on-CPU sampling was at 1 in %u already, for what recording cost before",
                                m->oncpu_thin);
                note_thinned(m, t, text);
        }
        if (m->offcpu_threshold_nsec > 0 && (t->kinds & PROFILE_KIND_BIT(PROFILE_KIND_OFF_CPU))) {
                (void) snprintf(text,
                                sizeof(text),
                                "stacks of waits were from %g ms only already, for what recording cost before",
                                (double) m->offcpu_threshold_nsec / 1e6);
                note_thinned(m, t, text);
        }
}

void task_governor_begin(TaskManager *m, RunningTask *rt) {
        if (m->n_running <= 1)
                (void) probe_statistics(m->probe, true); /* without it only our own CPU time is known */

        cost_read(m->probe, m->now_usec, m->recording_nsec, &rt->cost_begin);
        if (m->n_running <= 1)
                m->cost = rt->cost_begin;

        note_inherited(m, rt->task);
}

static void fill_cost(TaskManager *m, RunningTask *rt, usec_t now_usec) {
        TaskCost *c = &rt->task->cost;
        CostSample now, used;
        double host_nsec;

        cost_read(m->probe, now_usec, m->recording_nsec, &now);
        used = cost_difference(&now, &rt->cost_begin);

        *c = (TaskCost){
                .daemon_cpu_nsec = used.process_nsec,
                .bpf_nsec = used.oncpu_nsec + used.offcpu_nsec,
                .wall_nsec = used.at_usec * NSEC_PER_USEC,
                .n_cpus = n_cpus(),
        };

        host_nsec = (double) c->wall_nsec * (double) c->n_cpus;
        if (host_nsec > 0)
                c->host_share_ppm =
                                (uint64_t) (1e6 * (double) (c->daemon_cpu_nsec + c->bpf_nsec) / host_nsec);
}

void task_governor_end(TaskManager *m, RunningTask *rt, usec_t now_usec) {
        fill_cost(m, rt, now_usec);

        if (m->n_running > 1)
                return;

        (void) probe_statistics(m->probe, false);
        governor_reset(&m->governor);
        if (m->oncpu_thin > 1)
                (void) probe_oncpu_thin(m->probe, 1);
        m->oncpu_thin = 1;
        if (m->offcpu_threshold_nsec > 0)
                (void) probe_offcpu_threshold(m->probe, 0);
        m->offcpu_threshold_nsec = 0;
}

/* In the order of the list of running tasks. */
static void describe_tasks(TaskManager *m, GovernorTask *tasks) {
        RunningTask *rt;

        DL_FOREACH(m->running, rt) {
                const Task *t = rt->task;

                *tasks++ = (GovernorTask){
                        .oncpu = t->kinds & PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU),
                        .offcpu = t->kinds & PROFILE_KIND_BIT(PROFILE_KIND_OFF_CPU),
                        .n_samples = t->n_samples - rt->n_samples_seen,
                        .n_switches = t->offcpu.n_switches - rt->n_switches_seen,
                };
                rt->n_samples_seen = t->n_samples;
                rt->n_switches_seen = t->offcpu.n_switches;
        }
}

static void stop_task(TaskManager *m, size_t index, const char *text, usec_t now_usec) {
        RunningTask *rt = m->running;

        while (index-- > 0)
                rt = rt->next;

        note_thinned(m, rt->task, text);
        task_manager_end(m, rt, TASK_STATE_STOPPED, text, now_usec);
}

/* A lever that the kernel does not have is passed over in silence: the next step comes soon enough. */
static void apply(TaskManager *m, const GovernorAction *a, usec_t now_usec) {
        switch (a->step) {
        case GOVERNOR_STEP_THIN:
                if (probe_oncpu_thin(m->probe, a->thin) < 0)
                        return;
                m->oncpu_thin = a->thin; /* the ring was drained just now: what comes stands for more */
                note_thinned_kind(m, PROFILE_KIND_ON_CPU, a->text);
                return;
        case GOVERNOR_STEP_THRESHOLD:
                if (probe_offcpu_threshold(m->probe, a->threshold_nsec) < 0)
                        return;
                m->offcpu_threshold_nsec = a->threshold_nsec;
                note_thinned_kind(m, PROFILE_KIND_OFF_CPU, a->text);
                return;
        case GOVERNOR_STEP_STOP:
                stop_task(m, a->task, a->text, now_usec);
                return;
        case GOVERNOR_STEP_NONE:
                return;
        }
}

void task_governor_tick(TaskManager *m, usec_t now_usec) {
        _cleanup_(freep) GovernorTask *tasks = NULL;
        CostSample now, used;
        GovernorInput in;
        GovernorAction action;

        if (m->n_running == 0 || m->config.budget_percent <= 0 || now_usec < m->cost.at_usec + STEP_MIN_USEC)
                return;

        tasks = calloc(m->n_running, sizeof(*tasks));
        if (!tasks)
                return;

        describe_tasks(m, tasks);
        cost_read(m->probe, now_usec, m->recording_nsec, &now);
        used = cost_difference(&now, &m->cost);
        m->cost = now;

        in = (GovernorInput){
                .wall_nsec = used.at_usec * NSEC_PER_USEC,
                .n_cpus = n_cpus(),
                .daemon_nsec = used.recording_nsec,
                .oncpu_nsec = used.oncpu_nsec,
                .offcpu_nsec = used.offcpu_nsec,
                .budget_percent = m->config.budget_percent,
                .tasks = tasks,
                .n_tasks = m->n_running,
        };
        if (governor_step(&m->governor, &in, &action))
                apply(m, &action, now_usec);
}
