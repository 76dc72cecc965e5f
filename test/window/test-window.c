/* SPDX-License-Identifier: Apache-2.0 */
#include "window/window.h"

#include "fake/fake-subjects.h"

#include <criterion/criterion.h>
#include <math.h>

TestSuite(test_window, .timeout = 30);

#define AT(sec) ((usec_t) (sec) *USEC_PER_SEC)

/* Every second there ever was, in a plain array: what the ring has to agree with. */
#define MODEL_SECONDS 6000U

typedef struct Model {
        double values[MODEL_SECONDS];
        unsigned newest, length;
        bool used;
} Model;

static void model_init(Model *m, unsigned length) {
        *m = (Model){ .length = length };
        for (unsigned i = 0; i < MODEL_SECONDS; i++)
                m->values[i] = NAN;
}

static void model_forget(Model *m) {
        for (unsigned i = 0; i + m->length <= m->newest; i++)
                m->values[i] = NAN;
}

static int model_add(Model *m, unsigned second, double value) {
        if (m->used && second + m->length <= m->newest)
                return 0;

        m->values[second] = value;
        if (!m->used || second > m->newest)
                m->newest = second;
        m->used = true;
        model_forget(m);
        return 1;
}

static void model_resize(Model *m, unsigned length) {
        m->length = length;
        if (m->used)
                model_forget(m);
}

static WindowHits model_hits(const Model *m, unsigned second, unsigned period, double threshold) {
        WindowHits h = { .latest = NAN, .peak = NAN };

        for (unsigned i = 0; i <= second && i < MODEL_SECONDS; i++) {
                if (i + period <= second || isnan(m->values[i]) || m->values[i] < threshold)
                        continue;
                h.hits++;
                h.latest = m->values[i];
                if (isnan(h.peak) || m->values[i] > h.peak)
                        h.peak = m->values[i];
        }

        return h;
}

static bool same_value(double a, double b) {
        return a == b || (isnan(a) && isnan(b));
}

static void check_against_model(const Window *w, const Model *m, unsigned second, uint64_t *state) {
        static const double thresholds[] = { 0.0, 49.5, 50.0, 80.0, 99.0, 1000.0 };
        unsigned period = 1 + fake_random_below(state, m->length + 3);
        double values[80];

        for (size_t i = 0; i < ELEMENTSOF(thresholds); i++) {
                WindowHits h = window_hits(
                                w, AT(second) + fake_random_below(state, 1000000), period, thresholds[i]);
                WindowHits expected = model_hits(m, second, period, thresholds[i]);

                cr_assert_eq(h.hits,
                             expected.hits,
                             "second %u period %u length %u threshold %g: %u hits, not %u",
                             second,
                             period,
                             m->length,
                             thresholds[i],
                             h.hits,
                             expected.hits);
                cr_assert(same_value(h.latest, expected.latest));
                cr_assert(same_value(h.peak, expected.peak));
        }

        window_values(w, AT(second), ELEMENTSOF(values), values);
        for (unsigned age = 0; age < ELEMENTSOF(values); age++) {
                double expected = age <= second ? m->values[second - age] : NAN;

                cr_assert(same_value(values[ELEMENTSOF(values) - 1 - age], expected));
        }
}

/* Steps of one second mostly; gaps, repeats, and steps back and far ahead now and then. */
static unsigned next_second(unsigned second, uint64_t *state) {
        switch (fake_random_below(state, 12)) {
        case 0:
                return second + fake_random_below(state, 90);
        case 1:
                return second - MIN_OF(second, fake_random_below(state, 70));
        case 2:
                return second;
        default:
                return second + 1;
        }
}

Test(test_window, agrees_with_a_plain_array_over_gaps_and_jumps) {
        static Model m;

        for (uint64_t seed = 1; seed <= 40; seed++) {
                _cleanup_(window_freep) Window *w = NULL;
                uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15);
                unsigned length = 1 + fake_random_below(&state, 60);
                unsigned second = fake_random_below(&state, 100);

                cr_assert_eq(window_new(length, &w), 0);
                model_init(&m, length);

                for (unsigned step = 0; step < 300; step++) {
                        double value = fake_random_below(&state, 5) == 0 ? NAN
                                                                         : fake_random_below(&state, 101);

                        cr_assert_eq(window_add(w, AT(second) + fake_random_below(&state, 1000000), value),
                                     model_add(&m, second, value));
                        if (fake_random_below(&state, 20) == 0) {
                                length = 1 + fake_random_below(&state, 60);
                                cr_assert_eq(window_resize(&w, length), 0);
                                model_resize(&m, length);
                        }

                        check_against_model(w, &m, second, &state);
                        check_against_model(w, &m, m.newest + fake_random_below(&state, 80), &state);
                        second = next_second(second, &state);
                        cr_assert_lt(second + 200, MODEL_SECONDS);
                }
        }
}

Test(test_window, lengths_outside_the_range_are_refused) {
        _cleanup_(window_freep) Window *w = NULL;

        cr_expect_eq(window_new(0, &w), -ERANGE);
        cr_expect_eq(window_new(WINDOW_LENGTH_SEC_MAX + 1, &w), -ERANGE);
        cr_expect_null(w);

        cr_assert_eq(window_new(WINDOW_LENGTH_SEC_MAX, &w), 0);
        cr_expect_eq(window_length(w), WINDOW_LENGTH_SEC_MAX);
        cr_expect_eq(window_resize(&w, 0), -ERANGE);
        cr_expect_eq(window_length(w), WINDOW_LENGTH_SEC_MAX);
        cr_expect_eq(window_resize(&w, 1), 0);
        cr_expect_eq(window_length(w), 1);
}

