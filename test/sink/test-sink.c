/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/sink.h"

#include "basic/file-io.h"
#include "basic/log.h"
#include "basic/utf8.h"
#include "catalog/messages.h"
#include "sink/sink-journal.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>

TestSuite(sink, .timeout = 5);

/* The value of the @n-th field @name, NULL if there is none. */
static const char *field(const JournalEntry *e, const char *name, unsigned n) {
        size_t length = strlen(name);

        for (size_t i = 0; i < e->n_fields; i++) {
                const char *text = e->fields[i].iov_base;

                cr_assert_eq(e->fields[i].iov_len, strlen(text));
                if (strncmp(text, name, length) == 0 && text[length] == '=' && n-- == 0)
                        return text + length + 1;
        }

        return NULL;
}

static char *copy(const char *text) {
        char *c = strdup(text);

        cr_assert_not_null(c);
        return c;
}

static void add_cause(Task *t, const char *policy, const char *metric, double threshold, double value) {
        t->causes = reallocarray(t->causes, t->n_causes + 1, sizeof(*t->causes));
        cr_assert_not_null(t->causes);
        t->causes[t->n_causes++] = (TaskCause){
                .policy = copy(policy),
                .metric = copy(metric),
                .rule = copy("rule"),
                .process = copy("nginx"),
                .threshold = threshold,
                .value = value,
                .peak = value,
                .period_sec = 10,
                .count = 5,
                .hits = 6,
                .pid = 71,
        };
}

/* Of process nginx in nginx.service, running for a minute. */
static Task *make_task(void) {
        Task *t = NULL;

        cr_assert_eq(task_new(PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU),
                              UINT64_C(1795230605) * USEC_PER_SEC,
                              0xabcd,
                              &t),
                     0);
        t->unit = copy("nginx.service");
        t->process = copy("nginx");
        t->key = (ProcessKey){ 71, 1234 };
        t->duration_usec = USEC_PER_MINUTE;
        cr_assert_eq(task_set_state(t, TASK_STATE_RUNNING, NULL, (TaskInstant){ USEC_PER_SEC, 1 }), 0);
        return t;
}

static void end_task(Task *t, TaskState state, const char *reason) {
        TaskInstant at = { t->started.monotonic_usec + USEC_PER_MINUTE + 1, 2 };

        cr_assert_eq(task_set_state(t, state, reason, at), 0);
}

Test(sink, start_by_a_policy_says_who_and_why) {
        _cleanup_(journal_entry_done) JournalEntry e = {};
        _cleanup_(task_freep) Task *t = make_task();

        add_cause(t, "web", "process-cpu", 80, 97);
        t->duration_usec = 10 * USEC_PER_MINUTE;
        journal_entry_for_start(&e, t);

        cr_assert_eq(e.error, 0);
        cr_expect_str_eq(
                        field(&e, "MESSAGE", 0),
                        "nginx.service: nginx (PID 71) has process-cpu 97% (>= 80% in 6 of 10 s); recording "
                        "on-cpu for 10min (task 20261121T031005-abcd).");
        cr_expect_str_eq(field(&e, "MESSAGE_ID", 0), CPROF_MESSAGE_TASK_STARTED);
        cr_expect_str_eq(field(&e, "PRIORITY", 0), "5");
        cr_expect_str_eq(field(&e, "CPROF_TASK_ID", 0), "20261121T031005-abcd");
        cr_expect_str_eq(field(&e, "CPROF_POLICY", 0), "web");
        cr_expect_str_eq(field(&e, "CPROF_UNIT", 0), "nginx.service");
        cr_expect_str_eq(field(&e, "CPROF_PROCESS", 0), "nginx");
        cr_expect_str_eq(field(&e, "CPROF_METRIC", 0), "process-cpu");
        cr_expect_str_eq(field(&e, "CPROF_VALUE", 0), "97.000");
        cr_expect_str_eq(field(&e, "CPROF_THRESHOLD", 0), "80.000");
        cr_expect_str_eq(field(&e, "CPROF_PROFILE", 0), "on-cpu");
        cr_expect_str_eq(field(&e, "CPROF_STATE", 0), "running");
        cr_expect_str_eq(field(&e, "OBJECT_PID", 0), "71");
        cr_expect_str_eq(field(&e, "OBJECT_SYSTEMD_UNIT", 0), "nginx.service");
        cr_expect_null(field(&e, "CPROF_REASON", 0));
}

