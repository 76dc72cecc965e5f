/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/bus-bed.h"

#include "basic/file-io.h"
#include "bus/bus-names.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

TestSuite(test_bus_policy, .timeout = 30);

#define CPU_TRIGGER "[Trigger]\nWhen=process-cpu >= 80%\n"

static BusBed b;

static void init(void) {
        bus_bed_init(&b);
}

static void done(void) {
        bus_bed_done(&b);
}

static sd_bus_message *add(const char *name, const char *text, bool runtime) {
        return bus_bed_call(&b, "AddPolicy", "ssb", name, text, (int) runtime);
}

static void mask(const char *method, const char *name, bool runtime) {
        bus_bed_succeeds(bus_bed_call(&b, method, "sb", name, (int) runtime));
}

/* A row of ListPolicies; lists are joined by ','. */
typedef struct Row {
        char name[64], source[16], path[PATH_MAX], state[16], message[512];
        char units[256], filters[256], triggers[256], kinds[64], scope[16];
        uint64_t duration_usec, silence_usec;
        uint32_t n_subjects;
} Row;

static void read_text(sd_bus_message *m, char *ret, size_t size) {
        const char *s;

        cr_assert_gt(sd_bus_message_read(m, "s", &s), 0);
        cr_assert_lt(snprintf(ret, size, "%s", s), (int) size);
}

static void read_list(sd_bus_message *m, char *ret, size_t size) {
        size_t length = 0;
        const char *s;

        ret[0] = '\0';
        cr_assert_gt(sd_bus_message_enter_container(m, 'a', "s"), 0);
        while (sd_bus_message_read(m, "s", &s) > 0) {
                length += (size_t) snprintf(ret + length, size - length, "%s%s", length > 0 ? "," : "", s);
                cr_assert_lt(length, size);
        }
        cr_assert_geq(sd_bus_message_exit_container(m), 0);
}

static size_t list_policies(Row *rows, size_t max) {
        sd_bus_message *m = bus_bed_call(&b, "ListPolicies", "");
        size_t n = 0;

        cr_assert_gt(sd_bus_message_enter_container(m, 'a', CPROF_BUS_POLICY_SIGNATURE), 0);
        for (; sd_bus_message_enter_container(m, 'r', "sssssasasasassttu") > 0; n++) {
                cr_assert_lt(n, max);
                read_text(m, rows[n].name, sizeof(rows[n].name));
                read_text(m, rows[n].source, sizeof(rows[n].source));
                read_text(m, rows[n].path, sizeof(rows[n].path));
                read_text(m, rows[n].state, sizeof(rows[n].state));
                read_text(m, rows[n].message, sizeof(rows[n].message));
                read_list(m, rows[n].units, sizeof(rows[n].units));
                read_list(m, rows[n].filters, sizeof(rows[n].filters));
                read_list(m, rows[n].triggers, sizeof(rows[n].triggers));
                read_list(m, rows[n].kinds, sizeof(rows[n].kinds));
                read_text(m, rows[n].scope, sizeof(rows[n].scope));
                cr_assert_gt(sd_bus_message_read(
                                             m,
                                             "ttu",
                                             &rows[n].duration_usec,
                                             &rows[n].silence_usec,
                                             &rows[n].n_subjects),
                             0);
                cr_assert_geq(sd_bus_message_exit_container(m), 0);
        }

        sd_bus_message_unref(m);
        return n;
}

static void expect_state(const char *name, const char *source, const char *state) {
        Row rows[16];
        size_t n = list_policies(rows, ELEMENTSOF(rows));

        for (size_t i = 0; i < n; i++)
                if (strcmp(rows[i].name, name) == 0) {
                        cr_expect_str_eq(rows[i].source, source, "%s", name);
                        cr_expect_str_eq(rows[i].state, state, "%s", name);
                        return;
                }

        cr_expect_null(state, "%s is not listed", name);
}

Test(test_bus_policy, a_policy_is_added_as_a_file_and_watches_at_once, .init = init, .fini = done) {
        _cleanup_(freep) char *text = NULL;
        char path[PATH_MAX];
        Row row;

        bus_bed_succeeds(add("web", BUS_BED_POLICY, false));

        bus_bed_path(&b, "etc/web.policy", path);
        cr_assert_eq(read_full_file_at(AT_FDCWD, path, 4096, &text, NULL), 0);
        cr_expect_str_eq(text, BUS_BED_POLICY);
        cr_expect_eq(watch_set_n_rules(b.watches), 2);

        cr_assert_eq(list_policies(&row, 1), 1);
        cr_expect_str_eq(row.name, "web");
        cr_expect_str_eq(row.source, "etc");
        cr_expect_str_eq(row.path, path);
        cr_expect_str_eq(row.state, "loaded");
        cr_expect_str_eq(row.message, "");
        cr_expect_str_eq(row.units, "web.service");
        cr_expect_str_eq(row.filters, "");
        cr_expect_str_eq(row.triggers, "process-cpu >= 80% for 5 of 10s");
        cr_expect_str_eq(row.kinds, "on-cpu");
        cr_expect_str_eq(row.scope, "process");
        cr_expect_eq(row.duration_usec, USEC_PER_MINUTE);
        cr_expect_eq(row.silence_usec, 20 * USEC_PER_MINUTE);
        cr_expect_eq(row.n_subjects, 2);
}

