/* SPDX-License-Identifier: Apache-2.0 */
#include "task/task.h"

#include <string.h>
#include <time.h>

static const char *const state_names[_TASK_STATE_MAX] = {
        [TASK_STATE_PENDING] = "pending",   [TASK_STATE_RUNNING] = "running",
        [TASK_STATE_FINISHED] = "finished", [TASK_STATE_FAILED] = "failed",
        [TASK_STATE_STOPPED] = "stopped",
};

const char *task_state_to_string(TaskState s) {
        return s >= 0 && s < _TASK_STATE_MAX ? state_names[s] : NULL;
}

int task_state_from_string(const char *name) {
        assert(name);

        for (int i = 0; i < _TASK_STATE_MAX; i++)
                if (strcmp(state_names[i], name) == 0)
                        return i;

        return _TASK_STATE_INVALID;
}

bool task_id_is_valid(const char *id) {
        static const char form[] = "ddddddddTdddddd-xxxx";
        size_t i;

        if (!id)
                return false;

        for (i = 0; form[i]; i++) {
                const char *allowed = form[i] == 'd' ? "0123456789" : "0123456789abcdef";

                if (form[i] != 'd' && form[i] != 'x') {
                        if (id[i] != form[i])
                                return false;
                } else if (!id[i] || !strchr(allowed, id[i]))
                        return false;
        }

        return id[i] == '\0';
}

void task_causes_free(TaskCause *causes, size_t n) {
        for (size_t i = 0; i < n; i++) {
                free(causes[i].policy);
                free(causes[i].metric);
                free(causes[i].rule);
                free(causes[i].uri);
                free(causes[i].uri_regex);
                free(causes[i].process);
        }

        free(causes);
}

Task *task_free(Task *t) {
        if (!t)
                return NULL;

        profile_free(t->profile);
        profile_free(t->before);
        task_causes_free(t->causes, t->n_causes);
        free(t->reason);
        free(t->unit);
        free(t->process);
        free(t->exe);
        free(t->invocation_id);
        free(t->hottest);
        free(t->left_out);
        free(t->kernel_path);
        free(t->thinned);
        for (ProfileKind k = 0; k < _PROFILE_KIND_MAX; k++) {
                free(t->oap[k].id);
                free(t->oap[k].refused);
        }
        free(t);
        return NULL;
}

int task_new(ProfileKinds kinds, usec_t realtime_usec, uint16_t random16, Task **ret_task) {
        _cleanup_(task_freep) Task *t = NULL;
        time_t sec = (time_t) (realtime_usec / USEC_PER_SEC);
        struct tm tm;
        size_t n;

        assert(ret_task);

        t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;

        if (!gmtime_r(&sec, &tm))
                return -errno;
        if (tm.tm_year + 1900 > 9999) /* would be another form */
                return -ERANGE;

        n = strftime(t->id, sizeof(t->id), "%Y%m%dT%H%M%S", &tm);
        (void) snprintf(t->id + n, sizeof(t->id) - n, "-%04x", random16);

        t->kinds = kinds;
        t->state = TASK_STATE_PENDING;

        *ret_task = TAKE_PTR(t);
        return 0;
}

static bool is_same(const char *a, const char *b) {
        return a && b ? strcmp(a, b) == 0 : a == b;
}

int task_set_oap(Task *t, ProfileKind kind, const char *id, const char *refused) {
        TaskOap *o, new = {};

        assert(t);
        assert(kind >= 0 && kind < _PROFILE_KIND_MAX);
        assert(!id != !refused);

        o = t->oap + kind;
        if (is_same(o->id, id) && is_same(o->refused, refused))
                return 0;

        new.id = id ? strdup(id) : NULL;
        new.refused = refused ? strdup(refused) : NULL;
        if (!new.id && !new.refused)
                return -ENOMEM;

        free(o->id);
        free(o->refused);
        *o = new;
        return 1;
}

static bool step_is_allowed(TaskState from, TaskState to) {
        static const bool allowed[_TASK_STATE_MAX][_TASK_STATE_MAX] = {
                [TASK_STATE_PENDING] = {
                        [TASK_STATE_RUNNING] = true,
                        [TASK_STATE_FAILED] = true,
                        [TASK_STATE_STOPPED] = true,
                },
                [TASK_STATE_RUNNING] = {
                        [TASK_STATE_FINISHED] = true,
                        [TASK_STATE_FAILED] = true,
                        [TASK_STATE_STOPPED] = true,
                },
        };

        return to >= 0 && to < _TASK_STATE_MAX && allowed[from][to];
}

int task_set_state(Task *t, TaskState state, const char *reason, TaskInstant now) {
        char *copy = NULL;

        assert(t);

        if (!step_is_allowed(t->state, state))
                return -EINVAL;

        t->state = state;
        if (!task_is_over(t)) {
                t->started = now;
                return 0;
        }

        assert(reason);

        t->ended = now;
        copy = strdup(reason);
        if (!copy)
                return -ENOMEM;

        free(t->reason);
        t->reason = copy;
        return 0;
}

const char *task_end_to_string(unsigned end) {
        static const char *const names[CPROF_END_MAX] = {
                [CPROF_END_ROOT] = "root",
                [CPROF_END_FRAME_POINTER] = "frame-pointer",
                [CPROF_END_NO_MAPPING] = "no-mapping",
                [CPROF_END_NO_ROW] = "no-row",
                [CPROF_END_UNSUPPORTED] = "unsupported",
                [CPROF_END_REGISTER] = "register",
                [CPROF_END_UNREADABLE] = "unreadable",
                [CPROF_END_BACKWARDS] = "backwards",
                [CPROF_END_TRUNCATED] = "truncated",
                [CPROF_END_HELPER] = "helper",
                [CPROF_END_NONE] = "none",
        };

        return end < CPROF_END_MAX ? names[end] : NULL;
}

static double percent(double part, double whole) {
        return whole > 0 ? MIN_OF(100 * part / whole, 100.0) : -1;
}

double task_quality_complete_percent(const Task *t) {
        const TaskQuality *q = &t->quality;

        return percent((double) q->ends[CPROF_END_ROOT] + (double) q->ends[CPROF_END_FRAME_POINTER],
                       (double) q->n_stacks_user);
}

double task_quality_named_percent(const Task *t) {
        return percent((double) t->quality.n_frames_named, (double) t->quality.n_frames);
}

double task_cost_percent(const Task *t) {
        return t->cost.wall_nsec > 0 ? (double) t->cost.host_share_ppm / 10000 : -1;
}
