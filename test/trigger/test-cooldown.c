/* SPDX-License-Identifier: Apache-2.0 */
#include "trigger/cooldown.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(test_cooldown, .timeout = 30);

static Cooldown *make_cooldown(void) {
        Cooldown *c;

        cr_assert_eq(cooldown_new(&c), 0);
        return c;
}

Test(test_cooldown, silence_ends_at_its_time) {
        _cleanup_(cooldown_freep) Cooldown *c = make_cooldown();

        cr_expect_eq(cooldown_left(c, "a.service", "worker", PROFILE_KIND_ON_CPU, 0), 0);
        cr_assert_eq(cooldown_start(c, "a.service", "worker", PROFILE_KIND_ON_CPU, 1000), 0);

        cr_expect_eq(cooldown_left(c, "a.service", "worker", PROFILE_KIND_ON_CPU, 0), 1000);
        cr_expect_eq(cooldown_left(c, "a.service", "worker", PROFILE_KIND_ON_CPU, 999), 1);
        cr_expect_eq(cooldown_left(c, "a.service", "worker", PROFILE_KIND_ON_CPU, 1000), 0);
        cr_expect_eq(cooldown_left(c, "a.service", "worker", PROFILE_KIND_ON_CPU, 5000), 0);
}

Test(test_cooldown, it_belongs_to_one_unit_and_process_name) {
        static const char *const others[][2] = {
                { "a.service", "" },
                { "a.service", "worker#2" },
                { "a.service", "worke" },
                { "b.service", "worker" },
                { "", "worker" },
                { "", "workera.service" },
                { "workera.service", "" },
                { "service", "workera." },
                { "x/a.service", "worker" },
        };
        _cleanup_(cooldown_freep) Cooldown *c = make_cooldown();

        cr_assert_eq(cooldown_start(c, "a.service", "worker", PROFILE_KIND_ON_CPU, 1000), 0);
        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                cr_expect_eq(cooldown_left(c, others[i][0], others[i][1], PROFILE_KIND_ON_CPU, 0),
                             0,
                             "'%s' '%s'",
                             others[i][0],
                             others[i][1]);
}

Test(test_cooldown, starting_again_extends_and_never_shortens) {
        _cleanup_(cooldown_freep) Cooldown *c = make_cooldown();

        cr_assert_eq(cooldown_start(c, "a.service", "", PROFILE_KIND_ON_CPU, 1000), 0);
        cr_assert_eq(cooldown_start(c, "a.service", "", PROFILE_KIND_ON_CPU, 500), 0);
        cr_expect_eq(cooldown_left(c, "a.service", "", PROFILE_KIND_ON_CPU, 0), 1000);
        cr_assert_eq(cooldown_start(c, "a.service", "", PROFILE_KIND_ON_CPU, 2000), 0);
        cr_expect_eq(cooldown_left(c, "a.service", "", PROFILE_KIND_ON_CPU, 0), 2000);
}

Test(test_cooldown, a_full_one_takes_more_after_forgetting) {
        _cleanup_(cooldown_freep) Cooldown *c = make_cooldown();
        char name[32];

        for (unsigned i = 0; i < COOLDOWNS_MAX; i++) {
                (void) snprintf(name, sizeof(name), "w%u", i);
                cr_assert_eq(cooldown_start(c, "a.service", name, PROFILE_KIND_ON_CPU, 1000 + i % 2), 0);
        }

        cr_expect_eq(cooldown_start(c, "a.service", "more", PROFILE_KIND_ON_CPU, 5000), -EUSERS);
        cr_expect_eq(cooldown_start(c, "a.service", "w0", PROFILE_KIND_ON_CPU, 5000),
                     0,
                     "it is there already");

        cooldown_forget_expired(c, 1000);
        cr_expect_eq(cooldown_start(c, "a.service", "more", PROFILE_KIND_ON_CPU, 5000), 0);
        cr_expect_eq(cooldown_left(c, "a.service", "w0", PROFILE_KIND_ON_CPU, 1000), 4000);
        cr_expect_eq(cooldown_left(c, "a.service", "w1", PROFILE_KIND_ON_CPU, 1000), 1);
        cr_expect_eq(cooldown_left(c, "a.service", "w2", PROFILE_KIND_ON_CPU, 0), 0, "forgotten");
}

Test(test_cooldown, names_of_any_length_are_safe) {
        _cleanup_(cooldown_freep) Cooldown *c = make_cooldown();
        static char unit[5000], process[5000];

        memset(unit, 'u', sizeof(unit) - 1);
        memset(process, 'p', sizeof(process) - 1);
        cr_assert_eq(cooldown_start(c, unit, process, PROFILE_KIND_ON_CPU, 1000), 0);
        cr_expect_eq(cooldown_left(c, unit, process, PROFILE_KIND_ON_CPU, 0), 1000);
        cr_expect_eq(cooldown_left(c, "u", process, PROFILE_KIND_ON_CPU, 0), 0);
}
