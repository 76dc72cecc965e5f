/* SPDX-License-Identifier: Apache-2.0 */
#include "config-bed.h"

#include "check.h"

#include <criterion/redirect.h>
#include <stdarg.h>
#include <syslog.h>

TestSuite(test_config, .timeout = 30);

#define NO_SHARE "expected a share of the host from 0.1% to 100%"
#define NO_SECONDS "expected whole seconds from 0 (off) to 600"
#define GOOD_POLICY "[Policy]\nUnit=web\n[Trigger]\nWhen=process-cpu >= 80%\n"

Test(test_config, without_files_everything_has_its_default, .init = init, .fini = done) {
        Config c;

        LOAD(&c);
        cr_expect_eq(c.log_level, LOG_INFO);
        cr_expect_eq(c.oncpu_hz, 99);
        cr_expect_eq(c.tasks_max, 16);
        cr_expect_eq(c.processes_max, 4096);
        cr_expect_eq(c.budget_percent, 1);
        cr_expect_eq(c.recorder_hz, 19);
        cr_expect_eq(c.recorder_sec, 30);
        cr_expect_eq(config_recorder_every(&c), 5);
        cr_expect_eq(c.store.max_use_bytes, 0);
        cr_expect_eq(c.store.keep_free_bytes, 0);
        cr_expect_eq(c.store.max_age_usec, USEC_INFINITY);
}

Test(test_config, every_setting_is_read, .init = init, .fini = done) {
        Config c;

        put(MAIN_FILE,
            "# what a host of many small services wants\n"
            "[Manager]\nLogLevel=debug\n"
            "[Profile]\nOnCpuHz = 199\nMaxTasks=3\nMaxProcesses=100\nBudget=0.5%\nJavaAttach=no\nUnwindTablesMax=64M\n"
            "[Recorder]\nRecorderHz=49\nRecorderSec=2min\n[Http]\nHttpHook=cgroup\nHttpRulesMax=100\nHttpTls=no\n"
            "[Symbols]\nDebuginfod=yes\nDebuginfodUrls=http://a http://b\n[Store]\nMaxUse=500M\nKeepFree=1G\nMaxAge=14d\n");

        LOAD(&c);
        cr_expect_eq(c.log_level, LOG_DEBUG);
        cr_expect(c.oncpu_hz == 199 && c.tasks_max == 3);
        cr_expect(c.processes_max == 100 && c.unwind_bytes == 64U << 20);
        cr_expect_eq(c.budget_percent, 0.5);
        cr_expect(!c.java_attach && !c.http_tls && c.debuginfod);
        cr_expect(c.http_hook == PROBE_HTTP_HOOK_CGROUP && c.http_rules_max == 100);
        cr_expect_str_eq(c.debuginfod_urls, "http://a http://b");
        cr_expect(c.recorder_hz == 49 && c.recorder_sec == 120);
        cr_expect_eq(config_recorder_every(&c), 4);
        cr_expect(c.store.max_use_bytes == UINT64_C(500) << 20 &&
                  c.store.keep_free_bytes == UINT64_C(1) << 30);
        cr_expect_eq(c.store.max_age_usec, 14 * USEC_PER_DAY);
}

Test(test_config, infinity_takes_the_age_limit_away_again, .init = init, .fini = done) {
        Config c;

        put(MAIN_FILE, "[Store]\nMaxAge=1h\nMaxAge=infinity\n");
        LOAD(&c);
        cr_expect_eq(c.store.max_age_usec, USEC_INFINITY);
}

Test(test_config, no_time_is_no_recorder, .init = init, .fini = done) {
        Config c;

        put(MAIN_FILE, "[Recorder]\nRecorderSec=0\n");
        LOAD(&c);
        cr_expect_eq(config_recorder_every(&c), 0);
}

