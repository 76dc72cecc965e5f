/* SPDX-License-Identifier: Apache-2.0 */
#include "target/identity-bed.h"

TestSuite(identity, .timeout = 30);

Test(identity, without_rules_services_are_registered_and_nothing_else) {
        Bed b;

        bed_init(&b);
        bed_put(&b, 10, "nginx", "/system.slice/web.service");
        bed_put(&b, 20, "bash", "/user.slice/user-1000.slice/session-3.scope");
        bed_start(&b);
        EXPECT(&b, "+web/host-a/nginx=10");
        bed_put(&b, 11, "nginx", "/system.slice/web.service");
        EXPECT(&b, "+web/host-a/nginx#2=11");
        cr_expect_eq(identity_set_n(b.set), 2);
        cr_expect_str_eq(identity_set_first(b.set)->layer, "GENERAL");
        cr_expect_str_eq(identity_set_first(b.set)->rule->where, "default");
        cr_expect_eq(identity_set_find(b.set, "web", "host-a", "nginx#2")->pid, 11);
        cr_expect_null(identity_set_find(b.set, "web", "host-a", "nginx#3"));
        cr_expect_null(target_set_find_process(b.targets, 20)->identity);
        bed_done(&b);
}

Test(identity, bad_sections_alone_do_not_bring_the_default_back) {
        Bed b;

        bed_init(&b);
        bed_put(&b, 10, "nginx", "/system.slice/web.service");
        b.rules.is_given = true;
        bed_start(&b);
        EXPECT(&b, "");
        bed_done(&b);
}

Test(identity, we_ourselves_are_not_registered) {
        Bed b;

        bed_init(&b);
        bed_put(&b, getpid(), "cprofd", "/system.slice/cprofd.service");
        bed_start(&b);
        EXPECT(&b, "");
        bed_done(&b);
}

Test(identity, the_first_rule_that_matches_decides) {
        Bed b;

        bed_init(&b);
        bed_rule(&b, "Unit=secret.service Register=no");
        bed_rule(&b, "Unit=web.service Exe=/usr/bin/nginx Service=front Layer=NGINX");
        bed_rule(&b, "Slice=system.slice Service=%s-rest");
        bed_put(&b, 10, "nginx", "/system.slice/web.service");
        bed_put(&b, 12, "vault", "/system.slice/secret.service");
        bed_put(&b, 13, "bash", "/user.slice/session-3.scope");
        bed_start(&b);
        EXPECT(&b, "+front/host-a/nginx=10");
        bed_put(&b, 11, "php", "/system.slice/web.service");
        EXPECT(&b, "+system.slice-rest/host-a/php=11");
        cr_expect_str_eq(target_set_find_process(b.targets, 10)->identity->layer, "NGINX");
        cr_expect_null(identity_of_process(target_set_find_process(b.targets, 12)));
        bed_done(&b);
}

Test(identity, a_respawned_process_has_the_name_of_its_predecessor) {
        Bed b;

        bed_init(&b);
        bed_rule(&b, "Service=shop");
        bed_put(&b, 10, "nginx", "/system.slice/web-a.service");
        bed_start(&b);
        EXPECT(&b, "+shop/host-a/nginx=10");
        bed_put(&b, 5, "nginx", "/system.slice/web-b.service");
        EXPECT(&b, "+shop/host-a/nginx@web-b=5");

        /* both are restarted at once, the later one comes first */
        fake_host_remove_process(&b.host, 10);
        EXPECT(&b, "-shop/host-a/nginx");
        fake_host_remove_process(&b.host, 5);
        EXPECT(&b, "-shop/host-a/nginx@web-b");
        bed_put(&b, 12, "nginx", "/system.slice/web-b.service");
        EXPECT(&b, "+shop/host-a/nginx@web-b=12");
        bed_put(&b, 13, "nginx", "/system.slice/web-a.service");
        EXPECT(&b, "+shop/host-a/nginx=13");

        /* a third unit does not get the names of one that is still there */
        bed_put(&b, 14, "nginx", "/system.slice/web-c.service");
        EXPECT(&b, "+shop/host-a/nginx@web-c=14");
        bed_done(&b);
}

