/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that OAP throws away for one of their processes; what others ask of the registry. */
#include "oap/registry-world.h"

#include "fake/fake-machine.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>

TestSuite(oap_registry_layers, .timeout = 60);

static void expect_alive(RegistryWorld *w, const Identity *i) {
        cr_expect_leq(registry_world_ping_gap(w, i), OAP_KEEP_ALIVE_USEC, "%s", i->process);
        cr_expect_not(oap_registry_layer_is_refused(i));
}

Test(oap_registry_layers,
     item_7_processes_of_a_layer_that_oap_does_not_know_do_not_keep_the_others_from_living) {
        OapRegistryStatus status;
        RegistryWorld w;
        unsigned n_refused;

        registry_world_init(&w);
        w.odd_layer = "general";
        registry_world_add_many(&w, "GENERAL", 100);
        registry_world_add_many(&w, "general", 60);
        registry_world_add_many(&w, "MESH", 100);
        registry_world_run(&w, 60);

        for (size_t i = 0; i < w.n_identities; i++) {
                cr_expect_not_null(oap_registry_id(w.identities[i]), "it can be reported on all the same");
                if (strcmp(w.identities[i]->layer, w.odd_layer) != 0)
                        expect_alive(&w, w.identities[i]);
                else
                        cr_expect(oap_registry_layer_is_refused(w.identities[i]));
        }
        oap_registry_status(w.registry, &status);
        cr_expect_eq(status.n_layer_refused, 60);
        cr_expect_leq(w.n_refused, 40, "%u calls to find out", w.n_refused);

        /* Then there is one attempt each few minutes, of one that takes no other with it. */
        n_refused = w.n_refused;
        registry_world_run(&w, 1800);
        cr_expect_leq(w.n_refused - n_refused, 1800 / 140);
        cr_expect_geq(w.n_refused - n_refused, 5);
        for (size_t i = 0; i < w.n_identities; i++)
                if (strcmp(w.identities[i]->layer, w.odd_layer) != 0)
                        expect_alive(&w, w.identities[i]);

        /* New ones of it are no accident either. */
        n_refused = w.n_refused;
        registry_world_add_many(&w, "general", 70);
        registry_world_run(&w, 60);
        cr_expect_leq(w.n_refused - n_refused, 1);

        /* … nor are they when they come one by one. */
        n_refused = w.n_refused;
        for (size_t i = 0; i < 60; i++) {
                registry_world_add_many(&w, "general", 1);
                registry_world_run(&w, 1);
        }
        cr_expect_leq(w.n_refused - n_refused, 1);

        /* An OAP that knows it. */
        w.odd_layer = NULL;
        registry_world_run(&w, 250);
        registry_world_forget_gaps(&w);
        registry_world_run(&w, 60);
        for (size_t i = 0; i < w.n_identities; i++)
                expect_alive(&w, w.identities[i]);
        registry_world_done(&w);
}

Test(oap_registry_layers, item_7_another_oap_may_not_know_a_layer_that_was_known) {
        OapRegistryStatus status;
        RegistryWorld w;

        registry_world_init(&w);
        registry_world_add_many(&w, "GENERAL", 100);
        registry_world_add_many(&w, "NGINX", 100);
        registry_world_run(&w, 60);
        cr_expect_eq(w.n_refused, 0);

        w.odd_layer = "NGINX";
        registry_world_run(&w, 60);
        oap_registry_status(w.registry, &status);
        cr_expect_eq(status.n_layer_refused, 100);
        cr_expect_leq(w.n_refused, 40, "%u calls to find out", w.n_refused);
        for (size_t i = 0; i < 100; i++)
                expect_alive(&w, w.identities[i]);
        registry_world_done(&w);
}

Test(oap_registry_layers, item_7_two_odd_ones_do_not_make_their_layer_odd) {
        RegistryWorld w;

        registry_world_init(&w);
        w.odd_process = "odd";
        registry_world_add(&w, "GENERAL", "shop", "odd");
        registry_world_add(&w, "GENERAL", "basket", "odd");
        registry_world_add_many(&w, "GENERAL", 20);
        w.takes_odd_reports = true;
        registry_world_run(&w, 400);
        registry_world_forget_gaps(&w);
        registry_world_run(&w, 900);
        for (size_t i = 2; i < w.n_identities; i++)
                expect_alive(&w, w.identities[i]);
        cr_expect(oap_registry_layer_is_refused(w.identities[0]));
        cr_expect(oap_registry_layer_is_refused(w.identities[1]));
        cr_expect_leq(w.n_refused, 40);
        registry_world_done(&w);
}

