/* SPDX-License-Identifier: Apache-2.0 */
/* Runs cprofctl itself against a stand-in for the daemon on a private bus. */
#include "mock-cprofd.h"

#include "basic/cleanup.h"
#include "basic/file-io.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>
#include <sys/wait.h>

static MockBus mock;

static void start(void) {
        if (mock_bus_start(&mock) < 0)
                cr_skip_test("dbus-daemon cannot be started");

        cr_assert_eq(mock_bus_start_service(&mock), 0);
        (void) setenv("DBUS_SYSTEM_BUS_ADDRESS", mock.address, 1);
        (void) setenv("LC_ALL", "C", 1);
        (void) setenv("TZ", "UTC", 1);
        (void) unsetenv("NO_COLOR");
}

static void stop(void) {
        mock_bus_stop(&mock);
}

/* One suite, or criterion itself leaks; most tests want .init = start. */
TestSuite(cprofctl, .timeout = 30, .fini = stop);

/* Runs "cprofctl ARGUMENTS 2>&1" and returns its exit status; *ret_output is to be freed. */
static int run(const char *arguments, char **ret_output) {
        _cleanup_(freep) char *command = NULL;
        size_t length;
        FILE *f;

        cr_assert_gt(asprintf(&command, "'%s' %s 2>&1", getenv("CPROFCTL"), arguments), 0);
        f = popen(command, "re");
        cr_assert_not_null(f);
        cr_assert_eq(read_full_fd(fileno(f), 1 << 20, ret_output, &length), 0);

        return WEXITSTATUS(pclose(f));
}

static void expect(const char *arguments, int status, const char *part) {
        _cleanup_(freep) char *output = NULL;
        int r = run(arguments, &output);

        cr_expect_eq(r, status, "cprofctl %s: exit status %i: %s", arguments, r, output);
        cr_expect_not_null(strstr(output, part), "cprofctl %s: no '%s' in: %s", arguments, part, output);
}

