/* SPDX-License-Identifier: Apache-2.0 */
#include "task/profile.h"

#include <criterion/criterion.h>
#include <string.h>

static ModuleTable *modules;

static void make_modules(void) {
        cr_assert_eq(module_table_new(&modules), 0);
}

static void free_modules(void) {
        module_table_free(modules);
}

static Profile *make_profile(void) {
        Profile *p = NULL;

        cr_assert_eq(profile_new(modules, 10101010, &p), 0);
        return p;
}

static ProfileStack *only_stack(Profile *p) {
        cr_assert_eq(profile_n_stacks(p), 1);
        return profile_stacks(p);
}

static ProfileStack *find_by_first_frame(Profile *p, Frame first) {
        ProfileStack *s, *next;

        HASH_ITER(hh, profile_stacks(p), s, next)
        if (s->frames[0] == first)
                return s;

        return NULL;
}

TestSuite(profile, .timeout = 30, .init = make_modules, .fini = free_modules);

Test(profile, starts_with_the_kernel_and_the_unknown_module) {
        _cleanup_(profile_freep) Profile *p = make_profile();
        _cleanup_(module_unrefp) Module *kernel = module_table_kernel(modules);

        cr_expect_eq(profile_n_modules(p), 2);
        cr_expect_eq(profile_module(p, PROFILE_MODULE_KERNEL), kernel);
        cr_expect_null(profile_module(p, PROFILE_MODULE_UNKNOWN));
        cr_expect_null(profile_module(p, 2), "there is no third");
        cr_expect_eq(profile_module_index(p, kernel), PROFILE_MODULE_KERNEL);
        cr_expect_eq(profile_period_nsec(p), 10101010);
        cr_expect_eq(profile_n_samples(p), 0);
}

Test(profile, a_frame_keeps_module_and_48_bits) {
        Frame f = FRAME(0xfffe, UINT64_C(0xffffffff81234567));

        cr_expect_eq(frame_module(f), 0xfffe);
        cr_expect_eq(frame_offset(f), UINT64_C(0xffff81234567));
        cr_expect_eq(frame_module(FRAME(3, 0x10)), 3);
        cr_expect_eq(frame_offset(FRAME(3, 0x10)), 0x10);
}

Test(profile, same_stack_of_same_thread_is_one_entry_with_a_sum) {
        _cleanup_(profile_freep) Profile *p = make_profile();
        const Frame frames[] = { FRAME(0, 0xffff81000000), FRAME(1, 0x100), FRAME(1, 0x200) };

        cr_assert_eq(profile_add(p, "worker", frames, 3, 1, 1), 1);
        cr_assert_eq(profile_add(p, "worker", frames, 3, 1, 1), 0);
        cr_assert_eq(profile_add(p, "worker", frames, 3, 1, 40), 0);

        ProfileStack *s = only_stack(p);
        cr_expect_eq(s->n_samples, 42);
        cr_expect_eq(s->n_frames, 3);
        cr_expect_eq(s->n_kernel, 1);
        cr_expect_eq(memcmp(s->frames, frames, sizeof(frames)), 0);
        cr_expect_str_eq(profile_thread_name(p, s->thread), "worker");
        cr_expect_eq(profile_n_samples(p), 42);
        cr_expect_eq(profile_n_threads(p), 1);
}

Test(profile, thread_frames_order_and_kernel_part_tell_stacks_apart) {
        _cleanup_(profile_freep) Profile *p = make_profile();
        const Frame ab[] = { 1, 2 }, ba[] = { 2, 1 };

        cr_assert_eq(profile_add(p, "a", ab, 2, 0, 1), 1);
        cr_expect_eq(profile_add(p, "b", ab, 2, 0, 1), 1, "another thread");
        cr_expect_eq(profile_add(p, "a", ba, 2, 0, 1), 1, "another order");
        cr_expect_eq(profile_add(p, "a", ab, 1, 0, 1), 1, "shorter");
        cr_expect_eq(profile_add(p, "a", ab, 0, 0, 1), 1, "empty");
        cr_expect_eq(profile_add(p, "a", ab, 2, 1, 1), 1, "another kernel part");
        cr_expect_eq(profile_n_stacks(p), 6);
}

/* The hash of a stack is one step from the hash of the stack without its last frame, and that step only sees
 * the two xored: so two stacks with the same hash can be made from the hashes of their beginnings. */
