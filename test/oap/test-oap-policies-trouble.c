/* SPDX-License-Identifier: Apache-2.0 */
/* Policies while servers, disks and earlier runs are not as they should be. */
#include "oap/policy-bed.h"

#include "oap/oap-policy-texts.h"
#include "oap/oap-transport.h"
#include "policy/policy-store.h"

#include <fcntl.h>
#include <sys/stat.h>

static PolicyBed b;

static void init(void) {
        policy_bed_init(&b);
}

static void done(void) {
        policy_bed_done(&b);
}

TestSuite(oap_policies_trouble, .timeout = 30, .init = init, .fini = done);

#define UNKNOWN "unknown"

static bool has_file(const char *part) {
        return strstr(policy_bed_file(&b, SHOP_FILE), part);
}

Test(oap_policies_trouble, what_cannot_be_read_changes_nothing) {
        static const char *const answers[] = {
                "",
                "{}",
                "[",
                "[1,2]",
                "null",
                "[{\"ServiceName\":1}]",
                "[{\"UUID\":\"B\",\"Profiling\":{}}]",
                "[{\"ServiceName\":\"shop\",\"UUID\":\"B\",\"Profiling\":[]}]",
                "[{\"ServiceName\":\"shop\",\"UUID\":\"B\",\"Profiling\":{\"ON_CPU\":7}}]",
                "[{\"ServiceName\":\"shop\",\"UUID\":\"B\",\"Profiling\":{\"ON_CPU\":{\"PROCESS_CPU\":7}}}]",
        };

        policy_bed_poll(&b, policy_bed_cpu("shop", "A", "80"));
        for (size_t i = 0; i < ELEMENTSOF(answers); i++)
                policy_bed_poll(&b, answers[i]);
        for (unsigned i = 0; i < 100; i++)
                policy_bed_poll_bytes(&b, "\xff\xff garbage", 10);
        policy_bed_wait(&b);
        cr_expect_str_eq(policy_bed_uuid(&b, "shop"), "A");
        cr_expect(has_file("Threshold=80%\n"));
        cr_expect_eq(b.n_changed, 1);
        cr_expect_leq(policy_bed_said(&b, "\n"), 6, "not for each poll");
}

Test(oap_policies_trouble, items_that_cannot_be_read_are_not_no_items) {
        policy_bed_poll(&b, policy_bed_cpu("shop", "A", "80"));
        policy_bed_poll(&b, CLEARED("shop", "B"));
        policy_bed_poll(&b,
                        "[{\"ServiceName\":\"shop\",\"UUID\":\"C\",\"Profiling\":{\"ON_CPU\":{\"PROCESS_CPU\":7}}}]");
        cr_expect_eq(policy_bed_said(&b, "shop: 1 items cannot be read"), 1);
        policy_bed_wait(&b);
        cr_expect_str_eq(policy_bed_uuid(&b, "shop"), "B", "so that it is said again");
}

Test(oap_policies_trouble, a_call_that_fails_is_made_again) {
        static const int statuses[] = {
                OAP_STATUS_UNKNOWN,     OAP_STATUS_DEADLINE_EXCEEDED, OAP_STATUS_RESOURCE_EXHAUSTED,
                OAP_STATUS_UNAVAILABLE, OAP_STATUS_PERMISSION_DENIED, OAP_STATUS_UNIMPLEMENTED
        };

        policy_bed_poll(&b, policy_bed_cpu("shop", "A", "80"));
        for (size_t i = 0; i < ELEMENTSOF(statuses); i++)
                policy_bed_poll_fails(&b, statuses[i]);
        policy_bed_poll(&b, policy_bed_cpu("shop", "B", "90"));
        cr_expect_str_eq(policy_bed_uuid(&b, "shop"), "A");
        cr_expect(has_file("Threshold=90%\n"));
        cr_expect_eq(policy_bed_said(&b, "\n"), 0, "the client says it");
}

Test(oap_policies_trouble, an_answer_that_never_comes_is_waited_for_by_nobody) {
        policy_bed_wait(&b);
        for (unsigned i = 0; i < 100; i++) {
                b.due_usec = oap_policies_step(b.policies, b.now_usec);
                cr_expect_gt(b.due_usec, b.now_usec);
                b.now_usec = b.due_usec;
        }
        cr_expect_eq(oap_policies_n_queries(b.policies), 1);
}