Test(test_config, a_bad_line_is_told_exactly_and_costs_nothing_else, .init = init, .fini = done) {
        static const struct {
                const char *text, *problem;
        } rows[] = {
                { "[Manager]\nLogLevel=loud\n",
                  MAIN_FILE ":2: LogLevel=loud: expected err, warning, notice, info or debug" },
                { "[Manager]\nLogLevel=\n",
                  MAIN_FILE ":2: LogLevel=: expected err, warning, notice, info or debug" },
                { "[Profile]\nOnCpuHz=0\n", MAIN_FILE ":2: OnCpuHz=0: expected a number from 1 to 1000" },
                { "[Profile]\nOnCpuHz=1001\n",
                  MAIN_FILE ":2: OnCpuHz=1001: expected a number from 1 to 1000" },
                { "[Profile]\nOnCpuHz=-1\n", MAIN_FILE ":2: OnCpuHz=-1: expected a number from 1 to 1000" },
                { "[Profile]\nOnCpuHz=99 Hz\n",
                  MAIN_FILE ":2: OnCpuHz=99 Hz: expected a number from 1 to 1000" },
                { "\n\n[Profile]\n# many\nMaxTasks=1025\n",
                  MAIN_FILE ":5: MaxTasks=1025: expected a number from 1 to 1024" },
                { "[Profile]\nUnwindTablesMax=2G\n",
                  MAIN_FILE ":2: UnwindTablesMax=2G: expected bytes from 1M to 1G" },
                { "[Profile]\nMaxProcesses=65537\n",
                  MAIN_FILE ":2: MaxProcesses=65537: expected a number from 1 to 65536" },
                { "[Profile]\nBudget=1\n", MAIN_FILE ":2: Budget=1: " NO_SHARE },
                { "[Profile]\nBudget=0%\n", MAIN_FILE ":2: Budget=0%: " NO_SHARE },
                { "[Profile]\nBudget=101%\n", MAIN_FILE ":2: Budget=101%: " NO_SHARE },
                { "[Profile]\nBudget=\n", MAIN_FILE ":2: Budget=: " NO_SHARE },
                { "[Recorder]\nRecorderHz=101\n",
                  MAIN_FILE ":2: RecorderHz=101: expected a number from 0 (off) to 100" },
                { "[Recorder]\nRecorderSec=601\n", MAIN_FILE ":2: RecorderSec=601: " NO_SECONDS },
                { "[Recorder]\nRecorderSec=1500ms\n", MAIN_FILE ":2: RecorderSec=1500ms: " NO_SECONDS },
                { "[Store]\nMaxUse=much\n", MAIN_FILE ":2: MaxUse=much: expected bytes such as 500M" },
                { "[Store]\nKeepFree=-1G\n", MAIN_FILE ":2: KeepFree=-1G: expected bytes such as 1G" },
                { "[Store]\nMaxAge=14 moons\n",
                  MAIN_FILE ":2: MaxAge=14 moons: expected a time span such as 14d, or infinity" },
                { "[Profile]\nOnCpuHZ=99\n", MAIN_FILE ":2: OnCpuHZ=99: unknown key, did you mean OnCpuHz" },
                { "[Profile]\nColour=blue\n", MAIN_FILE ":2: Colour=blue: unknown key" },
                { "[Store]\nMaxTasks=3\n", MAIN_FILE ":2: MaxTasks=3: unknown key" },
                { "[Profiles]\nMaxTasks=3\n",
                  MAIN_FILE ":1: [Profiles]: unknown section, did you mean Profile" },
                { "[Network]\nA=1\nB=2\n", MAIN_FILE ":1: [Network]: unknown section" },
                { "MaxTasks=3\n", MAIN_FILE ":1: syntax: assignment before the first section header" },
                { "[Profile]\nMaxTasks\n", MAIN_FILE ":2: syntax: expected 'Key=Value' or '[Section]'" },
                { "[Profile\n", MAIN_FILE ":1: syntax: section header does not end with ']'" },
                { "[Store]\nMaxUse=\xff\n", MAIN_FILE ":2: syntax: not valid UTF-8" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                char text[512];
                Config c;

                (void) snprintf(text, sizeof(text), "%s", rows[i].text);
                put(MAIN_FILE, text);
                LOAD(&c, rows[i].problem);

                cr_expect_eq(c.log_level, LOG_INFO, "%s", rows[i].text);
                cr_expect_eq(c.oncpu_hz, 99, "%s", rows[i].text);
                cr_expect_eq(c.tasks_max, 16, "%s", rows[i].text);
                cr_expect_eq(c.processes_max, 4096, "%s", rows[i].text);
                cr_expect_eq(c.store.max_use_bytes, 0, "%s", rows[i].text);
                cr_expect_eq(c.store.keep_free_bytes, 0, "%s", rows[i].text);
                cr_expect_eq(c.store.max_age_usec, USEC_INFINITY, "%s", rows[i].text);
        }
}

Test(test_config, good_lines_around_a_bad_one_count, .init = init, .fini = done) {
        Config c;

        put(MAIN_FILE,
            "[Profile]\nMaxTasks=5\nOnCpuHz=fast\nMaxProcesses=7\n[Nothing]\nA=1\n[Manager]\nLogLevel=err\n");
        LOAD(&c,
             MAIN_FILE ":3: OnCpuHz=fast: expected a number from 1 to 1000",
             MAIN_FILE ":5: [Nothing]: unknown section");
        cr_expect_eq(c.tasks_max, 5);
        cr_expect_eq(c.oncpu_hz, 99);
        cr_expect_eq(c.processes_max, 7);
        cr_expect_eq(c.log_level, LOG_ERR);

        /* what cannot be read as lines ends the file, and this file only */
        put(MAIN_FILE, "[Profile]\nMaxTasks=5\nnonsense\nOnCpuHz=50\n");
        put(ETC_DROPINS "a.conf", "[Profile]\nMaxProcesses=8\n");
        LOAD(&c, MAIN_FILE ":3: syntax: expected 'Key=Value' or '[Section]'");
        cr_expect_eq(c.tasks_max, 5);
        cr_expect_eq(c.oncpu_hz, 99);
        cr_expect_eq(c.processes_max, 8);
}

Test(test_config, a_long_value_is_cut_between_characters, .init = init, .fini = done) {
        char text[600] = "[Store]\nMaxUse=", expected[400] = MAIN_FILE ":2: MaxUse=";
        Config c;

        for (unsigned i = 0; i < 200; i++)
                strcat(text, "\xc3\xa9");
        strcat(text, "\n");
        for (unsigned i = 0; i < 40; i++)
                strcat(expected, "\xc3\xa9");
        strcat(expected, "\xe2\x80\xa6: expected bytes such as 500M");

        put(MAIN_FILE, text);
        LOAD(&c, expected);
}

Test(test_config, problems_are_bounded, .init = init, .fini = done) {
        _cleanup_(strv_freep) char **problems = NULL;
        char text[4096] = "[Profile]\n";
        Config c;

        for (unsigned i = 0; i < 2 * CONFIG_PROBLEMS_MAX; i++)
                strcat(text, "MaxTasks=0\n");
        put(MAIN_FILE, text);

        cr_assert_eq(config_load(root, &c, &problems), 0);
        cr_expect_eq(strv_length(problems), CONFIG_PROBLEMS_MAX);
}

Test(test_config, drop_ins_apply_in_the_order_of_their_names, .init = init, .fini = done) {
        Config c;

        put(MAIN_FILE, "[Profile]\nMaxTasks=1\nOnCpuHz=1\nMaxProcesses=1\n[Manager]\nLogLevel=err\n");
        put(VENDOR_DROPINS "30-c.conf", "[Profile]\nMaxTasks=30\n");
        put(RUN_DROPINS "20-b.conf", "[Profile]\nMaxTasks=20\nOnCpuHz=20\n");
        put(ETC_DROPINS "10-a.conf", "[Profile]\nMaxTasks=10\nOnCpuHz=10\nMaxProcesses=10\n");

        LOAD(&c);
        cr_expect_eq(c.tasks_max, 30);
        cr_expect_eq(c.oncpu_hz, 20);
        cr_expect_eq(c.processes_max, 10);
        cr_expect_eq(c.log_level, LOG_ERR, "the file itself counts where no drop-in says otherwise");
}

Test(test_config, of_one_name_the_directory_further_up_wins, .init = init, .fini = done) {
        Config c;

        put(VENDOR_DROPINS "a.conf", "[Profile]\nMaxTasks=2\nOnCpuHz=2\n");
        put(RUN_DROPINS "a.conf", "[Profile]\nMaxTasks=3\n");
        LOAD(&c);
        cr_expect_eq(c.tasks_max, 3);
        cr_expect_eq(c.oncpu_hz, 99, "the vendor's is not read at all");

        put(ETC_DROPINS "a.conf", "[Profile]\nMaxTasks=4\n");
        LOAD(&c);
        cr_expect_eq(c.tasks_max, 4);
}

Test(test_config, a_mask_or_an_empty_file_takes_a_drop_in_away, .init = init, .fini = done) {
        Config c;

        put(VENDOR_DROPINS "a.conf", "[Profile]\nMaxTasks=2\n");
        put(VENDOR_DROPINS "b.conf", "[Profile]\nOnCpuHz=3\n");
        cr_assert_eq(symlink("/dev/null", make_path(ETC_DROPINS "a.conf")), 0);
        put(RUN_DROPINS "b.conf", "");

        LOAD(&c);
        cr_expect_eq(c.tasks_max, 16);
        cr_expect_eq(c.oncpu_hz, 99);
}

Test(test_config, other_files_are_no_drop_ins, .init = init, .fini = done) {
        static const char *const names[] = { ".a.conf", "a.conf~", "README", "a.CONF", ".conf" };
        char path[PATH_MAX];
        Config c;

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                (void) snprintf(path, sizeof(path), ETC_DROPINS "%s", names[i]);
                put(path, "[Profile]\nMaxTasks=2\n");
        }

        LOAD(&c);
        cr_expect_eq(c.tasks_max, 16);
}