Test(profile, stacks_of_equal_hash_stay_apart) {
        _cleanup_(profile_freep) Profile *p = make_profile();
        Frame a[] = { 0x1111, 0x77 }, b[] = { 0x2222, 0 };

        cr_assert_eq(profile_add(p, "t", a, 1, 0, 1), 1);
        cr_assert_eq(profile_add(p, "t", b, 1, 0, 1), 1);
        b[1] = find_by_first_frame(p, a[0])->hash ^ find_by_first_frame(p, b[0])->hash ^ a[1];
        cr_assert_neq(b[1], a[1]);

        cr_expect_eq(profile_add(p, "t", a, 2, 0, 3), 1);
        cr_expect_eq(profile_add(p, "t", b, 2, 0, 5), 1, "merged with another stack");
        cr_expect_eq(profile_add(p, "t", b, 2, 0, 5), 0);
        cr_expect_eq(profile_add(p, "t", a, 2, 0, 3), 0);

        uint64_t hash_a = 0, hash_b = 0;
        ProfileStack *s, *next;
        HASH_ITER(hh, profile_stacks(p), s, next) {
                if (s->n_frames != 2)
                        continue;

                *(s->frames[0] == a[0] ? &hash_a : &hash_b) = s->hash;
                cr_expect_eq(s->n_samples, s->frames[0] == a[0] ? 6 : 10);
        }
        cr_expect_eq(hash_b, hash_a + 1, "the test made no collision");
}

Test(profile, thread_names_are_shown_as_valid_text) {
        _cleanup_(profile_freep) Profile *p = make_profile();
        const Frame f[] = { 1 };
        const char full[16] = { 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h',
                                'i', 'j', 'k', 'l', 'm', 'n', 'o', 'p' };
        char after_nul[16] = "same";

        cr_assert_eq(profile_add(p, full, f, 1, 0, 1), 1); /* not terminated */
        cr_assert_eq(profile_add(p, "\xff\n", f, 1, 0, 1), 1);
        cr_assert_eq(profile_add(p, "same", f, 1, 0, 1), 1);
        after_nul[8] = 'x';
        cr_expect_eq(profile_add(p, after_nul, f, 1, 0, 1),
                     0,
                     "what follows the NUL is no part of the name");

        cr_assert_eq(profile_n_threads(p), 3);
        cr_expect_str_eq(profile_thread_name(p, 0), "abcdefghijklmnop");
        cr_expect_str_eq(profile_thread_name(p, 1), "??");
        cr_expect_str_eq(profile_thread_name(p, 2), "same");
}

Test(profile, holds_each_module_once_and_lets_go_of_it_at_the_end) {
        Module m[3] = { { .type = MODULE_ANON, .n_ref = 1 },
                        { .type = MODULE_ANON, .n_ref = 1 },
                        { .type = MODULE_ANON, .n_ref = 1 } };
        Profile *p = make_profile();

        cr_expect_eq(profile_module_index(p, m + 0), 2);
        cr_expect_eq(profile_module_index(p, m + 1), 3);
        cr_expect_eq(profile_module_index(p, m + 0), 2);
        cr_expect_eq(profile_module_index(p, m + 0), 2);
        cr_expect_eq(profile_module_index(p, m + 2), 4);
        cr_expect_eq(profile_n_modules(p), 5);
        cr_expect_eq(profile_module(p, 3), m + 1);
        for (size_t i = 0; i < ELEMENTSOF(m); i++)
                cr_expect_eq(m[i].n_ref, 2);

        p = profile_free(p);
        cr_expect_null(p);
        for (size_t i = 0; i < ELEMENTSOF(m); i++)
                cr_expect_eq(m[i].n_ref, 1);
}

Test(profile, modules_beyond_the_cap_are_unknown) {
        Module *m = calloc(PROFILE_MODULES_MAX, sizeof(*m));
        Profile *p = make_profile();

        cr_assert_not_null(m);
        for (unsigned i = 0; i < PROFILE_MODULES_MAX; i++)
                m[i] = (Module){ .type = MODULE_ANON, .n_ref = 1 };

        for (unsigned i = 0; i < PROFILE_MODULES_MAX - 2; i++)
                cr_assert_eq(profile_module_index(p, m + i), i + 2);

        cr_expect_eq(profile_module_index(p, m + PROFILE_MODULES_MAX - 1), PROFILE_MODULE_UNKNOWN);
        cr_expect_eq(m[PROFILE_MODULES_MAX - 1].n_ref, 1);
        cr_expect_eq(profile_module_index(p, m + 7), 9, "known ones are still found");
        cr_expect_eq(frame_module(FRAME(PROFILE_MODULES_MAX - 1, 0)), PROFILE_MODULES_MAX - 1);

        profile_free(p);
        free(m);
}

