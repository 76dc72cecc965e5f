/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks and their profiles. */
#include "bus/bus-private.h"

#include "host/clock.h"
#include "policy/policy-message.h"
#include "store/task-record.h"
#include "task/task-kind.h"

#include <string.h>

int bus_resolve_task(Bus *b, const char *text, char id[static TASK_ID_MAX], sd_bus_error *error) {
        char shown[POLICY_VALUE_SHOWN_MAX + 4];
        int r;

        r = b->context.resolve_id(b->context.userdata, text, id);
        if (r == -ENOENT)
                return sd_bus_error_setf(
                                error,
                                CPROF_BUS_ERROR_NO_SUCH_TASK,
                                strcmp(text, "latest") == 0 ? "There is no task yet." : "No task '%s'.",
                                policy_value_shown(text, shown));
        if (r == -ENOTUNIQ)
                return sd_bus_error_setf(
                                error,
                                CPROF_BUS_ERROR_NO_SUCH_TASK,
                                "'%s' fits more than one task, write more of the ID.",
                                policy_value_shown(text, shown));

        return r;
}

static int start_failed(Bus *b, int r, const Unit *u, ProfileKinds kinds, sd_bus_error *error) {
        char text[PROFILE_KINDS_TEXT_MAX];
        const char *reason = NULL;

        if (r == -EEXIST)
                return sd_bus_error_setf(
                                error,
                                CPROF_BUS_ERROR_TASK_EXISTS,
                                "A task of kind %s is running for '%s' already.",
                                profile_kinds_to_string(kinds, text),
                                u->name);
        if (r == -EBUSY)
                return sd_bus_error_setf(
                                error,
                                CPROF_BUS_ERROR_BUSY,
                                "%u tasks are running already (MaxTasks=).",
                                task_manager_n_running(b->context.tasks));
        if (task_kinds_possible(b->context.probe, kinds, &reason) == 0)
                return sd_bus_error_setf(
                                error, CPROF_BUS_ERROR_NOT_SUPPORTED, "Not on this host: %s", reason ?: "");

        return sd_bus_error_set_errnof(error, -r, "The task failed to start, see 'cprofctl task info': %m");
}

static int check_kinds(const char *text, ProfileKinds *ret_kinds, sd_bus_error *error) {
        char shown[POLICY_VALUE_SHOWN_MAX + 4];
        int r;

        r = profile_kinds_from_string(text, ret_kinds);
        if (r == -EOPNOTSUPP)
                return sd_bus_error_setf(
                                error,
                                CPROF_BUS_ERROR_NOT_SUPPORTED,
                                "This build does not have the profile kind '%s'.",
                                policy_value_shown(text, shown));
        if (r < 0)
                return sd_bus_error_setf(
                                error,
                                SD_BUS_ERROR_INVALID_ARGS,
                                "'%s' is no profile kind, expected on-cpu, off-cpu or both.",
                                policy_value_shown(text, shown));

        return 0;
}

static int
find_subject(Bus *b, const char *unit, uint32_t pid, Subject *ret, Unit **ret_unit, sd_bus_error *error) {
        Process *p;
        int r;

        r = bus_find_unit(b, unit, ret_unit, error);
        if (r < 0)
                return r;

        if (pid == 0) {
                *ret = (Subject){ .unit = *ret_unit };
                return 0;
        }

        p = target_set_find_process(b->context.targets, (pid_t) pid);
        if (!p || !process_in_unit(p, *ret_unit))
                return sd_bus_error_setf(
                                error,
                                CPROF_BUS_ERROR_NO_SUCH_PROCESS,
                                "Unit '%s' has no process %u.",
                                (*ret_unit)->name,
                                pid);

        *ret = (Subject){ .process = p };
        return 0;
}

static int method_start_task(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *unit, *kinds_text;
        uint64_t duration_usec;
        char id[TASK_ID_MAX];
        Bus *b = userdata;
        ProfileKinds kinds = 0;
        Subject subject;
        uint32_t pid;
        Unit *u;
        int r;

        r = sd_bus_message_read(m, "sstu", &unit, &kinds_text, &duration_usec, &pid);
        if (r < 0)
                return r;

        r = check_kinds(kinds_text, &kinds, error);
        if (r < 0)
                return r;

        if (duration_usec != 0 &&
            (duration_usec < POLICY_DURATION_MIN || duration_usec > POLICY_DURATION_MAX))
                return sd_bus_error_set(
                                error,
                                SD_BUS_ERROR_INVALID_ARGS,
                                "Bad duration: expected 1s to 1h, or 0 for the default of 30s.");

        r = find_subject(b, unit, pid, &subject, &u, error);
        if (r < 0)
                return r;

        r = b->context.start_task(b->context.userdata, subject, kinds, duration_usec, id);
        if (r < 0)
                return start_failed(b, r, u, kinds, error);

        return sd_bus_reply_method_return(m, "s", id);
}

static int method_stop_task(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        char id[TASK_ID_MAX];
        Bus *b = userdata;
        const char *text;
        int r;

        r = sd_bus_message_read(m, "s", &text);
        if (r < 0)
                return r;

        r = bus_resolve_task(b, text, id, error);
        if (r < 0)
                return r;

        r = task_manager_stop(b->context.tasks, id, "stopped by request", clock_monotonic_usec());
        if (r == -ESRCH)
                return sd_bus_error_setf(
                                error, CPROF_BUS_ERROR_NO_SUCH_TASK, "Task '%s' is not running.", id);
        if (r < 0)
                return r;

        return sd_bus_reply_method_return(m, NULL);
}