Test(cprofctl, each_verb_prints_what_the_bus_says, .init = start) {
        static const struct {
                const char *arguments;
                int status;
                const char *part;
        } rows[] = {
                { "", 0, "cprofd 0.1.0" },
                { "status", 0, "CAP_PERFMON is missing" },
                { "status", 0, "7 ring-full" },
                { "status", 0, "3 files without unwind table, the memory for them is full" },
                { "status",
                  0,
                  "41 unwind tables (0 rows, 1.5 of 16.0 MiB) for 0 processes, 2 files have none\n" },
                { "unit list", 0, "degraded: no BPF" },
                { "unit list", 0, "2 units listed." },
                { "unit list 'idle*'", 0, "1 unit listed." },
                { "unit windows nginx", 0, "4/5 of 10s  100%  silent 19min" },
                { "unit windows nginx", 0, "_.:-+**###" },
                { "unit windows api", 0, "nginx?[2J 812  http-avg-response-time >= 250ms on /api/orders\n" },
                { "unit windows api", 0, "  4/5 of 30s  412.5ms  silent 19min\n" },
                { "unit windows api", 0, "http-error-rate >= 5% matching ^/a?b/\n" },
                { "unit windows api --json=short",
                  0,
                  "\"metric\":\"http-avg-response-time\",\"uri\":\"/api/orders\",\"uri_regex\":\"\"" },
                { "unit windows api --json=short", 0, "\"uri\":\"\",\"uri_regex\":\"^/a\\u001Bb/\"" },
                { "unit windows nope", 1, "No unit 'nope.service'." },
                { "http nginx --once", 0, "nginx.service, responses of the last 10 s\n\nURI " },
                { "http nginx --once",
                  0,
                  "all requests                  1234   5.00  10.00   412ms  3.21ms   987ms   12.3s\n" },
                { "http nginx --once", 0, "/api/a/path/that/is/longer     0.0      -      -       -" },
                { "http nginx --once",
                  0,
                  "~^/a?b/                     too complex together with the others" },
                { "http nginx --once",
                  0,
                  "degraded, 1 of 3 processes: connections of HTTP/2 are not measured\n" },
                { "http nginx --json=short", 0, "\"4xx\":617,\"5xx\":1234,\"mean_ms\":412.5" },
                { "http nginx --json=short", 0, "\"uri\":\"\",\"uri_regex\":\"^/a\\u001Bb/\"" },
                { "http idle", 0, "cprofctl policy add NAME --unit=idle.service --when='http-error-rate" },
                { "http nope", 1, "No unit 'nope.service'." },
                { "http", 1, "" },
                { "unit show nginx", 0, "nginx.service - A web server\n" },
                { "unit show nginx", 0, "    Rules: 2, degraded: no BPF: perf_event_open is refused\n" },
                { "unit show nginx",
                  0,
                  "all requests: 12340 responses, 617 4xx, 1234 5xx, mean 412ms, p99 12.3s" },
                { "unit show nginx", 0, "~^/a?b/: not measured: too complex together" },
                { "unit show nginx",
                  0,
                  "nginx?[2J (812): hook socket, TLS not seen: its library is not known, degraded" },
                { "unit show nginx", 0, "unpaired-response 13, requests 12340\n" },
                { "unit show nginx", 0, "nginx?[2J (813): hook cgroup, TLS seen\n" },
                { "unit show nginx", 0, "(814): impossible: the kernel refused to measure the process\n" },
                { "unit show nginx --json=short", 0, "\"http\":{\"unit\":\"nginx.service\",\"rules\":[" },
                { "unit show idle", 0, "    Rules: 0\n" },
                { "unit show nope", 1, "No unit 'nope.service'." },
                { "policy list", 0, "process-cpu >= 80% for 5 of 10s" },
                { "policy show web", 0, "# /etc/cprof/policies.d/web.policy\n[Policy]" },
                { "policy show nope", 1, "No policy 'nope'." },
                { "policy add new --unit nginx --when 'x'", 0, "Policy new added (/etc/" },
                { "policy add new --unit nginx --when 'x'", 0, "watches nothing now" },
                { "policy add web --unit nginx --when 'x'", 0, "It watches 4 processes now." },
                { "policy add bad --when Treshold", 1, "bad.policy:5: Treshold=80%: unknown key" },
                { "policy add forbidden --when x", 1, "Access denied; only root may do that" },
                { "policy add new", 1, "Nothing to add" },
                { "policy add new - </dev/zero", 1, "at most 65536 bytes" },
                { "printf", 1, "Unknown verb 'printf'" },
                { "policy check web", 0, "web.policy: OK" },
                { "policy check - </dev/null", 0, "stdin.policy: OK" },
                { "oap", 1, "What about the OAP?" },
                { "oap stats", 1, "did you mean 'oap status'?" },
                { "oap status", 0, "* OAP 10.0.0.1:11800: connected\n" },
                { "oap status", 0, "  Address: oap.example:11800\n" },
                { "oap status", 0, "    Since: Sat 2026-11-21 03:10:05 UTC\n" },
                { "oap status", 0, "    Error: connection refused?[2J (over)\n" },
                { "oap status",
                  0,
                  "    Calls: 1 running, 2 queued; 1234 so far, 0 failed; 1.5 MiB sent, 0 B received\n" },
                { "oap status",
                  0,
                  "    Spool: 3 records, 2.0 KiB, the oldest of Sat 2026-11-21 03:10:05 UTC; " },
                { "oap status", 0, "at most 256.0 MiB and 3d\n" },
                { "oap status", 0, "     Sent: 1 report, 40 pieces of profiles\n" },
                { "oap status", 0, "  Dropped: 5 batches of meters, for want of room or for their age\n" },
                { "oap status", 0, "12 registered, 1 waiting for OAP's answer, 2 of a layer that OAP does" },
                { "oap status",
                  0,
                  " Policies: shop: 3 items, 1 refused, UUID u-1\n           ba?se: none\n" },
                { "oap status",
                  0,
                  "  Sending: ON_CPU of shop, nginx until Sat 2026-11-21 03:20:05 UTC: 8f3c, task none now\n" },
                { "oap status --json=short", 0, "\"spool\":{\"records\":3,\"bytes\":2048," },
                { "oap status --json=short", 0, "\"counters\":{\"calls\":1234,\"bytes-sent\":1572864}" },
                { "oap services", 0, "SERVICE INSTANCE PROCESS PID LAYER   UNIT          RULE" },
                { "oap services", 0, "nginx   812 GENERAL nginx.service cprofd.conf:12 known\n" },
                { "oap services", 0, "50-api.conf:1  OAP does not know the layer\n" },
                { "oap services", 0, "db        - GENERAL db.service    default        -\n" },
                { "oap services", 0, "3 processes listed.\n7 others are of no [Service] section" },
                { "oap services --json=short",
                  0,
                  "\"rule\":\"/etc/cprof/cprofd.conf:12\",\"oap_id\":\"0123abcd\"" },
                { "oap services --json=short", 0, "\"properties\":{\"team\":\"web\\u001B[2J\"}" },
                { "task list", 0, "1 task listed." },
                { "task info", 0, "decided 800us after the second closed, first sample after 9.9ms" },
                { "task info", 0, "3 samples dropped" },
                { "task info", 0, "on-cpu of nginx.service" },
                { "task info " MOCK_TASK_BOTH, 0, "on-cpu off-cpu of nginx.service" },
                { "task info " MOCK_TASK_BOTH,
                  0,
                  "Stacks: 99.0 % complete, 75.0 % of frames named (eh-frame)" },
                { "task info " MOCK_TASK_BOTH, 0, " 7 left all known mappings" },
                { "task info " MOCK_TASK_BOTH,
                  0,
                  "policy slow: http-avg-response-time >= 250ms for 10 of 30s on /50%/a\n" },
                { "task info " MOCK_TASK_BOTH, 0, "the unit was at 412.5ms, over the threshold in 10 of" },
                { "task info " MOCK_TASK_BOTH, 0, "at most 999ms\n" },
                { "task info " MOCK_TASK_BOTH,
                  0,
                  "Cost: daemon used 0.30 % of the host (1.5s, and 20ms in the kernel)" },
                { "task info " MOCK_TASK_BOTH, 0, "Waited: 12s in 345 waits, and 2s for a CPU" },
                { "task info " MOCK_TASK_BOTH,
                  0,
                  "11s asleep, 1s for the disk or the like, the longest 5s" },
                { "task info " MOCK_TASK_BOTH, 0, "6 of them without a stack" },
                { "task info --top " MOCK_TASK_BOTH, 0, "93.3   1.4s sleep read main" },
                { "task info --top=2 --json=short " MOCK_TASK_BOTH, 0, "\"usec\":1400000}" },
                { "task info " MOCK_TASK_BOTH, 0, "Before: 60 samples of the 4s before" },
                { "task info " MOCK_TASK_BOTH, 0, "Thinned: every second sample only" },
                { "task info " MOCK_TASK_BOTH,
                  0,
                  "     OAP: on-cpu is task 8f3c\n          off-cpu is not known there: no answer\n" },
                { "task info --json " MOCK_TASK_BOTH, 0, "\"host_share_ppm\": 3000" },
                { "task info latest --top=1", 0, "90.0   90.0   90    90 hot" },
                { "task info nope", 1, "No task 'nope'." },
                { "task wait", 0, "finished (duration reached): 1188 samples" },
                { "task export --format=folded -o -", 0, "nginx;main;work;hot 90\n" },
                { "task export --format=before-folded -o -", 0, "nginx;main;work;hot 2\n" },
                { "task export --format=svg", 1, "'pprof', 'folded', 'folded-offcpu'" },
                { "task diff --top", 0, "-40.0    40.0     0.0        -40.0 idle" },
                { "task diff --top", 0, "+50.0    40.0    90.0        +50.0 hot" },
                { "task diff latest latest --top", 0, "No function's share changed." },
                { "task diff latest latest --off-cpu --json=short", 0, "\"total\":1500000" },
                { "task diff --off-cpu", 1, "--off-cpu needs two tasks" },
                { "task diff nope latest", 1, "No task 'nope'." },
                { "task flamegraph --before -o /dev/null", 0, "/dev/null\n" },
                { "task flamegraph --off-cpu -o -", 0, "\"time\":1," },
                { "task flamegraph --before --off-cpu -o -", 1, "on CPU only" },
                { "task export --before", 1, "--before does not go with 'task export'" },
                { "profile nginx --duration=2s", 0, "task flamegraph " MOCK_TASK_NEW },
                { "task diff " MOCK_TASK_NEW " --top",
                  1,
                  "nothing from before its trigger: the recorder was off" },
                { "profile nginx --duration=2s --no-wait", 0, MOCK_TASK_NEW "\n" },
                { "profile nginx --duration=2s --on-cpu --no-wait", 0, MOCK_TASK_NEW "\n" },
                { "profile nginx --duration=2s --off-cpu --no-wait", 1, "Bad kinds 'off-cpu'" },
                { "profile nginx --duration=2s --off-cpu --on-cpu --no-wait", 0, MOCK_TASK_BOTH "\n" },
                { "profile late --duration=2s --no-wait", 0, MOCK_TASK_NEW "\n" },
                { "profile nowhere --duration=2s --no-wait", 1, "No unit 'nowhere.service'." },
                { "profile nginx --duration=soon", 1, "--duration=" },
                { "reload", 0, "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                expect(rows[i].arguments, rows[i].status, rows[i].part);
}

Test(cprofctl, foreign_names_reach_no_terminal_as_control_sequences, .init = start) {
        _cleanup_(freep) char *output = NULL;

        cr_assert_eq(run("unit windows api", &output), 0);
        cr_expect_null(strchr(output, '\033'), "%s", output);
}

Test(cprofctl, windows_fit_into_eighty_columns, .init = start) {
        _cleanup_(freep) char *output = NULL;

        cr_assert_eq(run("unit windows api", &output), 0);
        for (const char *line = output; *line; line += strcspn(line, "\n"), line += *line == '\n')
                cr_expect_leq(strcspn(line, "\n"), 80, "%s", output);
}

Test(cprofctl, what_an_oap_is_missing_or_away_is_said, .init = start) {
        expect("policy add away-oap --unit=x --when='process-cpu >= 80%'", 0, "away-oap");
        expect("oap status", 0, "* OAP oap.example:11800: away\n");
        expect("oap status", 0, "    Error: connection refused?[2J\n    Retry: in 12s\n");

        expect("policy add no-oap --unit=x --when='process-cpu >= 80%'", 0, "no-oap");
        expect("oap status", 0, "No OAP is configured: Address= in [OAP] of /etc/cprof/cprofd.conf");
        expect("oap status --json=short", 0, "{\"state\":\"off\"}");
        expect("oap services", 0, "No OAP is configured: this is what would be registered.");
}

Test(cprofctl, json_of_every_listing_is_valid, .init = start) {
        static const char *const arguments[] = {
                "status --json",
                "--json=short unit list",
                "unit windows nginx --json",
                "policy list --json=short",
                "policy show web --json",
                "task list --json",
                "task info --json --top",
                "task diff --json",
                "oap status --json",
                "oap services --json",
        };

        for (size_t i = 0; i < ELEMENTSOF(arguments); i++) {
                _cleanup_(freep) char *output = NULL;
                json_error_t error;
                json_t *j;

                cr_expect_eq(run(arguments[i], &output), 0, "%s", arguments[i]);
                j = json_loads(output, JSON_REJECT_DUPLICATES, &error);
                cr_expect_not_null(j, "%s: %s: %s", arguments[i], error.text, output);
                json_decref(j);
        }
}

Test(cprofctl, mistakes_are_answered_with_the_nearest_word, .init = start) {
        expect("polcy list", 1, "did you mean 'policy'?");
        expect("policy lst", 1, "did you mean 'policy list'?");
        expect("unit list --jsn", 1, "did you mean '--json'?");
        expect("policy list --top", 1, "--top does not go with 'policy list'");
        expect("unit windows", 1, "Usage: cprofctl unit windows UNIT");
        expect("--json=xml status", 1, "Bad value 'xml' of --json=");
        expect("status --host", 1, "'--host' needs a value");
        expect("policy add --help", 0, "--when=RULE");
}

Test(cprofctl, flame_graph_is_one_file_of_the_tasks_name, .init = start) {
        _cleanup_(freep) char *arguments = NULL;

        cr_assert_gt(asprintf(&arguments, "task flamegraph -o %s/x.html", mock.directory), 0);
        expect(arguments, 0, "/x.html\n");
        cr_expect_eq(unlink(strrchr(arguments, ' ') + 1), 0);
}

Test(cprofctl, differences_are_drawn_into_a_file_of_both_tasks, .init = start) {
        static const char *const names[] = { "cprof-" MOCK_TASK_OLD "-diff.html",
                                             "cprof-" MOCK_TASK_OLD "-" MOCK_TASK_OLD "-diff.html" };

        cr_assert_eq(chdir(mock.directory), 0);
        expect("task diff", 0, names[0]);
        expect("task diff latest latest", 0, names[1]);
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                cr_expect_eq(unlink(names[i]), 0, "%s", names[i]);
}

Test(cprofctl, rejected_edit_keeps_the_text, .init = start) {
        _cleanup_(freep) char *output = NULL;
        const char *path;

        (void) setenv("SYSTEMD_EDITOR", "sh -c 'echo Treshold=1 >>\"$1\"' -", 1);
        (void) setenv("TMPDIR", mock.directory, 1);

        cr_expect_eq(run("policy edit web </dev/null", &output), 1);
        path = strstr(output, "The text is kept in ");
        cr_assert_not_null(path, "%s", output);
        path = strchr(path, '/');
        *strchr(path, '\n') = '\0';
        cr_expect_eq(unlink(path), 0, "%s", path);
}

Test(cprofctl, edit_leaves_drop_ins_alone_and_a_text_as_it_was, .init = start) {
        (void) setenv("TMPDIR", mock.directory, 1);

        (void) setenv("SYSTEMD_EDITOR", "true", 1);
        expect("policy edit web </dev/null", 0, "Nothing was changed.");

        /* Succeeds, and changes nothing, only if the drop-in's unit is not in the text. */
        (void) setenv("SYSTEMD_EDITOR", "sh -c '! grep apache2 \"$1\"' -", 1);
        expect("policy edit web </dev/null", 0, "Nothing was changed.");
}

Test(cprofctl, no_editor_is_opened_for_a_policy_of_oap, .init = start) {
        (void) setenv("SYSTEMD_EDITOR", "echo opened", 1);
        expect("policy add oap:on-cpu:shop --unit=x --when='process-cpu >= 80%'", 0, "oap:on-cpu:shop");
        expect("policy edit oap:on-cpu:shop </dev/null",
               1,
               "Policy 'oap:on-cpu:shop' comes from SkyWalking's OAP: change it there, or mask it here.");
}

Test(cprofctl, status_of_a_daemon_that_does_not_run_is_3) {
        MockBus empty;

        if (mock_bus_start(&empty) < 0)
                cr_skip_test("dbus-daemon cannot be started");

        (void) setenv("DBUS_SYSTEM_BUS_ADDRESS", empty.address, 1);
        expect("status", 3, "systemctl start cprofd");
        expect("unit list", 1, "systemctl start cprofd");

        (void) setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent/bus", 1);
        expect("status", 3, "no system bus");
        mock_bus_stop(&empty);
}

Test(cprofctl, bash_completion_knows_every_verb) {
        static const char script[] =
                        "source \"$CPROF_SOURCE_ROOT/packaging/bash-completion/cprofctl\"; "
                        "complete_line() { COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _cprofctl; "
                        "echo \"${COMPREPLY[*]}\"; }; "
                        "complete_line cprofctl po; complete_line cprofctl task ex; complete_line cprofctl oap s; "
                        "complete_line cprofctl policy add x --unit = y --sc; "
                        "complete_line cprofctl task export --format = f";
        _cleanup_(freep) char *output = NULL;
        size_t length;
        FILE *f;

        (void) setenv("SCRIPT", script, 1);
        f = popen("bash -c \"$SCRIPT\" 2>&1", "re");
        cr_assert_not_null(f);
        cr_assert_eq(read_full_fd(fileno(f), 1 << 16, &output, &length), 0);
        cr_expect_eq(pclose(f), 0);
        cr_expect_str_eq(
                        output,
                        "policy\nexport\nstatus services\n--scope\nfolded folded-offcpu folded-waits\n");
}
