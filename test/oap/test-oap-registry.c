/* SPDX-License-Identifier: Apache-2.0 */
/* Reports, ids and times. */
#include "oap/registry-world.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(oap_registry, .timeout = 60);

static void expect_registered(RegistryWorld *w, const Identity *i) {
        const OapEntity entity = { i->layer, i->service, i->instance, i->process };
        char id[65];

        oap_process_id(i->service, i->instance, i->process, id);
        cr_assert_not_null(oap_registry_id(i), "%s has no id", i->process);
        cr_expect_eq(strcmp(oap_registry_id(i) + strlen(w->id_prefix ?: ""), id), 0);
        cr_expect_eq(oap_registry_find(w->registry, oap_registry_id(i)), i);
        cr_expect_eq(oap_registry_find_entity(w->registry, &entity), i);
}

Test(oap_registry, items_1_and_2_a_new_process_is_reported_and_kept_alive_by_the_same_agent) {
        RegistryWorld w;
        Identity *i;

        registry_world_init(&w);
        i = registry_world_add(&w, "GENERAL", "shop", "php");
        cr_expect_null(oap_registry_id(i));
        cr_expect_null(oap_registry_find_entity(
                        w.registry, &(const OapEntity){ i->layer, i->service, i->instance, i->process }));
        cr_expect_null(registry_world_row(&w, i), "nothing is sent from within");

        registry_world_settle(&w);
        expect_registered(&w, i);
        cr_expect_eq(registry_world_row(&w, i)->pid, 100);
        cr_expect_eq(registry_world_row(&w, i)->n_pings, 1, "at once, for the service to be seen");
        cr_expect_eq(w.n_reports + w.n_keep_alives, 2);
        cr_expect_eq(w.n_wrong, 0, "paths, agent, hostProcess, names, channel");
        registry_world_done(&w);
}

Test(oap_registry, item_3_ids_are_matched_by_pid_and_entity) {
        RegistryWorld w;

        registry_world_init(&w);
        w.is_reversed = true;
        registry_world_add_many(&w, "GENERAL", 300);
        registry_world_settle(&w);

        for (size_t i = 0; i < w.n_identities; i++)
                expect_registered(&w, w.identities[i]);
        cr_expect_eq(w.n_reports, 2, "in batches");
        cr_expect_leq(w.n_largest, OAP_PROCESSES_PER_CALL);
        registry_world_done(&w);
}

Test(oap_registry, item_3_one_that_is_absent_from_the_answer_is_asked_for_again_but_not_in_a_loop) {
        Identity *absent, *other;
        OapRegistryStatus status;
        RegistryWorld w;

        registry_world_init(&w);
        w.absent = "lost";
        absent = registry_world_add(&w, "GENERAL", "shop", "lost");
        other = registry_world_add(&w, "GENERAL", "shop", "php");
        registry_world_run(&w, 600);

        expect_registered(&w, other);
        cr_expect_null(oap_registry_id(absent));
        cr_expect_geq(registry_world_row(&w, absent)->n_reports, 6);
        cr_expect_leq(registry_world_row(&w, absent)->n_reports, 12);
        cr_expect_eq(registry_world_row(&w, absent)->n_pings, 0, "it is not known");
        cr_expect_leq(registry_world_row(&w, other)->n_reports, 5, "not for the sake of the other");
        oap_registry_status(w.registry, &status);
        cr_expect_eq(status.n_registered, 1);
        cr_expect_eq(status.n_waiting, 1);

        w.absent = NULL;
        registry_world_run(&w, 230);
        expect_registered(&w, absent);
        cr_expect_gt(registry_world_row(&w, absent)->n_pings, 0);
        registry_world_done(&w);
}

#define SHOP_PHP "\x12\x1c\x0a\x07GENERAL\x12\x04shop\x1a\x06host-a\x22\x03php"

Test(oap_registry, item_3_answers_that_make_no_sense_give_no_ids) {
        static const char *const answers[] = {
                "",
                "\xff\xff\xff",
                "\x0a\x02\x0a",
                "\x0a\x03\x0a\x01x",
                "\x0a\x28\x0a\x04ID-7\x12\x20\x08\x65" SHOP_PHP, /* pid 101, not 100 */
                "\x0a\x28\x0a\x04ID-7\x1a\x20\x08\x64" SHOP_PHP, /* of Kubernetes */
                "\x0a\x22\x12\x20\x08\x64" SHOP_PHP,             /* no id */
                "\x0a\x28\x0a\x04ID-7\x12\x20\x08\x64\x12\x1c\x0a\x07GENERAL\x12\x04shop\x1a\x06host-b\x22\x03php",
        };

        for (size_t k = 0; k < ELEMENTSOF(answers); k++) {
                RegistryWorld w;
                Identity *i;

                registry_world_init(&w);
                w.raw_answer = answers[k];
                i = registry_world_add(&w, "GENERAL", "shop", "php");
                registry_world_run(&w, 60);
                cr_expect_null(oap_registry_id(i));
                cr_expect_leq(w.n_reports, 6, "answer %zu", k);

                /* and this is what does */
                w.raw_answer = "\x0a\x28\x0a\x04ID-7\x12\x20\x08\x64" SHOP_PHP;
                registry_world_run(&w, 200);
                cr_assert_not_null(oap_registry_id(i));
                cr_expect_str_eq(oap_registry_id(i), "ID-7");
                registry_world_done(&w);
        }
}