static int append_task(sd_bus_message *reply, const Task *t) {
        usec_t left = 0, now_usec = clock_monotonic_usec();
        char kinds[PROFILE_KINDS_TEXT_MAX];

        if (t->state == TASK_STATE_RUNNING && now_usec < t->started.monotonic_usec + t->duration_usec)
                left = t->started.monotonic_usec + t->duration_usec - now_usec;

        return sd_bus_message_append(
                        reply,
                        CPROF_BUS_TASK_SIGNATURE,
                        t->id,
                        task_state_to_string(t->state),
                        t->unit ?: "",
                        t->process ?: "",
                        (uint32_t) t->key.pid,
                        profile_kinds_to_string(t->kinds, kinds),
                        t->n_causes > 0 ? t->causes[0].policy : "",
                        t->n_causes > 0 ? t->causes[0].rule : "",
                        t->reason ?: "",
                        t->started.realtime_usec,
                        t->ended.realtime_usec,
                        t->duration_usec,
                        left,
                        t->n_samples);
}

/* The task as it is now, or NULL when only the store knows it. A task that is over counts as running until
 * its evidence is written: whoever waits for the end finds the profile. @copy holds what differs; nothing in
 * it is owned. */
static const Task *find_live(Bus *b, const char *id, Task *copy) {
        const Task *t = b->context.find_task(b->context.userdata, id);

        if (!t || !task_is_over(t))
                return t;

        *copy = *t;
        copy->state = TASK_STATE_RUNNING;
        copy->reason = NULL;
        copy->duration_usec = t->ended.monotonic_usec - t->started.monotonic_usec; /* no time left */
        copy->ended = (TaskInstant){};
        return copy;
}

typedef struct TaskRows {
        Bus *bus;
        sd_bus_message *reply;
        int error;
} TaskRows;

/* A StoreTaskFn. */
static void append_stored(const Task *t, void *userdata) {
        TaskRows *rows = userdata;
        Task copy;
        const Task *live = find_live(rows->bus, t->id, &copy);

        if (rows->error >= 0)
                rows->error = append_task(rows->reply, live ?: t);
}

static int append_tasks(sd_bus_message *reply, void *userdata) {
        TaskRows rows = { .bus = userdata, .reply = reply };
        TaskManager *tasks = rows.bus->context.tasks;
        int r;

        /* those that could not be written come first */
        for (Task *t = task_manager_next(tasks, NULL); t; t = task_manager_next(tasks, t)) {
                _cleanup_(task_freep) Task *stored = NULL;

                if (store_find(rows.bus->context.store, t->id, &stored) == -ENOENT)
                        append_stored(t, &rows);
        }

        r = store_for_each(rows.bus->context.store, append_stored, &rows);
        return r < 0 ? r : rows.error;
}

static int method_list_tasks(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return bus_reply_array(m, CPROF_BUS_TASK_SIGNATURE, append_tasks, userdata);
}

static int method_get_task(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(freep) char *json = NULL;
        char id[TASK_ID_MAX];
        Bus *b = userdata;
        const char *text;
        const Task *live;
        Task copy;
        int r;

        r = sd_bus_message_read(m, "s", &text);
        if (r < 0)
                return r;

        r = bus_resolve_task(b, text, id, error);
        if (r < 0)
                return r;

        live = find_live(b, id, &copy);
        r = live ? task_record_format(live, &json) : store_read_json(b->context.store, id, &json);
        if (r < 0)
                return sd_bus_error_set_errnof(error, -r, "Failed to read task '%s': %m", id);

        r = sd_bus_message_new_method_return(m, &reply);
        if (r < 0)
                return r;

        r = bus_append_text(reply, json); /* as it stands in the file */
        if (r < 0)
                return r;

        return sd_bus_send(NULL, reply, NULL);
}

static int method_delete_task(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        char id[TASK_ID_MAX];
        Bus *b = userdata;
        const char *text;
        int r;

        r = sd_bus_message_read(m, "s", &text);
        if (r < 0)
                return r;

        r = bus_resolve_task(b, text, id, error);
        if (r < 0)
                return r;

        if (b->context.find_task(b->context.userdata, id))
                return sd_bus_error_setf(
                                error,
                                CPROF_BUS_ERROR_TASK_RUNNING,
                                "Task '%s' is running; stop it first.",
                                id);

        r = store_delete(b->context.store, id);
        if (r < 0)
                return sd_bus_error_set_errnof(error, -r, "Failed to delete task '%s': %m", id);

        return sd_bus_reply_method_return(m, NULL);
}

const sd_bus_vtable bus_task_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS(
                        "StartTask",
                        SD_BUS_ARGS("s", unit, "s", kinds, "t", duration_usec, "u", pid),
                        SD_BUS_RESULT("s", id),
                        method_start_task,
                        0),
        SD_BUS_METHOD_WITH_ARGS("StopTask", SD_BUS_ARGS("s", id), SD_BUS_NO_RESULT, method_stop_task, 0),
        SD_BUS_METHOD_WITH_ARGS(
                        "ListTasks",
                        SD_BUS_NO_ARGS,
                        SD_BUS_RESULT("a" CPROF_BUS_TASK_SIGNATURE, tasks),
                        method_list_tasks,
                        SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                        "GetTask",
                        SD_BUS_ARGS("s", id),
                        SD_BUS_RESULT("s", json),
                        method_get_task,
                        SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("DeleteTask", SD_BUS_ARGS("s", id), SD_BUS_NO_RESULT, method_delete_task, 0),
        SD_BUS_SIGNAL_WITH_ARGS("TaskStarted", SD_BUS_ARGS("s", id, "s", unit, "s", kinds), 0),
        SD_BUS_SIGNAL_WITH_ARGS("TaskFinished", SD_BUS_ARGS("s", id, "s", unit, "s", state, "s", reason), 0),
        SD_BUS_VTABLE_END,
};
