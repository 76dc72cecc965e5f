/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Whether and how a process that runs Java can be asked for the names of its compiled code. */
typedef struct JavaProcess {
        pid_t ns_pid; /* what it calls itself */
        uid_t uid;    /* effective */
        gid_t gid;
} JavaProcess;

/* Pure: whether the options (the texts of /proc/PID/cmdline and environ, as they are) keep frame pointers,
 * without which stacks of compiled code can't be walked and names are of no use. Files of options (@file,
 * -XX:Flags=) are not read. */
bool java_options_keep_frame_pointers(
                const char *cmdline, size_t cmdline_size, const char *environment, size_t environment_size);

/* Pure: the text of /proc/PID/status. 0 only if it handles SIGQUIT, which ends every other program.
 * -ENOTSUP: it does not; -EBADMSG. */
int java_status_parse(const char *text, JavaProcess *ret);

/* Looks at all of that. -ENOENT: no Java with frame pointers. */
int java_process_read(int proc_fd, pid_t pid, JavaProcess *ret);