Test(identity, names_of_units_that_are_gone_are_had_by_new_ones) {
        Bed b;

        bed_init(&b);
        bed_rule(&b, "Service=jobs");
        bed_start(&b);
        for (int i = 1; i < 20; i++) {
                char cgroup[64], expected[64];

                (void) snprintf(cgroup, sizeof(cgroup), "/system.slice/job@%i.service", i);
                bed_put(&b, 100 + i, "worker", cgroup);
                (void) snprintf(expected, sizeof(expected), "+jobs/host-a/worker=%i", 100 + i);
                EXPECT(&b, expected);
                fake_host_remove_process(&b.host, 100 + i);
                EXPECT(&b, "-jobs/host-a/worker");
        }
        bed_done(&b);
}

Test(identity, processes_of_one_unit_with_one_name_are_numbered) {
        Bed b;

        bed_init(&b);
        bed_rule(&b, "Process=app");
        bed_put(&b, 10, "sh", "/system.slice/web.service");
        bed_start(&b);
        EXPECT(&b, "+web/host-a/app=10");
        bed_put(&b, 11, "java", "/system.slice/web.service");
        EXPECT(&b, "+web/host-a/app#2=11");
        bed_put(&b, 12, "java", "/system.slice/web.service");
        EXPECT(&b, "+web/host-a/app#3=12");

        fake_host_remove_process(&b.host, 11);
        EXPECT(&b, "-web/host-a/app#2");
        bed_put(&b, 15, "java", "/system.slice/web.service");
        EXPECT(&b, "+web/host-a/app#2=15");
        bed_done(&b);
}

Test(identity, an_exec_makes_another_process_of_it_and_a_look_alike_change_does_not) {
        Bed b;

        bed_init(&b);
        bed_put(&b, 10, "sh", "/system.slice/web.service");
        bed_start(&b);
        EXPECT(&b, "+web/host-a/sh=10");
        EXPECT(&b, "");
        cr_expect_eq(identity_set_add_process(b.set, target_set_find_process(b.targets, 10)), 1);
        cr_expect_null(strchr(b.told.text ?: "", '+'), "nothing changed");

        free(target_set_find_process(b.targets, 10)->name);
        target_set_find_process(b.targets, 10)->name = strdup("java");
        strbuf_done(&b.told);
        cr_expect_eq(identity_set_add_process(b.set, target_set_find_process(b.targets, 10)), 1);
        cr_expect_str_eq(b.told.text, "-web/host-a/sh +web/host-a/java=10");
        bed_done(&b);
}

Test(identity, properties_are_expanded_and_follow_changes) {
        Bed b;
        Process *p;

        bed_init(&b);
        bed_rule(&b, "Property=unit=%n Property=team=a=b Property=machine=%m Property=user=%U");
        bed_put(&b, 10, "sh", "/system.slice/web.service");
        bed_start(&b);
        EXPECT(&b, "+web/host-a/sh=10");
        p = target_set_find_process(b.targets, 10);

        static const char *const expected[] = { "unit", "web.service", "team",
                                                "a=b",  "machine",     "0123456789abcdef0123456789abcdef",
                                                "user" };
        for (size_t i = 0; i < ELEMENTSOF(expected); i++)
                cr_expect_str_eq(p->identity->properties[i], expected[i]);
        cr_expect_eq(strv_length(p->identity->properties), 8);

        strbuf_done(&b.told);
        p->uid = 4294967290U;
        cr_expect_eq(identity_set_add_process(b.set, p), 1);
        cr_expect_str_eq(b.told.text ?: "", "-web/host-a/sh +web/host-a/sh=10");
        cr_expect_str_eq(p->identity->properties[7], "4294967290");
        bed_done(&b);
}

