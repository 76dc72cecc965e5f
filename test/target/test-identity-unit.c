/* SPDX-License-Identifier: Apache-2.0 */
#include "target/identity-bed.h"

#include <utlist.h>

TestSuite(identity_unit, .timeout = 30);

Test(identity_unit, a_unit_is_one_process_with_the_pid_of_its_oldest) {
        Bed b;

        bed_init(&b);
        bed_rule(&b, "Unit=web.service Scope=unit Property=exe=%x");
        bed_rule(&b, "Unit=*.service");
        bed_put(&b, 11, "php", "/system.slice/web.service");
        bed_start(&b);
        EXPECT(&b, "+web/host-a/web=11");
        bed_put(&b, 10, "nginx", "/system.slice/web.service");
        EXPECT(&b, "~web/host-a/web=10");
        bed_put(&b, 30, "db", "/system.slice/db.service");
        EXPECT(&b, "+db/host-a/db=30");
        cr_expect_eq(target_set_find_unit(b.targets, "web.service")->identity,
                     identity_of_process(target_set_find_process(b.targets, 11)));
        cr_expect_null(target_set_find_process(b.targets, 11)->identity);
        cr_expect_str_eq(target_set_find_unit(b.targets, "web.service")->identity->properties[1], "php");

        fake_host_remove_process(&b.host, 10);
        EXPECT(&b, "~web/host-a/web=11");
        fake_host_remove_process(&b.host, 11);
        EXPECT(&b, "-web/host-a/web");
        bed_put(&b, 12, "nginx", "/system.slice/web.service");
        EXPECT(&b, "+web/host-a/web=12");
        bed_done(&b);
}

Test(identity_unit, a_unit_whose_last_process_is_replaced_stays) {
        Bed b;

        bed_init(&b);
        bed_rule(&b, "Unit=web.service Scope=unit");
        bed_put(&b, 10, "nginx", "/system.slice/web.service");
        bed_start(&b);
        EXPECT(&b, "+web/host-a/web=10");
        fake_host_remove_process(&b.host, 10);
        bed_put(&b, 11, "nginx", "/system.slice/web.service");
        EXPECT(&b, "~web/host-a/web=11");
        bed_done(&b);
}

Test(identity_unit, the_main_process_is_preferred) {
        Bed b;

        bed_init(&b);
        bed_rule(&b, "Unit=web.service Scope=unit");
        bed_put(&b, 10, "sh", "/system.slice/web.service");
        bed_put(&b, 11, "nginx", "/system.slice/web.service");
        bed_put(&b, 12, "nginx", "/system.slice/web.service");
        EXPECT(&b, "");
        target_set_find_unit(b.targets, "web.service")->main_pid = 12;
        bed_start(&b);
        cr_expect_eq(identity_set_add_all(b.set, b.targets), 0);
        cr_expect_str_eq(b.told.text, "+web/host-a/web=12");
        bed_done(&b);
}

Test(identity_unit, a_process_that_moves_to_another_unit_is_not_the_first_ones_any_more) {
        Bed b;

        bed_init(&b);
        bed_rule(&b, "Unit=*.service Scope=unit");
        bed_put(&b, 10, "runc", "/system.slice/docker.service");
        bed_start(&b);
        EXPECT(&b, "+docker/host-a/docker=10");
        bed_put(&b, 11, "dockerd", "/system.slice/docker.service");
        EXPECT(&b, "");

        Process *p = target_set_find_process(b.targets, 10);
        Unit other = { .name = (char *) "x.scope" }, *docker = p->unit;

        /* as the target set does it */
        DL_DELETE2(docker->processes, p, unit_prev, unit_next);
        p->unit = &other;
        strbuf_done(&b.told);
        cr_expect_eq(identity_set_add_process(b.set, p), 0);
        cr_expect_str_eq(b.told.text ?: "", "~docker/host-a/docker=11");

        p->unit = docker;
        DL_APPEND2(docker->processes, p, unit_prev, unit_next);
        bed_done(&b);
}

Test(identity_unit, of_nested_units_the_one_that_is_meant_is_registered) {
        static const struct {
                const char *rule, *expected;
        } rows[] = {
                { "Unit=user@*.service Scope=unit", "+user@1000/host-a/user@1000=10" },
                { "Unit=user@*.service/*.scope Scope=unit",
                  "+user@1000.service/shell/host-a/user@1000.service/shell=10" },
                { "Slice=user.slice Scope=unit", "+user@1000/host-a/user@1000=10" },
                { "Unit=user.slice Scope=unit", "+user/host-a/user=10" },
                { "Unit=*/none.scope Scope=unit", "" },
                { "Unit=shell.scope Scope=unit", "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Bed b;

                bed_init(&b);
                bed_rule(&b, rows[i].rule);
                bed_put(&b, 10, "bash", "/user.slice/user@1000.service/app.slice/shell.scope");
                bed_start(&b);
                EXPECT(&b, rows[i].expected);
                cr_expect_eq(identity_set_n(b.set), rows[i].expected[0] != '\0', "%s", rows[i].rule);
                bed_done(&b);
        }
}

Test(identity_unit, two_units_may_have_the_same_oldest_process) {
        Bed b;

        bed_init(&b);
        bed_rule(&b, "Unit=inner.service Exe=/usr/bin/app Scope=process");
        bed_rule(&b, "Unit=inner.service Scope=unit");
        bed_rule(&b, "Unit=web.slice Scope=unit");
        bed_put(&b, 10, "boot", "/web.slice/inner.service");
        bed_start(&b);
        EXPECT(&b, "+inner/host-a/inner=10");
        bed_put(&b, 11, "tool", "/web.slice/other.service");
        EXPECT(&b, "+web/host-a/web=10");
        bed_put(&b, 12, "late", "/web.slice/inner.service");
        EXPECT(&b, "");
        bed_put(&b, 13, "app", "/web.slice/inner.service");
        EXPECT(&b, "+inner/host-a/app=13");

        fake_host_remove_process(&b.host, 10);
        strbuf_done(&b.told);
        cr_assert_eq(target_set_refresh(b.targets, ++b.second * USEC_PER_SEC), 0);
        cr_expect_not_null(strstr(b.told.text, "~inner/host-a/inner=12"));
        cr_expect_not_null(strstr(b.told.text, "~web/host-a/web=11"));

        fake_host_remove_process(&b.host, 11);
        EXPECT(&b, "~web/host-a/web=12");
        fake_host_remove_process(&b.host, 12);
        strbuf_done(&b.told);
        cr_assert_eq(target_set_refresh(b.targets, ++b.second * USEC_PER_SEC), 0);
        cr_expect_not_null(strstr(b.told.text, "~inner/host-a/inner=13"));
        cr_expect_not_null(strstr(b.told.text, "~web/host-a/web=13"));
        bed_done(&b);
}