Test(oap_policies_trouble, more_services_than_one_query_has_are_asked_for_in_turn) {
        static char names[600][16];
        unsigned seen[3] = {};

        for (unsigned i = 0; i < 600; i++) {
                (void) snprintf(names[i], sizeof(names[i]), "s%03u", i);
                b.services[i] = names[i];
        }
        b.n_services = 600;

        for (unsigned i = 0; i < 3; i++) {
                usec_t before = b.now_usec;

                policy_bed_poll(&b, i == 2 ? policy_bed_cpu("s599", "A", "80") : NULL);
                cr_expect_eq(b.now_usec, before, "at once");
                seen[i] = (unsigned) b.n_asked;
        }
        cr_expect_eq(seen[0], 257);
        cr_expect_eq(seen[1], 257);
        cr_expect_eq(seen[2], 89);
        cr_expect_eq(b.n_changed, 1);

        policy_bed_poll(&b, policy_bed_cpu("s599", "B", "80")); /* not asked for here */
        cr_expect_str_eq(b.asked[0], "s000");
        policy_bed_poll(&b, NULL);
        policy_bed_poll(&b, NULL);
        cr_expect_str_eq(policy_bed_uuid(&b, "s599"), "A");

        /* a round that fails is not gone on with */
        policy_bed_poll_fails(&b, OAP_STATUS_UNKNOWN);
        policy_bed_wait(&b);
        cr_expect_str_eq(b.asked[0], "s000");
}

Test(oap_policies_trouble, files_have_a_limit_that_leaves_room_for_others) {
        static char names[1030][16];
        _cleanup_(strbuf_done) StrBuf json = {};
        const size_t n = ELEMENTSOF(names);

        for (size_t i = 0; i < n; i++) {
                const char *one;

                (void) snprintf(names[i], sizeof(names[i]), "s%04zu", i);
                b.services[i] = names[i];
                one = policy_bed_cpu(names[i], "A", "80");
                strbuf_addf(&json, "%s%.*s", i == 0 ? "[" : ",", (int) strlen(one) - 2, one + 1);
        }
        strbuf_add(&json, "]");
        cr_assert_eq(json.error, 0);
        b.n_services = n;

        for (unsigned i = 0; i < 5; i++)
                policy_bed_poll(&b, json.text);
        cr_expect_eq(policy_bed_n_files(&b), POLICIES_MAX / 4 + 1, "and uuids");
        cr_expect_eq(policy_bed_said(&b, "Failed to keep the policy of service 's102"), 6);

        /* where one is cleared, there is room for another */
        policy_bed_poll(&b, CLEARED("s0000", "B"));
        for (unsigned i = 0; i < 4; i++)
                policy_bed_poll(&b, json.text);
        cr_expect_str_neq(policy_bed_file(&b, "oap:on-cpu:s1024.policy"), "");
        cr_expect_str_eq(policy_bed_file(&b, "oap:on-cpu:s1025.policy"), "");
        cr_expect_eq(policy_bed_n_files(&b), POLICIES_MAX / 4 + 1);

        policy_bed_restart(&b);
        for (unsigned i = 0; i < 5; i++)
                policy_bed_poll(&b, json.text);
        cr_expect_eq(policy_bed_n_files(&b), POLICIES_MAX / 4 + 1);
}

Test(oap_policies_trouble, a_disk_that_does_not_take_it_is_said_once_and_tried_again) {
        cr_assert_eq(rmdir(b.root), 0);
        for (unsigned i = 0; i < 5; i++) {
                policy_bed_poll(&b, policy_bed_cpu("shop", "A", "80"));
                cr_expect_str_eq(policy_bed_uuid(&b, "shop"), "");
        }
        cr_expect_eq(b.n_changed, 0);
        cr_expect_eq(policy_bed_said(&b, "Failed to keep the policy of service 'shop', trying again: "), 1);
}

Test(oap_policies_trouble, a_file_that_was_changed_is_asked_for_and_written_anew) {
        policy_bed_poll(&b, policy_bed_cpu("shop", "A", "80"));
        policy_bed_write(&b, SHOP_FILE, "[Policy]\nService=shop\n[Trigger]\nWhen=process-cpu >= 1%\n");
        policy_bed_restart(&b);
        policy_bed_poll(&b, policy_bed_cpu("shop", "A", "80"));
        cr_expect_str_eq(policy_bed_uuid(&b, "shop"), UNKNOWN);
        cr_expect(has_file("Threshold=80%\n"));
        cr_expect_eq(b.n_changed, 2);
        policy_bed_wait(&b);
        cr_expect_str_eq(policy_bed_uuid(&b, "shop"), "A");
}

Test(oap_policies_trouble, what_a_power_cut_left_is_removed_and_asked_for) {
        static const char *const left[] = { "",
                                            "[Policy]\nServ",
                                            "[Policy]\nService=desk\n[Trigger]\nWhen=system-load >= 1\n" };

        for (size_t i = 0; i < ELEMENTSOF(left); i++) {
                policy_bed_poll(&b, policy_bed_cpu("shop", "A", "80"));
                policy_bed_write(&b, SHOP_FILE, left[i]);
                policy_bed_write(&b, ".#" SHOP_FILE ".tmp", "[Pol");
                policy_bed_restart(&b);
                cr_expect_eq(policy_bed_n_files(&b), 1, "uuids");
                b.n_changed = 0;
                b.now_usec = oap_policies_step(b.policies, b.now_usec);
                cr_expect_eq(b.n_changed, 1, "the store may have it");
                cr_expect_eq(policy_bed_said(&b,
                                             "Failed to read '" SHOP_FILE
                                             "' among OAP's policies, removing it"),
                             1);

                policy_bed_poll(&b, policy_bed_cpu("shop", "A", "80"));
                cr_expect_str_eq(policy_bed_uuid(&b, "shop"), "");
                cr_expect(has_file("Threshold=80%\n"));
        }
}