Test(identity, more_than_the_cap_are_counted_and_their_place_is_taken_later) {
        Bed b;
        Process *list, *p;
        Unit u = { .name = (char *) "web.service" };

        bed_init(&b);
        bed_rule(&b, "Process=app");
        bed_start(&b);
        list = calloc(IDENTITIES_MAX + 1, sizeof(list[0]));
        cr_assert_not_null(list);
        for (unsigned i = 0; i <= IDENTITIES_MAX; i++) {
                list[i] = (Process){ .key.pid = 100000 + (pid_t) i, .ordinal = 1, .unit = &u };
                cr_assert_gt(asprintf(&list[i].name, "p%u", i), 0);
                list[i].comm = list[i].name;
                cr_assert_eq(identity_set_add_process(b.set, list + i), i < IDENTITIES_MAX ? 1 : -EUSERS);
        }
        cr_expect_eq(identity_set_n(b.set), IDENTITIES_MAX);
        cr_expect_eq(identity_set_n_over_cap(b.set), 1);

        identity_set_remove_process(b.set, list + 7);
        p = list + IDENTITIES_MAX;
        cr_expect_eq(identity_set_add_process(b.set, p), 1);
        b.set = identity_set_free(b.set);
        for (unsigned i = 0; i <= IDENTITIES_MAX; i++) {
                cr_expect_null(list[i].identity);
                free(list[i].name);
        }
        free(list);
        bed_done(&b);
}

Test(identity, the_order_of_starts_does_not_decide_who_has_which_name) {
        Bed b;

        bed_init(&b);
        bed_rule(&b, "Service=shop");
        bed_put(&b, 10, "nginx", "/system.slice/web-b.service");
        EXPECT(&b, "");
        bed_put(&b, 20, "nginx", "/system.slice/web-a.service");
        EXPECT(&b, "");
        bed_put(&b, 21, "nginx", "/system.slice/web-a.service");
        EXPECT(&b, "");
        bed_start(&b);
        cr_expect_eq(identity_set_add_all(b.set, b.targets), 0);
        cr_expect_str_eq(
                        b.told.text,
                        "+shop/host-a/nginx=20 +shop/host-a/nginx#2=21 +shop/host-a/nginx@web-b=10");
        bed_done(&b);
}

Test(identity, a_rule_that_moved_in_its_file_says_its_new_line) {
        ServiceRules moved = {};
        ServiceRule r;
        Bed b;

        bed_init(&b);
        bed_rule(&b, "Unit=web.service");
        bed_put(&b, 10, "nginx", "/system.slice/web.service");
        bed_start(&b);
        EXPECT(&b, "+web/host-a/nginx=10");

        cr_assert_eq(service_rule_init(&r, "elsewhere:9"), 0);
        cr_assert_eq(strv_pushf(&r.units, "web.service"), 0);
        moved.is_given = true;
        cr_assert_eq(service_rules_push(&moved, &r), 0);
        cr_assert(service_rules_equal(identity_set_rules(b.set), &moved));
        identity_set_relocate_rules(b.set, &moved);
        cr_expect_str_eq(identity_set_first(b.set)->rule->where, "elsewhere:9");
        service_rules_done(&moved);
        bed_done(&b);
}

Test(identity, hostile_names_come_out_as_text_of_bounded_length) {
        Bed b;
        Process *p;
        char exe[1024];

        bed_init(&b);
        bed_rule(&b, "Service=%x Instance=%x%x Process=%x Property=exe=%x");
        bed_put(&b, 10, "sh", "/system.slice/web.service");
        EXPECT(&b, "");
        bed_start(&b);
        p = target_set_find_process(b.targets, 10);
        memset(exe, 'x', sizeof(exe));
        memcpy(exe, "/\xff\x1b[2J\n\xf0\x9f", 9);
        exe[sizeof(exe) - 1] = '\0';
        free(p->exe);
        p->exe = strdup(exe);

        cr_assert_eq(identity_set_add_process(b.set, p), 1);
        cr_expect_eq(strncmp(p->identity->service, "??[2J???xxx", 11), 0, "%s", p->identity->service);
        cr_expect_eq(strlen(p->identity->service), 70);
        cr_expect_eq(strlen(p->identity->instance), 70);
        cr_expect_eq(strlen(p->identity->process), 500);
        cr_expect_leq(strlen(p->identity->properties[1]), IDENTITY_PROPERTY_VALUE_BYTES_MAX);
        bed_done(&b);
}

Test(identity, names_of_which_nothing_is_left_are_the_defaults) {
        Bed b;

        bed_init(&b);
        bed_rule(&b, "Service=%i Instance=%i Process=%i Layer=%i");
        bed_put(&b, 10, "sh", "/system.slice/web.service");
        bed_start(&b);
        EXPECT(&b, "+web/host-a/sh=10");
        cr_expect_str_eq(identity_set_first(b.set)->layer, "GENERAL");
        bed_done(&b);
}
