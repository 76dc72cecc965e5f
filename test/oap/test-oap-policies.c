/* SPDX-License-Identifier: Apache-2.0 */
/* Queries for policies, and what follows from the answers. */
#include "oap/policy-bed.h"

#include "oap/oap-policy-texts.h"
#include "policy/policy-store.h"

static PolicyBed b;

static void init(void) {
        policy_bed_init(&b);
}

static void done(void) {
        policy_bed_done(&b);
}

TestSuite(oap_policies, .timeout = 30, .init = init, .fini = done);

#define EIGHTY "Threshold=80%\n"
#define NINETY "Threshold=90%\n"
#define expect_file(part)                                             \
        cr_expect_not_null(                                           \
                        strstr(policy_bed_file(&b, SHOP_FILE), part), \
                        "'%s'",                                       \
                        policy_bed_file(&b, SHOP_FILE))
#define expect_no_file() cr_expect_str_eq(policy_bed_file(&b, SHOP_FILE), "")
#define expect_uuid(uuid) cr_expect_str_eq(policy_bed_uuid(&b, "shop"), uuid)

Test(oap_policies, c08_the_first_query_says_nothing_and_later_ones_the_last_uuid) {
        policy_bed_poll(&b, policy_bed_cpu("shop", "A", "80"));
        expect_uuid("");
        cr_expect_eq(b.n_changed, 1);
        expect_file(EIGHTY);

        policy_bed_poll(&b, NULL);
        expect_uuid("A");
        policy_bed_poll(&b, policy_bed_cpu("shop", "B", "90"));
        expect_uuid("A");
        expect_file(NINETY);
        cr_expect_eq(b.n_changed, 2);
        policy_bed_wait(&b);
        expect_uuid("B");
        cr_expect_eq(oap_policies_n_queries(b.policies), 4);
}

Test(oap_policies, c08_a_restart_forgets_neither_uuid_nor_policy) {
        uint64_t stamp;

        policy_bed_poll(&b, policy_bed_cpu("shop", "A", "80"));
        stamp = policy_bed_stamp(&b, SHOP_FILE);

        policy_bed_restart(&b);
        b.n_services = 0; /* OAP is not there yet, so nothing is registered */
        for (unsigned i = 0; i < 100; i++)
                b.now_usec = oap_policies_step(b.policies, b.now_usec);
        cr_expect_eq(oap_policies_n_queries(b.policies), 0);
        expect_file(EIGHTY);

        b.n_services = 1;
        policy_bed_poll(&b, NULL);
        expect_uuid("A");
        cr_expect_eq(policy_bed_stamp(&b, SHOP_FILE), stamp);
        cr_expect_eq(b.n_changed, 1);
}

Test(oap_policies, c08_polls_are_ten_seconds_apart_and_jittered) {
        usec_t before, differ = 0;

        policy_bed_poll(&b, NULL);
        before = b.now_usec;
        for (unsigned i = 0; i < 20; i++) {
                usec_t interval;

                policy_bed_poll(&b, NULL);
                interval = b.now_usec - before;
                cr_expect(interval >= 9 * USEC_PER_SEC && interval <= 11 * USEC_PER_SEC, "%lu", interval);
                differ |= interval ^ OAP_POLL_USEC;
                before = b.now_usec;
        }
        cr_expect_neq(differ, 0);
}

Test(oap_policies, c09_an_empty_answer_changes_nothing) {
        policy_bed_poll(&b, policy_bed_cpu("shop", "A", "80"));
        policy_bed_poll_for(&b, 5 * USEC_PER_MINUTE, NULL);
        policy_bed_poll(&b, "[]");
        policy_bed_poll_bytes(&b, NULL, 0);
        expect_file(EIGHTY);
        cr_expect_eq(b.n_changed, 1);
        policy_bed_wait(&b);
        expect_uuid("A");
}

