/* SPDX-License-Identifier: Apache-2.0 */
/* Which of a process's files are found, and when; the probe is a fake, processes and files are real. */
#include "daemon-tls.h"

#include "fake/fake-probe.h"
#include "fake/fake-subjects.h"
#include "host/clock.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static const char *const plain[] = { "/bin/sleep", "1000", NULL };
/* Says when it is ready, then loads the library when it is told to. */
static const char *const python[] = {
        "/usr/bin/python3",
        "-c",
        "import sys; print(0, flush=True); sys.stdin.readline(); import ssl; print(1, flush=True); "
        "sys.stdin.readline()",
        NULL,
};

#define CHILDREN_MAX 3U

typedef struct Child {
        Process process;
        FILE *to, *from;
} Child;

typedef struct World {
        Host *host;
        FakeProbe fake;
        Probe *probe;
        HttpMonitor *monitor;
        DaemonTls *tls;
        Unit unit;
        Child children[CHILDREN_MAX];
        unsigned n_children;
        uint64_t second; /* of the next tick */
} World;

static World w;

static void setup(void) {
        memset(&w, 0, sizeof(w));
        w.unit = fake_unit("web.service", NULL);
        w.second = 100;
        cr_assert_eq(host_new("/", &w.host), 0);
        cr_assert_eq(fake_probe_new(&w.fake, &w.probe), 0);
        cr_assert_eq(http_monitor_new(w.probe, PROBE_HTTP_HOOK_AUTO, &w.monitor), 0);
        cr_assert_eq(daemon_tls_new(w.host, w.probe, w.monitor, &w.tls), 0);
}

static void teardown(void) {
        for (unsigned i = 0; i < w.n_children; i++) {
                (void) kill(w.children[i].process.key.pid, SIGKILL);
                (void) waitpid(w.children[i].process.key.pid, NULL, 0);
                (void) fclose(w.children[i].to);
                (void) fclose(w.children[i].from);
        }

        daemon_tls_free(w.tls);
        http_monitor_free(w.monitor);
        probe_free(w.probe);
        host_free(w.host);
}

TestSuite(daemon_tls, .init = setup, .fini = teardown, .timeout = 30);

/* Waits until it says that it is so far. */
static void await(Child *c) {
        int n;

        cr_assert_eq(fscanf(c->from, "%i", &n), 1);
}

static Child *spawn(const char *const *command) {
        Child *c = &w.children[w.n_children++];
        int to[2], from[2];
        pid_t pid;

        cr_assert_leq(w.n_children, CHILDREN_MAX);
        cr_assert(pipe2(to, O_CLOEXEC) == 0 && pipe2(from, O_CLOEXEC) == 0);
        pid = fork();
        cr_assert_geq(pid, 0);
        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void) dup2(to[0], STDIN_FILENO);
                (void) dup2(from[1], STDOUT_FILENO);
                (void) execv(command[0], (char **) command);
                _exit(127);
        }

        (void) close(to[0]);
        (void) close(from[1]);
        c->to = fdopen(to[1], "w");
        c->from = fdopen(from[0], "r");
        c->process = fake_process(pid, "server", &w.unit);
        if (command == python)
                await(c);

        return c;
}

static void load_library(Child *c) {
        cr_assert_gt(fprintf(c->to, "\n"), 0);
        cr_assert_eq(fflush(c->to), 0);
        await(c);
}

static void watch(Child *c) {
        static const UriRule all = { .kind = URI_RULE_ALL };
        const HttpRules compiled = { .n_rules = 1, .all = 1 };

        cr_assert_eq(http_monitor_watch(w.monitor, &c->process, &all, 1, &compiled, NULL), 1);
        cr_assert_eq(daemon_tls_process(w.tls, &c->process), 0);
}

static void work(void) {
        unsigned n = 0;

        while (daemon_tls_step(w.tls))
                cr_assert_lt(++n, 100000u);
        cr_expect_not(daemon_tls_has_work(w.tls));
}

static HttpStatus status_of(const Child *c) {
        HttpStatus status;

        cr_assert_eq(http_monitor_status(w.monitor, &c->process, &status), 0);
        return status;
}

static unsigned n_attached(const Child *c) {
        int i = fake_http_find(&w.fake, c->process.key.pid);

        cr_assert_geq(i, 0);
        return w.fake.http.processes[i].n_tls;
}

static DaemonTlsCounters counters(void) {
        DaemonTlsCounters c;

        daemon_tls_counters(w.tls, &c);
        return c;
}

Test(daemon_tls, a_process_without_tls_has_nothing_to_attach) {
        Child *c = spawn(plain);

        watch(c);
        cr_expect(daemon_tls_has_work(w.tls));
        work();

        cr_expect_not(status_of(c).is_tls_attached);
        cr_expect_null(status_of(c).tls_note);
        cr_expect_eq(n_attached(c), 0u);
        cr_expect_eq(counters().n_processes, 1u);
}

Test(daemon_tls, library_that_is_there_is_attached_and_read_once_for_all) {
        Child *a = spawn(python), *b = spawn(python);
        unsigned n_files;

        load_library(a);
        load_library(b);
        watch(a);
        work();
        n_files = counters().n_files;
        watch(b);
        work();

        cr_expect(status_of(a).is_tls_attached && status_of(b).is_tls_attached);
        cr_expect_null(status_of(a).tls_note, "%s", status_of(a).tls_note);
        cr_expect_eq(n_attached(a), 1u);
        cr_expect_eq(n_attached(b), 1u);
        cr_expect_eq(counters().n_files, n_files);
        cr_expect_eq(strncmp(w.fake.http.processes[0].tls_path, "/proc/self/fd/", 14), 0);
}

