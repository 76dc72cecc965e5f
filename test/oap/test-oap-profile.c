/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/profile-bed.h"
#include "symbol/symbols.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(oap_profile, .timeout = 60, .init = profile_bed_init, .fini = profile_bed_done);

static void expect_told(const OapProfile *o, uint64_t count, uint64_t nsec) {
        uint64_t told_count, told_nsec;

        oap_profile_told(o, &told_count, &told_nsec);
        cr_expect_eq(told_count, count);
        cr_expect_eq(told_nsec, nsec);
}

Test(oap_profile, item_31_symbols_are_innermost_first_and_of_two_sides) {
        static const char golden[] =
                        "\x12\x1c\x0a\x0a\x10\x01\x1a\x02k1\x1a\x02k2\x0a\x0c\x08\x01\x10\x01\x1a\x02"
                        "f3\x1a\x02"
                        "f4\x10\x07";
        _cleanup_(oap_messages_done) OapMessages m = {};
        _cleanup_(profile_freep) Profile *p = profile_bed_profile();
        _cleanup_(oap_profile_freep) OapProfile *o = profile_bed_told(OAP_TARGET_ON_CPU, NULL);
        _cleanup_(symbols_freep) Symbols *symbols = NULL;
        const Frame frames[] = {
                profile_bed_kernel(1), profile_bed_kernel(2), profile_bed_user(0, 3), profile_bed_user(1, 4)
        };

        cr_assert_eq(profile_add(p, "t", frames, 4, 2, 7), 1);
        symbols = profile_bed_symbols(p);
        cr_assert_eq(oap_profile_flush(o, p, symbols, false, &m), 0);
        cr_assert_eq(m.n, 1);
        cr_assert_eq(m.items[0].size, sizeof(golden) - 1);
        cr_expect_arr_eq(m.items[0].data, golden, sizeof(golden) - 1);
        expect_told(o, 7, 0);
}

Test(oap_profile, item_31_what_has_no_name_at_all_is_missing) {
        _cleanup_(analysis_done) Analysis a = {};
        _cleanup_(profile_freep) Profile *p = profile_bed_profile();
        _cleanup_(oap_profile_freep) OapProfile *o = profile_bed_told(OAP_TARGET_ON_CPU, NULL);
        _cleanup_(symbols_freep) Symbols *symbols = NULL;
        const Frame nowhere[] = { FRAME(PROFILE_MODULE_UNKNOWN, 0x1234), profile_bed_user(0, 1) };
        const Frame no_stack[] = { PROFILE_FRAME_NO_STACK }, stripped[] = { profile_bed_user(0, 2) };

        cr_assert_eq(profile_add(p, "t", nowhere, 2, 0, 1), 1);
        cr_assert_eq(profile_add(p, "t", no_stack, 1, 0, 2), 1);
        cr_assert_eq(profile_add(p, "t", NULL, 0, 0, 4), 1);
        symbols = profile_bed_symbols(p);
        cr_assert_eq(profile_add(p, "t", stripped, 1, 0, 8), 1);
        cr_assert_eq(symbols_add_frame(symbols, stripped[0]), 1);
        cr_assert_eq(symbols_set_name(symbols, stripped[0], "libc.so.6+0x2a1c0", false), 0);

        cr_expect_eq(profile_bed_flush(o, p, symbols, false, OAP_TARGET_ON_CPU, &a), 3);
        cr_expect_eq(tree_get(a.count, "f1;[MISSING]"), 1);
        cr_expect_eq(tree_get(a.count, SYMBOLS_NO_STACK_NAME), 6);
        cr_expect_eq(tree_get(a.count, "libc.so.6+0x2a1c0"), 8, "a place in a file is better than nothing");
}

