/* SPDX-License-Identifier: Apache-2.0 */
/* From the causes of a second to running tasks, and from ended tasks to named evidence. */
#include "daemon-private.h"
#include "daemon-unwind.h"

#include "basic/log.h"
#include "host/clock.h"
#include "host/procfs-pid.h"
#include "task/task-kind.h"

#include <string.h>
#include <utlist.h>

#define IDLE_SLICE_USEC (2 * USEC_PER_MSEC)
#define CHECKPOINT_INTERVAL_USEC (5 * USEC_PER_SEC) /* of each task, when there is time for it */
#define CHECKPOINT_INTERVAL_MIN_USEC (250 * USEC_PER_MSEC)
#define CHECKPOINT_COST_RATIO 50U /* at most 2 % of a core goes into checkpoints */
#define MANUAL_DURATION_DEFAULT (30 * USEC_PER_SEC)

static TaskInstant instant(usec_t monotonic_usec) {
        return (TaskInstant){
                .monotonic_usec = monotonic_usec,
                .realtime_usec = clock_monotonic_to_realtime(monotonic_usec),
        };
}

/* A TriggerOps.is_running. A unit's task covers its processes. */
static bool on_is_running(Subject subject, ProfileKind kind, void *userdata) {
        Daemon *d = userdata;

        if (task_manager_is_running(d->tasks, subject, kind))
                return true;

        return subject.process &&
                        task_manager_is_running(d->tasks, (Subject){ .unit = subject.process->unit }, kind);
}

/* A TriggerOps.is_alive. */
static bool on_is_alive(const Process *p, void *userdata) {
        Daemon *d = userdata;
        ProcStat st;

        if (procfs_read_stat(d->host, p->key.pid, &st) < 0)
                return false;

        return st.start_ticks == p->key.start_ticks && st.state != 'Z' && st.state != 'X';
}

static int uri_copy(const UriRule *uri, TaskCause *ret) {
        char *copy;

        if (uri->kind == URI_RULE_ALL)
                return 0;

        copy = strdup(uri->text);
        if (!copy)
                return -ENOMEM;

        *(uri->kind == URI_RULE_EXACT ? &ret->uri : &ret->uri_regex) = copy;
        return 0;
}

static int cause_copy(const Cause *c, TaskCause *ret) {
        const Process *p = c->subject.process;

        *ret = (TaskCause){
                .policy = strdup(c->policy->name),
                .metric = strdup(metric_to_string(c->trigger->metric)),
                .threshold = c->trigger->threshold,
                .value = c->value,
                .peak = c->peak,
                .period_sec = c->trigger->period_sec,
                .count = c->trigger->count,
                .hits = c->hits,
                .process = strdup(p ? p->name : ""),
                .pid = p ? p->key.pid : 0,
        };

        if (uri_copy(&c->trigger->uri, ret) < 0 || policy_trigger_format(c->trigger, &ret->rule) < 0 ||
            !ret->policy || !ret->metric || !ret->process)
                return -ENOMEM;

        return 0;
}

/* A TriggerOps.start. */
static int on_start(const TriggerRequest *request, void *userdata) {
        Daemon *d = userdata;
        TaskRequest r = {
                .kinds = request->kinds,
                .subject = request->subject,
                .duration_usec = request->duration_usec,
                .silence_usec = request->silence_usec,
                .slot_end = instant(d->slot_end_usec),
                .decided = instant(clock_monotonic_usec()),
        };
        usec_t now_usec = r.decided.monotonic_usec;
        Task *task;

        /* The kinds that are possible run already or are silent: a failed task would say nothing new. */
        if (task_kinds_possible(d->probe, request->kinds, NULL) == 0)
                return -EEXIST;

        r.causes = calloc(request->n_causes, sizeof(r.causes[0]));
        if (!r.causes)
                return -ENOMEM;

        for (; r.n_causes < request->n_causes; r.n_causes++)
                if (cause_copy(request->causes + r.n_causes, r.causes + r.n_causes) < 0) {
                        task_causes_free(r.causes, r.n_causes + 1);
                        return -ENOMEM;
                }

        return task_manager_start(d->tasks, &r, now_usec, &task);
}

void daemon_on_cause(const Cause *cause, void *userdata) {
        Daemon *d = userdata;

        /* Rules that cannot lead to a record are shown as impossible; a failed task would say no more. */
        if (task_kinds_possible(d->probe, cause->policy->kinds, NULL) == 0)
                return;

        trigger_add(d->trigger, cause);
}