static void leave_one_out(size_t n_before, bool takes_odd_reports) {
        RegistryWorld w;
        Identity *odd;

        registry_world_init(&w);
        w.odd_process = "odd";
        w.takes_odd_reports = takes_odd_reports;
        registry_world_add_many(&w, "GENERAL", n_before);
        odd = registry_world_add(&w, "GENERAL", "shop", "odd");
        registry_world_add_many(&w, "GENERAL", 30);
        registry_world_run(&w, 300);

        for (size_t i = 0; i < w.n_identities; i++)
                if (w.identities[i] != odd)
                        expect_alive(&w, w.identities[i]);
        cr_expect_eq(!oap_registry_id(odd), !takes_odd_reports);
        cr_expect_eq(oap_registry_layer_is_refused(odd), takes_odd_reports);
        cr_expect_leq(w.n_refused, 30);

        w.odd_process = NULL;
        registry_world_run(&w, 250);
        cr_expect_not_null(oap_registry_id(odd));
        registry_world_forget_gaps(&w);
        registry_world_run(&w, 60);
        expect_alive(&w, odd);
        registry_world_done(&w);
}

Test(oap_registry_layers, item_7_a_single_odd_one_of_a_layer_is_left_out_alone) {
        for (size_t n_before = 0; n_before < 40; n_before += 13) {
                leave_one_out(n_before, false);
                leave_one_out(n_before, true);
        }
}

Test(oap_registry_layers, item_7_what_goes_during_the_search_is_not_sent) {
        RegistryWorld w;

        registry_world_init(&w);
        w.odd_layer = "NOPE";
        registry_world_add_many(&w, "NOPE", 40);
        (void) oap_registry_step(w.registry, w.now_usec);

        /* One answer at a time, and one process less each time. */
        while (w.n_identities > 0) {
                oap_client_dispatch(w.client, w.now_usec);
                (void) oap_registry_step(w.registry, w.now_usec);
                registry_world_remove(&w, w.identities[w.n_identities / 2]);
        }
        registry_world_run(&w, 60);
        cr_expect_eq(w.n_wrong, 0);
        registry_world_done(&w);
}

Test(oap_registry_layers, services_are_those_of_registered_processes_each_once) {
        const char *const *services;
        RegistryWorld w;
        size_t n;

        registry_world_init(&w);
        services = oap_registry_services(w.registry, &n);
        cr_expect_eq(n, 0);
        cr_expect_null(services[0]);

        registry_world_add(&w, "GENERAL", "shop", "a");
        registry_world_add(&w, "GENERAL", "basket", "b");
        registry_world_add(&w, "MESH", "shop", "c");
        (void) oap_registry_services(w.registry, &n);
        cr_expect_eq(n, 0, "not registered yet");

        registry_world_run(&w, 1);
        services = oap_registry_services(w.registry, &n);
        cr_assert_eq(n, 2);
        cr_expect_str_eq(services[0], "basket");
        cr_expect_str_eq(services[1], "shop");
        cr_expect_null(services[2]);

        registry_world_remove(&w, w.identities[1]);
        services = oap_registry_services(w.registry, &n);
        cr_assert_eq(n, 1);
        cr_expect_str_eq(services[0], "shop");
        registry_world_done(&w);
}

static void on_answer(const OapCallResult *result, void *userdata) {
        *(int *) userdata = result->status;
}

Test(oap_registry_layers, a_process_that_is_gone_is_reported_once) {
        static const OapEntity gone = { "GENERAL", "shop", "host-a", "gone" };
        int status = -1;
        RegistryWorld w;

        registry_world_init(&w);
        registry_world_add(&w, "GENERAL", "shop", "php");
        registry_world_run(&w, 1);
        cr_assert_eq(oap_registry_report_gone(w.registry, &gone, 4711, w.now_usec, on_answer, &status), 0);
        registry_world_run(&w, 600);

        cr_expect_eq(status, OAP_STATUS_OK);
        cr_assert_eq(w.n_rows, 2);
        cr_expect_str_eq(w.rows[1].entity, "GENERAL/shop/host-a/gone");
        cr_expect_eq(w.rows[1].pid, 4711);
        cr_expect(w.rows[1].is_supported);
        cr_expect_eq(w.rows[1].n_reports, 1);
        cr_expect_eq(w.rows[1].n_pings, 0);

        w.is_down = true;
        registry_world_run(&w, 60);
        cr_expect_eq(oap_registry_report_gone(w.registry, &gone, 4711, w.now_usec, on_answer, &status),
                     -EAGAIN);
        registry_world_done(&w);
}

