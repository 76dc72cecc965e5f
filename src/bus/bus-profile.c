/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles leave by file descriptor. */
#include "bus/bus-private.h"

#include "policy/policy-message.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>

/* Converts in a process of its own, so that a huge profile never delays a second. Takes nothing over; the
 * result is the reading end of a pipe. */
static int spawn_converter(int profile_fd) {
        _cleanup_(closep) int read_fd = -EBADF, write_fd = -EBADF;
        char *const argv[] = { (char *) "cprofd", (char *) "--convert-profile", NULL };
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        int fds[2], r;
        sigset_t none;
        pid_t pid;

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

static int method_get_profile(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(closep) int profile_fd = -EBADF, folded_fd = -EBADF;
        char shown[POLICY_VALUE_SHOWN_MAX + 4];
        const char *text, *format;
        char id[TASK_ID_MAX];
        Bus *b = userdata;
        int r;

        r = sd_bus_message_read(m, "ss", &text, &format);
        if (r < 0)
                return r;

        if (strcmp(format, "pprof") != 0 && strcmp(format, "folded") != 0)
                return sd_bus_error_setf(
                                error,
                                SD_BUS_ERROR_INVALID_ARGS,
                                "'%s' is no format, expected pprof or folded.",
                                policy_value_shown(format, shown));

        r = bus_resolve_task(b, text, id, error);
        if (r < 0)
                return r;

        profile_fd = store_open_profile(b->context.store, id);
        if (profile_fd == -ENOENT)
                return sd_bus_error_setf(
                                error,
                                CPROF_BUS_ERROR_NO_PROFILE,
                                b->context.find_task(b->context.userdata, id)
                                                ? "Task '%s' has no profile yet."
                                                : "Task '%s' has no profile.",
                                id);
        if (profile_fd < 0)
                return sd_bus_error_set_errnof(
                                error, -profile_fd, "Failed to open the profile of '%s': %m", id);

        if (strcmp(format, "pprof") == 0)
                return sd_bus_reply_method_return(m, "h", profile_fd);

        folded_fd = spawn_converter(profile_fd);
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
