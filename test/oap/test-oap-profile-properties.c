/* SPDX-License-Identifier: Apache-2.0 */
/* Random programs, told to OAP in random pieces: its flame graph is that of the profile that is kept here.
 */
#include "fake/fake-subjects.h"
#include "oap/profile-bed.h"
#include "store/convert-folded.h"

#include <inttypes.h>
#include <string.h>

#define ROUNDS 60U
#define MANY_FLUSHES 20U
#define UNKNOWN "[unknown]" /* of the same length: */
#define MISSING "[MISSING]"

TestSuite(oap_profile_properties, .timeout = 60, .init = profile_bed_init, .fini = profile_bed_done);

static uint64_t state;

/* A program with @n functions that call each other up to @depth deep. */
typedef struct Program {
        unsigned n_functions, depth;
        const char *const *threads;
} Program;

static const char *const threads[] = { "main", "worker", "gc" };

static unsigned
random_stack(const Program *g, Frame frames[static PROFILE_FRAMES_MAX], unsigned *ret_n_kernel) {
        unsigned n_kernel = fake_random_below(&state, 4), n_user = 1 + fake_random_below(&state, g->depth),
                 n = 0;

        if (n_kernel > 0 && fake_random_below(&state, 16) == 0)
                n_user = 0; /* none was taken */

        for (; n < n_kernel; n++)
                frames[n] = profile_bed_kernel(fake_random_below(&state, 3)) + fake_random_below(&state, 16);
        for (; n < n_kernel + n_user; n++)
                frames[n] = profile_bed_user(
                                            fake_random_below(&state, PROFILE_BED_FILES),
                                            fake_random_below(&state, g->n_functions)) +
                                fake_random_below(&state, 2);
        if (n_user > 0 && fake_random_below(&state, 50) == 0)
                frames[n_kernel] = FRAME(PROFILE_MODULE_UNKNOWN, 0x99);

        *ret_n_kernel = n_kernel;
        return n;
}

static void add_random(Profile *p, const Program *g, unsigned n) {
        for (unsigned i = 0; i < n; i++) {
                const char *thread = threads[fake_random_below(&state, ELEMENTSOF(threads))];
                ProfileState s = (ProfileState) fake_random_below(&state, _PROFILE_STATE_MAX);
                Frame frames[PROFILE_FRAMES_MAX];
                unsigned n_kernel, n_frames = random_stack(g, frames, &n_kernel);
                uint64_t count = 1 + fake_random_below(&state, 3);

                if (s == PROFILE_STATE_RUNNING)
                        cr_assert_geq(profile_add(p, thread, frames, n_frames, n_kernel, count), 0);
                else
                        cr_assert_geq(profile_add_blocked(
                                                      p,
                                                      thread,
                                                      s,
                                                      frames,
                                                      n_frames,
                                                      n_kernel,
                                                      count,
                                                      1000 * fake_random_below(&state, 1000000),
                                                      0),
                                      0);
        }
}

/* Names that were there before a part of the stacks were. */
static void add_and_flush(OapProfile *o, Profile *p, const Program *g, OapTarget target, Analysis *a) {
        _cleanup_(symbols_freep) Symbols *symbols = NULL;

        add_random(p, g, fake_random_below(&state, 40));
        symbols = profile_bed_symbols(p);
        add_random(p, g, fake_random_below(&state, 40));
        (void) profile_bed_flush(o, p, symbols, false, target, a);
}

static void expect_folded(const Profile *p, const Symbols *symbols, OapTarget target, const Analysis *a) {
        bool is_on = target == OAP_TARGET_ON_CPU;
        _cleanup_(freep) void *data = NULL;
        _cleanup_(freep) char *folded = NULL;
        _cleanup_(task_freep) Task *t = NULL;
        _cleanup_(tree_free) Tree *local = NULL;
        size_t length;

        cr_assert_eq(task_new(PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU) | PROFILE_KIND_BIT(PROFILE_KIND_OFF_CPU),
                              1,
                              1,
                              &t),
                     0);
        cr_assert_eq(pprof_encode(t, TASK_PART_RECORDED, p, symbols, &data, &length), 0);
        cr_assert_eq(convert_value(data, length, is_on ? PPROF_VALUE_DEFAULT : PPROF_VALUE_OFFCPU, &folded),
                     0);
        for (char *name = strstr(folded, UNKNOWN); name; name = strstr(name, UNKNOWN))
                memcpy(name, MISSING, strlen(MISSING));
        tree_add_folded(&local, folded);
        for (Tree *n = local; n; n = n->hh.next)
                n->value *= is_on ? 1 : 1000; /* microseconds */

        tree_expect_equal(is_on ? a->count : a->duration, local);
}