Test(oap_profile, item_31_long_names_are_cut_between_characters) {
        _cleanup_(analysis_done) Analysis a = {};
        _cleanup_(profile_freep) Profile *p = profile_bed_profile();
        _cleanup_(oap_profile_freep) OapProfile *o = profile_bed_told(OAP_TARGET_ON_CPU, NULL);
        _cleanup_(symbols_freep) Symbols *symbols = NULL;
        const Frame frames[] = { profile_bed_user(0, 1), profile_bed_user(0, 2), profile_bed_user(0, 3) };
        char name[700], cut[513];

        cr_assert_eq(symbols_new(profile_n_modules(p), &symbols), 0);
        for (unsigned i = 0; i < ELEMENTSOF(frames); i++) {
                memset(name, 'x', sizeof(name));
                memcpy(name + 511, "\xe2\x82\xac", 3); /* one character from byte 511 to 513 */
                (void) snprintf(name + 600, 100, "%u", i);
                cr_assert_eq(profile_add(p, "t", frames + i, 1, 0, 1), 1);
                cr_assert_eq(symbols_add_frame(symbols, frames[i]), 1);
                cr_assert_eq(symbols_set_name(symbols, frames[i], name, true), 0);
        }
        memset(cut, 'x', 511);
        cut[511] = '\0';

        cr_expect_eq(profile_bed_flush(o, p, symbols, false, OAP_TARGET_ON_CPU, &a),
                     1,
                     "all are the same then");
        cr_expect_eq(tree_get(a.count, cut), 3);
}

Test(oap_profile, item_32_equal_symbols_are_one_record) {
        _cleanup_(analysis_done) Analysis a = {};
        _cleanup_(profile_freep) Profile *p = profile_bed_profile();
        _cleanup_(oap_profile_freep) OapProfile *o = profile_bed_told(OAP_TARGET_OFF_CPU, NULL);
        const Frame here[] = { profile_bed_kernel(1), profile_bed_user(0, 3) },
                    elsewhere[] = { profile_bed_kernel(1) + 3, profile_bed_user(2, 3) + 5 };

        cr_assert_eq(profile_add(p, "t", here, 2, 1, 99), 1); /* ran: another target's */
        cr_assert_eq(profile_add_blocked(p, "t", PROFILE_STATE_SLEEP, here, 2, 1, 1, 1000, 1000), 1);
        cr_assert_eq(profile_add_blocked(p, "u", PROFILE_STATE_SLEEP, here, 2, 1, 1, 1000, 1000), 1);
        cr_assert_eq(profile_add_blocked(p, "t", PROFILE_STATE_DISK, here, 2, 1, 1, 1000, 1000), 1);
        cr_assert_eq(profile_add_blocked(p, "t", PROFILE_STATE_SLEEP, elsewhere, 2, 1, 1, 1000, 1000), 1);
        cr_assert_eq(profile_add_blocked(p, "t", PROFILE_STATE_SLEEP, here, 2, 2, 1, 1000, 1000), 1);

        cr_expect_eq(profile_bed_flush_named(o, p, OAP_TARGET_OFF_CPU, &a),
                     2,
                     "the last one is all of the kernel's");
        cr_expect_eq(tree_get(a.count, "f3;k1_[k]"), 4);
        cr_expect_eq(tree_get(a.duration, "f3;k1_[k]"), 4000);
        cr_expect_eq(tree_get(a.count, "f3_[k];k1_[k]"), 1);
        expect_told(o, 5, 5000);
}

