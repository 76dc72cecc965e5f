/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/spawn-waiter.h"

#include "bpf/spawn.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static _Noreturn void run(const int to[2], const int from[2], const char *const *kinds) {
        const char *argv[WAITER_LINES_MAX] = { "waiter" };

        for (size_t i = 0; kinds[i] && i + 2 < WAITER_LINES_MAX; i++)
                argv[i + 1] = kinds[i];

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (dup2(to[0], STDIN_FILENO) >= 0 && dup2(from[1], STDOUT_FILENO) >= 0)
                (void) execv(getenv("CPROF_WAITER"), (char *const *) argv);
        abort();
}

static void expect_line(Waiter *w, const char *expected) {
        char line[128];

        while (fgets(line, sizeof(line), w->from)) {
                WaiterLine *l = w->lines + w->n_lines;

                if (strcmp(line, expected) == 0)
                        return;
                if (w->n_lines == WAITER_LINES_MAX ||
                    sscanf(line,
                           "%15s %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
                           l->kind,
                           &l->n_switches,
                           &l->wait_ns,
                           &l->wall_ns,
                           &l->cpu_ns,
                           &l->delay_ns) != 6)
                        break;
                w->n_lines++;
        }

        abort();
}

void waiter_start(Waiter *w, const char *const *kinds) {
        int to[2], from[2];

        if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0)
                abort();

        w->pid = fork();
        if (w->pid < 0)
                abort();
        if (w->pid == 0)
                run(to, from, kinds);

        (void) close(to[0]);
        (void) close(from[1]);
        w->to = fdopen(to[1], "w");
        w->from = fdopen(from[0], "r");
        if (!w->to || !w->from)
                abort();

        expect_line(w, "ready\n");
        sleep_usec(20000); /* until the threads that said so wait */
}

void waiter_go(Waiter *w) {
        (void) fputs("\n", w->to);
        (void) fflush(w->to);
        expect_line(w, "done\n");
        sleep_usec(10000);
}

void waiter_stop(Waiter *w) {
        (void) fclose(w->to);
        (void) fclose(w->from);
        spawn_kill(w->pid);
}
