/* SPDX-License-Identifier: Apache-2.0 */
#include "fake/fake-oap.h"
#include "oap/oap-encode.h"
#include "oap/transport-bed.h"

#include <criterion/criterion.h>
#include <string.h>

/* The fake OAP against our own messages: what other tests rely on. */

TestSuite(fake_oap, .timeout = 60);

typedef struct Bed {
        FakeOap *oap;
        TransportBed transport;
        Outcome outcome;
} Bed;

static void bed_init(Bed *b) {
        b->oap = fake_oap_new(NULL);
        transport_bed_init(&b->transport, fake_oap_address(b->oap));
}

static void bed_done(Bed *b) {
        outcome_done(&b->outcome);
        transport_bed_done(&b->transport);
        b->oap = fake_oap_free(b->oap);
}

/* Sends what was encoded, with @r being 0, and returns the status. */
static int send(Bed *b, const char *method, int r, OapBytes *bytes) {
        cr_assert_eq(r, 0);
        outcome_done(&b->outcome);
        bed_start_request(
                        &b->transport,
                        &(OapCallRequest){ .method = method,
                                           .messages = &(OapSlice){ bytes->data, bytes->size },
                                           .n_messages = 1,
                                           .timeout_usec = BED_TIMEOUT_USEC },
                        &b->outcome);
        bed_finish(&b->transport, &b->outcome);
        oap_bytes_done(bytes);
        return b->outcome.status;
}

#define REPORT_PROCESSES "/skywalking.v3.EBPFProcessService/reportProcesses"
#define QUERY_POLICIES "/skywalking.v3.ContinuousProfilingService/queryPolicies"
#define REPORT_TASK "/skywalking.v3.ContinuousProfilingService/reportProfilingTask"
#define QUERY_TASKS "/skywalking.v3.EBPFProfilingService/queryTasks"
#define COLLECT_DATA "/skywalking.v3.EBPFProfilingService/collectProfilingData"

static const char *const no_properties[] = { NULL };

/* oap-contract.md 4.2: as a real OAP has them. */
Test(fake_oap, the_id_of_a_process_is_that_of_the_formula) {
        char id[65];

        fake_oap_process_id("sqrt", "test-instance", "sqrt", id);
        cr_expect_str_eq(id, "3f84517a2b0f75e4b91f6fd23b020aa6f9b2cdae0a3d075ff7ee230000ee468d");
        fake_oap_process_id("cprofd-demo", "host-a", "nginx", id);
        cr_expect_str_eq(id, "814baae4ae19942775c54156ecd776dc2c55096dc57779b8fb11bc41bb306085");
}

static void on_id(int32_t pid, const OapEntity *entity, const char *id, void *userdata) {
        unsigned *n = userdata;
        char expected[65];

        fake_oap_process_id(entity->service, entity->instance, entity->process, expected);
        cr_expect_str_eq(id, expected);
        cr_expect_str_eq(entity->layer, "GENERAL");
        cr_expect_eq(pid, *n == 0 ? 17 : 18);
        (*n)++;
}

Test(fake_oap, processes_get_their_ids) {
        static const OapProcess processes[] = {
                { { "GENERAL", "shop", "host-a", "web" }, 17, no_properties },
                { { "GENERAL", "shop", "host-a", "db" }, 18, no_properties },
        };
        _cleanup_(bed_done) Bed b = {};
        OapBytes bytes = {};
        unsigned n = 0;

        bed_init(&b);
        cr_assert_eq(send(&b, REPORT_PROCESSES, oap_encode_processes("agent", processes, 2, &bytes), &bytes),
                     OAP_STATUS_OK);
        cr_assert_eq(oap_decode_process_ids(b.outcome.response, b.outcome.size, on_id, &n), 0);
        cr_expect_eq(n, 2);
        cr_expect_eq(send(&b, BED_KEEP_ALIVE, oap_encode_keep_alive("agent", processes, 2, &bytes), &bytes),
                     OAP_STATUS_OK);
}

Test(fake_oap, a_layer_that_is_none_is_an_error_without_a_reason) {
        static const OapProcess process = { { "HOSTS", "shop", "host-a", "web" }, 17, no_properties };
        _cleanup_(bed_done) Bed b = {};
        OapBytes bytes = {};

        bed_init(&b);
        cr_expect_eq(send(&b, BED_KEEP_ALIVE, oap_encode_keep_alive("agent", &process, 1, &bytes), &bytes),
                     OAP_STATUS_UNKNOWN);
        cr_expect_str_eq(b.outcome.message, "Application error processing RPC");
}