Test(oap_profile, item_33_flushes_are_deltas) {
        _cleanup_(analysis_done) Analysis a = {};
        _cleanup_(profile_freep) Profile *p = profile_bed_profile();
        _cleanup_(oap_profile_freep) OapProfile *o = NULL;
        const Frame one[] = { profile_bed_user(0, 1) }, two[] = { profile_bed_user(0, 2) };

        cr_assert_eq(profile_add(p, "t", one, 1, 0, 50), 1);
        o = profile_bed_told(OAP_TARGET_ON_CPU, p);
        cr_expect_eq(profile_bed_flush_named(o, p, OAP_TARGET_ON_CPU, &a), 0, "it was there before");

        cr_assert_eq(profile_add(p, "t", one, 1, 0, 3), 0);
        cr_assert_eq(profile_add(p, "t", two, 1, 0, 4), 1);
        cr_expect_eq(profile_bed_flush_named(o, p, OAP_TARGET_ON_CPU, &a), 2);
        cr_expect_eq(profile_bed_flush_named(o, p, OAP_TARGET_ON_CPU, &a), 0);
        cr_assert_eq(profile_add(p, "t", two, 1, 0, 5), 0);
        cr_expect_eq(profile_bed_flush_named(o, p, OAP_TARGET_ON_CPU, &a), 1);

        cr_expect_eq(tree_get(a.count, "f1"), 3);
        cr_expect_eq(tree_get(a.count, "f2"), 9);
        expect_told(o, 12, 0);
}

Test(oap_profile, item_33_what_comes_when_the_run_is_over_is_not_told) {
        _cleanup_(analysis_done) Analysis a = {};
        _cleanup_(profile_freep) Profile *p = profile_bed_profile(), *later = profile_bed_profile();
        _cleanup_(oap_profile_freep) OapProfile *o = profile_bed_told(OAP_TARGET_OFF_CPU, NULL);
        const Frame one[] = { profile_bed_user(0, 1) }, two[] = { profile_bed_user(0, 2) };

        cr_assert_eq(profile_add_blocked(p, "t", PROFILE_STATE_DISK, one, 1, 0, 5, 500, 100), 1);
        cr_expect_eq(profile_bed_flush_named(o, p, OAP_TARGET_OFF_CPU, &a), 1);
        cr_assert_eq(profile_add_blocked(p, "t", PROFILE_STATE_DISK, one, 1, 0, 2, 200, 100), 0);
        cr_assert_eq(oap_profile_freeze(o, p), 0);

        cr_assert_eq(profile_add_blocked(p, "t", PROFILE_STATE_DISK, one, 1, 0, 9, 900, 100), 0);
        cr_assert_eq(profile_add_blocked(p, "t", PROFILE_STATE_DISK, two, 1, 0, 9, 900, 100), 1);
        cr_expect_eq(profile_bed_flush_named(o, p, OAP_TARGET_OFF_CPU, &a), 1);
        cr_expect_eq(profile_bed_flush_named(o, p, OAP_TARGET_OFF_CPU, &a), 0);
        expect_told(o, 7, 700);

        /* the next recording */
        cr_assert_eq(oap_profile_rebase(o, NULL), 0);
        cr_assert_eq(profile_add_blocked(later, "t", PROFILE_STATE_DISK, two, 1, 0, 1, 100, 100), 1);
        cr_expect_eq(profile_bed_flush_named(o, later, OAP_TARGET_OFF_CPU, &a), 1);
        expect_told(o, 8, 800);
        cr_expect_eq(tree_get(a.count, "f1"), 7);
        cr_expect_eq(tree_get(a.count, "f2"), 1);
}

/* Of a recording that has nothing yet: nothing ever. */
Test(oap_profile, item_33_a_run_may_be_over_before_anything_was_recorded) {
        _cleanup_(analysis_done) Analysis a = {};
        _cleanup_(profile_freep) Profile *p = profile_bed_profile();
        _cleanup_(oap_profile_freep) OapProfile *o = profile_bed_told(OAP_TARGET_ON_CPU, NULL);
        const Frame one[] = { profile_bed_user(0, 1) };

        cr_assert_eq(oap_profile_freeze(o, p), 0);
        cr_assert_eq(profile_add(p, "t", one, 1, 0, 3), 1);
        cr_expect_eq(profile_bed_flush_named(o, p, OAP_TARGET_ON_CPU, &a), 0);
        expect_told(o, 0, 0);
}

