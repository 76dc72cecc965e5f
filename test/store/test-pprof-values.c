/* SPDX-License-Identifier: Apache-2.0 */
/* Which values and labels samples have, by what the task recorded. */
#include "fake/fake-symbols.h"
#include "store/convert-folded.h"
#include "store/unpack-pprof.h"

#include <string.h>

#define PERIOD 10101010U
#define REALTIME (UINT64_C(1795230605) * USEC_PER_SEC)
#define ON PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU)
#define OFF PROFILE_KIND_BIT(PROFILE_KIND_OFF_CPU)

#define WORK FRAME(PROFILE_MODULE_UNKNOWN, 0x10)
#define WAIT FRAME(PROFILE_MODULE_UNKNOWN, 0x20)
#define MAIN FRAME(PROFILE_MODULE_UNKNOWN, 0x30)

static const FakeSymbol names[] = {
        { WORK, "work", NULL }, { WAIT, "wait", NULL }, { MAIN, "main", NULL }, {}
};
static const Symbols symbols = { .symbols = names };
static ModuleTable *modules;

static void make_modules(void) {
        cr_assert_eq(module_table_new(&modules), 0);
}

static void free_modules(void) {
        module_table_free(modules);
}

TestSuite(pprof_values, .timeout = 30, .init = make_modules, .fini = free_modules);

/* One thread that ran and waited, twice in one stack. */
static Profile *make_profile(ProfileKinds kinds) {
        const Frame work[] = { WORK, MAIN }, wait[] = { WAIT, MAIN };
        Profile *p = NULL;

        cr_assert_eq(profile_new(modules, kinds & ON ? PERIOD : 0, &p), 0);
        if (kinds & ON)
                cr_assert_eq(profile_add(p, "t", work, 2, 0, 7), 1);
        if (kinds & OFF) {
                cr_assert_eq(profile_add_blocked(p, "t", PROFILE_STATE_SLEEP, wait, 2, 0, 3, 2000400, 9), 1);
                cr_assert_eq(profile_add_blocked(p, "t", PROFILE_STATE_DISK, wait, 2, 0, 1, 600, 600), 1);
                cr_assert_eq(profile_add_blocked(p, "t", PROFILE_STATE_OTHER, wait, 2, 0, 1, 400, 400), 1);
        }

        return p;
}

static void
encode(ProfileKinds kinds, TaskPart part, ProfileKinds profile_kinds, void **ret_data, size_t *ret_n) {
        _cleanup_(profile_freep) Profile *p = make_profile(profile_kinds);
        _cleanup_(task_freep) Task *t = NULL;

        cr_assert_eq(task_new(kinds, REALTIME, 1, &t), 0);
        t->started = (TaskInstant){ 1000 * USEC_PER_SEC, REALTIME };
        t->ended = (TaskInstant){ 1030 * USEC_PER_SEC, REALTIME + 30 * USEC_PER_SEC };
        t->before_first_sample = (TaskInstant){ 940 * USEC_PER_SEC, REALTIME - 60 * USEC_PER_SEC };
        cr_assert_eq(pprof_encode(t, part, p, &symbols, ret_data, ret_n), 0);
}

static const char *label(const Cprof__Pprof__Profile *p, const Cprof__Pprof__Sample *s, const char *key) {
        for (size_t i = 0; i < s->n_label; i++)
                if (strcmp(text(p, s->label[i]->key), key) == 0)
                        return text(p, s->label[i]->str);

        return NULL;
}

Test(pprof_values, types_are_those_of_the_kinds) {
        static const struct {
                ProfileKinds kinds;
                TaskPart part;
                const char *types[5], *units[5], *default_type;
                int64_t period;
        } rows[] = {
                { ON, TASK_PART_RECORDED, { "samples", "cpu" }, { "count", "nanoseconds" }, "cpu", PERIOD },
                { OFF,
                  TASK_PART_RECORDED,
                  { "switches", "offcpu" },
                  { "count", "nanoseconds" },
                  "offcpu",
                  0 },
                { ON | OFF,
                  TASK_PART_RECORDED,
                  { "samples", "cpu", "switches", "offcpu" },
                  { "count", "nanoseconds", "count", "nanoseconds" },
                  "cpu",
                  PERIOD },
                { ON | OFF,
                  TASK_PART_BEFORE,
                  { "samples", "cpu" },
                  { "count", "nanoseconds" },
                  "cpu",
                  PERIOD },
                { OFF, TASK_PART_BEFORE, { "samples", "cpu" }, { "count", "nanoseconds" }, "cpu", PERIOD },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                ProfileKinds recorded = rows[i].part == TASK_PART_BEFORE ? ON : rows[i].kinds;
                _cleanup_(freep) void *data = NULL;
                Cprof__Pprof__Profile *p;
                size_t length, n = 0;

                encode(rows[i].kinds, rows[i].part, recorded, &data, &length);
                p = unpack(data, length);

                for (; rows[i].types[n]; n++) {
                        cr_assert_lt(n, p->n_sample_type, "row %zu", i);
                        cr_expect_str_eq(text(p, p->sample_type[n]->type), rows[i].types[n], "row %zu", i);
                        cr_expect_str_eq(text(p, p->sample_type[n]->unit), rows[i].units[n], "row %zu", i);
                }
                cr_expect_eq(p->n_sample_type, n, "row %zu", i);
                for (size_t k = 0; k < p->n_sample; k++)
                        cr_expect_eq(p->sample[k]->n_value, n, "row %zu", i);
                cr_expect_str_eq(text(p, p->default_sample_type), rows[i].default_type, "row %zu", i);
                cr_expect_eq(p->period, rows[i].period, "row %zu", i);
                cr_expect_eq(p->period_type != NULL, rows[i].period != 0, "row %zu", i);
                cprof__pprof__profile__free_unpacked(p, NULL);
        }
}