Test(sink, start_on_request_has_no_policy) {
        _cleanup_(journal_entry_done) JournalEntry e = {};
        _cleanup_(task_freep) Task *t = make_task();

        t->key = (ProcessKey){};
        journal_entry_for_start(&e, t);

        cr_assert_eq(e.error, 0);
        cr_expect_str_eq(
                        field(&e, "MESSAGE", 0),
                        "nginx.service: recording on-cpu for 1min on request (task 20261121T031005-abcd).");
        cr_expect_null(field(&e, "CPROF_POLICY", 0));
        cr_expect_null(field(&e, "CPROF_METRIC", 0));
        cr_expect_null(field(&e, "OBJECT_PID", 0), "a unit is no process");
        cr_expect_null(field(&e, "CPROF_PROCESS", 0));
        cr_expect_str_eq(field(&e, "OBJECT_SYSTEMD_UNIT", 0), "nginx.service");
}

Test(sink, less_is_recorded_says_of_whom_and_why) {
        _cleanup_(journal_entry_done) JournalEntry e = {};
        _cleanup_(task_freep) Task *t = make_task();

        journal_entry_for_thinned(&e, t, "on-CPU sampling lowered to 1 in 2");

        cr_assert_eq(e.error, 0);
        cr_expect_str_eq(
                        field(&e, "MESSAGE", 0),
                        "nginx.service: nginx (PID 71): on-CPU sampling lowered to 1 in 2 "
                        "(task 20261121T031005-abcd).");
        cr_expect_str_eq(field(&e, "MESSAGE_ID", 0), CPROF_MESSAGE_TASK_THINNED);
        cr_expect_str_eq(field(&e, "CPROF_TASK_ID", 0), "20261121T031005-abcd");
        cr_expect_str_eq(field(&e, "CPROF_THINNED", 0), "on-CPU sampling lowered to 1 in 2");
        cr_expect_null(field(&e, "CPROF_THINNED", 1));
        cr_expect_str_eq(field(&e, "CPROF_STATE", 0), "running");
}

Test(sink, load_is_the_hosts_and_not_the_processes) {
        _cleanup_(journal_entry_done) JournalEntry e = {};
        _cleanup_(task_freep) Task *t = make_task();

        add_cause(t, "load", "system-load", 8, 12.5);
        journal_entry_for_start(&e, t);

        cr_expect(
                        strstr(field(&e, "MESSAGE", 0),
                               "(PID 71) is among the busiest while system-load is 12.5 (>= 8 in"));
}

Test(sink, each_policy_is_named_once_and_the_fields_stay_bounded) {
        _cleanup_(journal_entry_done) JournalEntry e = {};
        _cleanup_(task_freep) Task *t = make_task();
        char name[16];

        add_cause(t, "web", "process-cpu", 80, 97);
        add_cause(t, "web", "process-thread-count", 100, 200);
        for (unsigned i = 0; i < 40; i++) {
                (void) snprintf(name, sizeof(name), "p%u", i);
                add_cause(t, name, "process-cpu", 90, 97);
        }
        journal_entry_for_start(&e, t);

        cr_assert_eq(e.error, 0);
        cr_expect_str_eq(field(&e, "CPROF_POLICY", 0), "web");
        cr_expect_str_eq(field(&e, "CPROF_POLICY", 1), "p0");
        cr_expect_not_null(field(&e, "CPROF_POLICY", 7));
        cr_expect_null(field(&e, "CPROF_POLICY", 8));
        cr_expect(strstr(field(&e, "MESSAGE", 0), " and 41 more causes;"));
}

Test(sink, end_tells_the_result_and_what_to_type_next) {
        _cleanup_(journal_entry_done) JournalEntry e = {};
        _cleanup_(task_freep) Task *t = make_task();

        add_cause(t, "web", "process-cpu", 80, 97);
        t->n_samples = 5932;
        t->hottest = copy("foo 61%, bar 20%");
        end_task(t, TASK_STATE_FINISHED, "duration reached");
        journal_entry_for_end(&e, t);

        cr_assert_eq(e.error, 0);
        cr_expect_str_eq(
                        field(&e, "MESSAGE", 0),
                        "Recorded 5932 samples of nginx.service: nginx (PID 71) in 1min; hottest: foo 61%, bar "
                        "20%. See \"cprofctl task info 20261121T031005-abcd\".");
        cr_expect_str_eq(field(&e, "MESSAGE_ID", 0), CPROF_MESSAGE_TASK_ENDED);
        cr_expect_str_eq(field(&e, "PRIORITY", 0), "5");
        cr_expect_str_eq(field(&e, "CPROF_STATE", 0), "finished");
        cr_expect_str_eq(field(&e, "CPROF_REASON", 0), "duration reached");
        cr_expect_str_eq(field(&e, "CPROF_SAMPLES", 0), "5932");
        cr_expect_str_eq(field(&e, "CPROF_POLICY", 0), "web");
}

