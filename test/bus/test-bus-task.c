/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/bus-bed.h"

#include "bus/bus-names.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(test_bus_task, .timeout = 30);

static BusBed b;

static void init(void) {
        bus_bed_init(&b);
}

static void done(void) {
        bus_bed_done(&b);
}

typedef struct Row {
        char id[64], state[16], unit[64], process[64], kind[16], policy[64], rule[128], reason[64];
        uint32_t pid;
        uint64_t started_usec, ended_usec, duration_usec, left_usec, n_samples;
} Row;

static void copy_text(char *ret, size_t size, const char *s) {
        cr_assert_lt(snprintf(ret, size, "%s", s), (int) size);
}

#define COPY(field, s) copy_text(field, sizeof(field), s)

static size_t list_tasks(Row *rows, size_t max) {
        const char *id, *state, *unit, *process, *kind, *policy, *rule, *reason;
        sd_bus_message *m = bus_bed_call(&b, "ListTasks", "");
        Row r;
        size_t n = 0;

        cr_assert_gt(sd_bus_message_enter_container(m, 'a', CPROF_BUS_TASK_SIGNATURE), 0);
        while (sd_bus_message_read(
                               m,
                               CPROF_BUS_TASK_SIGNATURE,
                               &id,
                               &state,
                               &unit,
                               &process,
                               &r.pid,
                               &kind,
                               &policy,
                               &rule,
                               &reason,
                               &r.started_usec,
                               &r.ended_usec,
                               &r.duration_usec,
                               &r.left_usec,
                               &r.n_samples) > 0) {
                cr_assert_lt(n, max);
                COPY(r.id, id);
                COPY(r.state, state);
                COPY(r.unit, unit);
                COPY(r.process, process);
                COPY(r.kind, kind);
                COPY(r.policy, policy);
                COPY(r.rule, rule);
                COPY(r.reason, reason);
                rows[n++] = r;
        }

        sd_bus_message_unref(m);
        return n;
}

static sd_bus_message *start(const char *unit, const char *kind, uint64_t duration_usec, uint32_t pid) {
        return bus_bed_call(&b, "StartTask", "sstu", unit, kind, duration_usec, pid);
}

static void expect_json(const char *id, const char *part, bool is_there) {
        sd_bus_message *reply = bus_bed_call(&b, "GetTask", "s", id);
        const char *json;

        cr_assert_gt(sd_bus_message_read(reply, "s", &json),
                     0,
                     "%s",
                     sd_bus_message_get_error(reply)->message);
        cr_expect_eq(strstr(json, part) != NULL, is_there, "%s in %s", part, json);
        sd_bus_message_unref(reply);
}

Test(test_bus_task, what_cannot_be_recorded_is_refused, .init = init, .fini = done) {
        static const struct {
                const char *unit, *kind;
                uint64_t duration_usec;
                uint32_t pid;
                const char *error, *message;
        } rows[] = {
                { "web",
                  "network",
                  0,
                  0,
                  CPROF_BUS_ERROR_NOT_SUPPORTED,
                  "This build does not have the profile kind 'network'." },
                { "web",
                  "on-gpu",
                  0,
                  0,
                  NULL,
                  "'on-gpu' is no profile kind, expected on-cpu, off-cpu or both." },
                { "web", "", 0, 0, NULL, "'' is no profile kind, expected on-cpu, off-cpu or both." },
                { "web",
                  "on-cpu",
                  USEC_PER_SEC - 1,
                  0,
                  NULL,
                  "Bad duration: expected 1s to 1h, or 0 for the default of 30s." },
                { "web",
                  "on-cpu",
                  USEC_PER_HOUR + 1,
                  0,
                  NULL,
                  "Bad duration: expected 1s to 1h, or 0 for the default of 30s." },
                { "web",
                  "on-cpu",
                  UINT64_MAX,
                  0,
                  NULL,
                  "Bad duration: expected 1s to 1h, or 0 for the default of 30s." },
                { "wep",
                  "on-cpu",
                  0,
                  0,
                  CPROF_BUS_ERROR_NO_SUCH_UNIT,
                  "No unit 'wep.service' with processes on this host, did you mean 'web.service'?" },
                { "web",
                  "on-cpu",
                  0,
                  20,
                  CPROF_BUS_ERROR_NO_SUCH_PROCESS,
                  "Unit 'web.service' has no process 20." },
                { "web",
                  "on-cpu",
                  0,
                  999,
                  CPROF_BUS_ERROR_NO_SUCH_PROCESS,
                  "Unit 'web.service' has no process 999." },
                { "web",
                  "on-cpu",
                  0,
                  UINT32_MAX,
                  CPROF_BUS_ERROR_NO_SUCH_PROCESS,
                  "Unit 'web.service' has no process 4294967295." },
        };
        Row row;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                bus_bed_fails(start(rows[i].unit, rows[i].kind, rows[i].duration_usec, rows[i].pid),
                              rows[i].error,
                              rows[i].message);

        cr_expect_eq(list_tasks(&row, 1), 0);
}

