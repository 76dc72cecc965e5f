/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles leave by file descriptor. */
#include "bus/bus-private.h"

#include "policy/policy-message.h"
#include "store/pprof.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>

/* Converts in a process of its own, so that a huge profile never delays a second. Takes nothing over; the
 * result is the reading end of a pipe. */
static int spawn_converter(int profile_fd, PprofValue value) {
        _cleanup_(closep) int read_fd = -EBADF, write_fd = -EBADF;
        char option[64];
        char *const argv[] = { (char *) "cprofd", option, NULL };
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        int fds[2], r;
        sigset_t none;
        pid_t pid;

        (void) snprintf(option, sizeof(option), "--convert-profile=%s", pprof_value_to_string(value));

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        read_fd = fds[0];
        write_fd = fds[1];

        r = posix_spawn_file_actions_init(&actions);
        if (r != 0)
                return -r;

        r = posix_spawnattr_init(&attributes);
        if (r != 0) {
                (void) posix_spawn_file_actions_destroy(&actions);
                return -r;
        }

        (void) sigemptyset(&none); /* ours are blocked for the event loop */
        (void) posix_spawnattr_setsigmask(&attributes, &none);
        (void) posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);

        r = posix_spawn_file_actions_adddup2(&actions, profile_fd, STDIN_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_adddup2(&actions, write_fd, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, argv, environ);

        (void) posix_spawnattr_destroy(&attributes);
        (void) posix_spawn_file_actions_destroy(&actions);
        return r == 0 ? TAKE_FD(read_fd) : -r;
}

typedef struct ProfileFormat {
        const char *name;
        TaskPart part;
        bool folded;
        PprofValue value;
} ProfileFormat;

static const ProfileFormat formats[] = {
        { "pprof", TASK_PART_RECORDED, false, 0 },
        { "folded", TASK_PART_RECORDED, true, PPROF_VALUE_DEFAULT },
        { "folded-offcpu", TASK_PART_RECORDED, true, PPROF_VALUE_OFFCPU },
        { "folded-waits", TASK_PART_RECORDED, true, PPROF_VALUE_WAITS },
        { "before-pprof", TASK_PART_BEFORE, false, 0 },
        { "before-folded", TASK_PART_BEFORE, true, PPROF_VALUE_DEFAULT },
};

static const ProfileFormat *find_format(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(formats); i++)
                if (strcmp(formats[i].name, name) == 0)
                        return formats + i;

        return NULL;
}

/* Whether the task is known to have recorded where its threads waited. */
static int check_value(Bus *b, const char *id, const ProfileFormat *f, sd_bus_error *error) {
        const Task *t = b->context.find_task(b->context.userdata, id);
        _cleanup_(task_freep) Task *stored = NULL;
        int r;

        if (!f->folded || f->value == PPROF_VALUE_DEFAULT)
                return 0;

        if (!t) {
                r = store_find(b->context.store, id, &stored);
                if (r < 0)
                        return sd_bus_error_set_errnof(error, -r, "Failed to read task '%s': %m", id);
                t = stored;
        }

        if (t->kinds & PROFILE_KIND_BIT(PROFILE_KIND_OFF_CPU))
                return 0;

        return sd_bus_error_setf(error, CPROF_BUS_ERROR_NO_PROFILE, "Task '%s' did not record off-cpu.", id);
}

static int open_profile(Bus *b, const char *id, TaskPart part, sd_bus_error *error) {
        const char *what = part == TASK_PART_BEFORE ? "profile of the time before" : "profile";
        int fd;

        fd = store_open_profile(b->context.store, id, part);
        if (fd == -ENOENT)
                return sd_bus_error_setf(
                                error,
                                CPROF_BUS_ERROR_NO_PROFILE,
                                "Task '%s' has no %s%s.",
                                id,
                                what,
                                b->context.find_task(b->context.userdata, id) ? " yet" : "");
        if (fd < 0)
                return sd_bus_error_set_errnof(error, -fd, "Failed to open the profile of '%s': %m", id);

        return fd;
}

static int method_get_profile(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(closep) int profile_fd = -EBADF, folded_fd = -EBADF;
        char shown[POLICY_VALUE_SHOWN_MAX + 4];
        const ProfileFormat *f;
        const char *text, *name;
        char id[TASK_ID_MAX];
        Bus *b = userdata;
        int r;

        r = sd_bus_message_read(m, "ss", &text, &name);
        if (r < 0)
                return r;

        f = find_format(name);
        if (!f)
                return sd_bus_error_setf(
                                error,
                                SD_BUS_ERROR_INVALID_ARGS,
                                "'%s' is no format, expected pprof, folded, folded-offcpu, folded-waits, "
                                "before-pprof or before-folded.",
                                policy_value_shown(name, shown));

        r = bus_resolve_task(b, text, id, error);
        if (r < 0)
                return r;

        profile_fd = open_profile(b, id, f->part, error);
        if (profile_fd < 0)
                return profile_fd;

        r = check_value(b, id, f, error);
        if (r < 0)
                return r;

        if (!f->folded)
                return sd_bus_reply_method_return(m, "h", profile_fd);

        folded_fd = spawn_converter(profile_fd, f->value);
        if (folded_fd < 0)
                return sd_bus_error_set_errnof(
                                error, -folded_fd, "Failed to convert the profile of '%s': %m", id);

        return sd_bus_reply_method_return(m, "h", folded_fd);
}

const sd_bus_vtable bus_profile_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS(
                        "GetProfile",
                        SD_BUS_ARGS("s", id, "s", format),
                        SD_BUS_RESULT("h", profile),
                        method_get_profile,
                        0),
        SD_BUS_VTABLE_END,
};