int daemon_start_manual(
                void *userdata,
                Subject subject,
                ProfileKinds kinds,
                usec_t duration_usec,
                char ret_id[static TASK_ID_MAX]) {
        Daemon *d = userdata;
        TaskRequest request = {
                .kinds = kinds,
                .subject = subject,
                .duration_usec = duration_usec > 0 ? duration_usec : MANUAL_DURATION_DEFAULT,
        };
        Task *task = NULL;
        usec_t now_usec;
        int r;

        /* Loading takes time that is not the task's. */
        for (ProfileKind k = 0; k < _PROFILE_KIND_MAX; k++)
                if ((kinds & PROFILE_KIND_BIT(k)) &&
                    probe_feature(d->probe, task_kind_feature(k), NULL) >= 0)
                        (void) probe_arm(d->probe, task_kind_use(k));

        now_usec = clock_monotonic_usec();
        request.decided = instant(now_usec);
        r = task_manager_start(d->tasks, &request, now_usec, &task);
        if (r < 0)
                return r;

        strcpy(ret_id, task->id);
        return 0;
}

/* A TaskEvents.started. */
static void on_task_started(Task *t, void *userdata) {
        Daemon *d = userdata;

        (void) sd_event_source_set_time(d->drain_source, clock_monotonic_usec());
        (void) sd_event_source_set_enabled(d->drain_source, SD_EVENT_ON);

        if (task_manager_n_running(d->tasks) <= 1)
                d->checkpoint_next_usec = clock_monotonic_usec() + CHECKPOINT_INTERVAL_USEC;

        if (d->config.java_attach)
                (void) daemon_java_ask_task(d->java, d->targets, t, clock_monotonic_usec());
        sinks_task_started(&d->sinks, t);
        if (d->bus)
                bus_emit_task_started(d->bus, t);
}

/* A TaskEvents.ended: the task is ours now. */
static void on_task_ended(Task *t, void *userdata) {
        Daemon *d = userdata;
        Finishing *f;

        if (strcmp(d->checkpoint_id, t->id) == 0)
                d->checkpoint_job = symbol_job_free(d->checkpoint_job);

        f = calloc(1, sizeof(*f));
        if (!f) {
                log_error("Out of memory, task '%s' ends without its profile.", t->id);
                sinks_task_ended(&d->sinks, t, &(TaskEvidence){});
                task_free(t);
                return;
        }

        f->task = t;
        if (d->config.java_attach && !d->stopping &&
            daemon_java_ask_task(d->java, d->targets, t, clock_monotonic_usec()) > 0)
                f->not_before_usec = clock_monotonic_usec() + JAVA_WRITES_USEC;
        DL_APPEND(d->finishing, f);
        (void) sd_event_source_set_enabled(d->idle_source, SD_EVENT_ON);
}

/* A TaskEvents.thinned. */
static void on_task_thinned(Task *t, const char *text, void *userdata) {
        Daemon *d = userdata;

        sinks_task_thinned(&d->sinks, t, text);
}

static void on_mapped(pid_t pid, const char *path, void *userdata) {
        Daemon *d = userdata;

        daemon_http_mapped(d->http, pid, path);
}

int daemon_init_tasks(Daemon *d) {
        TaskManagerConfig config = {
                .running_max = d->config.tasks_max,
                .oncpu_hz = d->config.oncpu_hz,
                .unwind = &daemon_unwind_source,
                .recorder_every = config_recorder_every(&d->config),
                .budget_percent = d->config.budget_percent,
                .recorder_usec = d->config.recorder_sec * USEC_PER_SEC,
        };
        const TaskEvents events = {
                .started = on_task_started,
                .ended = on_task_ended,
                .thinned = on_task_thinned,
                .mapped = on_mapped,
                .userdata = d,
        };
        const TriggerOps ops = {
                .is_running = on_is_running,
                .is_alive = on_is_alive,
                .start = on_start,
                .userdata = d,
        };
        int r;

        r = daemon_python_new(d->host, d->probe, &d->python);
        if (r >= 0)
                r = daemon_java_new(d->host, &d->java);
        if (r < 0)
                return r;

        config.python = daemon_python_source(d->python);
        r = task_manager_new(d->host, d->probe, d->targets, d->modules, &config, &events, &d->tasks);
        if (r < 0)
                return r;

        return trigger_new(d->cooldown, &ops, &d->trigger);
}

/* A StoreTaskFn: what was recorded shortly before a restart stays silent after it. */
static void restore_silence(const Task *t, void *userdata) {
        usec_t realtime_usec = clock_realtime_usec(), age_usec;
        Daemon *d = userdata;

        if (t->n_causes == 0 || t->started.realtime_usec == 0 || t->started.realtime_usec > realtime_usec)
                return;

        age_usec = realtime_usec - t->started.realtime_usec;
        if (age_usec >= t->silence_usec)
                return;

        for (ProfileKind k = 0; k < _PROFILE_KIND_MAX; k++)
                if (t->kinds & PROFILE_KIND_BIT(k))
                        (void) cooldown_start(
                                        d->cooldown,
                                        t->unit,
                                        t->process,
                                        k,
                                        clock_monotonic_usec() + t->silence_usec - age_usec);
}