Test(test_bus_policy, a_list_shows_filters_scope_and_every_trigger, .init = init, .fini = done) {
        Row row;

        bus_bed_succeeds(add(
                        "all",
                        "[Policy]\nUnit=web db\nSlice=system.slice\nExe=/usr/sbin/*\nUser=33\nScope=process\n"
                        "[Trigger]\nWhen=process-cpu >= 250% for 10s\n[Trigger]\nWhen=process-thread-count >= 9\n",
                        true));

        cr_assert_eq(list_policies(&row, 1), 1);
        cr_expect_str_eq(row.source, "run");
        cr_expect_str_eq(row.units, "web.service,db.service");
        cr_expect_str_eq(row.filters, "Slice=system.slice,Exe=/usr/sbin/*,User=33");
        cr_expect_str_eq(row.scope, "process");
        cr_expect_str_eq(row.triggers, "process-cpu >= 250% for 10s,process-thread-count >= 9 for 5 of 10s");
}

Test(test_bus_policy, a_bad_policy_is_refused_with_its_line_and_leaves_no_file, .init = init, .fini = done) {
        static const struct {
                const char *text, *message;
        } rows[] = {
                { "[Policy]\nUnit=web\n[Trigger]\nWhen=proces-cpu >= 80%\n",
                  "x.policy:4: When=proces-cpu >= 80%: proces-cpu: unknown metric, did you mean process-cpu?" },
                { "[Policy]\nUnit=web\nProfile=network\n" CPU_TRIGGER,
                  "x.policy:3: Profile=network: this build does not have network (it has on-cpu, off-cpu)" },
                { "", "x.policy: one of Unit=, Slice=, Exe=, User=, Service= is needed" },
                { "Unit=web\n", "x.policy:1: assignment before the first section header" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                sd_bus_message *reply;
                const char *message;

                bus_bed_fails(add("x", rows[i].text, false), CPROF_BUS_ERROR_BAD_POLICY, rows[i].message);

                reply = bus_bed_call(&b, "CheckPolicy", "ss", "x", rows[i].text);
                cr_assert_gt(sd_bus_message_read(reply, "s", &message), 0);
                cr_expect_str_eq(message, rows[i].message);
                sd_bus_message_unref(reply);
        }

        expect_state("x", NULL, NULL);
        cr_expect_eq(HASH_COUNT(policy_store_entries(b.policies)), 0);
}

Test(test_bus_policy, a_check_of_a_good_policy_says_nothing_and_does_nothing, .init = init, .fini = done) {
        sd_bus_message *reply = bus_bed_call(&b, "CheckPolicy", "ss", "web", BUS_BED_POLICY);
        const char *message;

        cr_assert_gt(sd_bus_message_read(reply, "s", &message), 0);
        cr_expect_str_eq(message, "");
        sd_bus_message_unref(reply);
        cr_expect_eq(HASH_COUNT(policy_store_entries(b.policies)), 0);
}

Test(test_bus_policy, a_text_that_is_too_large_is_refused, .init = init, .fini = done) {
        static const char message[] = "web.policy: text is larger than 64 KiB.";
        _cleanup_(freep) char *text = malloc(1024 * 1024 + 1);

        cr_assert_not_null(text);
        memset(text, '#', 1024 * 1024);
        text[1024 * 1024] = '\0';

        bus_bed_fails(add("web", text, false), CPROF_BUS_ERROR_BAD_POLICY, message);
        bus_bed_fails(bus_bed_call(&b, "CheckPolicy", "ss", "web", text),
                      CPROF_BUS_ERROR_BAD_POLICY,
                      message);

        /* 64 KiB themselves are fine */
        memset(text, '\n', POLICY_FILE_SIZE_MAX);
        memcpy(text, BUS_BED_POLICY, strlen(BUS_BED_POLICY));
        text[POLICY_FILE_SIZE_MAX] = '\0';
        bus_bed_succeeds(add("web", text, false));
}

Test(test_bus_policy, bad_names_are_refused_by_every_method, .init = init, .fini = done) {
        static const char *const names[] = { "", ".web", "../web", "a/b", "a b", "web\n", "caf\xc3\xa9" };
        static const struct {
                const char *method, *types;
        } methods[] = {
                { "AddPolicy", "ssb" }, { "CheckPolicy", "ss" }, { "RemovePolicy", "s" },
                { "GetPolicy", "s" },   { "MaskPolicy", "sb" },  { "UnmaskPolicy", "sb" },
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                for (size_t j = 0; j < ELEMENTSOF(methods); j++) {
                        const char *types = methods[j].types, *prefix = "Bad policy name '";
                        sd_bus_message *reply = types[1] == 'b'
                                        ? bus_bed_call(&b, methods[j].method, types, names[i], 0)
                                        : bus_bed_call(&b,
                                                       methods[j].method,
                                                       types,
                                                       names[i],
                                                       BUS_BED_POLICY,
                                                       0);
                        const sd_bus_error *e = sd_bus_message_get_error(reply);

                        cr_assert_not_null(e, "%s '%s'", methods[j].method, names[i]);
                        cr_expect_str_eq(e->name, SD_BUS_ERROR_INVALID_ARGS);
                        cr_expect_eq(strncmp(e->message, prefix, strlen(prefix)), 0, "%s", e->message);
                        sd_bus_message_unref(reply);
                }
}

Test(test_bus_policy, a_policy_is_got_as_it_stands_in_its_files, .init = init, .fini = done) {
        char path[PATH_MAX], expected[PATH_MAX + 512];
        const char *text, *where, *message;
        sd_bus_message *reply;

        bus_bed_write(&b, "vendor/web.policy", BUS_BED_POLICY);
        bus_bed_write(&b, "etc/web.policy.d/10.conf", "[Policy]\nDurations=2min\n");
        bus_bed_succeeds(bus_bed_call(&b, "Reload", ""));

        reply = bus_bed_call(&b, "GetPolicy", "s", "web");
        cr_assert_gt(sd_bus_message_read(reply, "sss", &text, &where, &message), 0);
        bus_bed_path(&b, "vendor/web.policy", path);
        cr_expect_str_eq(where, path);
        cr_expect_eq(strncmp(text, BUS_BED_POLICY, strlen(BUS_BED_POLICY)), 0);
        cr_expect_not_null(
                        strstr(text, "/etc/web.policy.d/10.conf\n[Policy]\nDurations=2min\n"), "%s", text);

        bus_bed_path(&b, "etc/web.policy.d/10.conf", path);
        (void) snprintf(expected,
                        sizeof(expected),
                        "%s:2: Durations=2min: unknown key in [Policy], did you mean Duration=?",
                        path);
        cr_expect_str_eq(message, expected);
        sd_bus_message_unref(reply);

        Row row;
        cr_assert_eq(list_policies(&row, 1), 1);
        cr_expect_str_eq(row.state, "error");
        cr_expect_str_eq(row.message, expected);
        cr_expect_str_eq(row.units, "", "what is not in force watches nothing");
        cr_expect_eq(row.n_subjects, 0);

        bus_bed_fails(bus_bed_call(&b, "GetPolicy", "s", "wed"),
                      CPROF_BUS_ERROR_NO_SUCH_POLICY,
                      "No policy 'wed'.");
}

Test(test_bus_policy, files_that_are_no_text_are_told_as_such, .init = init, .fini = done) {
        char path[PATH_MAX], expected[PATH_MAX + 64];
        Row rows[2];

        bus_bed_write(&b, "etc/a.policy", "[Policy]\nUnit=\xff\n");
        bus_bed_write(&b, "etc/b.policy", BUS_BED_POLICY);
        bus_bed_write(&b, "etc/b.policy.d/\xff.conf", "[Policy]\nUnits=web\n");
        bus_bed_succeeds(bus_bed_call(&b, "Reload", ""));

        bus_bed_path(&b, "etc/a.policy", path);
        (void) snprintf(expected, sizeof(expected), "%s: not valid UTF-8", path);
        bus_bed_fails(bus_bed_call(&b, "GetPolicy", "s", "a"), CPROF_BUS_ERROR_BAD_POLICY, expected);

        cr_assert_eq(list_policies(rows, 2), 2);
        cr_expect_not_null(strstr(rows[0].message, "a.policy:2: not valid UTF-8"), "%s", rows[0].message);
        cr_expect_not_null(strstr(rows[1].message, "b.policy.d/?.conf:2: Units=web"), "%s", rows[1].message);
}

Test(test_bus_policy, only_policies_of_the_administrator_are_removed, .init = init, .fini = done) {
        bus_bed_write(&b, "vendor/pack.policy", BUS_BED_POLICY);
        bus_bed_succeeds(add("web", BUS_BED_POLICY, true));

        bus_bed_succeeds(bus_bed_call(&b, "RemovePolicy", "s", "web"));
        expect_state("web", NULL, NULL);
        bus_bed_fails(bus_bed_call(&b, "RemovePolicy", "s", "web"),
                      CPROF_BUS_ERROR_NO_SUCH_POLICY,
                      "No policy 'web'.");
        bus_bed_fails(bus_bed_call(&b, "RemovePolicy", "s", "pack"),
                      CPROF_BUS_ERROR_POLICY_READ_ONLY,
                      "Policy 'pack' comes with a package; mask it instead.");
        expect_state("pack", "vendor", "loaded");
}

Test(test_bus_policy, policies_of_oap_are_listed_and_left_alone, .init = init, .fini = done) {
        Row row;

        bus_bed_write(&b,
                      "oap/oap:on-cpu:shop.policy",
                      "[Policy]\nService=shop \"order desk\"\n[Trigger]\nWhen=process-cpu >= 80%\n");
        bus_bed_succeeds(bus_bed_call(&b, "Reload", ""));
        cr_assert_eq(list_policies(&row, 1), 1);
        cr_expect_str_eq(row.source, "oap");
        cr_expect_str_eq(row.state, "loaded");
        cr_expect_str_eq(row.filters, "Service=shop,Service=order desk");

        bus_bed_fails(bus_bed_call(&b, "RemovePolicy", "s", "oap:on-cpu:shop"),
                      CPROF_BUS_ERROR_POLICY_READ_ONLY,
                      "Policy 'oap:on-cpu:shop' comes from SkyWalking's OAP: remove it there, or mask it here.");
        bus_bed_fails(add("oap:on-cpu:shop", BUS_BED_POLICY, false),
                      CPROF_BUS_ERROR_POLICY_READ_ONLY,
                      "policy 'oap:on-cpu:shop' comes from SkyWalking's OAP: change it there, or mask it here");
        mask("MaskPolicy", "oap:on-cpu:shop", false);
        expect_state("oap:on-cpu:shop", "etc", "masked");
}

Test(test_bus_policy,
     a_mask_takes_a_policy_out_of_force_until_it_is_taken_away,
     .init = init,
     .fini = done) {
        char message[PATH_MAX];

        bus_bed_write(&b, "vendor/pack.policy", BUS_BED_POLICY);
        bus_bed_succeeds(bus_bed_call(&b, "Reload", ""));
        cr_expect_eq(watch_set_n_rules(b.watches), 2);

        mask("MaskPolicy", "pack", false);
        expect_state("pack", "etc", "masked");
        cr_expect_eq(watch_set_n_rules(b.watches), 0);

        (void) snprintf(message, sizeof(message), "%s/etc/pack.policy is masked, unmask first", b.host.root);
        bus_bed_fails(add("pack", BUS_BED_POLICY, false), CPROF_BUS_ERROR_POLICY_EXISTS, message);
        bus_bed_fails(bus_bed_call(&b, "UnmaskPolicy", "sb", "pack", 1),
                      CPROF_BUS_ERROR_NO_SUCH_POLICY,
                      "Policy 'pack' is not masked there.");

        mask("UnmaskPolicy", "pack", false);
        expect_state("pack", "vendor", "loaded");
        cr_expect_eq(watch_set_n_rules(b.watches), 2);
}

Test(test_bus_policy, a_mask_does_not_replace_a_file, .init = init, .fini = done) {
        bus_bed_succeeds(add("web", BUS_BED_POLICY, false));

        for (int runtime = 0; runtime < 2; runtime++)
                bus_bed_fails(bus_bed_call(&b, "MaskPolicy", "sb", "web", runtime),
                              CPROF_BUS_ERROR_POLICY_EXISTS,
                              "A policy file 'web.policy' is in the way; remove it first.");
        expect_state("web", "etc", "loaded");
}

Test(test_bus_policy, a_policy_in_run_does_not_hide_behind_one_in_etc, .init = init, .fini = done) {
        char message[PATH_MAX];

        bus_bed_succeeds(add("web", BUS_BED_POLICY, false));
        (void) snprintf(message, sizeof(message), "%s/etc/web.policy exists and would win", b.host.root);
        bus_bed_fails(add("web", BUS_BED_POLICY, true), CPROF_BUS_ERROR_POLICY_EXISTS, message);
}

/* The text is good: who wrote it must not look for a mistake in it. */
Test(test_bus_policy, a_disk_that_cannot_be_written_is_no_bad_policy, .init = init, .fini = done) {
        sd_bus_message *reply;
        const sd_bus_error *e;

        bus_bed_write(&b, "run", "a file in the way");
        reply = add("web", BUS_BED_POLICY, true);
        e = sd_bus_message_get_error(reply);
        cr_assert_not_null(e);
        cr_expect_str_neq(e->name, CPROF_BUS_ERROR_BAD_POLICY);
        cr_expect_not_null(strstr(e->message, "/run/web.policy: Not a directory"), "%s", e->message);
        sd_bus_message_unref(reply);
}
