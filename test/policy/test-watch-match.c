/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/watch-match.h"

#include "fake/fake-subjects.h"
#include "target/identity.h"

#include <criterion/criterion.h>
#include <stdio.h>

TestSuite(test_watch_match, .timeout = 30);

#define CPU_80_2_OF_5 "[Trigger]\nMetric=process-cpu\nThreshold=80%\nPeriod=5s\nCount=2\n"

/* -.slice > system.slice > nginx.service, and > user.slice > user@1000.service > two nested units. */
static Unit root, system_slice, nginx, php, user_slice, user_manager, nested_slice, nested_scope;

static void make_units(void) {
        root = fake_unit("-.slice", NULL);
        system_slice = fake_unit("system.slice", &root);
        nginx = fake_unit("nginx.service", &system_slice);
        php = fake_unit("php\\x2dfpm.service", &system_slice);
        user_slice = fake_unit("user.slice", &root);
        user_manager = fake_unit("user@1000.service", &user_slice);
        nested_slice = fake_unit("user@1000.service/app.slice", &user_manager);
        nested_scope = fake_unit("user@1000.service/shell.scope", &nested_slice);
}

typedef struct Row {
        const char *policy;
        Unit *unit;
        const char *exe;
        uid_t uid;
        bool expected;
} Row;

static const Row process_rows[] = {
        { "Unit=*", &nginx, NULL, 0, true },
        { "Unit=nginx.service", &nginx, NULL, 0, true },
        { "Unit=ngin?.service", &nginx, NULL, 0, true },
        { "Unit=nginx.service", &php, NULL, 0, false },
        { "Unit=apache.service nginx.service", &nginx, NULL, 0, true },
        { "Unit=ngin", &nginx, NULL, 0, false },
        { "Unit=php\\x2dfpm.service", &php, NULL, 0, true },
        { "Unit=php\\*", &php, NULL, 0, true },
        { "Unit=system.slice", &nginx, NULL, 0, true },
        { "Unit=system.slice", &system_slice, NULL, 0, true },
        { "Unit=system.slice", &root, NULL, 0, false },
        { "Unit=user.slice", &nginx, NULL, 0, false },
        { "Unit=user@*.service", &nested_scope, NULL, 0, true },
        { "Unit=shell.scope", &nested_scope, NULL, 0, false },
        { "Unit=*/shell.scope", &nested_scope, NULL, 0, true },
        { "Unit=user@1000.service/shell.scope", &nested_scope, NULL, 0, true },
        { "Unit=user@1000.service/app.slice", &nested_scope, NULL, 0, true },
        { "Unit=user@1000.service/app.slice", &user_manager, NULL, 0, false },
        { "Unit=user@1000.service/*", &user_manager, NULL, 0, false },
        { "Slice=system.slice", &nginx, NULL, 0, true },
        { "Slice=system.slice", &system_slice, NULL, 0, true },
        { "Slice=-.slice", &nested_scope, NULL, 0, true },
        { "Slice=user.slice", &nginx, NULL, 0, false },
        { "Slice=user*", &nested_scope, NULL, 0, true },
        { "Slice=app.slice", &nested_scope, NULL, 0, false },
        { "Slice=*/app.slice", &nested_scope, NULL, 0, true },
        { "Slice=nginx*", &nginx, NULL, 0, false },
        { "Exe=/usr/sbin/nginx", &nginx, "/usr/sbin/nginx", 0, true },
        { "Exe=/usr/*", &nginx, "/usr/sbin/nginx", 0, true },
        { "Exe=/usr/bin/nginx", &nginx, "/usr/sbin/nginx", 0, false },
        { "Exe=*", &nginx, NULL, 0, false },
        { "User=0", &nginx, NULL, 0, true },
        { "User=root", &nginx, NULL, 0, true },
        { "User=r??t", &nginx, NULL, 0, true },
        { "User=root", &nginx, NULL, 4294967290U, false },
        { "User=4294967290", &nginx, NULL, 4294967290U, true },
        { "User=nobody 42949672*", &nginx, NULL, 4294967290U, true },
        { "User=?*", &nginx, NULL, 4294967290U, true },
        { "Unit=nginx.service\nUser=1", &nginx, NULL, 0, false },
        { "Unit=nginx.service\nSlice=user.slice", &nginx, NULL, 0, false },
        { "Unit=nginx.service\nSlice=system.slice\nExe=/n\nUser=0", &nginx, "/n", 0, true },
        { "Unit=nginx.service\nSlice=system.slice\nExe=/n\nUser=0", &nginx, "/m", 0, false },
        { "Scope=unit\nUnit=nginx.service", &nginx, NULL, 0, false },
};