static void expect_same(OapTarget target) {
        _cleanup_(analysis_done) Analysis a = {};
        _cleanup_(profile_trees_done) ProfileTrees local = {};
        _cleanup_(profile_freep) Profile *p = profile_bed_profile();
        _cleanup_(oap_profile_freep) OapProfile *o = profile_bed_told(target, NULL);
        _cleanup_(symbols_freep) Symbols *symbols = NULL;
        const Program g = { 1 + fake_random_below(&state, 20), 1 + fake_random_below(&state, 6), threads };
        uint64_t count, nsec;

        for (unsigned n = fake_random_below(&state, 12); n > 0; n--)
                add_and_flush(o, p, &g, target, &a);

        symbols = profile_bed_symbols(p);
        (void) profile_bed_flush(o, p, symbols, true, target, &a);
        (void) profile_bed_flush(o, p, symbols, true, target, &a);
        oap_profile_told(o, &count, &nsec);

        profile_trees_add(&local, p, symbols, target);
        tree_expect_equal(a.count, local.count);
        tree_expect_equal(a.duration, local.duration);
        expect_folded(p, symbols, target, &a);
        cr_expect_eq(count, target == OAP_TARGET_ON_CPU ? profile_n_samples(p) : profile_n_switches(p));
        cr_expect_eq(count, a.n_count);
        cr_expect_eq(nsec, a.n_duration);
        cr_expect_eq(oap_profile_n_cut(o), 0);
}

Test(oap_profile_properties, item_33_the_flame_graph_is_that_of_the_profile) {
        for (unsigned i = 1; i <= ROUNDS; i++) {
                state = i;
                expect_same(OAP_TARGET_ON_CPU);
                expect_same(OAP_TARGET_OFF_CPU);
        }
}

/* Nothing in OAP's tree that is not in the local one, nor more of it, but for what shares nothing. */
static void expect_within(const Tree *tree, const Tree *local, uint64_t total, uint64_t *ret_others) {
        uint64_t sum = 0;

        *ret_others = tree_get(tree, "(others)");
        for (const Tree *n = tree; n; n = n->hh.next) {
                sum += strchr(n->path, ';') ? 0 : n->value;
                if (strcmp(n->path, "(others)") != 0)
                        cr_assert_leq(n->value, tree_get(local, n->path), "%s", n->path);
        }

        cr_expect_eq(sum, total);
}

static void expect_bounded(OapTarget target, const Program *g, unsigned n_flushes, unsigned n) {
        _cleanup_(analysis_done) Analysis a = {};
        _cleanup_(profile_trees_done) ProfileTrees local = {};
        _cleanup_(profile_freep) Profile *p = profile_bed_profile();
        _cleanup_(oap_profile_freep) OapProfile *o = profile_bed_told(target, NULL);
        _cleanup_(symbols_freep) Symbols *symbols = NULL;
        const Frame hot[] = { profile_bed_kernel(7), profile_bed_user(0, 9), profile_bed_user(0, 0) };
        uint64_t count, nsec, others;

        for (unsigned i = 0; i < n_flushes; i++) {
                add_random(p, g, n);
                if (i == n_flushes / 2 && target == OAP_TARGET_ON_CPU)
                        cr_assert_geq(profile_add(p, "main", hot, 3, 1, n), 0);
                symbols_free(TAKE_PTR(symbols));
                symbols = profile_bed_symbols(p);
                (void) profile_bed_flush(o, p, symbols, i + 1 == n_flushes, target, &a);
                if (i < MANY_FLUSHES / 2 && i + 1 < n_flushes)
                        cr_expect_lt(HASH_COUNT(a.lists),
                                     OAP_PROFILE_STACKS_MAX - 100,
                                     "nothing is left for later");
        }

        oap_profile_told(o, &count, &nsec);
        cr_expect_eq(count, target == OAP_TARGET_ON_CPU ? profile_n_samples(p) : profile_n_switches(p));
        cr_expect_leq(HASH_COUNT(a.lists), OAP_PROFILE_STACKS_MAX);
        cr_expect_gt(HASH_COUNT(a.lists), OAP_PROFILE_STACKS_MAX / 2, "%u", HASH_COUNT(a.lists));
        cr_expect_gt(oap_profile_n_cut(o), 0);

        profile_trees_add(&local, p, symbols, target);
        expect_within(a.count, local.count, count, &others);
        cr_expect_lt(others, count / 2, "%" PRIu64 " of %" PRIu64, others, count);
        expect_within(a.duration, local.duration, nsec, &others);
        if (target == OAP_TARGET_ON_CPU)
                cr_expect_geq(tree_get(a.count, "f0;f9;k7_[k]"), n, "what is hot late is told");
}

Test(oap_profile_properties, what_oap_cannot_open_is_told_as_what_it_shares) {
        static const Program programs[] = { { 6, 8, threads }, { 40, 3, threads }, { 300, 30, threads } };

        state = 77;
        for (size_t i = 0; i < ELEMENTSOF(programs); i++) {
                expect_bounded(OAP_TARGET_ON_CPU, programs + i, 1, 12000);
                expect_bounded(OAP_TARGET_ON_CPU, programs + i, MANY_FLUSHES, 1500);
                expect_bounded(OAP_TARGET_OFF_CPU, programs + i, 8, 1500);
        }
}