static void put_command_line(FakeMachine *m, pid_t pid, const void *bytes, size_t n) {
        char path[64];
        int fd;

        (void) snprintf(path, sizeof(path), "%i/cmdline", (int) pid);
        fd = openat(m->host->proc_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        cr_assert_geq(fd, 0);
        cr_assert_eq(write(fd, bytes, n), (ssize_t) n);
        (void) close(fd);
}

Test(oap_registry_layers, properties_say_what_people_know_a_process_by) {
        static const char odd[] = "php-fpm: pool\0--set\0\xff\n\0\0";
        char *own[] = { (char *) "team",
                        (char *) "a\xff",
                        (char *) "support_ebpf_profiling",
                        (char *) "false",
                        (char *) "pid",
                        (char *) "own",
                        NULL };
        char longest[3000];
        Identity *first, *second;
        RegistryWorld w;
        FakeMachine m;

        for (size_t i = 0; i + 1 < sizeof(longest); i += 2)
                memcpy(longest + i, "\xc3\xa4", 2);
        cr_assert_eq(fake_machine_init(&m), 0);
        registry_world_init(&w);
        oap_registry_set_host(w.registry, m.host);
        first = registry_world_add(&w, "GENERAL", "shop", "first");
        second = registry_world_add(&w, "GENERAL", "shop", "second");
        registry_world_add(&w, "GENERAL", "shop", "without");
        fake_machine_put(&m, &(const FakeProcess){ .pid = first->pid });
        fake_machine_put(&m, &(const FakeProcess){ .pid = second->pid });
        put_command_line(&m, first->pid, odd, sizeof(odd) - 1);
        put_command_line(&m, second->pid, longest, sizeof(longest) - 1);
        second->properties = own;

        registry_world_settle(&w);
        cr_expect(strstr(w.rows[0].properties, "command_line=php-fpm: pool --set ??;"),
                  "%s",
                  w.rows[0].properties);
        cr_expect(strstr(w.rows[0].properties, "pid=100;"));
        cr_expect(strstr(w.rows[1].properties, "team=a?;"), "%s", w.rows[1].properties);
        cr_expect(strstr(w.rows[1].properties, "pid=own;"));
        cr_expect(strstr(w.rows[1].properties, "support_ebpf_profiling=true;"));
        cr_expect_null(strstr(w.rows[1].properties, "false"));
        cr_expect_leq(strlen(strstr(w.rows[1].properties, "command_line=")),
                      strlen("command_line=;") + OAP_COMMAND_LINE_MAX);
        cr_expect_null(strstr(w.rows[2].properties, "command_line"), "a process that is gone has none");
        registry_world_done(&w);
        fake_machine_done(&m);
}

Test(oap_registry_layers, as_many_as_there_may_be) {
        OapRegistryStatus status;
        RegistryWorld w;

        registry_world_init(&w);
        registry_world_add_many(&w, "GENERAL", WORLD_ROWS_MAX);
        registry_world_run(&w, 120);
        oap_registry_status(w.registry, &status);
        cr_expect_eq(status.n_registered, WORLD_ROWS_MAX);
        cr_expect_eq(w.n_reports, WORLD_ROWS_MAX / OAP_PROCESSES_PER_CALL);

        /* What is no news comes in pieces, and in its time. */
        w.n_reports = 0;
        w.n_largest_report = 0;
        registry_world_run(&w, 480);
        cr_expect_leq(w.n_largest_report, WORLD_ROWS_MAX / 32);
        cr_expect_leq(w.n_reports, 480);
        for (size_t i = 0; i < w.n_identities; i++) {
                expect_alive(&w, w.identities[i]);
                cr_expect_leq(registry_world_row(&w, w.identities[i])->report_gap_usec,
                              OAP_REPORT_AGAIN_USEC);
                cr_expect_geq(registry_world_row(&w, w.identities[i])->n_reports, 3);
        }
        registry_world_done(&w);
}