Test(pprof_values, a_stack_that_ran_has_samples_and_one_that_waited_has_time_and_state) {
        static const struct {
                int64_t values[4];
                const char *state;
        } expected[] = {
                { { 7, 7 * (int64_t) PERIOD, 0, 0 }, NULL },
                { { 0, 0, 3, 2000400 }, "sleep" },
                { { 0, 0, 1, 600 }, "disk" },
                { { 0, 0, 1, 400 }, "other" },
        };
        _cleanup_(freep) void *data = NULL;
        Cprof__Pprof__Profile *p;
        size_t length;

        encode(ON | OFF, TASK_PART_RECORDED, ON | OFF, &data, &length);
        p = unpack(data, length);

        cr_assert_eq(p->n_sample, ELEMENTSOF(expected));
        for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
                const char *state = label(p, p->sample[i], "state");

                cr_assert_eq(p->sample[i]->n_value, 4);
                cr_expect_eq(memcmp(p->sample[i]->value, expected[i].values, sizeof(expected[i].values)),
                             0,
                             "sample %zu",
                             i);
                cr_expect_str_eq(label(p, p->sample[i], "thread"), "t");
                if (expected[i].state)
                        cr_expect_str_eq(state, expected[i].state, "sample %zu", i);
                else
                        cr_expect_null(state, "it ran");
        }
        cprof__pprof__profile__free_unpacked(p, NULL);
}

Test(pprof_values, the_time_before_has_times_of_its_own) {
        _cleanup_(freep) void *data = NULL;
        Cprof__Pprof__Profile *p;
        size_t length;

        encode(ON, TASK_PART_BEFORE, ON, &data, &length);
        p = unpack(data, length);
        cr_expect_eq(p->time_nanos, (int64_t) ((REALTIME - 60 * USEC_PER_SEC) * NSEC_PER_USEC));
        cr_expect_eq(p->duration_nanos, 60 * (int64_t) NSEC_PER_SEC);
        cprof__pprof__profile__free_unpacked(p, NULL);
}

Test(pprof_values, folded_stacks_have_the_value_that_was_asked_for) {
        static const struct {
                ProfileKinds kinds;
                PprofValue value;
                int result;
                const char *folded;
        } rows[] = {
                { ON, PPROF_VALUE_DEFAULT, 0, "t;main;work 7\n" },
                { ON, PPROF_VALUE_OFFCPU, -ENODATA, NULL },
                { ON | OFF, PPROF_VALUE_DEFAULT, 0, "t;main;work 7\n" },
                /* microseconds, rounded; what rounds to none is none */
                { ON | OFF, PPROF_VALUE_OFFCPU, 0, "t;main;wait 2000\nt;main;wait 1\n" },
                { ON | OFF, PPROF_VALUE_WAITS, 0, "t;main;wait;[sleep] 2000\nt;main;wait;[disk] 1\n" },
                { ON, PPROF_VALUE_WAITS, -ENODATA, NULL },
                { OFF, PPROF_VALUE_DEFAULT, 0, "t;main;wait 2000\nt;main;wait 1\n" },
                { OFF, PPROF_VALUE_OFFCPU, 0, "t;main;wait 2000\nt;main;wait 1\n" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(freep) char *folded = NULL;
                _cleanup_(freep) void *data = NULL;
                size_t length;

                encode(rows[i].kinds, TASK_PART_RECORDED, rows[i].kinds, &data, &length);
                cr_expect_eq(convert_value(data, length, rows[i].value, &folded),
                             rows[i].result,
                             "row %zu",
                             i);
                if (rows[i].folded)
                        cr_expect_str_eq(folded, rows[i].folded, "row %zu", i);
        }
}

Test(pprof_values, values_are_named_for_the_command_line) {
        for (PprofValue v = 0; v < _PPROF_VALUE_MAX; v++)
                cr_expect_eq(pprof_value_from_string(pprof_value_to_string(v)), (int) v);

        cr_expect_null(pprof_value_to_string(_PPROF_VALUE_MAX));
        cr_expect_eq(pprof_value_from_string(""), -EINVAL);
        cr_expect_eq(pprof_value_from_string("off"), -EINVAL);
}