Test(oap_profile, item_33_what_has_no_names_yet_waits_for_them) {
        _cleanup_(analysis_done) Analysis a = {};
        _cleanup_(profile_freep) Profile *p = profile_bed_profile();
        _cleanup_(oap_profile_freep) OapProfile *o = profile_bed_told(OAP_TARGET_ON_CPU, NULL);
        _cleanup_(symbols_freep) Symbols *early = NULL;
        const Frame one[] = { profile_bed_user(0, 1) },
                    late[] = { profile_bed_user(0, 2), profile_bed_user(0, 1) };

        cr_assert_eq(profile_add(p, "t", one, 1, 0, 1), 1);
        early = profile_bed_symbols(p);
        cr_assert_eq(profile_add(p, "t", late, 2, 0, 2), 1);

        cr_expect_eq(profile_bed_flush(o, p, early, false, OAP_TARGET_ON_CPU, &a), 1);
        expect_told(o, 1, 0);
        cr_expect_eq(profile_bed_flush_named(o, p, OAP_TARGET_ON_CPU, &a), 1);
        cr_expect_eq(tree_get(a.count, "f1;f2"), 2);

        cr_assert_eq(profile_add(p, "t", late, 2, 0, 4), 0);
        cr_expect_eq(profile_bed_flush(o, p, early, true, OAP_TARGET_ON_CPU, &a),
                     1,
                     "nothing comes after the last");
        cr_expect_eq(tree_get(a.count, "f1;[MISSING]"), 4);
        expect_told(o, 7, 0);
}

Test(oap_profile, item_33_another_recording_goes_on) {
        _cleanup_(analysis_done) Analysis a = {};
        _cleanup_(profile_freep) Profile *first = profile_bed_profile(), *second = profile_bed_profile();
        _cleanup_(oap_profile_freep) OapProfile *o = profile_bed_told(OAP_TARGET_ON_CPU, first);
        const Frame one[] = { profile_bed_user(0, 1) }, two[] = { profile_bed_user(0, 2) };

        cr_assert_eq(profile_add(first, "t", one, 1, 0, 9), 1);
        cr_assert_eq(profile_add(first, "t", two, 1, 0, 9), 1);
        cr_expect_eq(profile_bed_flush_named(o, first, OAP_TARGET_ON_CPU, &a), 2);

        cr_assert_eq(profile_add(second, "t", two, 1, 0, 2), 1);
        cr_assert_eq(oap_profile_rebase(o, second), 0);
        cr_assert_eq(profile_add(second, "t", two, 1, 0, 1), 0);
        cr_assert_eq(profile_add(second, "t", one, 1, 0, 1), 1);
        cr_expect_eq(profile_bed_flush_named(o, second, OAP_TARGET_ON_CPU, &a), 2);
        cr_expect_eq(tree_get(a.count, "f1"), 10);
        cr_expect_eq(tree_get(a.count, "f2"), 10);
        expect_told(o, 20, 0);
}

Test(oap_profile, item_33_more_than_a_message_can_say_is_said_later) {
        _cleanup_(analysis_done) Analysis a = {};
        _cleanup_(profile_freep) Profile *p = profile_bed_profile();
        _cleanup_(oap_profile_freep) OapProfile *o = profile_bed_told(OAP_TARGET_OFF_CPU, NULL);
        const Frame one[] = { profile_bed_user(0, 1) }, two[] = { profile_bed_user(0, 2) };
        uint64_t n = (uint64_t) INT32_MAX + 10;

        cr_assert_eq(profile_add_blocked(p, "t", PROFILE_STATE_SLEEP, one, 1, 0, 5, 500, 100), 1);
        cr_assert_eq(profile_add_blocked(p, "t", PROFILE_STATE_SLEEP, two, 1, 0, n, 500, 100), 1);
        cr_expect_eq(profile_bed_flush_named(o, p, OAP_TARGET_OFF_CPU, &a), 2);
        expect_told(o, INT32_MAX, 1000);
        cr_expect_eq(profile_bed_flush_named(o, p, OAP_TARGET_OFF_CPU, &a), 1);
        cr_expect_eq(tree_get(a.count, "f2"), n);
        expect_told(o, n + 5, 1000);
}