static void query_policies(Bed *b, const char *service, const char *uuid, OapServicePolicies *ret) {
        OapBytes bytes = {};

        cr_assert_eq(send(b, QUERY_POLICIES, oap_encode_policy_query(&service, &uuid, 1, &bytes), &bytes),
                     OAP_STATUS_OK);
        cr_assert_eq(oap_command_policies(b->outcome.response, b->outcome.size, ret, NULL), 0);
}

Test(fake_oap, a_policy_is_told_to_who_has_another) {
        _cleanup_(bed_done) Bed b = {};
        OapServicePolicies p;

        bed_init(&b);
        fake_oap_set_policy(
                        b.oap,
                        "shop",
                        "1",
                        "{\"ON_CPU\":{\"PROCESS_CPU\":{\"Threshold\":\"80\",\"Period\":10,\"Count\":5}}}");
        query_policies(&b, "shop", "", &p);
        cr_assert_eq(p.n_policies, 1);
        cr_expect_str_eq(p.policies[0].service, "shop");
        cr_expect_str_eq(p.policies[0].uuid, "1");
        cr_expect_eq(p.policies[0].n_items, 1);
        oap_service_policies_done(&p);

        query_policies(&b, "shop", "1", &p);
        cr_expect_eq(p.n_policies, 0);
        oap_service_policies_done(&p);
        query_policies(&b, "other", "", &p);
        cr_expect_eq(p.n_policies, 0);
        oap_service_policies_done(&p);

        fake_oap_set_policy(b.oap, "shop", "", NULL);
        query_policies(&b, "shop", "1", &p);
        cr_assert_eq(p.n_policies, 1);
        cr_expect_eq(p.policies[0].n_items, 0);
        oap_service_policies_done(&p);

        fake_oap_remove_policy(b.oap, "shop");
        query_policies(&b, "shop", "1", &p);
        cr_expect_eq(p.n_policies, 0);
        oap_service_policies_done(&p);
}

static size_t n_tasks_since(Bed *b, int64_t since_ms) {
        _cleanup_(oap_tasks_done) OapTasks tasks = {};
        OapBytes bytes = {};

        cr_assert_eq(send(b, QUERY_TASKS, oap_encode_task_query("agent", since_ms, &bytes), &bytes),
                     OAP_STATUS_OK);
        cr_assert_eq(oap_command_tasks(b->outcome.response, b->outcome.size, &tasks, NULL), 0);
        cr_expect_eq(tasks.n_refused + tasks.n_unknown, 0);
        return tasks.n_tasks;
}

Test(fake_oap, tasks_are_told_when_they_are_newer) {
        _cleanup_(bed_done) Bed b = {};

        bed_init(&b);
        cr_expect_eq(n_tasks_since(&b, 0), 0);
        fake_oap_add_task(
                        b.oap,
                        &(FakeOapTask){ .task_id = "t1",
                                        .process_id = "p1",
                                        .target = "ON_CPU",
                                        .update_ms = 5,
                                        .duration_sec = 60 });
        fake_oap_add_task(
                        b.oap,
                        &(FakeOapTask){ .task_id = "t2",
                                        .process_id = "p1,p2",
                                        .target = "NETWORK",
                                        .update_ms = 6,
                                        .duration_sec = 60 });
        cr_expect_eq(n_tasks_since(&b, 0), 2);
        cr_expect_eq(n_tasks_since(&b, 5), 1);
        cr_expect_eq(n_tasks_since(&b, 6), 0);
        fake_oap_clear_tasks(b.oap);
        cr_expect_eq(n_tasks_since(&b, 0), 0);
}

static char *report_task(Bed *b) {
        static const OapEntity entity = { "GENERAL", "shop", "host-a", "web" };
        static const OapCause cause = { .metric = METRIC_PROCESS_CPU, .threshold = 80, .value = 90 };
        OapBytes bytes = {};
        char *id = NULL;

        cr_assert_eq(send(b,
                          REPORT_TASK,
                          oap_encode_report(&entity, OAP_TARGET_ON_CPU, &cause, 1, 600, &bytes),
                          &bytes),
                     OAP_STATUS_OK,
                     "%s",
                     b->outcome.message);
        cr_assert_eq(oap_command_task_id(b->outcome.response, b->outcome.size, &id, NULL), 0);
        return id;
}

Test(fake_oap, a_task_has_an_id_of_its_own_or_that_of_the_test) {
        _cleanup_(freep) char *one = NULL, *two = NULL, *three = NULL;
        _cleanup_(bed_done) Bed b = {};

        bed_init(&b);
        one = report_task(&b);
        two = report_task(&b);
        cr_expect_str_neq(one, two);
        cr_expect_eq(strlen(one), 64);
        fake_oap_set_task_id(b.oap, "mine");
        three = report_task(&b);
        cr_expect_str_eq(three, "mine");
}

