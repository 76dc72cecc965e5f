/* SPDX-License-Identifier: Apache-2.0 */
/* Golden messages: written down by hand from the numbers of the protocol's fields, byte by byte. */
#include "oap/oap-encode.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(oap_encode, .timeout = 10);

static const OapEntity shop = { "GENERAL", "shop", "host-a", "php" };

#define SHOP "\x0a\x07GENERAL\x12\x04shop\x1a\x06host-a\x22\x03php" /* 28 bytes, as fields 1 to 4 */
#define ONE_POINT_FIVE "\x00\x00\x00\x00\x00\x00\xf8\x3f"
#define TWO "\x00\x00\x00\x00\x00\x00\x00\x40"

#define expect_bytes(b, golden)                                                 \
        do {                                                                    \
                cr_expect_eq((b).size,                                          \
                             sizeof(golden) - 1,                                \
                             "%zu bytes, not %zu",                              \
                             (b).size,                                          \
                             sizeof(golden) - 1);                               \
                if ((b).size == sizeof(golden) - 1)                             \
                        cr_expect_arr_eq((b).data, golden, sizeof(golden) - 1); \
        } while (0)

Test(oap_encode, processes_are_host_processes) {
        _cleanup_(oap_bytes_done) OapBytes b = {};
        const OapProcess p = { shop, 300, (const char *const[]){ "pid", "300", NULL } };

        cr_assert_eq(oap_encode_processes("agent", &p, 1, &b), 0);
        expect_bytes(b,
                     "\x0a\x2f\x0a\x2d\x0a\x1c" SHOP "\x10\xac\x02\x1a\x0a\x0a\x03pid\x12\x03"
                     "300\x12\x05"
                     "agent");
}

Test(oap_encode, keep_alive_has_no_pid) {
        _cleanup_(oap_bytes_done) OapBytes b = {};
        const OapProcess p = { shop, 300, (const char *const[]){ "a", "b", NULL } };

        cr_assert_eq(oap_encode_keep_alive("agent", &p, 1, &b), 0);
        expect_bytes(b,
                     "\x0a\x26\x0a\x1c" SHOP "\x12\x06\x0a\x01"
                     "a\x12\x01"
                     "b\x12\x05"
                     "agent");
}

Test(oap_encode, queries) {
        _cleanup_(oap_bytes_done) OapBytes policies = {}, tasks = {};

        cr_assert_eq(oap_encode_policy_query(
                                     (const char *const[]){ "s", "t" },
                                     (const char *const[]){ "u", "" },
                                     2,
                                     &policies),
                     0);
        expect_bytes(policies,
                     "\x0a\x06\x0a\x01s\x12\x01u"
                     "\x0a\x03\x0a\x01t");

        cr_assert_eq(oap_encode_task_query("agent", 300, &tasks), 0);
        expect_bytes(tasks,
                     "\x0a\x05"
                     "agent\x10\xac\x02");
}

/* Conformance 21, 22: the target is there although it is empty, and so is the path of all requests. */
Test(oap_encode, a_report_has_its_target_and_causes) {
        _cleanup_(oap_bytes_done) OapBytes b = {};
        const UriRule all = { .kind = URI_RULE_ALL }, regex = { URI_RULE_REGEX, (char *) "^/a" };
        const OapCause causes[] = {
                { METRIC_PROCESS_CPU, NULL, 1.5, 2 },
                { METRIC_HTTP_P99_RESPONSE_TIME, &all, 1, 2 }, /* OAP has none */
                { METRIC_HTTP_ERROR_RATE, &all, 1.5, 2 },
                { METRIC_HTTP_AVG_RESPONSE_TIME, &regex, 1.5, 2 },
        };

        cr_assert_eq(oap_encode_report(&shop, OAP_TARGET_ON_CPU, causes, ELEMENTSOF(causes), 600, &b), 0);
        expect_bytes(b,
                     SHOP "\x2a\x14\x12\x12\x09" ONE_POINT_FIVE "\x11" TWO
                          "\x2a\x18\x08\x03\x1a\x14\x12\x00\x19" ONE_POINT_FIVE "\x21" TWO
                          "\x2a\x1b\x08\x04\x1a\x17\x0a\x03^/a\x19" ONE_POINT_FIVE "\x21" TWO
                          "\x30\xd8\x04\x3a\x00");
}

Test(oap_encode, a_report_has_six_causes_at_most_and_one_at_least) {
        _cleanup_(oap_bytes_done) OapBytes b = {}, off = {};
        OapCause causes[9];

        for (size_t i = 0; i < ELEMENTSOF(causes); i++)
                causes[i] = (OapCause){ METRIC_SYSTEM_LOAD, NULL, 1, (double) i };

        cr_assert_eq(oap_encode_report(&shop, OAP_TARGET_OFF_CPU, causes, ELEMENTSOF(causes), 1, &b), 0);
        cr_expect_eq(b.size,
                     28 + OAP_CAUSES_MAX * (2 + 2 + 2 + 18) - 9 + 2 + 2,
                     "the first value is 0: left out");
        cr_expect_eq(memcmp(b.data + b.size - 2, "\x42\x00", 2), 0, "field 8, empty");

        cr_expect_eq(oap_encode_report(&shop, OAP_TARGET_ON_CPU, causes, 0, 1, &off), -EINVAL);
        causes[0].metric = METRIC_CPU_PRESSURE;
        cr_expect_eq(oap_encode_report(&shop, OAP_TARGET_ON_CPU, causes, 1, 1, &off), -EINVAL);
        causes[0].metric = METRIC_PROCESS_CPU;
        cr_expect_eq(oap_encode_report(&shop, OAP_TARGET_NETWORK, causes, 1, 1, &off), -EINVAL);
        cr_expect_null(off.data);
}