Test(oap_policies, c09_an_operator_who_clears_is_followed_at_once) {
        policy_bed_poll(&b, policy_bed_cpu("shop", "A", "80"));
        policy_bed_poll(&b, CLEARED("shop", "B"));
        expect_no_file();
        cr_expect_eq(b.n_changed, 2);
        policy_bed_poll(&b, policy_bed_cpu("shop", "C", "90"));
        expect_uuid("B");

        /* without "Profiling", and with a target that is empty */
        policy_bed_poll(&b, "[{\"ServiceName\":\"shop\",\"UUID\":\"D\"}]");
        expect_no_file();
        policy_bed_poll_for(&b, 5 * USEC_PER_MINUTE, NULL);
        policy_bed_poll(&b, policy_bed_cpu("shop", "E", "70"));
        policy_bed_poll(&b, "[{\"ServiceName\":\"shop\",\"UUID\":\"F\",\"Profiling\":{\"ON_CPU\":{}}}]");
        expect_no_file();
        policy_bed_restart(&b);
        policy_bed_wait(&b);
        expect_uuid("F");
}

Test(oap_policies, c09_a_removal_without_uuid_has_to_be_said_again_after_a_minute) {
        usec_t first;

        policy_bed_poll(&b, policy_bed_cpu("shop", "A", "80"));
        policy_bed_poll(&b, NOTHING("shop"));
        first = b.now_usec;
        while (b.n_changed == 1) {
                expect_file(EIGHTY);
                policy_bed_poll(&b, NOTHING("shop"));
                expect_uuid("A");
        }
        expect_no_file();
        cr_expect(b.now_usec - first >= OAP_REMOVAL_CONFIRM_USEC && b.now_usec - first < 80 * USEC_PER_SEC);

        policy_bed_poll(&b, NULL);
        expect_uuid("");
        cr_expect_eq(b.n_changed, 2);
        policy_bed_restart(&b);
        policy_bed_wait(&b);
        expect_uuid("");
}

Test(oap_policies, c09_two_that_are_far_apart_are_no_confirmation) {
        policy_bed_poll(&b, policy_bed_cpu("shop", "A", "80"));
        for (unsigned i = 0; i < 5; i++) {
                policy_bed_poll(&b, NOTHING("shop"));
                policy_bed_poll_for(&b, 3 * OAP_REMOVAL_CONFIRM_USEC, NULL);
        }
        expect_file(EIGHTY);

        /* nor are those with something else in between */
        for (unsigned i = 0; i < 20; i++) {
                policy_bed_poll(&b, NOTHING("shop"));
                policy_bed_poll(&b, policy_bed_cpu("shop", "A", "80"));
        }
        expect_file(EIGHTY);
        cr_expect_eq(b.n_changed, 1);
}

Test(oap_policies, c10_every_kind_of_text_survives_the_way) {
        policy_bed_poll(&b,
                        "[{\"ServiceName\":\"shop\",\"UUID\":\"A\",\"Profiling\":{\"OFF_CPU\":{"
                        "\"HTTP_AVG_RESPONSE_TIME\":{\"Threshold\":\"500\",\"Period\":20,\"Count\":5,"
                        "\"URIRegex\":\"^/a\\u003d\\u0027\\u003c?\"}}}}]");
        expect_no_file();
        cr_expect_not_null(strstr(policy_bed_file(&b, "oap:off-cpu:shop.policy"), "URIRegex=^/a='<?\n"));
}

Test(oap_policies, c11_what_is_refused_is_said_once_for_each_change) {
        const char *bad = policy_bed_cpu("shop", "A", "NaN");

        policy_bed_poll_for(&b, 3 * USEC_PER_MINUTE, bad);
        cr_expect_eq(policy_bed_said(&b, "shop: ON_CPU PROCESS_CPU: Threshold=NaN: expected a percentage"),
                     1);
        expect_no_file();
        cr_expect_eq(b.n_changed, 0);

        policy_bed_poll(&b, policy_bed_cpu("shop", "B", "80"));
        policy_bed_poll_for(&b, 3 * USEC_PER_MINUTE, policy_bed_cpu("shop", "C", "-1"));
        cr_expect_eq(policy_bed_said(&b, "Not all of a policy"), 1);
        expect_no_file();
}

