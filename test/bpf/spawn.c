/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/spawn.h"

#include "basic/cleanup.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>

static void *burn(void *arg) {
        for (volatile unsigned long i = 0;; i++)
                ;

        return NULL;
}

static void *wait_for_ever(void *arg) {
        for (;;)
                (void) pause();

        return NULL;
}

static void run_threads(void *(*fn)(void *), unsigned n_threads) {
        for (unsigned i = 1; i < n_threads; i++) {
                char name[32];
                pthread_t t;

                if (pthread_create(&t, NULL, fn, NULL) != 0)
                        abort();
                (void) snprintf(name, sizeof(name), "worker-%u", i);
                name[15] = '\0';
                (void) pthread_setname_np(t, name);
        }

        (void) fn(NULL);
}

static pid_t fork_child(void) {
        pid_t pid = fork();

        if (pid < 0)
                abort();
        if (pid == 0)
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);

        return pid;
}

pid_t spawn_busy(unsigned n_threads) {
        pid_t pid = fork_child();

        if (pid == 0)
                run_threads(burn, n_threads);

        return pid;
}

pid_t spawn_idle(unsigned n_threads) {
        pid_t pid = fork_child();

        if (pid == 0)
                run_threads(wait_for_ever, n_threads);

        return pid;
}

pid_t spawn_in_kernel(void) {
        pid_t pid = fork_child();

        if (pid == 0) {
                static char buffer[1 << 20];
                int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

                while (read(fd, buffer, sizeof(buffer)) > 0)
                        ;
                abort();
        }

        return pid;
}

pid_t spawn_busy_in_namespace(void) {
        int fds[2];
        pid_t middle, pid = 0;

        if (pipe(fds) < 0)
                abort();

        middle = fork_child();
        if (middle == 0) {
                if (unshare(CLONE_NEWPID) < 0)
                        abort();
                pid = fork_child();
                if (pid == 0)
                        run_threads(burn, 1);
                if (write(fds[1], &pid, sizeof(pid)) != sizeof(pid))
                        abort();
                (void) wait_for_ever(NULL);
        }

        if (read(fds[0], &pid, sizeof(pid)) != sizeof(pid))
                abort();

        (void) close(fds[0]);
        (void) close(fds[1]);
        return pid;
}

pid_t spawn_workload(unsigned n_threads) {
        pid_t pid = fork_child();

        if (pid == 0) {
                char threads[16];

                (void) snprintf(threads, sizeof(threads), "%u", n_threads);
                (void) execl(getenv("CPROF_WORKLOAD"), "workload", "0", "0", threads, NULL);
                abort();
        }

        return pid;
}

void spawn_kill(pid_t pid) {
        (void) kill(pid, SIGKILL);
        (void) waitpid(pid, NULL, 0);
}

bool kernel_is_at_least(unsigned major, unsigned minor) {
        unsigned have_major, have_minor;
        struct utsname name;

        if (uname(&name) < 0 || sscanf(name.release, "%u.%u", &have_major, &have_minor) != 2)
                abort();

        return have_major > major || (have_major == major && have_minor >= minor);
}

void sleep_usec(usec_t usec) {
        (void) usleep((useconds_t) usec);
}