Test(daemon_tls, library_that_is_loaded_later_is_told_by_its_mapping) {
        Child *c = spawn(python);

        watch(c);
        work();
        cr_assert_not(status_of(c).is_tls_attached);

        load_library(c);
        daemon_tls_mapped(w.tls, c->process.key.pid, "/usr/lib/libz.so.1");
        daemon_tls_mapped(w.tls, 1, "/usr/lib/libssl.so.3");
        cr_expect_not(daemon_tls_has_work(w.tls));
        daemon_tls_mapped(w.tls, c->process.key.pid, "/usr/lib/libssl.so.3");
        work();
        cr_expect(status_of(c).is_tls_attached);
}

static void tick(usec_t now_usec) {
        w.second++;
        cr_assert_eq(http_monitor_tick(w.monitor, w.second * USEC_PER_SEC), 0);
        daemon_tls_tick(w.tls, now_usec);
}

Test(daemon_tls, tls_that_is_not_seen_is_looked_for_again) {
        usec_t later_usec = clock_monotonic_usec() + (TLS_RETRY_SEC + 1) * USEC_PER_SEC;
        Child *c = spawn(python);

        watch(c);
        work();
        load_library(c);

        tick(later_usec);
        cr_expect_not(daemon_tls_has_work(w.tls), "no connection of TLS so far");

        fake_http_count(&w.fake, c->process.key.pid, CPROF_HTTP_SEEN_TLS, 1);
        tick(later_usec + USEC_PER_SEC);
        cr_expect_not(daemon_tls_has_work(w.tls), "not again at once");
        tick(later_usec + TLS_RETRY_SEC * USEC_PER_SEC);
        cr_expect(daemon_tls_has_work(w.tls));
        work();
        cr_expect(status_of(c).is_tls_attached);
        cr_expect_null(status_of(c).tls_note);

        fake_http_count(&w.fake, c->process.key.pid, CPROF_HTTP_SEEN_TLS, 1);
        tick(later_usec + 10 * TLS_RETRY_SEC * USEC_PER_SEC);
        cr_expect_not(daemon_tls_has_work(w.tls), "is seen");
}

Test(daemon_tls, refusals_are_said) {
        Child *a = spawn(python), *b = spawn(python);

        load_library(a);
        load_library(b);
        w.fake.http.tls_error = -EUSERS;
        watch(a);
        work();
        w.fake.http.tls_error = -EPERM;
        watch(b);
        work();

        cr_expect_not(status_of(a).is_tls_attached);
        cr_expect(strstr(status_of(a).tls_note, "too many"));
        cr_expect(strstr(status_of(b).tls_note, "refused"));
        cr_expect_eq(counters().n_refused, 2u);
}

Test(daemon_tls, forgotten_processes_are_not_touched) {
        Child *a = spawn(python), *b = spawn(plain);

        load_library(a);
        watch(a);
        watch(b);
        (void) daemon_tls_step(w.tls); /* in the midst of it */
        daemon_tls_forget(w.tls, &a->process);
        daemon_tls_forget(w.tls, &a->process);
        memset(&a->process.comm, 0xff, sizeof(a->process.comm));
        work();
        tick(clock_monotonic_usec() + 100 * USEC_PER_SEC);

        cr_expect_eq(counters().n_processes, 1u);
        daemon_tls_forget(w.tls, &b->process);
        cr_expect_eq(counters().n_processes, 0u);
        tick(clock_monotonic_usec() + 200 * USEC_PER_SEC);
}

Test(daemon_tls, processes_that_end_meanwhile_do_no_harm) {
        Child *c = spawn(plain);

        watch(c);
        (void) kill(c->process.key.pid, SIGKILL);
        (void) waitpid(c->process.key.pid, NULL, 0);
        work();
        cr_expect_not(status_of(c).is_tls_attached);
}

/* Loads a library that is called as the virtual machine's. */
Test(daemon_tls, what_belongs_to_java_is_said) {
        char directory[] = "/tmp/test-daemon-tls-XXXXXX", command[512], script[256];
        const char *const loads[] = { "/usr/bin/python3", "-c", script, NULL };
        Child *c;

        cr_assert_not_null(mkdtemp(directory));
        (void) snprintf(command,
                        sizeof(command),
                        "echo 'int x;' | cc -shared -o %s/libjvm.so -x c - 2>/dev/null",
                        directory);
        cr_assert_eq(system(command), 0);
        (void) snprintf(script,
                        sizeof(script),
                        "import ctypes, sys; ctypes.CDLL('%s/libjvm.so'); print(0, flush=True); "
                        "sys.stdin.readline()",
                        directory);
        c = spawn(loads);
        await(c);
        watch(c);
        work();
        cr_expect_null(status_of(c).tls_note, "no TLS so far");
        fake_http_count(&w.fake, c->process.key.pid, CPROF_HTTP_SEEN_TLS, 1);
        tick(clock_monotonic_usec() + (TLS_RETRY_SEC + 1) * USEC_PER_SEC);
        work();

        (void) snprintf(command, sizeof(command), "rm -r %s", directory);
        cr_expect_eq(system(command), 0);
        cr_expect_not(status_of(c).is_tls_attached);
        cr_assert_not_null(status_of(c).tls_note);
        cr_expect(strstr(status_of(c).tls_note, "Java"));
}