Test(test_bus_task,
     one_task_of_a_kind_runs_for_a_target_and_no_more_than_allowed,
     .init = init,
     .fini = done) {
        char id[TASK_ID_MAX];

        bus_bed_start(&b, "web", 10, id);
        bus_bed_fails(start("web", "on-cpu", 0, 10),
                      CPROF_BUS_ERROR_TASK_EXISTS,
                      "A task of kind on-cpu is running for 'web.service' already.");

        bus_bed_start(&b, "db.service", 0, id);
        bus_bed_fails(start("db", "on-cpu", 0, 0),
                      CPROF_BUS_ERROR_TASK_EXISTS,
                      "A task of kind on-cpu is running for 'db.service' already.");
        bus_bed_fails(start("web", "on-cpu", 0, 11),
                      CPROF_BUS_ERROR_BUSY,
                      "2 tasks are running already (MaxTasks=).");
}

Test(test_bus_task, kinds_combine_and_what_is_missing_is_left_out, .init = init, .fini = done) {
        Row rows[4];

        bus_bed_succeeds(start("web", "off-cpu on-cpu", 0, 10));
        cr_assert_eq(list_tasks(rows, 4), 1);
        cr_expect_str_eq(rows[0].kind, "on-cpu off-cpu");
        bus_bed_fails(start("web", "on-cpu off-cpu", 0, 10),
                      CPROF_BUS_ERROR_TASK_EXISTS,
                      "A task of kind on-cpu off-cpu is running for 'web.service' already.");

        b.fake.fail[PROBE_FEATURE_OFF_CPU] = -EPERM;
        bus_bed_fails(start("db", "off-cpu", 0, 0),
                      CPROF_BUS_ERROR_NOT_SUPPORTED,
                      "Not on this host: made to fail by the test");
        bus_bed_finish(&b); /* the one that failed */
        bus_bed_succeeds(start("db", "on-cpu off-cpu", 0, 0));
        cr_assert_eq(list_tasks(rows, 4), 3);
        for (unsigned i = 0; i < 3; i++) {
                if (strcmp(rows[i].state, "failed") == 0)
                        cr_expect_str_eq(rows[i].kind, "off-cpu", "what was asked for");
                else if (strcmp(rows[i].unit, "db.service") == 0)
                        cr_expect_str_eq(rows[i].kind, "on-cpu", "what is recorded");
        }
}

Test(test_bus_task, a_host_without_the_sampler_says_so, .init = init, .fini = done) {
        b.fake.fail[PROBE_FEATURE_ON_CPU] = -EPERM;

        bus_bed_fails(start("web", "on-cpu", 0, 0),
                      CPROF_BUS_ERROR_NOT_SUPPORTED,
                      "Not on this host: made to fail by the test");
}