Test(oap_registry, item_6_an_id_is_of_one_process_only) {
        OapRegistryStatus status;
        RegistryWorld w;

        registry_world_init(&w);
        w.fixed_id = "the-same";
        registry_world_add_many(&w, "GENERAL", 3);
        registry_world_run(&w, 30);
        oap_registry_status(w.registry, &status);
        cr_expect_eq(status.n_registered, 1);
        cr_expect_eq(oap_registry_find(w.registry, "the-same"), w.identities[0]);

        /* Its successor has the names, and the id. */
        registry_world_remove(&w, w.identities[0]);
        cr_expect_null(oap_registry_find(w.registry, "the-same"));
        registry_world_run(&w, 60);
        cr_expect_not_null(oap_registry_find(w.registry, "the-same"));
        registry_world_done(&w);
}

Test(oap_registry, item_4_support_is_said_in_the_first_report_and_each_keep_alive) {
        RegistryWorld w;

        registry_world_init(&w);
        registry_world_add_many(&w, "GENERAL", 20);
        registry_world_run(&w, 600);
        for (size_t i = 0; i < w.n_identities; i++) {
                cr_expect(registry_world_row(&w, w.identities[i])->is_supported);
                cr_expect(registry_world_row(&w, w.identities[i])->was_supported_all);
        }
        registry_world_done(&w);
}

Test(oap_registry, item_5_keep_alive_each_20_seconds_and_reports_each_200_in_few_calls) {
        RegistryWorld w;

        registry_world_init(&w);
        for (size_t i = 0; i < 10; i++) {
                registry_world_add_many(&w, i % 2 ? "GENERAL" : "MESH", 1 + i);
                registry_world_run(&w, 3);
        }
        registry_world_run(&w, 3600);

        for (size_t i = 0; i < w.n_identities; i++) {
                const WorldRow *row = registry_world_row(&w, w.identities[i]);

                cr_expect_leq(registry_world_ping_gap(&w, w.identities[i]), OAP_KEEP_ALIVE_USEC);
                cr_expect_leq(row->report_gap_usec, OAP_REPORT_AGAIN_USEC);
                cr_expect_leq(w.now_usec - row->report_usec, OAP_REPORT_AGAIN_USEC);
                cr_expect_leq(row->n_pings, 3600 / 12, "and not much more often");
                cr_expect_leq(row->n_reports, 3600 / 120);
        }

        cr_expect_leq(w.n_keep_alives, 3600 / 12 + 20, "they go along with each other");
        cr_expect_leq(w.n_reports, 3600 / 120 + 20);
        registry_world_done(&w);
}

Test(oap_registry, item_5_a_changed_pid_is_reported_at_once) {
        RegistryWorld w;
        Identity *i;

        registry_world_init(&w);
        i = registry_world_add(&w, "GENERAL", "shop", "php");
        registry_world_run(&w, 5);
        i->pid = 4711;
        oap_registry_changed(w.registry, i);
        registry_world_settle(&w);
        cr_expect_eq(registry_world_row(&w, i)->pid, 4711);
        cr_expect_eq(registry_world_row(&w, i)->n_reports, 2);

        /* Also when it changes while a report is under way: its answer is the old one's. */
        w.is_silent = true;
        oap_registry_changed(w.registry, i);
        (void) oap_registry_step(w.registry, w.now_usec);
        cr_assert_eq(fake_transport_n_waiting(w.transport), 1);
        i->pid = 4712;
        oap_registry_changed(w.registry, i);
        cr_expect_gt(oap_registry_step(w.registry, w.now_usec), w.now_usec);
        cr_expect_eq(fake_transport_n_waiting(w.transport), 1, "one at a time");
        w.is_silent = false;
        fake_call_answer(fake_transport_find(w.transport, "reportProcesses"), "", 0);
        registry_world_settle(&w);
        cr_expect_eq(registry_world_row(&w, i)->pid, 4712);
        registry_world_done(&w);
}