Test(test_config, what_cannot_be_read_is_told_and_the_rest_counts, .init = init, .fini = done) {
        _cleanup_(freep) char *large = calloc(1, 300 * 1024);
        Config c;

        cr_assert_not_null(large);
        memset(large, '\n', 300 * 1024);
        put(ETC_DROPINS "c.conf", "[Profile]\nMaxTasks=2\n");
        cr_assert_eq(mkdir(make_path(ETC_DROPINS "a.conf"), 0755), 0);
        put_n(RUN_DROPINS "b.conf", large, 300 * 1024);
        cr_assert_eq(mkdir(make_path(MAIN_FILE), 0755), 0);
        put(CPROF_VENDOR_DIR "/cprofd.conf.d", "a file in the way");

        LOAD(&c,
             MAIN_FILE ": Is a directory",
             CPROF_VENDOR_DIR "/cprofd.conf.d: Not a directory",
             ETC_DROPINS "a.conf: Is a directory",
             RUN_DROPINS "b.conf: File too large");
        cr_expect_eq(c.tasks_max, 2);
}

Test(test_config, too_many_drop_ins_are_told, .init = init, .fini = done) {
        char path[PATH_MAX];
        Config c;

        for (unsigned i = 0; i < 257; i++) {
                (void) snprintf(path, sizeof(path), ETC_DROPINS "%03u.conf", i);
                put(path, "[Profile]\nMaxTasks=2\n");
        }

        LOAD(&c, "/etc/cprof/cprofd.conf.d: more than 256 drop-ins, ignoring the rest");
        cr_expect_eq(c.tasks_max, 2);
}