Test(oap_policies_trouble, without_uuids_a_policy_that_oap_no_longer_has_goes_away) {
        policy_bed_poll(&b, policy_bed_cpu("shop", "A", "80"));
        policy_bed_write(&b, "uuids", "garbage\n\n\x01 1 2 3 4 shop");
        policy_bed_restart(&b);
        policy_bed_poll_for(&b, 80 * USEC_PER_SEC, NOTHING("shop"));
        cr_expect_not(has_file("Threshold"));
        policy_bed_wait(&b);
        cr_expect_str_eq(policy_bed_uuid(&b, "shop"), "");
}

Test(oap_policies_trouble, another_version_asks_for_everything_anew) {
        _cleanup_(freep) char *text = NULL;
        char *digit;
        uint64_t file;

        policy_bed_poll(&b, policy_bed_cpu("shop", "A", "80"));
        file = policy_bed_stamp(&b, SHOP_FILE);
        text = strdup(policy_bed_file(&b, "uuids"));
        digit = strstr(text, "cprofd 0.");
        cr_assert_not_null(digit, "%s", text);
        digit[7] = '9';
        policy_bed_write(&b, "uuids", text);

        policy_bed_restart(&b);
        cr_expect(has_file("Threshold=80%\n"), "but it is in force");
        policy_bed_poll(&b, policy_bed_cpu("shop", "A", "80"));
        cr_expect_str_eq(policy_bed_uuid(&b, "shop"), UNKNOWN);
        cr_expect_eq(policy_bed_stamp(&b, SHOP_FILE), file);
        cr_expect_eq(b.n_changed, 1);
}

Test(oap_policies_trouble, others_files_are_left_alone) {
        policy_bed_write(&b, "mine.policy", "[Policy]\n");
        policy_bed_write(&b, "README", "x");
        policy_bed_poll(&b, policy_bed_cpu("shop", "A", "80"));
        policy_bed_restart(&b);
        cr_expect_str_eq(policy_bed_file(&b, "mine.policy"), "[Policy]\n");
        cr_expect_str_eq(policy_bed_file(&b, "README"), "x");
}

/* Day 100 of 1970 is long ago by every clock that is set. */
static void write_old_day(void) {
        _cleanup_(freep) char *text = NULL, *old = NULL;
        char *space;

        text = strdup(policy_bed_file(&b, "uuids"));
        space = strstr(text, " shop\n");
        cr_assert_not_null(space, "%s", text);
        *space = '\0';
        *strrchr(text, ' ') = '\0';
        cr_assert_gt(asprintf(&old, "%s 100 shop\n", text), 0);
        policy_bed_write(&b, "uuids", old);
}

Test(oap_policies_trouble, a_service_without_processes_for_a_month_is_forgotten) {
        policy_bed_poll(&b, policy_bed_cpu("shop", "A", "80"));
        policy_bed_restart(&b);
        write_old_day();
        policy_bed_restart(&b);

        b.services[0] = "desk";
        policy_bed_poll_for(&b, 50 * USEC_PER_MINUTE, NULL);
        cr_expect(has_file("Threshold=80%\n"), "not before OAP has been there for a while");
        policy_bed_poll_for(&b, 20 * USEC_PER_MINUTE, NULL);
        cr_expect_not(has_file("Threshold"));
        cr_expect_eq(b.n_changed, 2);
        cr_expect_eq(policy_bed_said(&b, "Forgetting the policy of service 'shop'"), 1);
}

Test(oap_policies_trouble, a_month_without_oap_forgets_nothing) {
        policy_bed_poll(&b, policy_bed_cpu("shop", "A", "80"));
        policy_bed_restart(&b);
        write_old_day();
        policy_bed_restart(&b);

        b.n_services = 0; /* what is registered is known after OAP has answered */
        for (unsigned i = 0; i < 1000; i++) {
                b.now_usec += USEC_PER_HOUR;
                (void) oap_policies_step(b.policies, b.now_usec);
        }
        cr_expect(has_file("Threshold=80%\n"));

        b.n_services = 1;
        policy_bed_poll_for(&b, 2 * USEC_PER_HOUR, NULL);
        cr_expect(has_file("Threshold=80%\n"));
        cr_expect_str_eq(policy_bed_uuid(&b, "shop"), "A");
}