Test(test_window, an_empty_window_has_no_hits) {
        _cleanup_(window_freep) Window *w = NULL;
        WindowHits h;
        double value = 1;

        cr_assert_eq(window_new(10, &w), 0);
        h = window_hits(w, AT(100), 10, 0);
        cr_expect_eq(h.hits, 0);
        cr_expect(isnan(h.latest));
        cr_expect(isnan(h.peak));

        window_values(w, AT(100), 1, &value);
        cr_expect(isnan(value));
}

Test(test_window, a_value_equal_to_the_threshold_is_a_hit) {
        _cleanup_(window_freep) Window *w = NULL;

        cr_assert_eq(window_new(10, &w), 0);
        cr_assert_eq(window_add(w, AT(1), 0.1), 1);

        cr_expect_eq(window_hits(w, AT(1), 10, 0.1).hits, 1);
        cr_expect_eq(window_hits(w, AT(1), 10, nextafter(0.1, 1)).hits, 0);
}

Test(test_window, gap_is_not_filled_with_old_values) {
        _cleanup_(window_freep) Window *w = NULL;

        cr_assert_eq(window_new(10, &w), 0);
        for (unsigned second = 91; second <= 100; second++)
                cr_assert_eq(window_add(w, AT(second), 90), 1);
        cr_assert_eq(window_add(w, AT(109), 90), 1);

        cr_expect_eq(window_hits(w, AT(109), 5, 80).hits, 1);
        cr_expect_eq(window_hits(w, AT(109), 10, 80).hits, 2); /* 100 and 109 */
}

Test(test_window, time_alone_moves_old_hits_out) {
        _cleanup_(window_freep) Window *w = NULL;

        cr_assert_eq(window_new(10, &w), 0);
        for (unsigned second = 1; second <= 10; second++)
                cr_assert_eq(window_add(w, AT(second), 90), 1);

        cr_expect_eq(window_hits(w, AT(10), 10, 80).hits, 10);
        cr_expect_eq(window_hits(w, AT(15), 10, 80).hits, 5);
        cr_expect_eq(window_hits(w, AT(20), 10, 80).hits, 0);
        cr_expect_eq(window_hits(w, AT(1000000), 10, 80).hits, 0);
}

Test(test_window, two_periods_see_their_own_part_of_one_window) {
        _cleanup_(window_freep) Window *w = NULL;
        WindowHits near, far;

        cr_assert_eq(window_new(30, &w), 0);
        for (unsigned second = 1; second <= 30; second++)
                cr_assert_eq(window_add(w, AT(second), second <= 20 ? 95 : 81), 1);

        near = window_hits(w, AT(30), 10, 80);
        cr_expect_eq(near.hits, 10);
        cr_expect_eq(near.peak, 81);

        far = window_hits(w, AT(30), 30, 80);
        cr_expect_eq(far.hits, 30);
        cr_expect_eq(far.peak, 95);
        cr_expect_eq(far.latest, 81);
}

Test(test_window, the_last_value_of_a_second_wins_even_when_it_is_none) {
        _cleanup_(window_freep) Window *w = NULL;
        double values[2];

        cr_assert_eq(window_new(10, &w), 0);
        cr_assert_eq(window_add(w, AT(5), 90), 1);
        cr_assert_eq(window_add(w, AT(5) + 999999, 10), 1);
        cr_assert_eq(window_add(w, AT(6), 90), 1);
        cr_assert_eq(window_add(w, AT(6), NAN), 1);

        window_values(w, AT(6), 2, values);
        cr_expect_eq(values[0], 10);
        cr_expect(isnan(values[1]));
        cr_expect_eq(window_hits(w, AT(6), 10, 80).hits, 0);
}

Test(test_window, a_value_older_than_the_window_is_not_recorded) {
        _cleanup_(window_freep) Window *w = NULL;

        cr_assert_eq(window_new(10, &w), 0);
        cr_assert_eq(window_add(w, AT(100), 1), 1);

        cr_expect_eq(window_add(w, AT(91), 90), 1);
        cr_expect_eq(window_add(w, AT(90), 90), 0);
        cr_expect_eq(window_add(w, 0, 90), 0);
        cr_expect_eq(window_hits(w, AT(100), 10, 80).hits, 1);
}

Test(test_window, resizing_keeps_the_newest_seconds) {
        _cleanup_(window_freep) Window *w = NULL;
        double values[8];

        cr_assert_eq(window_new(7, &w), 0);
        for (unsigned second = 1; second <= 10; second++)
                cr_assert_eq(window_add(w, AT(second), second), 1);

        cr_assert_eq(window_resize(&w, 20), 0);
        window_values(w, AT(10), ELEMENTSOF(values), values);
        cr_expect(isnan(values[0]), "second 3 was gone before");
        cr_expect_eq(values[1], 4);
        cr_expect_eq(values[7], 10);

        cr_assert_eq(window_resize(&w, 2), 0);
        cr_expect_eq(window_hits(w, AT(10), 20, 0).hits, 2);
        cr_expect_eq(window_hits(w, AT(10), 20, 0).peak, 10);
}