static void expect_check(int status, const char *format, ...) _printf_(2, 3);

static void expect_check(int status, const char *format, ...) {
        char expected[4096];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(expected, sizeof(expected), format, ap);
        va_end(ap);

        cr_redirect_stderr();
        cr_expect_eq(check_run(root), status);
        (void) fflush(stderr);
        cr_expect_stderr_eq_str(expected);
}

Test(test_config, an_empty_tree_passes_the_check, .init = init, .fini = done) {
        expect_check(EXIT_SUCCESS, "cprofd: check is successful: 0 policies\n");
}

Test(test_config, a_good_tree_passes_the_check, .init = init, .fini = done) {
        put(MAIN_FILE, "[Profile]\nMaxTasks=2\n");
        put("/etc/cprof/policies.d/a.policy", GOOD_POLICY);
        put("/run/cprof/policies.d/b.policy", GOOD_POLICY);
        put(CPROF_VENDOR_DIR "/policies.d/c.policy", GOOD_POLICY);
        put(CPROF_VENDOR_DIR "/policies.d/d.policy", "this would be bad");
        cr_assert_eq(symlink("/dev/null", make_path("/etc/cprof/policies.d/d.policy")), 0);

        expect_check(EXIT_SUCCESS, "cprofd: check is successful: 3 policies\n");
}

Test(test_config, the_check_tells_all_that_is_wrong, .init = init, .fini = done) {
        put(MAIN_FILE, "[Profile]\nMaxTasks=none\n");
        put(RUN_DROPINS "x.conf", "[Stor]\n");
        put("/etc/cprof/policies.d/a.policy", GOOD_POLICY);
        put("/etc/cprof/policies.d/b.policy", "[Policy]\nUnits=web\n");
        put(CPROF_VENDOR_DIR "/policies.d/c.policy", "[Policy]\nUnit=web\n");

        expect_check(EXIT_FAILURE,
                     "cprofd: %1$s" MAIN_FILE ":2: MaxTasks=none: expected a number from 1 to 1024\n"
                     "cprofd: %1$s" RUN_DROPINS "x.conf:1: [Stor]: unknown section, did you mean Store\n"
                     "cprofd: %1$s/etc/cprof/policies.d/b.policy:2: Units=web: unknown key in [Policy], did you mean Unit=?\n"
                     "cprofd: %1$s" CPROF_VENDOR_DIR "/policies.d/c.policy: a [Trigger] section is needed\n"
                     "cprofd: check failed: 4 problems\n",
                     root);
}

Test(test_config, one_problem_is_enough_to_fail_the_check, .init = init, .fini = done) {
        put(ETC_DROPINS "x.conf", "[Profile]\nMaxTasks=0\n");

        expect_check(EXIT_FAILURE,
                     "cprofd: %s" ETC_DROPINS "x.conf:2: MaxTasks=0: expected a number from 1 to 1024\n"
                     "cprofd: check failed: 1 problem\n",
                     root);
}
