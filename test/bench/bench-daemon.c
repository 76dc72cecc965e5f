/* SPDX-License-Identifier: Apache-2.0 */
#include "bench-daemon.h"

#include "basic/cleanup.h"
#include "bench-load.h"
#include "cprof-config.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#define READY_MS_MAX 30000
#define RUN_POLICIES "/run/cprof/policies.d"
#define RUN_CONFIGS "/run/cprof/cprofd.conf.d"

typedef struct Start {
        const BenchDaemon *daemon;
        const char *config;
        const BenchPolicy *policies;
        size_t n_policies;
} Start;

const char *bench_daemon_path(void) {
        static char path[PATH_MAX];
        ssize_t n;

        n = readlink("/proc/self/exe", path, sizeof(path) - sizeof("/src/cprofd"));
        if (n < 0)
                bench_fail("/proc/self/exe", errno);

        path[n] = '\0';
        for (unsigned i = 0; i < 3; i++) { /* BUILD/test/bench/NAME */
                char *slash = strrchr(path, '/');

                if (slash)
                        *slash = '\0';
        }
        return strcat(path, "/src/cprofd");
}

static void hide(const char *path) {
        if (access(path, F_OK) == 0 && mount("tmpfs", path, "tmpfs", 0, NULL) < 0)
                bench_fail(path, errno);
}

static void write_text(const char *path, const char *text) {
        FILE *f;

        f = fopen(path, "we");
        if (!f || fputs(text, f) < 0 || fclose(f) != 0)
                bench_fail(path, errno);
}

static void write_policy(const BenchPolicy *p) {
        char path[256];

        (void) snprintf(path, sizeof(path), RUN_POLICIES "/%s.policy", p->name);
        write_text(path, p->text);
}

static void make_world(const Start *start) {
        if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                bench_fail("mount namespace", errno);

        hide("/run");
        hide("/etc/cprof");
        hide(CPROF_VENDOR_DIR);
        (void) mkdir("/run/cprof", 0755);
        (void) mkdir(RUN_POLICIES, 0755);
        (void) mkdir(RUN_CONFIGS, 0755);
        if (start->config)
                write_text(RUN_CONFIGS "/bench.conf", start->config);
        for (size_t i = 0; i < start->n_policies; i++)
                write_policy(start->policies + i);
}

/* A bench_fork() function. */
static void run_daemon(void *userdata) {
        const Start *start = userdata;
        char log[160], state[192];
        int fd;

        make_world(start);

        (void) snprintf(log, sizeof(log), "%s/log", start->daemon->directory);
        (void) snprintf(state, sizeof(state), "--state-directory=%s/state", start->daemon->directory);
        fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
                bench_fail(log, errno);

        (void) execl(bench_daemon_path(), "cprofd", state, (char *) NULL);
        bench_fail(bench_daemon_path(), errno);
}

/* The socket that the daemon reports to, in the abstract namespace. */
static int open_notify(void) {
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        int fd, n;

        n = snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "cprof-bench-%i", (int) getpid());
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0 ||
            bind(fd,
                 (struct sockaddr *) &a,
                 (socklen_t) (offsetof(struct sockaddr_un, sun_path) + 1 + (size_t) n)) < 0)
                bench_fail("notify socket", errno);

        a.sun_path[0] = '@';
        (void) setenv("NOTIFY_SOCKET", a.sun_path, 1);
        return fd;
}

void bench_daemon_start(BenchDaemon *d, const BenchPolicy *policies, size_t n_policies) {
        bench_daemon_start_with(d, NULL, policies, n_policies);
}

void bench_daemon_start_with(
                BenchDaemon *d, const char *config, const BenchPolicy *policies, size_t n_policies) {
        const Start start = {
                .daemon = d,
                .config = config,
                .policies = policies,
                .n_policies = n_policies,
        };
        _cleanup_(closep) int fd = -EBADF;
        char message[256] = "";
        struct pollfd p;

        (void) snprintf(d->directory,
                        sizeof(d->directory),
                        "%s/bench-daemon-XXXXXX",
                        getenv("TMPDIR") ?: "/var/tmp");
        if (!mkdtemp(d->directory))
                bench_fail(d->directory, errno);

        fd = open_notify();
        d->pid = bench_fork("cprofd", run_daemon, (void *) &start);
        (void) unsetenv("NOTIFY_SOCKET");

        p = (struct pollfd){ .fd = fd, .events = POLLIN };
        while (!strstr(message, "READY=1")) {
                if (poll(&p, 1, READY_MS_MAX) <= 0)
                        bench_fail("the daemon did not get ready", ETIME);
                if (recv(fd, message, sizeof(message) - 1, 0) < 0)
                        bench_fail("notify socket", errno);
        }
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

void bench_daemon_stop(BenchDaemon *d) {
        int status = 0;

        (void) kill(d->pid, SIGTERM);
        (void) waitpid(d->pid, &status, 0);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                bench_fail("the daemon ended badly, see the log in its directory", EIO);

        (void) nftw(d->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

uint64_t bench_daemon_cpu_ns(const BenchDaemon *d) {
        uint64_t ns = bench_process_cpu_ns(d->pid);

        if (ns == 0)
                bench_fail("the daemon is gone", ESRCH);

        return ns;
}

void bench_daemon_tasks(
                const BenchDaemon *d,
                void (*fn)(const char *directory, json_t *task, void *userdata),
                void *userdata) {
        char path[PATH_MAX], directory[PATH_MAX - 16];
        DIR *dir;

        (void) snprintf(path, sizeof(path), "%s/state/tasks", d->directory);
        dir = opendir(path);
        if (!dir)
                return;

        for (const struct dirent *e = readdir(dir); e; e = readdir(dir)) {
                json_t *task;

                (void) snprintf(directory, sizeof(directory), "%s/state/tasks/%s", d->directory, e->d_name);
                (void) snprintf(path, sizeof(path), "%s/task.json", directory);
                task = json_load_file(path, 0, NULL);
                if (task)
                        fn(directory, task, userdata);
                json_decref(task);
        }

        (void) closedir(dir);
}

pid_t bench_task_pid(json_t *task) {
        json_t *cause = json_array_get(json_object_get(task, "causes"), 0);

        return (pid_t) json_integer_value(json_object_get(cause, "pid"));
}

usec_t bench_task_usec(json_t *task, const char *key) {
        return (usec_t) json_integer_value(json_object_get(task, key));
}