void daemon_restore_silence(Daemon *d) {
        int r;

        r = store_for_each(d->store, restore_silence, d);
        if (r < 0)
                log_warning_errno(r, "Failed to read earlier tasks, silence starts anew: %m");
}

/* The running task after the last one that was written. */
static Task *next_checkpoint_task(Daemon *d) {
        Task *first = task_manager_next(d->tasks, NULL);

        for (Task *t = first; t; t = task_manager_next(d->tasks, t))
                if (strcmp(t->id, d->checkpoint_id) > 0)
                        return t;

        return first;
}

/* One slice of the running task whose turn it is; false: it is written, or there is none. */
static bool checkpoint_slice(Daemon *d) {
        _cleanup_(symbols_freep) Symbols *symbols = NULL;
        Task *t;

        if (!d->checkpoint_job) {
                task_manager_checkpoint(d->tasks, clock_monotonic_usec());
                t = next_checkpoint_task(d);
                if (!t || !t->profile || symbol_job_new(d->symbolizer, t->profile, &d->checkpoint_job) < 0)
                        return false;

                strcpy(d->checkpoint_id, t->id);
                return true;
        }

        if (symbol_job_step(d->checkpoint_job, IDLE_SLICE_USEC) > 0)
                return true;

        symbols = symbol_job_take(d->checkpoint_job);
        d->checkpoint_job = symbol_job_free(d->checkpoint_job);

        t = task_manager_find(d->tasks, d->checkpoint_id);
        if (t)
                sinks_task_checkpoint(
                                &d->sinks, t, &(TaskEvidence){ .profile = t->profile, .symbols = symbols });
        return false;
}

static void checkpoint_step(Daemon *d) {
        uint64_t before_nsec = clock_thread_cpu_nsec();
        usec_t interval_usec, rest_usec;
        bool more = checkpoint_slice(d);

        /* CPU time: on a busy machine it takes longer, and costs no more */
        d->checkpoint_cpu_nsec += clock_thread_cpu_nsec() - before_nsec;
        if (more)
                return;

        interval_usec = CHECKPOINT_INTERVAL_USEC / MAX_OF(task_manager_n_running(d->tasks), 1U);
        interval_usec = MAX_OF(interval_usec, CHECKPOINT_INTERVAL_MIN_USEC);
        rest_usec = CHECKPOINT_COST_RATIO * d->checkpoint_cpu_nsec / NSEC_PER_USEC;
        d->checkpoint_next_usec = clock_monotonic_usec() + MAX_OF(interval_usec, rest_usec);
        d->checkpoint_cpu_nsec = 0;
}

bool daemon_idle_work(Daemon *d) {
        if (daemon_hottest_step(d) || daemon_http_step(d->http))
                return true;

        /* Those that all wait are looked at again with the next second. */
        if (d->finishing && daemon_finish_step(d, IDLE_SLICE_USEC)) {
                if (!d->finishing) {
                        const char *const none[] = { NULL };

                        (void) store_vacuum(d->store, clock_realtime_usec(), none);
                        daemon_arm_sampler(d);
                }
                return true;
        }

        if (d->checkpoint_job ||
            (task_manager_n_running(d->tasks) > 0 && clock_monotonic_usec() >= d->checkpoint_next_usec)) {
                checkpoint_step(d);
                return d->checkpoint_job != NULL;
        }

        return false;
}

void daemon_finish_all(Daemon *d) {
        d->checkpoint_job = symbol_job_free(d->checkpoint_job);
        d->fetcher = fetcher_free(d->fetcher); /* nobody waits any more */

        for (Finishing *f = d->finishing; f; f = f->next)
                f->not_before_usec = 0;
        while (d->finishing)
                (void) daemon_finish_step(d, USEC_PER_SEC);
}

static Finishing *find_finishing(Daemon *d, const char *id) {
        Finishing *f;

        DL_FOREACH(d->finishing, f) {
                if (strcmp(f->task->id, id) == 0)
                        return f;
        }

        return NULL;
}

Task *daemon_find_task(void *userdata, const char *id) {
        Daemon *d = userdata;
        Finishing *f = find_finishing(d, id);

        return f ? f->task : task_manager_find(d->tasks, id);
}

int daemon_resolve_id(void *userdata, const char *text, char ret_id[static TASK_ID_MAX]) {
        Daemon *d = userdata;

        if (task_id_is_valid(text) && daemon_find_task(d, text)) {
                strcpy(ret_id, text);
                return 0;
        }

        /* tasks are in the store from their first second */
        return store_resolve_id(d->store, text, ret_id);
}
