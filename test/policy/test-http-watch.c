/* SPDX-License-Identifier: Apache-2.0 */
/* From the text of a policy to rules in the kernel, sums, windows and a cause. */
#include "policy/http-watch.h"

#include "basic/strbuf.h"
#include "fake/fake-machine.h"
#include "fake/fake-probe.h"
#include "fake/fake-subjects.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(http_watch, .timeout = 60);

#define MS (1000 * 1000ULL)
#define TASKS_MAX 16
#define NGINX "/system.slice/nginx.service"
#define PHP "/system.slice/php.service"
#define SLOW_ORDERS                                                                         \
        "[Policy]\nUnit=nginx\n[Trigger]\nMetric=http-avg-response-time\nThreshold=250ms\n" \
        "Period=5s\nCount=2\nURI=/api/orders\n"

typedef struct World {
        FakeMachine machine;
        struct cprof_task tasks[TASKS_MAX];
        FakeProbe fake;
        Probe *probe;
        TargetSet *targets;
        Monitor monitor;
        WatchSet *watches;
        HttpMonitor *http;
        HttpWatch *watch;
        uint64_t second;

        Cause causes[16];
        size_t n_causes;
        StrBuf told; /* "+pid", "-pid", "!rule: reason", one word each */
} World;

static World w;

static void on_process_added(Process *p, void *userdata) {
        cr_assert_eq(watch_set_add_process(w.watches, p), 0);
        http_watch_process_changed(w.watch, p);
}

static void on_process_removed(Process *p, void *userdata) {
        watch_set_remove_process(w.watches, p);
        http_watch_process_removed(w.watch, p);
}

static void on_process_changed(Process *p, void *userdata) {
        watch_set_remove_process(w.watches, p);
        on_process_added(p, userdata);
}

static void on_unit_added(Unit *u, void *userdata) {
        cr_assert_eq(watch_set_add_unit(w.watches, u), 0);
}

static void on_unit_removed(Unit *u, void *userdata) {
        watch_set_remove_unit(w.watches, u);
}

static void on_watched(Process *p, void *userdata) {
        strbuf_addf(&w.told, " +%i", (int) p->key.pid);
}

static void on_unwatched(Process *p, void *userdata) {
        strbuf_addf(&w.told, " -%i", (int) p->key.pid);
}

static void on_refused(const Process *p, const UriRule *rule, const char *reason, void *userdata) {
        cr_expect_not_null(reason);
        strbuf_addf(&w.told, " !%s", rule->text);
}

static void setup(void) {
        const TargetEvents events = {
                .unit_added = on_unit_added,
                .unit_removed = on_unit_removed,
                .process_added = on_process_added,
                .process_removed = on_process_removed,
                .process_changed = on_process_changed,
        };
        const HttpWatchEvents http_events = {
                .watched = on_watched,
                .unwatched = on_unwatched,
                .refused = on_refused,
        };

        memset(&w, 0, sizeof(w));
        w.second = 99;
        w.fake.tasks = w.tasks;
        cr_assert_eq(fake_machine_init(&w.machine), 0);
        cr_assert_eq(fake_probe_new(&w.fake, &w.probe), 0);
        cr_assert_eq(target_set_new(w.machine.host, w.probe, &events, &w.targets), 0);
        monitor_init(&w.monitor, w.machine.host, w.targets);
        cr_assert_eq(watch_set_new(&w.monitor, &w.watches), 0);
        cr_assert_eq(http_monitor_new(w.probe, PROBE_HTTP_HOOK_AUTO, &w.http), 0);
        cr_assert_eq(http_watch_new(w.machine.host, w.targets, w.watches, w.http, &http_events, &w.watch),
                     0);
        w.monitor.http = w.http;
}

static void teardown(void) {
        w.watch = http_watch_free(w.watch);
        w.watches = watch_set_free(w.watches);
        w.targets = target_set_free(w.targets);
        w.http = http_monitor_free(w.http);
        cr_expect_eq(w.fake.http.n_rules_added, w.fake.http.n_rules_removed);
        cr_expect_not(w.fake.http.armed);
        w.probe = probe_free(w.probe);
        strbuf_done(&w.told);
        fake_machine_done(&w.machine);
}

static struct cprof_task *find_task(pid_t pid) {
        for (size_t i = 0; i < w.fake.n_tasks; i++)
                if (w.tasks[i].pid == (uint32_t) pid)
                        return w.tasks + i;

        return NULL;
}

/* A process as it is now; @exec counts its programs. */
static void put(pid_t pid, const char *cgroup, unsigned exec) {
        struct cprof_task *t = find_task(pid) ?: w.tasks + w.fake.n_tasks++;
        uint64_t id = 1;

        for (const char *p = cgroup; *p; p++)
                id = hash_u64(id, (unsigned char) *p);

        *t = (struct cprof_task){
                .pid = (uint32_t) pid,
                .tid = (uint32_t) pid,
                .n_threads = 1,
                .start_ns = 5000ULL * 10000000 + 1234567,
                .cgroup_id = id,
                .exec_id = exec,
        };
        fake_machine_put(
                        &w.machine,
                        &(FakeProcess){ .pid = pid,
                                        .start_ticks = 5000,
                                        .comm = "server",
                                        .exe = exec == 1 ? "/bin/one" : "/bin/two",
                                        .cgroup = cgroup });
}

