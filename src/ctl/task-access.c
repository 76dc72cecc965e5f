/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/task-access.h"

#include "ctl/ctl-bus.h"
#include "ctl/signal-wait.h"

#include "basic/log.h"

#include <fcntl.h>
#include <string.h>

#define RETRY_INTERVAL (200 * USEC_PER_MSEC)

int task_get(Ctl *c, const char *id, json_t **ret_task) {
        _cleanup_(json_decrefp) json_t *task = NULL;
        _cleanup_(freep) char *text = NULL;
        json_error_t error;
        int r;

        r = ctl_call_string(c, "get the task", "GetTask", id, &text);
        if (r < 0)
                return r;

        task = json_loads(text, JSON_REJECT_DUPLICATES, &error);
        if (!task)
                return log_error_errno(
                                EBADMSG,
                                "The record of task '%s' is bad: line %i: %s",
                                id,
                                error.line,
                                error.text);
        if (!json_is_string(json_at(task, "id")) || !json_is_string(json_at(task, "state")))
                return log_error_errno(EBADMSG, "The record of task '%s' has no ID or state.", id);

        *ret_task = TAKE_PTR(task);
        return 0;
}

const char *task_id(const json_t *task) {
        return json_text_at(task, "id", "?");
}

static ProfileKinds kind_bit(const json_t *name) {
        int k = json_is_string(name) ? profile_kind_from_string(json_string_value(name)) : -EINVAL;

        return k >= 0 ? PROFILE_KIND_BIT(k) : 0;
}

static ProfileKinds task_kinds(const json_t *task) {
        const json_t *list = json_at(task, "kinds"), *name;
        ProfileKinds kinds = 0;
        size_t i;

        if (!list) /* of a task that an earlier version recorded */
                return kind_bit(json_at(task, "kind"));

        json_array_foreach(list, i, name) kinds |= kind_bit(name);
        return kinds;
}

const char *task_kinds_text(const json_t *task, char buf[static PROFILE_KINDS_TEXT_MAX]) {
        ProfileKinds kinds = task_kinds(task);

        return kinds ? profile_kinds_to_string(kinds, buf) : "?";
}

bool task_has_kind(const json_t *task, ProfileKind kind) {
        return task_kinds(task) & PROFILE_KIND_BIT(kind);
}

bool task_state_is_over(const char *state) {
        return strcmp(state, "pending") != 0 && strcmp(state, "running") != 0;
}

/* Whether a profile may appear soon: the daemon names and writes it after the last sample. */
static bool comes_soon(const json_t *task, const sd_bus_error *error) {
        if (!task_state_is_over(json_text_at(task, "state", "")))
                return false;

        if (sd_bus_error_has_name(error, CPROF_BUS_ERROR_TASK_RUNNING) ||
            sd_bus_error_has_name(error, CPROF_BUS_ERROR_BUSY))
                return true;

        return sd_bus_error_has_name(error, CPROF_BUS_ERROR_NO_PROFILE) &&
                        (json_u64_at(task, "n_samples") > 0 || json_u64_at(task, "offcpu.switches") > 0);
}

static int take_descriptor(sd_bus_message *reply, int *ret_fd) {
        int fd, flags, r;

        r = sd_bus_message_read(reply, "h", &fd);
        if (r < 0)
                return bus_complain_reply(r);

        fd = fcntl(fd, F_DUPFD_CLOEXEC, 3); /* the message keeps its own */
        if (fd < 0)
                return log_error_errno(errno, "Failed to take the profile over: %m");

        flags = fcntl(fd, F_GETFL);
        if (flags >= 0 && (flags & O_NONBLOCK))
                (void) fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);

        *ret_fd = fd;
        return 0;
}

int task_open_profile(Ctl *c, const json_t *task, const char *format, usec_t patience_usec, int *ret_fd) {
        usec_t until = ctl_now() + patience_usec;

        if (sd_bus_can_send(c->bus, SD_BUS_TYPE_UNIX_FD) <= 0)
                return log_error_errno(
                                EOPNOTSUPP,
                                "Profiles cannot be read over this connection. Try: ssh %s cprofctl task "
                                "export %s --format=%s -o -",
                                c->options.host ?: "HOST",
                                task_id(task),
                                format);

        for (;;) {
                _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
                _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
                int r;

                r = ctl_try_call(c, &error, "GetProfile", &reply, "ss", task_id(task), format);
                if (r >= 0)
                        return take_descriptor(reply, ret_fd);
                if (strncmp(format, "before", strlen("before")) == 0 &&
                    sd_bus_error_has_name(&error, CPROF_BUS_ERROR_NO_PROFILE))
                        return log_error_errno(
                                        ENODATA,
                                        "Task %s has nothing from before its trigger: the recorder was off, "
                                        "or nothing watched the unit then.",
                                        task_id(task));
                if (!comes_soon(task, &error) || ctl_now() >= until)
                        return bus_complain(r, &error, "get the profile of task %s", task_id(task));

                (void) usleep(RETRY_INTERVAL);
        }
}

int task_read_profile(
                Ctl *c, const json_t *task, const char *format, usec_t patience_usec, Folded **ret_folded) {
        _cleanup_(closep) int fd = -EBADF;
        unsigned line = 0;
        int r;

        r = task_open_profile(c, task, format, patience_usec, &fd);
        if (r < 0)
                return r;

        r = folded_read(fd, ret_folded, &line);
        if (r == -EBADMSG)
                return log_error_errno(r, "The profile of task %s is bad in line %u.", task_id(task), line);
        if (r < 0)
                return log_error_errno(r, "Failed to read the profile of task %s: %m", task_id(task));

        return 0;
}