static const Row unit_rows[] = {
        { "Unit=*", &nginx, .expected = true },
        { "Unit=-.slice", &root, .expected = true },
        { "Unit=nginx.service", &nginx, .expected = true },
        { "Unit=nginx.service", &php, .expected = false },
        { "Unit=system.slice", &system_slice, .expected = true },
        { "Unit=system.slice", &nginx, .expected = false },
        { "Unit=user@*.service", &user_manager, .expected = true },
        { "Unit=user@*.service", &nested_scope, .expected = true },
        { "Unit=user@*.service/*.scope", &nested_scope, .expected = true },
        { "Unit=user@*.service/*.scope", &nested_slice, .expected = false },
        { "Unit=user@*.service/*.scope", &user_manager, .expected = false },
        { "Slice=system.slice", &nginx, .expected = true },
        { "Slice=system.slice", &system_slice, .expected = false },
        { "Slice=-.slice", &system_slice, .expected = true },
        { "Slice=-.slice", &root, .expected = false },
        { "Slice=*/app.slice", &nested_scope, .expected = true },
        { "Unit=*.service\nSlice=user.slice", &nginx, .expected = false },
};

static Policy *policy_of_row(const Row *row, PolicyScope scope) {
        char text[512];

        (void) snprintf(text,
                        sizeof(text),
                        "[Policy]\n%s%s\n%s",
                        scope == POLICY_SCOPE_UNIT ? "Scope=unit\n" : "",
                        row->policy,
                        CPU_80_2_OF_5);
        return fake_policy("row", text);
}

Test(test_watch_match, globs_select_processes, .init = make_units) {
        for (size_t i = 0; i < ELEMENTSOF(process_rows); i++) {
                const Row *row = process_rows + i;
                _cleanup_(policy_unrefp) Policy *p = policy_of_row(row, POLICY_SCOPE_PROCESS);
                Process process = fake_process(10, "worker", row->unit);

                process.exe = (char *) row->exe;
                process.uid = row->uid;
                cr_expect_eq(policy_matches_process(p, &process),
                             row->expected,
                             "row %zu: '%s' on '%s'",
                             i,
                             row->policy,
                             row->unit->name);
                cr_expect_not(policy_matches_unit(p, row->unit) && p->scope == POLICY_SCOPE_PROCESS);
        }
}

Test(test_watch_match, globs_select_units, .init = make_units) {
        for (size_t i = 0; i < ELEMENTSOF(unit_rows); i++) {
                const Row *row = unit_rows + i;
                _cleanup_(policy_unrefp) Policy *p = policy_of_row(row, POLICY_SCOPE_UNIT);

                cr_expect_eq(policy_matches_unit(p, row->unit),
                             row->expected,
                             "row %zu: '%s' on '%s'",
                             i,
                             row->policy,
                             row->unit->name);
        }
}

static Identity shop = { .service = (char *) "shop", .instance = (char *) "a", .process = (char *) "p" };
static Identity desk = { .service = (char *) "order desk",
                         .instance = (char *) "a",
                         .process = (char *) "p" };

Test(test_watch_match, a_service_selects_what_is_registered_for_it, .init = make_units) {
        static const struct {
                const char *policy;
                const Identity *identity;
                bool expected;
        } rows[] = {
                { "Service=shop", &shop, true },
                { "Service=shop", &desk, false },
                { "Service=shop", NULL, false },
                { "Service=sho?", &shop, false },
                { "Service=*", &shop, false },
                { "Service=Shop", &shop, false },
                { "Service=\"order desk\"", &desk, true },
                { "Service=order desk", &desk, false },
                { "Service=x shop", &shop, true },
                { "Service=shop\nUnit=nginx.service", &shop, true },
                { "Service=shop\nUnit=php.service", &shop, false },
                { "Unit=nginx.service", NULL, true },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                const Row row = { .policy = rows[i].policy };
                _cleanup_(policy_unrefp) Policy *p = policy_of_row(&row, POLICY_SCOPE_PROCESS);
                _cleanup_(policy_unrefp) Policy *u = policy_of_row(&row, POLICY_SCOPE_UNIT);
                Process process = fake_process(10, "worker", &nginx);

                process.identity = (Identity *) rows[i].identity;
                cr_expect_eq(policy_matches_process(p, &process), rows[i].expected, "row %zu", i);
                cr_expect_not(policy_matches_process(u, &process), "row %zu", i);

                nginx.identity = (Identity *) rows[i].identity;
                cr_expect_eq(policy_matches_unit(u, &nginx), rows[i].expected, "row %zu", i);
                /* a unit that is registered as a whole is what SkyWalking takes for a process */
                cr_expect_eq(policy_matches_unit(p, &nginx),
                             rows[i].expected && rows[i].identity,
                             "row %zu",
                             i);
                nginx.identity = NULL;
        }
}
