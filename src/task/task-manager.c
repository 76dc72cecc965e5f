/* SPDX-License-Identifier: Apache-2.0 */
/* Begin and end of tasks. */
#include "task/task-manager.h"

#include "host/clock.h"
#include "task/task-manager-private.h"

#include <sys/random.h>
#include <utlist.h>

/* Odd, so that all 65536 numbers come up before one repeats: IDs differ within a second. */
#define ID_STEP 40503U

int task_manager_new(
                const Host *host,
                Probe *probe,
                TargetSet *targets,
                ModuleTable *modules,
                const TaskManagerConfig *config,
                const TaskEvents *events,
                TaskManager **ret_manager) {
        _cleanup_(task_manager_freep) TaskManager *m = NULL;
        int r;

        assert(config);
        assert(config->oncpu_hz > 0);
        assert(events);
        assert(ret_manager);

        m = calloc(1, sizeof(*m));
        if (!m)
                return -ENOMEM;

        m->host = host;
        m->probe = probe;
        m->targets = targets;
        m->modules = modules;
        m->config = *config;
        m->events = *events;
        m->oncpu_thin = 1;
        if (getrandom(&m->id_next, sizeof(m->id_next), GRND_NONBLOCK) != (ssize_t) sizeof(m->id_next))
                m->id_next = 0;

        r = task_manager_init_processes(m);
        if (r < 0)
                return r;

        r = task_recorder_init(m);
        if (r < 0)
                return r;
        process_cache_set_python(m->cache, config->python);

        *ret_manager = TAKE_PTR(m);
        return 0;
}

TaskManager *task_manager_free(TaskManager *m) {
        if (!m)
                return NULL;

        while (m->running)
                task_manager_end(
                                m,
                                m->running,
                                TASK_STATE_FAILED,
                                "cprofd was stopped",
                                clock_monotonic_usec());

        if (m->cache)
                task_recorder_done(m);
        process_cache_free(m->cache);
        unwind_tables_free(m->unwind);
        free(m);
        return NULL;
}

static TaskInstant instant_at(usec_t monotonic_usec) {
        return (TaskInstant){ monotonic_usec, clock_monotonic_to_realtime(monotonic_usec) };
}

/* Hands over a task that is over. */
static void hand_over(TaskManager *m, Task *t) {
        if (m->events.ended)
                m->events.ended(t, m->events.userdata);
        else
                task_free(t);
}

void task_manager_end(
                TaskManager *m, RunningTask *rt, TaskState state, const char *reason, usec_t now_usec) {
        Task *t = rt->task;

        task_manager_drain(m, now_usec); /* what was sampled up to now */
        oncpu_task_update(&rt->oncpu);
        oncpu_task_done(&rt->oncpu);
        task_governor_end(m, rt, now_usec);

        /* @now_usec is when the tick was due; the last sample can be a little younger. */
        (void) task_set_state(t, state, reason, instant_at(MAX_OF(now_usec, t->last_sample.monotonic_usec)));

        DL_DELETE(m->running, rt);
        m->n_running--;
        free(rt);

        hand_over(m, t);
}

static int copy_text(const char *text, char **ret_copy) {
        char *copy;

        if (!text)
                return 0;

        copy = strdup(text);
        if (!copy)
                return -ENOMEM;

        *ret_copy = copy;
        return 0;
}

/* A pending task for @request, whose causes it takes over in any case. */
static int task_from_request(TaskManager *m, TaskRequest *request, usec_t now_usec, Task **ret_task) {
        _cleanup_(task_freep) Task *t = NULL;
        const Process *p = request->subject.process;
        const Unit *u = p ? p->unit : request->subject.unit;
        int r;

        r = task_new(request->kinds, clock_monotonic_to_realtime(now_usec), m->id_next, &t);
        if (r < 0) {
                task_causes_free(TAKE_PTR(request->causes), request->n_causes);
                return r;
        }

        m->id_next = (uint16_t) (m->id_next + ID_STEP);

        t->causes = TAKE_PTR(request->causes);
        t->n_causes = request->n_causes;
        t->duration_usec = request->duration_usec;
        t->silence_usec = request->silence_usec;
        t->slot_end = request->slot_end;
        t->decided = request->decided;
        if (p)
                t->key = p->key;

        r = copy_text(u->name, &t->unit);
        if (r >= 0)
                r = copy_text(u->invocation_id, &t->invocation_id);
        if (r >= 0)
                r = copy_text(p ? (p->name ?: p->comm) : "", &t->process);
        if (r >= 0)
                r = copy_text(p ? p->exe : NULL, &t->exe);
        if (r < 0)
                return r;

        *ret_task = TAKE_PTR(t);
        return 0;
}

static RunningTask *find_running_id(const TaskManager *m, const char *id) {
        RunningTask *rt;

        DL_FOREACH(m->running, rt)
        if (strcmp(rt->task->id, id) == 0)
                return rt;

        return NULL;
}