static void drop(pid_t pid) {
        struct cprof_task *t = find_task(pid);

        *t = w.tasks[--w.fake.n_tasks];
        fake_machine_drop(&w.machine, pid);
}

static void on_cause(const Cause *cause, void *userdata) {
        cr_assert_lt(w.n_causes, ELEMENTSOF(w.causes));
        w.causes[w.n_causes++] = *cause;
}

/* The tick that ends the running second, as the daemon has it. */
static void tick(void) {
        usec_t slot_end_usec = (w.second + 1) * USEC_PER_SEC;

        w.n_causes = 0;
        cr_assert_eq(http_monitor_tick(w.http, slot_end_usec), 0);
        cr_assert_eq(target_set_refresh(w.targets, slot_end_usec + 1000), 0);
        http_watch_sync(w.watch, slot_end_usec + 2000);
        watch_set_tick(w.watches, slot_end_usec, on_cause, NULL);
        w.second++;
}

static void add_policy(const char *name, const char *text) {
        _cleanup_(policy_unrefp) Policy *p = fake_policy(name, text);

        cr_assert_eq(watch_set_add_policy(w.watches, p), 0);
}

static void remove_policy(const char *name) {
        const Policy by_name = { .name = (char *) name };

        watch_set_remove_policy(w.watches, &by_name);
}

static void expect_told(const char *expected, int line) {
        cr_expect_str_eq(w.told.text ?: "", expected, "line %i: told '%s'", line, w.told.text ?: "");
        strbuf_done(&w.told);
        w.told = (StrBuf){};
}
#define EXPECT_TOLD(expected) expect_told(expected, __LINE__)

static unsigned n_rules_of(pid_t pid) {
        int i = fake_http_find(&w.fake, pid);

        return i < 0 ? 0 : w.fake.http.rules[w.fake.http.processes[i].rules].n_rules;
}

Test(http_watch, slow_answers_of_a_uri_become_a_cause_that_names_it, .init = setup, .fini = teardown) {
        put(10, NGINX, 1);
        put(20, PHP, 1);
        add_policy("slow", SLOW_ORDERS);
        tick();
        EXPECT_TOLD(" +10");
        cr_expect_eq(fake_http_find(&w.fake, 20), -ENOENT);
        cr_expect_str_eq(w.fake.http.processes[fake_http_find(&w.fake, 10)].cgroup, "/sys/fs/cgroup" NGINX);

        tick();
        fake_http_requests(&w.fake, 10, 0, w.second, 5, 0, 300 * MS);
        tick();
        cr_expect_eq(w.n_causes, 0);
        fake_http_requests(&w.fake, 10, 0, w.second, 5, 0, 100 * MS);
        tick();
        cr_expect_eq(w.n_causes, 0);
        fake_http_requests(&w.fake, 10, 0, w.second, 5, 0, 500 * MS);
        tick();
        cr_assert_eq(w.n_causes, 1);
        cr_expect_eq(w.causes[0].subject.process->key.pid, 10);
        cr_expect_float_eq(w.causes[0].value, 500, 1e-6);
        cr_expect_eq(w.causes[0].hits, 2);
        cr_expect_eq(w.causes[0].trigger->uri.kind, URI_RULE_EXACT);
        cr_expect_str_eq(w.causes[0].trigger->uri.text, "/api/orders");

        /* what follows is quiet: the window empties */
        for (unsigned i = 0; i < 4; i++)
                tick();
        cr_expect_eq(w.n_causes, 0);
}

Test(http_watch,
     rules_of_a_unit_are_measured_in_its_processes_and_judged_together,
     .init = setup,
     .fini = teardown) {
        put(10, NGINX, 1);
        put(11, NGINX, 1);
        add_policy("errors",
                   "[Policy]\nUnit=nginx\nScope=unit\n"
                   "[Trigger]\nMetric=http-error-rate\nThreshold=10%\nPeriod=5s\nCount=1\n");
        add_policy("outer",
                   "[Policy]\nUnit=system.slice\nScope=unit\n"
                   "[Trigger]\nMetric=http-request-rate\nThreshold=100\nPeriod=5s\nCount=1\nURI=/a\n");
        tick();
        cr_expect_eq(n_rules_of(10), 2);
        cr_expect_eq(n_rules_of(11), 2);
        cr_expect_eq(w.fake.http.n_rules_added, 1);

        fake_http_requests(&w.fake, 10, 0, w.second, 95, 0, MS);
        fake_http_requests(&w.fake, 11, 0, w.second, 5, 5, MS);
        tick();
        cr_expect_eq(w.n_causes, 0, "5 %% of all");

        fake_http_requests(&w.fake, 10, 0, w.second, 95, 10, MS);
        fake_http_requests(&w.fake, 11, 0, w.second, 5, 5, MS);
        fake_http_requests(&w.fake, 10, 1, w.second, 60, 0, MS);
        fake_http_requests(&w.fake, 11, 1, w.second, 40, 0, MS);
        drop(11);
        tick();
        cr_assert_eq(w.n_causes, 2);
        for (size_t i = 0; i < 2; i++)
                if (strcmp(w.causes[i].policy->name, "errors") == 0)
                        cr_expect_float_eq(w.causes[i].value, 15, 1e-6);
                else
                        cr_expect_float_eq(w.causes[i].value, 100, 1e-6);
}