Test(oap_policies, c11_network_is_refused_in_one_line) {
        const OapPolicyInfo *info;

        policy_bed_poll_for(
                        &b,
                        USEC_PER_MINUTE,
                        "[{\"ServiceName\":\"shop\",\"UUID\":\"A\",\"Profiling\":{\"NETWORK\":{"
                        "\"PROCESS_CPU\":{\"Threshold\":\"80\",\"Period\":9,\"Count\":1},"
                        "\"SYSTEM_LOAD\":{\"Threshold\":\"80\",\"Period\":9,\"Count\":1}}}}]");
        cr_expect_eq(policy_bed_said(&b, "shop: NETWORK: NETWORK profiling is not built"), 1);
        cr_assert_eq(oap_policies_list(b.policies, &info), 1);
        cr_expect_eq(info->n_refused, 1);
        cr_expect_eq(info->n_items, 0);
        cr_expect_str_eq(info->uuid, "A");
}

Test(oap_policies, c12_each_query_has_a_service_that_nobody_has) {
        char pseudo[64];

        for (unsigned i = 0; i < 5; i++) {
                policy_bed_poll(&b, NULL);
                cr_assert_eq(b.n_asked, 2);
                cr_expect_str_eq(b.asked[0], "shop");
                cr_expect_str_eq(b.uuids[1], "");
                cr_expect_eq(strncmp(b.asked[1], "cprofd-", 7), 0);
                if (i > 0)
                        cr_expect_str_eq(b.asked[1], pseudo);
                (void) snprintf(pseudo, sizeof(pseudo), "%s", b.asked[1]);
        }

        /* that it has a policy would be no reason to follow it */
        policy_bed_poll(&b, policy_bed_cpu(pseudo, "P", "80"));
        cr_expect_eq(b.n_changed, 0);
        cr_expect_eq(policy_bed_n_files(&b), 0);

        policy_bed_restart(&b);
        policy_bed_wait(&b);
        cr_expect_str_neq(b.asked[1], pseudo);
}

Test(oap_policies, c13_a_service_that_comes_later_is_in_the_next_query) {
        policy_bed_poll(&b, policy_bed_cpu("shop", "A", "80"));
        b.services[b.n_services++] = "desk";
        policy_bed_poll(&b, policy_bed_cpu("desk", "D", "90"));
        expect_uuid("A");
        cr_expect_str_eq(policy_bed_uuid(&b, "desk"), "");
        cr_expect_not_null(strstr(policy_bed_file(&b, "oap:on-cpu:desk.policy"), NINETY));

        /* one that is gone keeps its policy, and is not asked for */
        b.services[0] = "desk";
        b.n_services = 1;
        policy_bed_poll(&b, NULL);
        cr_expect_null(policy_bed_uuid(&b, "shop"));
        expect_file(EIGHTY);
        cr_expect_str_eq(policy_bed_uuid(&b, "desk"), "D");
}

Test(oap_policies, c14_a_uuid_that_flaps_writes_and_resets_nothing) {
        uint64_t file, uuids;

        policy_bed_poll(&b, policy_bed_cpu("shop", "A", "80"));
        file = policy_bed_stamp(&b, SHOP_FILE);
        uuids = policy_bed_stamp(&b, "uuids");
        cr_expect_neq(uuids, 0);

        for (unsigned i = 0; i < 50; i++)
                policy_bed_poll(&b, policy_bed_cpu("shop", i % 2 ? "A" : "B", "80"));
        cr_expect_eq(policy_bed_stamp(&b, SHOP_FILE), file);
        cr_expect_eq(policy_bed_stamp(&b, "uuids"), uuids);
        cr_expect_eq(b.n_changed, 1);

        /* but the last one is told */
        policy_bed_poll(&b, policy_bed_cpu("shop", "C", "+80"));
        policy_bed_wait(&b);
        expect_uuid("C");
        policy_bed_restart(&b);
        policy_bed_wait(&b);
        expect_uuid("C");
}