Test(sink, ends_are_told_in_words) {
        static const struct {
                TaskState state;
                const char *reason;
                uint64_t n_samples;
                const char *message, *message_id, *priority;
        } table[] = {
                { TASK_STATE_FINISHED,
                  "duration reached",
                  0,
                  "Recorded no samples of nginx.service: nginx (PID 71) in 1min: it did not run on a CPU.",
                  CPROF_MESSAGE_TASK_ENDED,
                  "5" },
                { TASK_STATE_FINISHED,
                  "process exited",
                  1,
                  "Recorded 1 sample of nginx.service: nginx (PID 71) in 1min (process exited).",
                  CPROF_MESSAGE_TASK_ENDED,
                  "5" },
                { TASK_STATE_STOPPED,
                  "stopped on request",
                  7,
                  "Recorded 7 samples of nginx.service: nginx (PID 71) in 1min (stopped on request).",
                  CPROF_MESSAGE_TASK_ENDED,
                  "5" },
                { TASK_STATE_FAILED,
                  "cprofd was stopped",
                  7,
                  "Recording on-cpu of nginx.service: nginx (PID 71) failed: cprofd was stopped. "
                  "7 samples were kept.",
                  CPROF_MESSAGE_TASK_FAILED,
                  "4" },
                { TASK_STATE_FAILED,
                  "no process could be sampled: Permission denied",
                  0,
                  "Recording on-cpu of nginx.service: nginx (PID 71) failed: no process could be "
                  "sampled: Permission denied.",
                  CPROF_MESSAGE_TASK_FAILED,
                  "4" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(journal_entry_done) JournalEntry e = {};
                _cleanup_(task_freep) Task *t = make_task();
                char expected[512];

                t->n_samples = table[i].n_samples;
                end_task(t, table[i].state, table[i].reason);
                journal_entry_for_end(&e, t);

                (void) snprintf(expected,
                                sizeof(expected),
                                "%s See \"cprofctl task info 20261121T031005-abcd\".",
                                table[i].message);
                cr_assert_eq(e.error, 0);
                cr_expect_str_eq(field(&e, "MESSAGE", 0), expected);
                cr_expect_str_eq(field(&e, "MESSAGE_ID", 0), table[i].message_id);
                cr_expect_str_eq(field(&e, "PRIORITY", 0), table[i].priority);
        }
}

Test(sink, foreign_names_cannot_forge_fields_or_lines) {
        _cleanup_(journal_entry_done) JournalEntry e = {};
        _cleanup_(task_freep) Task *t = make_task();

        free(t->process);
        t->process = copy("a\nPRIORITY=0\xff\x1b[31m");
        journal_entry_for_start(&e, t);

        cr_assert_eq(e.error, 0);
        for (size_t i = 0; i < e.n_fields; i++) {
                cr_expect(utf8_is_valid(e.fields[i].iov_base, e.fields[i].iov_len));
                cr_expect_null(memchr(e.fields[i].iov_base, '\n', e.fields[i].iov_len));
                cr_expect_null(memchr(e.fields[i].iov_base, 0x1b, e.fields[i].iov_len));
        }
        cr_expect_str_eq(field(&e, "CPROF_PROCESS", 0), "a?PRIORITY=0??[31m");
        cr_expect_null(field(&e, "PRIORITY", 1));
}

Test(sink, a_nested_unit_joins_both_managers_units) {
        _cleanup_(journal_entry_done) JournalEntry e = {};
        _cleanup_(task_freep) Task *t = make_task();

        free(t->unit);
        t->unit = copy("user@1000.service/app.scope");
        journal_entry_for_start(&e, t);

        cr_expect_str_eq(field(&e, "CPROF_UNIT", 0), "user@1000.service/app.scope");
        cr_expect_str_eq(field(&e, "OBJECT_SYSTEMD_UNIT", 0), "user@1000.service");
        cr_expect_str_eq(field(&e, "OBJECT_SYSTEMD_USER_UNIT", 0), "app.scope");
}

Test(sink, too_many_fields_are_an_error_that_sticks) {
        _cleanup_(journal_entry_done) JournalEntry e = {};

        for (unsigned i = 0; i < JOURNAL_FIELDS_MAX; i++)
                journal_entry_addf(&e, "FIELD=%u", i);
        cr_assert_eq(e.error, 0);

        journal_entry_addf(&e, "FIELD=more");
        cr_expect_eq(e.error, -E2BIG);
        cr_expect_eq(e.n_fields, JOURNAL_FIELDS_MAX);
        cr_expect_eq(journal_entry_send(&e), -E2BIG, "an incomplete entry must not be sent");
}

Test(sink, the_catalog_has_a_text_for_each_message) {
        static const char *const ids[] = {
                CPROF_MESSAGE_TASK_STARTED,     CPROF_MESSAGE_TASK_ENDED, CPROF_MESSAGE_TASK_FAILED,
                CPROF_MESSAGE_TASK_THINNED,     CPROF_MESSAGE_POLICY_BAD, CPROF_MESSAGE_OAP_TASK_KNOWN,
                CPROF_MESSAGE_OAP_TASK_REFUSED,
        };
        _cleanup_(freep) char *text = NULL;
        char path[4096], head[64];
        size_t length;

        cr_assert_not_null(getenv("CPROF_SOURCE_ROOT"));
        (void) snprintf(path, sizeof(path), "%s/src/catalog/cprofd.catalog", getenv("CPROF_SOURCE_ROOT"));
        cr_assert_eq(read_full_file_at(AT_FDCWD, path, 64 * 1024, &text, &length), 0);
        cr_expect(utf8_is_valid(text, length));

        for (size_t i = 0; i < ELEMENTSOF(ids); i++) {
                cr_expect_eq(strspn(ids[i], "0123456789abcdef"), 32);
                cr_expect_eq(strlen(ids[i]), 32);
                (void) snprintf(head, sizeof(head), "\n-- %s\nSubject: ", ids[i]);
                cr_expect_not_null(strstr(text, head), "no text for %s", ids[i]);
                for (size_t k = 0; k < i; k++)
                        cr_expect_str_neq(ids[i], ids[k]);
        }
}

Test(sink, the_end_of_two_kinds_tells_both_how_good_and_at_what_cost) {
        static const char *const expected[][2] = {
                { "MESSAGE",
                  "Recorded 2970 samples and 1 wait of nginx.service: nginx (PID 71) in 1min; hottest: a 9%. See "
                  "\"cprofctl task info 20261121T031005-abcd\"." },
                { "CPROF_PROFILE", "on-cpu off-cpu" },
                { "CPROF_SAMPLES", "2970" },
                { "CPROF_WAITS", "1" },
                { "CPROF_WAIT_USEC", "5000" },
                { "CPROF_SAMPLES_BEFORE", "60" },
                { "CPROF_COMPLETE_PERCENT", "99.50" },
                { "CPROF_NAMED_PERCENT", "75.00" },
                { "CPROF_COST_PERCENT", "0.30" },
                { "CPROF_THINNED", "every second sample only" },
                { "CPROF_LEFT_OUT", "network is not there" },
        };
        _cleanup_(journal_entry_done) JournalEntry e = {};
        _cleanup_(task_freep) Task *t = make_task();

        t->kinds = PROFILE_KINDS_ALL;
        t->n_samples = 2970;
        t->n_before_samples = 60;
        t->offcpu = (TaskOffcpu){ .n_switches = 1, .offcpu_nsec = 5000000 };
        t->quality = (TaskQuality){ .n_stacks_user = 1000, .n_frames = 4, .n_frames_named = 3 };
        t->quality.ends[CPROF_END_ROOT] = 995;
        t->cost = (TaskCost){ .wall_nsec = NSEC_PER_SEC, .host_share_ppm = 3000 };
        t->hottest = copy("a 9%");
        t->thinned = copy("every second sample only");
        t->left_out = copy("network is not there");
        end_task(t, TASK_STATE_FINISHED, "duration reached");
        journal_entry_for_end(&e, t);

        cr_assert_eq(e.error, 0);
        for (size_t i = 0; i < ELEMENTSOF(expected); i++)
                cr_expect_str_eq(field(&e, expected[i][0], 0), expected[i][1]);
}

Test(sink, what_is_not_known_is_no_field) {
        _cleanup_(journal_entry_done) JournalEntry e = {};
        _cleanup_(task_freep) Task *t = make_task();

        t->kinds = PROFILE_KIND_BIT(PROFILE_KIND_OFF_CPU);
        end_task(t, TASK_STATE_FINISHED, "duration reached");
        journal_entry_for_end(&e, t);

        cr_assert_eq(e.error, 0);
        cr_expect_not_null(strstr(field(&e, "MESSAGE", 0), "Recorded no waits of nginx.service"));
        cr_expect_null(strstr(field(&e, "MESSAGE", 0), "on a CPU"), "nobody looked");
        cr_expect_null(field(&e, "CPROF_COMPLETE_PERCENT", 0));
        cr_expect_null(field(&e, "CPROF_COST_PERCENT", 0));
        cr_expect_null(field(&e, "CPROF_THINNED", 0));
}
