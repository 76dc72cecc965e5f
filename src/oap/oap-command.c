/* SPDX-License-Identifier: Apache-2.0 */
/* Commands: names and arguments. What is JSON in them is for oap-command-policy.c. */
#include "oap/oap-command.h"

#include "basic/parse.h"
#include "oap/oap-command-private.h"

#include <stdarg.h>
#include <string.h>

static const char *const target_names[_OAP_TARGET_MAX] = {
        [OAP_TARGET_ON_CPU] = "ON_CPU",
        [OAP_TARGET_OFF_CPU] = "OFF_CPU",
        [OAP_TARGET_NETWORK] = "NETWORK",
};

const char *oap_target_to_string(OapTarget t) {
        return t >= 0 && t < _OAP_TARGET_MAX ? target_names[t] : NULL;
}

OapTarget oap_target_from_string(const char *name) {
        for (int i = 0; i < _OAP_TARGET_MAX; i++)
                if (strcmp(target_names[i], name) == 0)
                        return (OapTarget) i;

        return _OAP_TARGET_INVALID;
}

int oap_refuse(int error, char **reterr_message, const char *format, ...) {
        va_list ap;
        int r;

        if (!reterr_message)
                return error;

        va_start(ap, format);
        r = vasprintf(reterr_message, format, ap);
        va_end(ap);
        return r < 0 ? -ENOMEM : error;
}

int oap_commands_unpack(const void *message, size_t size, Commands **ret, char **reterr_message) {
        _cleanup_(commands_freep) Commands *c = NULL;

        if (size > OAP_COMMANDS_BYTES_MAX)
                return oap_refuse(-E2BIG, reterr_message, "an answer of %zu bytes", size);

        c = skywalking__v3__commands__unpack(NULL, size, message);
        if (!c)
                return oap_refuse(-EBADMSG, reterr_message, "an answer that is no Commands message");
        if (c->n_commands > OAP_COMMANDS_MAX)
                return oap_refuse(-E2BIG, reterr_message, "%zu commands in one answer", c->n_commands);

        *ret = TAKE_PTR(c);
        return 0;
}

const char *oap_command_argument(const Command *c, const char *key) {
        for (size_t i = 0; i < c->n_args; i++)
                if (strcmp(c->args[i]->key, key) == 0)
                        return c->args[i]->value;

        return NULL;
}

/* A copy; -EBADMSG: it is missing, empty, or of @max bytes or more. */
static int text_argument(const Command *c, const char *key, size_t max, char **ret) {
        const char *text = oap_command_argument(c, key);

        if (!text || text[0] == '\0' || strnlen(text, max) == max)
                return -EBADMSG;

        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

int oap_command_task_id(const void *message, size_t size, char **ret_id, char **reterr_message) {
        _cleanup_(commands_freep) Commands *c = NULL;
        int r;

        assert(message || size == 0);
        assert(ret_id);

        r = oap_commands_unpack(message, size, &c, reterr_message);
        if (r < 0)
                return r;
        if (c->n_commands != 1 || strcmp(c->commands[0]->command, "ContinuousProfilingReportTask") != 0)
                return oap_refuse(
                                -EBADMSG,
                                reterr_message,
                                "an answer to a report that is not one ContinuousProfilingReportTask");

        r = text_argument(c->commands[0], "TaskId", OAP_ID_MAX, ret_id);
        if (r == -EBADMSG)
                return oap_refuse(r, reterr_message, "an answer to a report without a task id");

        return r;
}

static void task_done(OapTask *t) {
        free(t->task_id);
        free(t->process_id);
        free(t->target_text);
}

void oap_tasks_done(OapTasks *t) {
        assert(t);

        for (size_t i = 0; i < t->n_tasks; i++)
                task_done(t->tasks + i);
        free(t->tasks);
        *t = (OapTasks){};
}

/* Milliseconds and seconds fit 2^53 for as long as there are years of four digits. */
static int number_argument(const Command *c, const char *key, int64_t *ret) {
        const char *text = oap_command_argument(c, key);
        uint64_t n;
        int r;

        if (!text)
                return -EBADMSG;

        r = parse_u64(text, 0, UINT64_C(1) << 53, &n);
        if (r < 0)
                return -EBADMSG;

        *ret = (int64_t) n;
        return 0;
}

/* -EBADMSG: this command only. What was allocated is in @t. */
static int read_task(const Command *c, OapTask *t) {
        const char *trigger = oap_command_argument(c, "TriggerType");
        int r;

        r = text_argument(c, "TaskId", OAP_ID_MAX, &t->task_id);
        if (r >= 0)
                r = text_argument(c, "ProcessId", 64 * OAP_ID_MAX, &t->process_id);
        if (r >= 0)
                r = text_argument(c, "TargetType", OAP_ID_MAX, &t->target_text);
        if (r >= 0)
                r = number_argument(c, "TaskUpdateTime", &t->update_ms);
        if (r >= 0)
                r = number_argument(c, "TaskStartTime", &t->start_ms);
        if (r < 0)
                return r;

        t->target = oap_target_from_string(t->target_text);
        t->is_fixed_time = trigger && strcmp(trigger, "FIXED_TIME") == 0;
        return t->is_fixed_time ? number_argument(c, "FixedTriggerDuration", &t->duration_sec) : 0;
}

int oap_command_tasks(const void *message, size_t size, OapTasks *ret, char **reterr_message) {
        _cleanup_(oap_tasks_done) OapTasks tasks = {};
        _cleanup_(commands_freep) Commands *c = NULL;
        int r;

        assert(message || size == 0);
        assert(ret);

        r = oap_commands_unpack(message, size, &c, reterr_message);
        if (r < 0)
                return r;

        tasks.tasks = calloc(c->n_commands ?: 1, sizeof(tasks.tasks[0]));
        if (!tasks.tasks)
                return -ENOMEM;

        for (size_t i = 0; i < c->n_commands; i++) {
                OapTask task = {};

                if (strcmp(c->commands[i]->command, "EBPFProfilingTaskQuery") != 0) {
                        tasks.n_unknown++;
                        continue;
                }

                r = read_task(c->commands[i], &task);
                if (r < 0) {
                        task_done(&task);
                        if (r == -ENOMEM)
                                return r;
                        tasks.n_refused++;
                        continue;
                }

                tasks.tasks[tasks.n_tasks++] = task;
        }

        *ret = tasks;
        tasks = (OapTasks){};
        return 0;
}
