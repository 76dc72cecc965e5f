/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/profile-kind.h"

#include "basic/cleanup.h"

#include <criterion/criterion.h>

TestSuite(profile_kind, .timeout = 10);

#define ON PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU)
#define OFF PROFILE_KIND_BIT(PROFILE_KIND_OFF_CPU)

Test(profile_kind, a_list_is_a_set_in_one_order) {
        static const struct {
                const char *text;
                int result;
                ProfileKinds kinds;
                const char *back;
        } rows[] = {
                { "on-cpu", 0, ON, "on-cpu" },
                { "off-cpu", 0, OFF, "off-cpu" },
                { "off-cpu on-cpu", 0, ON | OFF, "on-cpu off-cpu" },
                { "  on-cpu \t off-cpu  on-cpu ", 0, ON | OFF, "on-cpu off-cpu" },
                { "", -EINVAL, 0, NULL },
                { "  ", -EINVAL, 0, NULL },
                { "on-cpu,off-cpu", -EINVAL, 0, NULL },
                { "on-cpu on", -EINVAL, 0, NULL },
                { "on-cpuoff-cpu", -EINVAL, 0, NULL },
                { "ON-CPU", -EINVAL, 0, NULL },
                { "on-cpu\noff-cpu", -EINVAL, 0, NULL },
                { "network", -EOPNOTSUPP, 0, NULL },
                { "on-cpu network", -EOPNOTSUPP, 0, NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                ProfileKinds kinds = 77;
                char text[PROFILE_KINDS_TEXT_MAX];

                cr_expect_eq(profile_kinds_from_string(rows[i].text, &kinds), rows[i].result, "row %zu", i);
                cr_expect_eq(kinds, rows[i].result < 0 ? 77 : rows[i].kinds, "row %zu", i);
                if (rows[i].back)
                        cr_expect_str_eq(profile_kinds_to_string(kinds, text), rows[i].back, "row %zu", i);
        }
}

Test(profile_kind, no_kind_is_no_text) {
        char text[PROFILE_KINDS_TEXT_MAX] = "x";

        cr_expect_str_eq(profile_kinds_to_string(0, text), "");
        cr_expect_null(profile_kind_to_string(_PROFILE_KIND_MAX));
}
