/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/https-bed.h"

#include "bpf/spawn.h"

#include "basic/cleanup.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define START_USEC (20 * USEC_PER_SEC)

static const char *source(const char *name) {
        static char path[512];

        (void) snprintf(path, sizeof(path), "%s/test/bpf/%s", getenv("CPROF_SOURCE_ROOT"), name);
        return path;
}

static bool read_port(HttpsServer *s) {
        _cleanup_(fclosep) FILE *f = NULL;
        char path[64];

        (void) snprintf(path, sizeof(path), "%s/port", s->directory);
        f = fopen(path, "re");
        return f && fscanf(f, "%u", &s->port) == 1;
}

void https_server_start(HttpsServer *s, const char *kind) {
        *s = (HttpsServer){ .kind = kind, .directory = "/tmp/cprof-https-XXXXXX" };
        cr_assert_not_null(mkdtemp(s->directory));

        s->pid = fork();
        cr_assert_geq(s->pid, 0);
        if (s->pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void) execl("/bin/sh", "sh", source("https-server"), kind, s->directory, NULL);
                _exit(127);
        }

        for (usec_t waited = 0; !read_port(s); waited += 20 * USEC_PER_MSEC) {
                cr_assert_lt(waited, START_USEC, "%s does not begin to listen", kind);
                cr_assert_eq(waitpid(s->pid, NULL, WNOHANG), 0, "%s ended", kind);
                sleep_usec(20 * USEC_PER_MSEC);
        }
}

void https_server_stop(HttpsServer *s) {
        char command[64];

        spawn_kill(s->pid);
        (void) snprintf(command, sizeof(command), "rm -r %s", s->directory);
        cr_expect_eq(system(command), 0);
}

HttpsAnswers https_client_run_with(
                const HttpsServer *s,
                void (*read)(void *userdata),
                void *userdata,
                unsigned n_connections,
                unsigned n_requests) {
        _cleanup_(fclosep) FILE *output = NULL;
        HttpsAnswers a = {};
        char arguments[3][16];
        int pipes[2], status;
        pid_t pid;

        (void) snprintf(arguments[0], sizeof(arguments[0]), "%u", s->port);
        (void) snprintf(arguments[1], sizeof(arguments[1]), "%u", n_connections);
        (void) snprintf(arguments[2], sizeof(arguments[2]), "%u", n_requests);
        cr_assert_eq(pipe2(pipes, 0), 0);

        pid = fork();
        cr_assert_geq(pid, 0);
        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void) dup2(pipes[1], STDOUT_FILENO);
                (void) execl("/usr/bin/python3",
                             "python3",
                             source("https-client.py"),
                             arguments[0],
                             arguments[1],
                             arguments[2],
                             NULL);
                _exit(127);
        }

        (void) close(pipes[1]);
        while (waitpid(pid, &status, WNOHANG) == 0)
                read(userdata);
        cr_assert_eq(status, 0, "the client failed with %s", s->kind);
        read(userdata);

        output = fdopen(pipes[0], "r");
        cr_assert_not_null(output);
        cr_assert_eq(fscanf(output, "%u %u %u", &a.n_total, &a.n_a, &a.n_errors), 3);
        return a;
}

static void read_bed(void *userdata) {
        http_bed_read(userdata);
}

HttpsAnswers
https_client_run(const HttpsServer *s, HttpBed *bed, unsigned n_connections, unsigned n_requests) {
        return https_client_run_with(s, read_bed, bed, n_connections, n_requests);
}

bool find_mapped_file(pid_t pid, const char *part, char *ret_path, size_t size) {
        _cleanup_(fclosep) FILE *f = NULL;
        char name[32], line[1024], path[512];

        (void) snprintf(name, sizeof(name), "/proc/%i/maps", (int) pid);
        f = fopen(name, "re");
        cr_assert_not_null(f);

        while (fgets(line, sizeof(line), f)) {
                const char *base;

                if (sscanf(line, "%*s %*s %*s %*s %*s %511s", path) != 1)
                        continue;
                base = strrchr(path, '/');
                if (base && strstr(base, part)) {
                        (void) snprintf(ret_path, size, "%s", path);
                        return true;
                }
        }

        return false;
}