Test(fake_oap, what_java_cannot_read_ends_the_call) {
        static const uint8_t no_target[] = { 0x0a, 1, 'L' }, no_utf8[] = { 0x0a, 2, 0xc3, 0x28 },
                             cut[] = { 0x0a, 9 };
        static const uint8_t no_profiling[] = { 0x0a, 3, 0x0a, 1, 't' };
        static const OapSlice stream[] = { { no_profiling, sizeof(no_profiling) }, { cut, sizeof(cut) } };
        _cleanup_(bed_done) Bed b = {};
        Outcome o = {};

        bed_init(&b);
        cr_expect_eq(send(&b, REPORT_TASK, 0, &(OapBytes){ memcpy(malloc(3), no_target, 3), 3 }),
                     OAP_STATUS_UNKNOWN);
        cr_expect_eq(send(&b, REPORT_TASK, 0, &(OapBytes){ memcpy(malloc(4), no_utf8, 4), 4 }),
                     OAP_STATUS_UNKNOWN);
        cr_expect_eq(send(&b, QUERY_TASKS, 0, &(OapBytes){ memcpy(malloc(2), cut, 2), 2 }),
                     OAP_STATUS_UNKNOWN);

        for (size_t i = 0; i < ELEMENTSOF(stream); i++) {
                bed_start_request(
                                &b.transport,
                                &(OapCallRequest){ .method = COLLECT_DATA,
                                                   .messages = &stream[i],
                                                   .n_messages = 1,
                                                   .timeout_usec = BED_TIMEOUT_USEC },
                                &o);
                bed_finish(&b.transport, &o);
                cr_expect_eq(o.status, OAP_STATUS_UNKNOWN);
                outcome_done(&o);
        }
}

Test(fake_oap, a_method_that_is_not_there_is_unimplemented) {
        _cleanup_(bed_done) Bed b = {};

        bed_init(&b);
        cr_expect_eq(send(&b, "/skywalking.v3.LogReportService/collect", 0, &(OapBytes){}),
                     OAP_STATUS_UNIMPLEMENTED);
        cr_expect_str_eq(b.outcome.message, "Method not found: skywalking.v3.LogReportService/collect");
}

Test(fake_oap, an_answer_counts_its_calls_and_the_longest_name_wins) {
        _cleanup_(bed_done) Bed b = {};
        static const int expected[] = { 8, 8, 7, 7 };

        bed_init(&b);
        fake_oap_answer(b.oap, NULL, &(FakeOapAnswer){ .status = 7 });
        fake_oap_answer(b.oap, "keepAlive", &(FakeOapAnswer){ .status = 8, .n_calls = 2 });
        for (size_t i = 0; i < ELEMENTSOF(expected); i++)
                cr_expect_eq(send(&b, BED_KEEP_ALIVE, 0, &(OapBytes){}), expected[i]);
        fake_oap_answer(b.oap, NULL, NULL);
        cr_expect_eq(send(&b, BED_KEEP_ALIVE, 0, &(OapBytes){}), OAP_STATUS_OK);

        fake_oap_forget(b.oap);
        cr_expect_eq(fake_oap_n_calls(b.oap, NULL), 0);
        fake_oap_answer(b.oap, NULL, &(FakeOapAnswer){ .delay_usec = 20000 });
        cr_expect_eq(send(&b, BED_KEEP_ALIVE, 0, &(OapBytes){}), OAP_STATUS_OK);
        cr_expect_eq(fake_oap_n_calls(b.oap, "EBPFProcessService/keepAlive"), 1);
        cr_expect_eq(fake_oap_n_calls(b.oap, "Alive"), 0);
}

/* OAP 9.5: the fifth call waits for one of the four. */
Test(fake_oap, streams_of_a_connection_are_counted) {
        _cleanup_(transport_bed_done) TransportBed t = {};
        _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(&(FakeOapOptions){ .streams_max = 4 });
        Outcome before = {}, calls[5] = {};

        transport_bed_init(&t, fake_oap_address(f));
        bed_call(&t, &before);
        outcome_done(&before);
        fake_oap_answer(f, NULL, &(FakeOapAnswer){ .never = true });
        for (size_t i = 0; i < 5; i++)
                bed_start(&t, BED_KEEP_ALIVE, 1, 2000000, &calls[i]);
        for (size_t i = 0; i < 5; i++) {
                bed_finish(&t, &calls[i]);
                cr_expect_eq(calls[i].status, OAP_STATUS_DEADLINE_EXCEEDED);
                outcome_done(&calls[i]);
        }
        cr_expect_eq(fake_oap_n_calls_peak(f), 4);
}