Test(test_bus_task, a_task_that_fails_to_start_is_kept_and_told, .init = init, .fini = done) {
        sd_bus_message *reply;
        Row row;

        b.fake.watch_error = -EIO;
        reply = start("web", "on-cpu", 0, 10);
        cr_expect(sd_bus_message_is_method_error(reply, SD_BUS_ERROR_IO_ERROR),
                  "%s",
                  sd_bus_message_get_error(reply)->name);
        cr_expect_str_eq(
                        sd_bus_message_get_error(reply)->message,
                        "The task failed to start, see 'cprofctl task info': Input/output error");
        sd_bus_message_unref(reply);

        bus_bed_finish(&b);
        cr_assert_eq(list_tasks(&row, 1), 1);
        cr_expect_str_eq(row.state, "failed");
}

Test(test_bus_task, a_running_task_is_listed_as_it_is_now, .init = init, .fini = done) {
        char id[TASK_ID_MAX];
        Row rows[3];

        bus_bed_store(&b);
        bus_bed_start(&b, "web", 10, id);
        bus_bed_sample(&b, 10);
        bus_bed_sample(&b, 10);

        cr_assert_eq(list_tasks(rows, 3), 2);
        cr_expect_str_eq(rows[0].id, id, "the newest comes first");
        cr_expect_str_eq(rows[0].state, "running");
        cr_expect_str_eq(rows[0].unit, "web.service");
        cr_expect_str_eq(rows[0].process, "nginx");
        cr_expect_eq(rows[0].pid, 10);
        cr_expect_str_eq(rows[0].kind, "on-cpu");
        cr_expect_str_eq(rows[0].policy, "");
        cr_expect_str_eq(rows[0].rule, "");
        cr_expect_str_eq(rows[0].reason, "");
        cr_expect_eq(rows[0].ended_usec, 0);
        cr_expect_eq(rows[0].duration_usec, 30 * USEC_PER_SEC);
        cr_expect_gt(rows[0].left_usec, 0);
        cr_expect_leq(rows[0].left_usec, 30 * USEC_PER_SEC);
        cr_expect_eq(rows[0].n_samples, 2, "the record knows of none yet");
        expect_json(id, "\"n_samples\": 2", true);

        cr_expect_str_eq(rows[1].id, BUS_BED_STORED_ID);
        cr_expect_str_eq(rows[1].state, "finished");
        cr_expect_str_eq(rows[1].unit, "old.service");
        cr_expect_eq(rows[1].pid, 77);
        cr_expect_str_eq(rows[1].policy, "busy");
        cr_expect_str_eq(rows[1].rule, "process-cpu >= 80% for 5 of 10s");
        cr_expect_str_eq(rows[1].reason, "duration reached");
        cr_expect_eq(rows[1].started_usec, BUS_BED_STORED_REALTIME);
        cr_expect_eq(rows[1].ended_usec, BUS_BED_STORED_REALTIME + USEC_PER_MINUTE);
        cr_expect_eq(rows[1].left_usec, 0);
}

Test(test_bus_task, a_task_without_its_record_is_listed_all_the_same, .init = init, .fini = done) {
        char id[TASK_ID_MAX];
        Row row;

        bus_bed_start(&b, "web", 0, id);
        cr_assert_eq(store_delete(b.store, id), 0);

        cr_assert_eq(list_tasks(&row, 1), 1);
        cr_expect_str_eq(row.id, id);
        cr_expect_str_eq(row.state, "running");
}