Test(oap_registry, what_is_gone_is_never_kept_alive_again) {
        Identity *gone, *other;
        RegistryWorld w;
        unsigned n;

        registry_world_init(&w);
        gone = registry_world_add(&w, "GENERAL", "shop", "php");
        other = registry_world_add(&w, "GENERAL", "shop", "other");
        registry_world_run(&w, 60);

        n = registry_world_row(&w, gone)->n_pings;
        registry_world_remove(&w, gone);
        registry_world_run(&w, 600);
        cr_expect_eq(w.rows[0].n_pings, n);
        cr_expect_str_eq(w.rows[0].entity, "GENERAL/shop/host-a/php");
        cr_expect_leq(registry_world_ping_gap(&w, other), OAP_KEEP_ALIVE_USEC);
        registry_world_done(&w);
}

Test(oap_registry, what_goes_while_it_is_reported_takes_its_answer_with_it) {
        Identity *gone, *other;
        RegistryWorld w;

        registry_world_init(&w);
        gone = registry_world_add(&w, "GENERAL", "shop", "php");
        other = registry_world_add(&w, "GENERAL", "shop", "other");
        w.is_silent = true;
        (void) oap_registry_step(w.registry, w.now_usec);
        registry_world_remove(&w, gone);
        w.is_silent = false;
        fake_transport_fail_all(w.transport, OAP_STATUS_UNAVAILABLE, "");
        registry_world_run(&w, 5);
        expect_registered(&w, other);
        cr_expect_eq(w.n_rows, 1);

        /* All of a call. */
        w.is_silent = true;
        oap_registry_changed(w.registry, other);
        (void) oap_registry_step(w.registry, w.now_usec);
        registry_world_remove(&w, other);
        w.is_silent = false;
        fake_call_answer(fake_transport_find(w.transport, "reportProcesses"), "", 0);
        registry_world_run(&w, 60);
        cr_expect_eq(w.n_wrong, 0, "no empty calls");
        registry_world_done(&w);
}

Test(oap_registry, an_oap_that_comes_back_is_told_everything_at_once) {
        RegistryWorld w;
        unsigned n_calls;

        registry_world_init(&w);
        registry_world_add_many(&w, "GENERAL", 50);
        registry_world_run(&w, 30);

        /* Long before they would be reported again. */
        w.is_down = true;
        registry_world_run(&w, 40);
        w.is_down = false;
        registry_world_run(&w, 65);
        cr_expect_eq(w.n_reports, 2);
        cr_expect_leq(registry_world_row(&w, w.identities[0])->report_gap_usec, 140 * USEC_PER_SEC);

        w.is_down = true;
        registry_world_run(&w, 100);
        n_calls = (unsigned) fake_transport_n_started(w.transport, "");
        registry_world_run(&w, 900);
        cr_expect_leq(fake_transport_n_started(w.transport, "") - n_calls,
                      900 / 30,
                      "one attempt per back-off");

        /* Restarted, empty, and with other ids. */
        w.is_down = false;
        w.id_prefix = "new-";
        registry_world_forget_gaps(&w);
        registry_world_run(&w, 65);
        for (size_t i = 0; i < w.n_identities; i++) {
                expect_registered(&w, w.identities[i]);
                cr_expect_eq(strncmp(oap_registry_id(w.identities[i]), "new-", 4), 0);
        }
        registry_world_done(&w);
}

Test(oap_registry, a_refusal_of_the_connection_says_nothing_of_a_process) {
        static const int statuses[] = { OAP_STATUS_UNAVAILABLE,
                                        OAP_STATUS_DEADLINE_EXCEEDED,
                                        OAP_STATUS_RESOURCE_EXHAUSTED,
                                        OAP_STATUS_PERMISSION_DENIED,
                                        OAP_STATUS_UNIMPLEMENTED };

        for (size_t k = 0; k < ELEMENTSOF(statuses); k++) {
                OapRegistryStatus status;
                RegistryWorld w;

                registry_world_init(&w);
                w.status = statuses[k];
                registry_world_add_many(&w, "GENERAL", 20);
                registry_world_run(&w, 600);
                cr_expect_leq(fake_transport_n_started(w.transport, ""), 30, "status %i", statuses[k]);

                w.status = OAP_STATUS_OK;
                registry_world_run(&w, 310);
                oap_registry_status(w.registry, &status);
                cr_expect_eq(status.n_registered, 20, "status %i", statuses[k]);
                cr_expect_eq(status.n_layer_refused, 0);
                registry_world_done(&w);
        }
}