Test(oap_policies, c14_rules_in_another_order_are_the_same) {
        uint64_t file;

        policy_bed_poll(&b,
                        "[{\"ServiceName\":\"shop\",\"UUID\":\"A\",\"Profiling\":{\"ON_CPU\":{"
                        "\"PROCESS_CPU\":{\"Threshold\":\"80\",\"Period\":9,\"Count\":1},"
                        "\"HTTP_ERROR_RATE\":{\"Threshold\":\"8\",\"Period\":9,\"Count\":1,\"URIList\":[\"/a\",\"/b\"]}"
                        "},\"OFF_CPU\":{}}}]");
        file = policy_bed_stamp(&b, SHOP_FILE);
        policy_bed_poll(&b,
                        "[{\"Profiling\":{\"ON_CPU\":{"
                        "\"HTTP_ERROR_RATE\":{\"URIRegex\":\"\",\"URIList\":[\"/b\",\"/a\"],\"Count\":1,\"Period\":9,"
                        "\"Threshold\":\"8\"},"
                        "\"PROCESS_CPU\":{\"Count\":1,\"URIList\":[],\"Threshold\":\"80\",\"Period\":9}}},"
                        "\"UUID\":\"B\",\"ServiceName\":\"shop\"}]");
        cr_expect_neq(file, 0);
        cr_expect_eq(policy_bed_stamp(&b, SHOP_FILE), file);
        cr_expect_eq(b.n_changed, 1);
        policy_bed_wait(&b);
        expect_uuid("B");
}

Test(oap_policies, an_old_copy_of_another_server_is_not_followed_back_and_forth) {
        const char *old = policy_bed_cpu("shop", "A", "80"), *new = policy_bed_cpu("shop", "B", "90");

        policy_bed_poll(&b, old);
        policy_bed_poll(&b, new);
        for (unsigned i = 0; i < 2; i++) {
                policy_bed_poll(&b, old);
                policy_bed_poll(&b, new);
        }
        cr_expect_eq(b.n_changed, 2);
        expect_file(NINETY);

        /* who changes it back is followed when the caches of a minute are over */
        policy_bed_poll_for(&b, 70 * USEC_PER_SEC, old);
        expect_file(EIGHTY);
        cr_expect_eq(b.n_changed, 3);
}

Test(oap_policies, what_was_not_asked_for_is_ignored) {
        policy_bed_poll(&b, policy_bed_cpu("other", "A", "80"));
        cr_expect_eq(b.n_changed, 0);
        cr_expect_eq(policy_bed_n_files(&b), 0);

        /* of two in one answer the first counts */
        policy_bed_poll(&b,
                        "[{\"ServiceName\":\"shop\",\"UUID\":\"A\",\"Profiling\":{\"ON_CPU\":{\"PROCESS_CPU\":"
                        "{\"Threshold\":\"80\",\"Period\":10,\"Count\":5}}}},"
                        "{\"ServiceName\":\"shop\",\"UUID\":\"B\",\"Profiling\":{}}]");
        expect_file(EIGHTY);
        policy_bed_wait(&b);
        expect_uuid("A");
}

Test(oap_policies, the_store_has_them_as_policies_of_oap) {
        _cleanup_(policy_store_freep) PolicyStore *store = NULL;
        const char *directories[_POLICY_SOURCE_MAX] = { [POLICY_SOURCE_OAP] = b.root };
        PolicyEntry *e;
        unsigned n_bad;

        b.services[0] = "order desk / 1";
        policy_bed_poll(&b, policy_bed_cpu("order desk / 1", "A", "80"));
        cr_assert_eq(policy_store_new(directories, NULL, NULL, &store), 0);
        cr_assert_eq(policy_store_reload(store, &n_bad), 0);
        cr_expect_eq(n_bad, 0);
        e = policy_store_find(store, "oap:on-cpu:order\\x20desk\\x20\\x2f\\x201");
        cr_assert_not_null(e);
        cr_expect_eq(e->source, POLICY_SOURCE_OAP);
        cr_expect_eq(e->state, POLICY_STATE_LOADED);
        cr_expect_str_eq(e->policy->services[0], "order desk / 1");
}