/* Whoever waits for the end of a task finds its profile then. */
Test(test_bus_task, a_task_runs_until_its_evidence_is_written, .init = init, .fini = done) {
        char id[TASK_ID_MAX], message[128];
        Row row;

        bus_bed_start(&b, "web", 0, id);
        bus_bed_sample(&b, 11);
        bus_bed_succeeds(bus_bed_call(&b, "StopTask", "s", id));
        cr_assert_not_null(b.finishing);

        cr_assert_eq(list_tasks(&row, 1), 1);
        cr_expect_str_eq(row.state, "running");
        cr_expect_str_eq(row.reason, "");
        cr_expect_eq(row.ended_usec, 0);
        expect_json(id, "\"state\": \"running\"", true);
        expect_json(id, "stopped by request", false);

        (void) snprintf(message, sizeof(message), "Task '%s' is running; stop it first.", id);
        bus_bed_fails(bus_bed_call(&b, "DeleteTask", "s", id), CPROF_BUS_ERROR_TASK_RUNNING, message);
        (void) snprintf(message, sizeof(message), "Task '%s' is not running.", id);
        bus_bed_fails(bus_bed_call(&b, "StopTask", "s", id), CPROF_BUS_ERROR_NO_SUCH_TASK, message);

        bus_bed_finish(&b);
        cr_assert_eq(list_tasks(&row, 1), 1);
        cr_expect_str_eq(row.state, "stopped");
        cr_expect_str_eq(row.reason, "stopped by request");
        cr_expect_gt(row.ended_usec, 0);
        cr_expect_eq(row.left_usec, 0);
        cr_expect_eq(row.n_samples, 1);
        expect_json(id, "\"state\": \"stopped\"", true);
        expect_json(id, "stopped by request", true);
}

Test(test_bus_task, a_task_is_found_by_a_part_of_its_id, .init = init, .fini = done) {
        static const char *const methods[] = { "GetTask", "StopTask", "DeleteTask" };
        char id[TASK_ID_MAX];

        bus_bed_fails(bus_bed_call(&b, "GetTask", "s", "latest"),
                      CPROF_BUS_ERROR_NO_SUCH_TASK,
                      "There is no task yet.");

        bus_bed_store(&b);
        expect_json("latest", "old.service", true);
        expect_json("20261121T0310", "old.service", true);
        expect_json("9f3c", "old.service", true);

        bus_bed_start(&b, "web", 0, id);
        expect_json("latest", "web.service", true);
        for (size_t i = 0; i < ELEMENTSOF(methods); i++) {
                bus_bed_fails(bus_bed_call(&b, methods[i], "s", "20"),
                              CPROF_BUS_ERROR_NO_SUCH_TASK,
                              "'20' fits more than one task, write more of the ID.");
                bus_bed_fails(bus_bed_call(&b, methods[i], "s", "../etc"),
                              CPROF_BUS_ERROR_NO_SUCH_TASK,
                              "No task '../etc'.");
                bus_bed_fails(bus_bed_call(&b, methods[i], "s", ""),
                              CPROF_BUS_ERROR_NO_SUCH_TASK,
                              "No task ''.");
        }

        bus_bed_fails(bus_bed_call(&b, "StopTask", "s", "9f3c"),
                      CPROF_BUS_ERROR_NO_SUCH_TASK,
                      "Task '" BUS_BED_STORED_ID "' is not running.");
}

Test(test_bus_task, a_deleted_task_is_gone, .init = init, .fini = done) {
        Row row;

        bus_bed_store(&b);
        bus_bed_succeeds(bus_bed_call(&b, "DeleteTask", "s", BUS_BED_STORED_ID));
        cr_expect_eq(list_tasks(&row, 1), 0);
        bus_bed_fails(bus_bed_call(&b, "DeleteTask", "s", BUS_BED_STORED_ID),
                      CPROF_BUS_ERROR_NO_SUCH_TASK,
                      "No task '" BUS_BED_STORED_ID "'.");
}

Test(test_bus_task, a_record_that_is_no_text_can_be_read, .init = init, .fini = done) {
        bus_bed_store(&b);
        bus_bed_write(&b, "state/tasks/" BUS_BED_STORED_ID "/task.json", "{ \"unit\": \"\xff\" }");

        expect_json(BUS_BED_STORED_ID, "{ \"unit\": \"?\" }", true);
}
