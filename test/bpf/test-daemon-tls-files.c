/* SPDX-License-Identifier: Apache-2.0 */
/* From a process to what it reads and writes within TLS, with nothing but its number: libraries that are not
 * at the path where they were, or never were there for us. */
#include "bpf/https-bed.h"
#include "bpf/spawn.h"
#include "daemon-tls.h"

#include "fake/fake-subjects.h"
#include "host/clock.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(daemon_tls_files, .timeout = 60);

static const UriRule all = { .kind = URI_RULE_ALL };

typedef struct World {
        Host *host;
        Probe *probe;
        HttpMonitor *monitor;
        DaemonTls *tls;
        Unit unit;
        Process process;
} World;

static void world_open(World *w, pid_t pid) {
        const HttpRules compiled = { .n_rules = 1, .all = 1 };

        w->unit = fake_unit("web.service", NULL);
        w->process = fake_process(pid, "server", &w->unit);
        cr_assert_eq(host_new("/", &w->host), 0);
        cr_assert_eq(probe_new(&(ProbeConfig){}, &w->probe), 0);
        cr_assert_eq(http_monitor_new(w->probe, PROBE_HTTP_HOOK_AUTO, &w->monitor), 0);
        cr_assert_eq(daemon_tls_new(w->host, w->probe, w->monitor, &w->tls), 0);
        cr_assert_eq(http_monitor_watch(w->monitor, &w->process, &all, 1, &compiled, NULL), 1);
        cr_assert_eq(daemon_tls_process(w->tls, &w->process), 0);
}

static void world_close(World *w) {
        daemon_tls_free(w->tls);
        http_monitor_free(w->monitor);
        probe_free(w->probe);
        host_free(w->host);
}

static void work(World *w) {
        while (daemon_tls_step(w->tls))
                ;
}

static void tick(void *userdata) {
        usec_t now_usec = clock_monotonic_usec(), end_usec = (now_usec / USEC_PER_SEC + 1) * USEC_PER_SEC;
        World *w = userdata;

        sleep_usec(end_usec - now_usec + 20 * USEC_PER_MSEC);
        cr_assert_eq(http_monitor_tick(w->monitor, end_usec), 0);
}

/* All of the client's requests are counted, with TLS attached. */
static void expect_all(World *w, const HttpsServer *s) {
        HttpStatus status;
        HttpsAnswers a;
        HttpSums sums;

        a = https_client_run_with(s, tick, w, 3, 10);
        cr_assert_eq(http_monitor_status(w->monitor, &w->process, &status), 0);
        cr_expect(status.is_tls_attached);
        cr_assert(http_monitor_total(w->monitor, (Subject){ .process = &w->process }, &all, &sums));
        cr_expect_eq(sums.n_total, a.n_total, "%llu", (unsigned long long) sums.n_total);
        cr_expect_eq(sums.n_5xx, a.n_errors);
        cr_expect_gt(a.n_errors, 0u);
}

Test(daemon_tls_files, library_that_was_replaced_by_an_upgrade) {
        HttpsServer s;
        char path[128];
        World w = {};
        FILE *f;

        https_server_start(&s, "python-copy");
        (void) snprintf(path, sizeof(path), "%s/lib/libssl.so.3", s.directory);
        cr_assert_eq(unlink(path), 0);
        f = fopen(path, "we");
        cr_assert_not_null(f);
        cr_assert_gt(fprintf(f, "another version\n"), 0);
        (void) fclose(f);

        world_open(&w, s.pid);
        work(&w);
        expect_all(&w, &s);

        world_close(&w);
        https_server_stop(&s);
}

Test(daemon_tls_files, library_that_is_only_in_the_mounts_of_the_process) {
        HttpsServer s;
        char path[128];
        World w = {};

        https_server_start(&s, "python-namespace");
        (void) snprintf(path, sizeof(path), "%s/lib/libssl.so.3", s.directory);
        cr_assert_lt(access(path, F_OK), 0, "can be seen from here");

        world_open(&w, s.pid);
        work(&w);
        expect_all(&w, &s);

        world_close(&w);
        https_server_stop(&s);
}

/* What it speaks TLS with is the program itself. */
Test(daemon_tls_files, program_with_its_own_functions) {
        HttpsServer s;
        World w = {};

        if (!getenv("CPROF_GO_SERVER"))
                cr_skip_test("no go");

        https_server_start(&s, "go");
        world_open(&w, s.pid);
        work(&w);
        expect_all(&w, &s);

        world_close(&w);
        https_server_stop(&s);
}