Test(http_watch, policies_come_and_go, .init = setup, .fini = teardown) {
        put(10, NGINX, 1);
        tick();
        EXPECT_TOLD("");
        cr_expect_eq(w.fake.http.n_armed, 0);

        add_policy("slow", SLOW_ORDERS);
        tick();
        EXPECT_TOLD(" +10");
        add_policy("more", "[Policy]\nUnit=*\n[Trigger]\nWhen=http-error-rate >= 5%\n");
        tick();
        EXPECT_TOLD(" +10");
        cr_expect_eq(n_rules_of(10), 2);

        remove_policy("more");
        tick();
        EXPECT_TOLD(" +10");
        cr_expect_eq(n_rules_of(10), 1);
        remove_policy("slow");
        tick();
        EXPECT_TOLD(" -10");
        tick();
        tick();
        cr_expect_not(w.fake.http.armed);
}

Test(http_watch, processes_come_go_and_change, .init = setup, .fini = teardown) {
        add_policy("slow", SLOW_ORDERS);
        tick();
        EXPECT_TOLD("");

        put(10, NGINX, 1);
        tick();
        EXPECT_TOLD(" +10");
        tick();
        EXPECT_TOLD("");

        put(10, NGINX, 2); /* it ran exec */
        tick();
        EXPECT_TOLD(" +10");

        put(10, PHP, 2); /* it was moved */
        tick();
        EXPECT_TOLD(" -10");
        put(10, NGINX, 2);
        tick();
        EXPECT_TOLD(" +10");

        drop(10);
        tick();
        EXPECT_TOLD(" -10");
}

Test(http_watch, many_processes_of_the_same_rules_share_them, .init = setup, .fini = teardown) {
        add_policy("slow", SLOW_ORDERS);
        for (pid_t pid = 10; pid < 20; pid++)
                put(pid, NGINX, 1);
        tick();
        cr_expect_eq(http_monitor_n_measured(w.http), 10);
        cr_expect_eq(w.fake.http.n_rules_added, 1);
}

/* Each is found anywhere in the path, so that the states of several together are a product. */
static void add_large_rule(const char *name, const char *pattern) {
        char text[256];

        (void) snprintf(text,
                        sizeof(text),
                        "[Policy]\nUnit=nginx\n[Trigger]\nMetric=http-error-rate\nThreshold=5%%\nURIRegex=%s\n",
                        pattern);
        add_policy(name, text);
}

Test(http_watch,
     rules_that_do_not_go_together_are_refused_by_name_and_the_others_go_on,
     .init = setup,
     .fini = teardown) {
        const UriRule bad = { .kind = URI_RULE_REGEX, .text = (char *) "k[^z]{6}l" };
        const UriRule good = { .kind = URI_RULE_EXACT, .text = (char *) "/x" };
        Process *p;

        put(10, NGINX, 1);
        put(11, NGINX, 1);
        add_large_rule("a", "a[^z]{6}b");
        add_large_rule("b", "c[^z]{6}d");
        add_large_rule("c", "e[^z]{6}f");
        add_large_rule("d", "g[^z]{6}h");
        add_large_rule("e", "i[^z]{6}j");
        add_large_rule("f", "k[^z]{6}l");
        add_policy("g", "[Policy]\nUnit=nginx\n[Trigger]\nMetric=http-error-rate\nThreshold=5%\nURI=/x\n");
        tick();
        EXPECT_TOLD(" !i[^z]{6}j !k[^z]{6}l +10 +11"); /* of the list, not of each process */
        cr_expect_eq(n_rules_of(10), 5);

        p = target_set_find_process(w.targets, 10);
        cr_expect_not_null(http_watch_refusal(w.watch, p, &bad));
        cr_expect_null(http_watch_refusal(w.watch, p, &good));
}

Test(http_watch, who_cannot_be_measured_is_tried_again_later, .init = setup, .fini = teardown) {
        put(10, NGINX, 1);
        add_policy("slow", SLOW_ORDERS);
        w.fake.http.watch_error = -ENOSPC;
        tick();
        EXPECT_TOLD("");
        w.fake.http.watch_error = 0;
        for (unsigned i = 1; i < HTTP_WATCH_RETRY_SEC; i++)
                tick();
        EXPECT_TOLD("");
        tick();
        EXPECT_TOLD(" +10");
}
