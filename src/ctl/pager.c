/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/pager.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

static const char *pager_command(void) {
        static const char *const variables[] = { "SYSTEMD_PAGER", "PAGER" };

        for (size_t i = 0; i < ELEMENTSOF(variables); i++) {
                const char *e = getenv(variables[i]);

                if (e)
                        return e;
        }

        return "if command -v less >/dev/null; then exec less; else exec cat; fi";
}

static void run_pager(const char *command, int input_fd) {
        if (dup2(input_fd, STDIN_FILENO) < 0)
                _exit(EXIT_FAILURE);

        /* Quit if one screen, keep colours, cut long lines, leave the screen as it is. */
        (void) setenv("LESS", "FRSX", /* overwrite= */ 0);
        /* Who may run this by sudo only must not get a shell out of less. */
        if (getenv("SUDO_UID"))
                (void) setenv("LESSSECURE", "1", /* overwrite= */ 1);

        execlp("sh", "sh", "-c", command, (char *) NULL);
        _exit(EXIT_FAILURE);
}

void pager_open(Ctl *c) {
        const char *command = pager_command();
        int fds[2];
        pid_t pid;

        if (!c->tty || c->options.no_pager || c->pager_pid > 0 || command[0] == '\0' ||
            strcmp(command, "cat") == 0)
                return;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return;

        (void) fflush(stdout);
        pid = fork();
        if (pid == 0)
                run_pager(command, fds[0]);

        if (pid > 0 && dup2(fds[1], STDOUT_FILENO) >= 0)
                c->pager_pid = pid;

        (void) safe_close(fds[0]);
        (void) safe_close(fds[1]);
}

void pager_close(Ctl *c) {
        if (c->pager_pid <= 0)
                return;

        (void) fflush(stdout);
        (void) close(STDOUT_FILENO);
        while (waitpid(c->pager_pid, NULL, 0) < 0 && errno == EINTR)
                ;
        c->pager_pid = 0;
}