/* Conformance 35: who and when once, in the first; no NaN; no '|' and ',' in the label, which
 * is another one for each text. */
Test(oap_encode, meters_of_one_instance) {
        _cleanup_(oap_bytes_done) OapBytes b = {}, none = {};
        const UriRule odd = { URI_RULE_EXACT, (char *) "/a|b,c" };
        const OapMeter meters[] = {
                { METRIC_PROCESS_CPU, "p", "L", NULL, NAN },
                { METRIC_PROCESS_CPU, "p", "L", NULL, 2 },
                { METRIC_HTTP_ERROR_RATE, "p", "L", &odd, INFINITY },
                { METRIC_HTTP_ERROR_RATE, "p", "L", &odd, 1.5 },
                { METRIC_IO_PRESSURE, "p", "L", NULL, 2 },
        };

        cr_assert_eq(oap_encode_meters("s", "i", 300, meters, ELEMENTSOF(meters), &b), 0);
        expect_bytes(b,
                     "\x0a\x4c\x0a\x41\x0a\x17rover_con_p_process_cpu"
                     "\x12\x11\x0a\x0cprocess_name\x12\x01p\x12\x0a\x0a\x05layer\x12\x01L\x19" TWO
                     "\x1a\x01s\x22\x01i\x28\xac\x02"
                     "\x0a\x5f\x0a\x5d\x0a\x1brover_con_p_http_error_rate"
                     "\x12\x11\x0a\x0cprocess_name\x12\x01p\x12\x0a\x0a\x05layer\x12\x01L"
                     "\x12\x16\x0a\x03uri\x12\x0f/a_b_c~c423769b\x19" ONE_POINT_FIVE);

        cr_assert_eq(oap_encode_meters("s", "i", 300, meters, 1, &none), 0);
        cr_expect_eq(none.size, 0);
}

/* Conformance 29, 31. */
Test(oap_encode, stacks_are_of_two_sides) {
        _cleanup_(oap_bytes_done) OapBytes b = {}, user = {}, bad = {};
        const OapStack stack = {
                .kernel = (const char *const[]){ "k" },
                .user = (const char *const[]){ "\xff", NULL, "main" },
                .n_kernel = 1,
                .n_user = 3,
                .kernel_id = 1,
                .user_id = 2,
                .count = 3,
                .duration_nsec = 300,
        };
        const OapTaskKey key = { "t", "p", 1, 2 };
        OapStack one = stack;

        cr_assert_eq(oap_encode_stack(OAP_TARGET_OFF_CPU, &key, &stack, &b), 0);
        expect_bytes(b,
                     "\x0a\x0a\x0a\x01t\x12\x01p\x18\x01 \x02"
                     "\x1a\x26\x0a\x05\x10\x01\x1a\x01k\x0a\x18\x08\x01\x10\x02\x1a\x01?\x1a\x09[MISSING]\x1a\x04main"
                     "\x10\x03\x18\xac\x02");

        one.n_kernel = 0;
        one.n_user = 1;
        cr_assert_eq(oap_encode_stack(OAP_TARGET_ON_CPU, NULL, &one, &user), 0);
        expect_bytes(user, "\x12\x0b\x0a\x07\x08\x01\x10\x02\x1a\x01?\x10\x03");

        one.n_user = 0;
        cr_expect_eq(oap_encode_stack(OAP_TARGET_ON_CPU, NULL, &one, &bad), -EINVAL);
        cr_expect_eq(oap_encode_stack(OAP_TARGET_NETWORK, NULL, &stack, &bad), -EINVAL);
}

static void on_id(int32_t pid, const OapEntity *entity, const char *id, void *userdata) {
        cr_expect_eq(pid, 300);
        cr_expect_str_eq(entity->process, "php");
        cr_expect_str_eq(id, "x");
        ++*(unsigned *) userdata;
}

/* 34 bytes: pid 300 and the entity of SHOP */
#define DOWNSTREAM "\x08\xac\x02\x12\x1c" SHOP

Test(oap_encode, ids_of_processes_are_read) {
        static const char answer[] = "\x0a\x26\x0a\x01x\x12\x21" DOWNSTREAM /* what it should be */
                                     "\x0a\x03\x0a\x01y"                    /* nobody's */
                                     "\x0a\x23\x12\x21" DOWNSTREAM;         /* without an id */
        unsigned n = 0;

        cr_expect_eq(oap_decode_process_ids(answer, sizeof(answer) - 1, on_id, &n), 0);
        cr_expect_eq(n, 1);
        cr_expect_eq(oap_decode_process_ids(answer, sizeof(answer) - 2, on_id, &n), -EBADMSG, "cut");
        cr_expect_eq(oap_decode_process_ids("\xff", 1, on_id, &n), -EBADMSG);
        cr_expect_eq(n, 1);
}