Test(profile, stacks_beyond_the_cap_are_counted_and_known_ones_go_on) {
        _cleanup_(profile_freep) Profile *p = make_profile();
        Frame f[] = { 1, 2 };

        for (unsigned i = 0; i < PROFILE_STACKS_MAX; i++) {
                f[1] = i;
                cr_assert_eq(profile_add(p, "t", f, 2, 0, 1), 1);
        }

        f[1] = PROFILE_STACKS_MAX;
        cr_expect_eq(profile_add(p, "t", f, 2, 0, 3), -E2BIG);
        f[1] = 17;
        cr_expect_eq(profile_add(p, "t", f, 2, 0, 2), 0);

        cr_expect_eq(profile_n_stacks(p), PROFILE_STACKS_MAX);
        cr_expect_eq(profile_n_over_cap(p), 3);
        cr_expect_eq(profile_n_samples(p), PROFILE_STACKS_MAX + 2);
}

Test(profile, a_stack_that_is_too_deep_is_counted) {
        _cleanup_(profile_freep) Profile *p = make_profile();
        Frame f[PROFILE_FRAMES_MAX + 1] = {};

        cr_expect_eq(profile_add(p, "t", f, PROFILE_FRAMES_MAX, 0, 1), 1);
        cr_expect_eq(profile_add(p, "t", f, PROFILE_FRAMES_MAX + 1, 0, 1), -E2BIG);
        cr_expect_eq(profile_n_over_cap(p), 1);
        cr_expect_eq(profile_n_samples(p), 1);
}

Test(profile, threads_beyond_the_cap_share_one_name_and_lose_no_sample) {
        _cleanup_(profile_freep) Profile *p = make_profile();
        const Frame f[] = { 1 };
        char name[16];

        for (unsigned i = 0; i < PROFILE_THREADS_MAX; i++) {
                (void) snprintf(name, sizeof(name), "t%u", i);
                cr_assert_eq(profile_add(p, name, f, 1, 0, 1), 1);
        }

        cr_expect_eq(profile_add(p, "late", f, 1, 0, 1), 1);
        cr_expect_eq(profile_add(p, "later", f, 1, 0, 1), 0);
        cr_expect_eq(profile_add(p, "t5", f, 1, 0, 1), 0);

        cr_expect_eq(profile_n_threads(p), PROFILE_THREADS_MAX + 1);
        cr_expect_str_eq(profile_thread_name(p, PROFILE_THREADS_MAX), PROFILE_THREAD_OTHER);
        cr_expect_eq(profile_n_samples(p), PROFILE_THREADS_MAX + 3);
        cr_expect_eq(profile_n_over_cap(p), 0);
}

Test(profile, waits_add_up_per_state_and_beside_samples) {
        _cleanup_(profile_freep) Profile *p = make_profile();
        const Frame frames[] = { FRAME(1, 0x100), FRAME(1, 0x200) };
        ProfileStack *s, *next;
        unsigned seen = 0;

        cr_assert_eq(profile_add(p, "t", frames, 2, 0, 5), 1);
        cr_assert_eq(profile_add_blocked(p, "t", PROFILE_STATE_SLEEP, frames, 2, 0, 2, 100, 80), 1);
        cr_assert_eq(profile_add_blocked(p, "t", PROFILE_STATE_SLEEP, frames, 2, 0, 3, 1000, 50), 0);
        cr_assert_eq(profile_add_blocked(p, "t", PROFILE_STATE_DISK, frames, 2, 0, 1, 7, 7), 1);
        cr_assert_eq(profile_add(p, "t", frames, 2, 0, 1), 0);

        cr_expect_eq(profile_n_stacks(p), 3);
        cr_expect_eq(profile_n_samples(p), 6);
        cr_expect_eq(profile_n_switches(p), 6);
        cr_expect_eq(profile_offcpu_nsec(p), 1107);

        HASH_ITER(hh, profile_stacks(p), s, next) {
                seen |= 1U << s->state;
                cr_expect_eq(s->n_samples, s->state == PROFILE_STATE_RUNNING ? 6 : 0);
                if (s->state == PROFILE_STATE_SLEEP) {
                        cr_expect_eq(s->n_switches, 5);
                        cr_expect_eq(s->offcpu_nsec, 1100);
                        cr_expect_eq(s->max_nsec, 80, "the longest, not the last");
                }
        }
        cr_expect_eq(seen,
                     1U << PROFILE_STATE_RUNNING | 1U << PROFILE_STATE_SLEEP | 1U << PROFILE_STATE_DISK);
}

Test(profile, a_wait_that_is_too_deep_is_counted) {
        _cleanup_(profile_freep) Profile *p = make_profile();
        Frame frames[PROFILE_FRAMES_MAX + 1] = {};

        cr_expect_eq(profile_add_blocked(
                                     p, "t", PROFILE_STATE_SLEEP, frames, ELEMENTSOF(frames), 0, 4, 100, 80),
                     -E2BIG);
        cr_expect_eq(profile_n_over_cap(p), 4);
        cr_expect_eq(profile_offcpu_nsec(p), 0);
}
