/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/policy-text.h"

#include "basic/cleanup.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(policy_text, .timeout = 5);

static PolicyFlags with_when(const char *when) {
        PolicyFlags f = {};

        (void) flag_values_add(&f.whens, when);
        return f;
}

Test(policy_text, all_options_become_lines_in_a_fixed_order) {
        _cleanup_(freep) char *text = NULL, *message = NULL;
        PolicyFlags f = with_when("process-cpu >= 80% for 5 of 10s");

        cr_assert_eq(flag_values_add(&f.whens, "system-load >= 8 for 30s"), 0);
        cr_assert_eq(flag_values_add(&f.units, "nginx"), 0);
        cr_assert_eq(flag_values_add(&f.units, "php*.service"), 0);
        cr_assert_eq(flag_values_add(&f.slices, "web.slice"), 0);
        cr_assert_eq(flag_values_add(&f.exes, "/usr/sbin/*"), 0);
        cr_assert_eq(flag_values_add(&f.users, "www-data"), 0);
        cr_assert_eq(flag_values_add(&f.services, "shop \"order desk\""), 0);
        cr_assert_eq(flag_values_add(&f.profiles, "on-cpu"), 0);
        f.description = "The web tier burns";
        f.duration = "10min";
        f.silence = "20min";
        f.scope = "unit";

        cr_assert_eq(policy_text_compose(&f, &text, &message), 0);
        cr_expect_str_eq(
                        text,
                        "[Policy]\n"
                        "Description=The web tier burns\n"
                        "Unit=nginx.service\n"
                        "Unit=php*.service\n"
                        "Slice=web.slice\n"
                        "Exe=/usr/sbin/*\n"
                        "User=www-data\n"
                        "Service=shop \"order desk\"\n"
                        "Profile=on-cpu\n"
                        "Duration=10min\n"
                        "Silence=20min\n"
                        "Scope=unit\n"
                        "\n"
                        "[Trigger]\n"
                        "When=process-cpu >= 80% for 5 of 10s\n"
                        "\n"
                        "[Trigger]\n"
                        "When=system-load >= 8 for 30s\n");
}

Test(policy_text, no_value_can_smuggle_in_another_line) {
        static const char *const bad[] = {
                "", " \t", "a\nExe=/bin/sh", "a\r", "ends in a backslash\\", "bell\a", "escape\033[2J",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                for (unsigned where = 0; where < 4; where++) {
                        _cleanup_(freep) char *text = NULL, *message = NULL;
                        PolicyFlags f = where == 0 ? with_when(bad[i])
                                                   : with_when("system-load >= 1 for 1s");

                        if (where == 1)
                                f.description = bad[i];
                        if (where == 2)
                                (void) flag_values_add(&f.units, bad[i]);
                        if (where == 3)
                                (void) flag_values_add(&f.exes, bad[i]);

                        cr_expect_eq(policy_text_compose(&f, &text, &message),
                                     -EINVAL,
                                     "row %zu/%u",
                                     i,
                                     where);
                        cr_expect_not_null(message, "row %zu/%u", i, where);
                        cr_expect_null(text, "row %zu/%u", i, where);
                }
}

Test(policy_text, message_names_the_option) {
        _cleanup_(freep) char *text = NULL, *message = NULL;
        PolicyFlags f = with_when("x");

        f.silence = "1\n2";
        cr_assert_eq(policy_text_compose(&f, &text, &message), -EINVAL);
        cr_expect_not_null(strstr(message, "--silence"), "%s", message);
}

Test(policy_text, policy_without_a_condition_is_refused_with_an_example) {
        _cleanup_(freep) char *text = NULL, *message = NULL;
        PolicyFlags f = {};

        cr_assert_eq(policy_text_compose(&f, &text, &message), -EINVAL);
        cr_expect_not_null(strstr(message, "--when"));
}

Test(policy_text, values_of_one_option_are_bounded) {
        FlagValues v = {};

        for (unsigned i = 0; i < FLAG_VALUES_MAX; i++)
                cr_assert_eq(flag_values_add(&v, "x"), 0);

        cr_expect_eq(flag_values_add(&v, "x"), -E2BIG);
        cr_expect_eq(v.n, FLAG_VALUES_MAX);
}

Test(policy_text, file_name_gives_the_policy_its_name) {
        static const struct {
                const char *path, *name;
        } rows[] = {
                { "web.policy", "web" },
                { "/a/b/web.policy", "web" },
                { "./web", "web" },
                { "a.b.policy", "a.b" },
                { ".policy", NULL },
                { "dir/", NULL },
                { "x.policy.bak", "x.policy.bak" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(freep) char *name = NULL;
                int r = policy_name_from_path(rows[i].path, &name);

                cr_expect_eq(r, rows[i].name ? 0 : -EINVAL, "%s", rows[i].path);
                if (rows[i].name && name)
                        cr_expect_str_eq(name, rows[i].name);
        }
}