static bool task_is_for(const Task *t, Subject s) {
        if (s.process)
                return t->key.pid == s.process->key.pid && t->key.start_ticks == s.process->key.start_ticks;

        return t->key.pid == 0 && strcmp(t->unit, s.unit->name) == 0;
}

/* Whether @t is for a unit that the subject belongs to. */
static bool task_covers(TaskManager *m, const Task *t, Subject s) {
        const Unit *u = t->key.pid == 0 ? target_set_find_unit(m->targets, t->unit) : NULL;

        if (!u)
                return false;
        if (s.process)
                return process_in_unit(s.process, u);

        for (const Unit *above = s.unit->slice; above; above = above->slice)
                if (above == u)
                        return true;

        return false;
}

/* Kinds that are recorded for the subject already. */
static ProfileKinds kinds_running(const TaskManager *m, Subject s) {
        ProfileKinds kinds = 0;
        RunningTask *rt;

        DL_FOREACH(m->running, rt)
        if (task_is_for(rt->task, s))
                kinds |= rt->task->kinds;

        return kinds;
}

/* -EEXIST or -EBUSY as task_manager_start() has it. */
static int may_start(TaskManager *m, const TaskRequest *request) {
        if (!(request->kinds & ~kinds_running(m, request->subject)))
                return -EEXIST;

        return m->n_running >= m->config.running_max ? -EBUSY : 0;
}

/* Hands @t over as failed. Returns @error, which must not be taken for a refusal. */
static int fail_to_start(TaskManager *m, Task *t, int error, const char *reason, usec_t now_usec) {
        (void) task_set_state(t, TASK_STATE_FAILED, reason, instant_at(now_usec));
        hand_over(m, t);

        return error == -EEXIST || error == -EBUSY ? -EIO : error;
}

static Task *adopt(TaskManager *m, RunningTask *rt, usec_t now_usec) {
        Task *t = rt->task;

        (void) task_set_state(t, TASK_STATE_RUNNING, NULL, instant_at(now_usec));
        DL_APPEND(m->running, rt);
        m->n_running++;
        task_recorder_begin(m, t);
        task_governor_begin(m, rt);

        if (m->events.started)
                m->events.started(t, m->events.userdata);

        return t;
}

int task_manager_start(TaskManager *m, TaskRequest *request, usec_t now_usec, Task **ret_task) {
        _cleanup_(task_freep) Task *t = NULL;
        _cleanup_(freep) RunningTask *rt = NULL;
        char reason[256] = "unknown";
        int r;

        assert(m);
        assert(request);
        assert(!request->subject.process != !request->subject.unit);
        assert(request->kinds != 0 && !(request->kinds & ~PROFILE_KINDS_ALL));
        assert(ret_task);

        *ret_task = NULL;

        r = may_start(m, request);
        if (r < 0) {
                task_causes_free(TAKE_PTR(request->causes), request->n_causes);
                return r;
        }

        r = task_from_request(m, request, now_usec, &t);
        if (r < 0)
                return r;

        rt = calloc(1, sizeof(*rt));
        if (!rt)
                return -ENOMEM;

        rt->task = t;
        rt->deadline_usec = now_usec + MIN_OF(t->duration_usec, USEC_INFINITY - now_usec);

        r = task_manager_begin(
                        m, rt, request->subject, kinds_running(m, request->subject), reason, sizeof(reason));
        if (r < 0)
                return fail_to_start(m, TAKE_PTR(t), r, reason, now_usec);

        TAKE_PTR(t);
        m->now_usec = now_usec;
        *ret_task = adopt(m, TAKE_PTR(rt), now_usec);
        return 0;
}

int task_manager_stop(TaskManager *m, const char *id, const char *reason, usec_t now_usec) {
        RunningTask *rt;

        assert(m);
        assert(id);

        rt = find_running_id(m, id);
        if (!rt)
                return -ESRCH;

        task_manager_end(m, rt, TASK_STATE_STOPPED, reason ?: "stopped on request", now_usec);
        return 0;
}

bool task_manager_is_running(TaskManager *m, Subject subject, ProfileKind kind) {
        RunningTask *rt;

        assert(m);

        DL_FOREACH(m->running, rt)
        if ((rt->task->kinds & PROFILE_KIND_BIT(kind)) &&
            (task_is_for(rt->task, subject) || task_covers(m, rt->task, subject)))
                return true;

        return false;
}

unsigned task_manager_n_running(const TaskManager *m) {
        return m->n_running;
}

unsigned task_manager_n_processes(const TaskManager *m) {
        return process_cache_size(m->cache);
}

Task *task_manager_find(TaskManager *m, const char *id) {
        RunningTask *rt = find_running_id(m, id);

        return rt ? rt->task : NULL;
}

Task *task_manager_next(TaskManager *m, Task *previous) {
        RunningTask *rt = m->running;

        if (previous) {
                rt = find_running_id(m, previous->id);
                rt = rt ? rt->next : NULL;
        }

        return rt ? rt->task : NULL;
}
