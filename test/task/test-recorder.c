/* SPDX-License-Identifier: Apache-2.0 */
#include "task/recorder.h"

#include <criterion/criterion.h>
#include <string.h>

#define SEC USEC_PER_SEC
#define WINDOW (30 * SEC)
#define PERIOD (NSEC_PER_SEC / 20)

static ModuleTable *modules;
static Unit root_slice = { .name = (char *) "-.slice" };
static Unit system_slice = { .name = (char *) "system.slice", .slice = &root_slice };
static Unit web = { .name = (char *) "web.service", .slice = &system_slice };
static Unit db = { .name = (char *) "db.service", .slice = &system_slice };
static const ProcessKey worker = { 100, 7 }, other = { 200, 8 };

static void make_modules(void) {
        cr_assert_eq(module_table_new(&modules), 0);
}

static void free_modules(void) {
        cr_expect_eq(module_table_size(modules), 0, "a module is still held");
        module_table_free(modules);
}

static Recorder *make(const RecorderLimits *limits) {
        const RecorderLimits defaults = recorder_limits(WINDOW, PERIOD, 2);
        Recorder *r = NULL;

        cr_assert_eq(recorder_new(modules, WINDOW, PERIOD, limits ?: &defaults, &r), 0);
        return r;
}

/* A process's code without a file; the caller owns the reference. */
static Module *make_module(pid_t pid) {
        Module *m = NULL;

        cr_assert_eq(module_table_get_anon(modules, pid, 1, &m), 0);
        return m;
}

/* One frame of the kernel, one of @m (NULL: unknown code) and the caller of that. */
static ResolvedStack make_stack(Module *m, uint64_t offset) {
        ResolvedStack s;

        s.n_kernel = 1;
        s.kernel[0] = FRAME(PROFILE_MODULE_KERNEL, 0xffffffff81000000);
        s.n_user = 2;
        s.user[0] = (ResolvedFrame){ .address = 0x400000 + offset, .module = m, .offset = offset };
        s.user[1] = (ResolvedFrame){ .address = 0x7000, .module = m, .offset = 0x7000 };
        return s;
}

static int
add_as(Recorder *r, ProcessKey key, const Unit *u, const char *thread, usec_t at, uint64_t offset) {
        _cleanup_(module_unrefp) Module *m = make_module(key.pid);
        const ResolvedStack s = make_stack(m, offset);
        const RecorderSample sample = { .process = key, .unit = u, .thread_name = thread, .at_usec = at };

        return recorder_add(r, &sample, &s);
}

static void add(Recorder *r, ProcessKey key, const Unit *u, usec_t at, uint64_t offset) {
        cr_assert_eq(add_as(r, key, u, "thread", at, offset), 0);
}

static uint64_t count(Recorder *r, RecorderFilter filter, usec_t from, usec_t to) {
        _cleanup_(profile_freep) Profile *p = NULL;

        cr_assert_eq(recorder_extract(r, &filter, from, to, &p, NULL), 0);
        cr_expect_eq(profile_period_nsec(p), PERIOD);
        return profile_n_samples(p);
}

#define ALL ((RecorderFilter){})
#define OF_PROCESS(k) ((RecorderFilter){ .process = (k) })
#define OF_UNIT(u) ((RecorderFilter){ .unit = (u) })

TestSuite(recorder, .timeout = 30, .init = make_modules, .fini = free_modules);

Test(recorder, takes_one_sample_in_so_many_of_the_sampler) {
        static const struct {
                unsigned oncpu_hz, recorder_hz, every;
        } rows[] = {
                { 99, 19, 5 },  { 99, 20, 5 },
                { 99, 49, 2 },  { 99, 99, 1 },
                { 99, 100, 1 }, { 99, 1, 99 },
                { 99, 0, 0 },   { 1000, 19, 53 },
                { 1, 19, 1 },   { 10, 19, 1 },
                { 99, 66, 2 },  { 1000, 100, 10 },
                { 0, 19, 0 },   { UINT32_MAX, 2, 0x80000000 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                cr_expect_eq(recorder_every(rows[i].oncpu_hz, rows[i].recorder_hz),
                             rows[i].every,
                             "row %zu: %u",
                             i,
                             recorder_every(rows[i].oncpu_hz, rows[i].recorder_hz));

        cr_expect_eq(recorder_period_nsec(99, 5), UINT64_C(50505050));
        cr_expect_eq(recorder_period_nsec(1000, 53), UINT64_C(53000000));
}

Test(recorder, has_room_for_all_cpus_busy_over_the_whole_window) {
        const RecorderLimits l = recorder_limits(WINDOW, PERIOD, 4);

        cr_expect_geq(l.entries_max, 30 * 20 * 4);
        cr_expect_leq(l.entries_max, 35 * 20 * 4);
        cr_expect_eq(l.bytes_max, 16 * 1024 * 1024);
        cr_expect_geq(recorder_limits(WINDOW, PERIOD, 0).entries_max, 600);
}

Test(recorder, gives_frames_as_they_were_with_thread_and_module) {
        _cleanup_(recorder_freep) Recorder *r = make(NULL);
        _cleanup_(module_unrefp) Module *m = make_module(worker.pid);
        _cleanup_(profile_freep) Profile *p = NULL;
        const ProfileStack *s;

        cr_assert_eq(add_as(r, worker, &web, "sixteen-letters!", 100 * SEC, 0x1234), 0);
        cr_assert_eq(add_as(r, worker, &web, "sixteen-letters!", 101 * SEC, 0x1234), 0);
        cr_assert_eq(recorder_extract(r, &ALL, 0, USEC_INFINITY, &p, NULL), 0);

        cr_assert_eq(profile_n_stacks(p), 1);
        s = profile_stacks(p);
        cr_expect_eq(s->n_samples, 2);
        cr_expect_eq(s->n_kernel, 1);
        cr_assert_eq(s->n_frames, 3);
        cr_expect_eq(s->frames[0], FRAME(PROFILE_MODULE_KERNEL, 0xffffffff81000000));
        cr_expect_eq(profile_module(p, frame_module(s->frames[1])), m);
        cr_expect_eq(frame_offset(s->frames[1]), 0x1234);
        cr_expect_eq(frame_offset(s->frames[2]), 0x7000);
        cr_expect_str_eq(profile_thread_name(p, s->thread), "sixteen-letters!");
}

Test(recorder, unknown_code_keeps_its_address_and_no_stack_at_all_is_still_time) {
        _cleanup_(recorder_freep) Recorder *r = make(NULL);
        _cleanup_(profile_freep) Profile *p = NULL;
        const RecorderSample sample = { .process = worker, .unit = &web, .thread_name = "", .at_usec = SEC };
        ResolvedStack s = make_stack(NULL, 0x10);
        ProfileStack *stack, *next;

        cr_assert_eq(recorder_add(r, &sample, &s), 0);
        s.n_kernel = s.n_user = 0;
        cr_assert_eq(recorder_add(r, &sample, &s), 0);

        cr_assert_eq(recorder_extract(r, &ALL, 0, USEC_INFINITY, &p, NULL), 0);
        cr_expect_eq(profile_n_samples(p), 2);
        HASH_ITER(hh, profile_stacks(p), stack, next) {
                const Frame *f = stack->frames + stack->n_kernel;

                cr_expect_eq(frame_module(*f), PROFILE_MODULE_UNKNOWN);
                cr_expect_eq(frame_offset(*f), stack->n_frames == 3 ? 0x400010 : 0);
        }
}

Test(recorder, time_is_from_the_first_up_to_but_not_with_the_last) {
        _cleanup_(recorder_freep) Recorder *r = make(NULL);

        for (unsigned i = 0; i < 10; i++)
                add(r, worker, &web, (100 + i) * SEC, i);

        cr_expect_eq(count(r, ALL, 0, USEC_INFINITY), 10);
        cr_expect_eq(count(r, ALL, 102 * SEC, 105 * SEC), 3);
        cr_expect_eq(count(r, ALL, 102 * SEC, 105 * SEC + 1), 4);
        cr_expect_eq(count(r, ALL, 102 * SEC + 1, 105 * SEC), 2);
        cr_expect_eq(count(r, ALL, 105 * SEC, 105 * SEC), 0);
        cr_expect_eq(count(r, ALL, 0, 100 * SEC), 0);
        cr_expect_eq(count(r, ALL, 109 * SEC + 1, USEC_INFINITY), 0);
}

Test(recorder, tells_processes_apart_by_start_as_well_as_by_pid) {
        _cleanup_(recorder_freep) Recorder *r = make(NULL);
        const ProcessKey successor = { worker.pid, worker.start_ticks + 1 };

        add(r, worker, &web, 1 * SEC, 1);
        add(r, other, &web, 1 * SEC, 1);
        add(r, successor, &web, 2 * SEC, 1);
        add(r, successor, &web, 3 * SEC, 1);

        cr_expect_eq(recorder_n_processes(r), 3);
        cr_expect_eq(count(r, OF_PROCESS(worker), 0, USEC_INFINITY), 1);
        cr_expect_eq(count(r, OF_PROCESS(successor), 0, USEC_INFINITY), 2);
        cr_expect_eq(count(r, OF_PROCESS(((ProcessKey){ 300, 1 })), 0, USEC_INFINITY), 0);
}

Test(recorder, a_unit_has_all_processes_below_it_even_when_unit_and_process_are_gone) {
        _cleanup_(recorder_freep) Recorder *r = make(NULL);
        Unit gone = { .name = strdup("gone.service"), .slice = &system_slice };

        add(r, worker, &web, 1 * SEC, 1);
        add(r, other, &db, 1 * SEC, 1);
        add(r, (ProcessKey){ 300, 1 }, &gone, 1 * SEC, 1);
        memset(gone.name, 'x', strlen(gone.name));
        free(gone.name);

        cr_expect_eq(count(r, OF_UNIT("web.service"), 0, USEC_INFINITY), 1);
        cr_expect_eq(count(r, OF_UNIT("gone.service"), 0, USEC_INFINITY), 1);
        cr_expect_eq(count(r, OF_UNIT("system.slice"), 0, USEC_INFINITY), 3);
        cr_expect_eq(count(r, OF_UNIT("-.slice"), 0, USEC_INFINITY), 3);
        cr_expect_eq(count(r, OF_UNIT("web"), 0, USEC_INFINITY), 0);
        cr_expect_eq(count(r, (RecorderFilter){ .process = other, .unit = "web.service" }, 0, USEC_INFINITY),
                     0);
}

Test(recorder, what_a_process_did_before_it_moved_stays_with_the_old_unit) {
        _cleanup_(recorder_freep) Recorder *r = make(NULL);

        add(r, worker, &web, 1 * SEC, 1);
        add(r, worker, &db, 2 * SEC, 1);
        add(r, worker, &db, 3 * SEC, 1);

        cr_expect_eq(count(r, OF_UNIT("web.service"), 0, USEC_INFINITY), 1);
        cr_expect_eq(count(r, OF_UNIT("db.service"), 0, USEC_INFINITY), 2);
        cr_expect_eq(count(r, OF_PROCESS(worker), 0, USEC_INFINITY), 3);
}

Test(recorder, forgets_what_is_older_than_the_window_with_all_that_it_held) {
        _cleanup_(recorder_freep) Recorder *r = make(NULL);
        unsigned n_modules = module_table_size(modules);

        add(r, worker, &web, 100 * SEC, 1);
        add(r, other, &db, 110 * SEC, 1);
        cr_expect_eq(module_table_size(modules), n_modules + 2);

        recorder_expire(r, 5 * SEC); /* shorter after boot than the window */
        recorder_expire(r, 130 * SEC);
        cr_expect_eq(recorder_n_entries(r), 2, "exactly the window is not older");

        recorder_expire(r, 130 * SEC + 1);
        cr_expect_eq(recorder_n_entries(r), 1);
        cr_expect_eq(recorder_n_processes(r), 1);
        cr_expect_eq(recorder_n_stacks(r), 1);
        cr_expect_eq(module_table_size(modules), n_modules + 1);

        recorder_expire(r, 500 * SEC);
        cr_expect_eq(recorder_n_entries(r), 0);
        cr_expect_eq(module_table_size(modules), n_modules);
        cr_expect_eq(recorder_n_evicted(r), 0, "that was no loss");
}

Test(recorder, equal_stacks_are_kept_once_until_the_last_of_them_goes) {
        _cleanup_(recorder_freep) Recorder *r = make(NULL);
        size_t one;

        add(r, worker, &web, 1 * SEC, 1);
        one = recorder_bytes(r);
        for (unsigned i = 0; i < 200; i++)
                add(r, worker, &web, 2 * SEC + i, 1);

        cr_expect_eq(recorder_n_stacks(r), 1);
        cr_expect_eq(recorder_bytes(r), one);

        recorder_expire(r, WINDOW + 2 * SEC);
        cr_expect_eq(recorder_n_entries(r), 200);
        cr_expect_eq(recorder_n_stacks(r), 1);
        cr_expect_eq(count(r, ALL, 0, USEC_INFINITY), 200);
}

Test(recorder, a_module_place_is_used_again_for_another_module) {
        _cleanup_(recorder_freep) Recorder *r = make(NULL);

        for (unsigned i = 0; i < MODULES_MAX + 100; i++) {
                _cleanup_(profile_freep) Profile *p = NULL;
                usec_t at = (100 + i) * SEC;

                add(r, (ProcessKey){ 1000 + (pid_t) i, 1 }, &web, at, i + 1);
                recorder_expire(r, at + WINDOW - SEC / 2);
                cr_assert_eq(recorder_n_entries(r), 1);

                if (i < MODULES_MAX)
                        continue;
                cr_assert_eq(recorder_extract(r, &ALL, 0, USEC_INFINITY, &p, NULL), 0);
                cr_assert_eq(profile_module(p, frame_module(profile_stacks(p)->frames[1]))->pid,
                             1000 + (pid_t) i);
        }
}

Test(recorder, at_each_limit_the_oldest_make_room_and_are_counted) {
        static const struct {
                RecorderLimits limits;
                size_t n_expected_max, n_expected_min;
        } rows[] = {
                { { .entries_max = 100, .stacks_max = 5000, .bytes_max = 1 << 24 }, 100, 100 },
                { { .entries_max = 5000, .stacks_max = 70, .bytes_max = 1 << 24 }, 70, 70 },
                { { .entries_max = 5000, .stacks_max = 5000, .bytes_max = 64 * 1024 }, 512, 400 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(recorder_freep) Recorder *r = make(&rows[i].limits);

                for (unsigned k = 0; k < 1000; k++) {
                        add(r, worker, &web, SEC + k, k);
                        cr_assert_leq(recorder_bytes(r), rows[i].limits.bytes_max);
                }

                cr_expect_leq(recorder_n_entries(r), rows[i].n_expected_max, "row %zu", i);
                cr_expect_geq(recorder_n_entries(r), rows[i].n_expected_min, "row %zu", i);
                cr_expect_eq(recorder_n_evicted(r), 1000 - recorder_n_entries(r));
                cr_expect_eq(recorder_n_dropped(r), 0);
                cr_expect_eq(count(r, ALL, SEC + 1000 - recorder_n_entries(r), USEC_INFINITY),
                             recorder_n_entries(r),
                             "row %zu: not the oldest went",
                             i);
        }
}

Test(recorder, what_fits_nowhere_is_dropped_and_counted) {
        const RecorderLimits limits = { .entries_max = 10, .stacks_max = 10, .bytes_max = 1000 };
        _cleanup_(recorder_freep) Recorder *r = make(&limits);

        cr_expect_lt(add_as(r, worker, &web, "t", SEC, 1), 0);
        cr_expect_eq(recorder_n_dropped(r), 1);
        cr_expect_eq(recorder_n_entries(r), 0);
}

Test(recorder, forgetting_all_gives_everything_back_and_goes_on) {
        _cleanup_(recorder_freep) Recorder *r = make(NULL);

        for (unsigned k = 0; k < 1000; k++)
                add(r, k % 2 ? worker : other, &web, SEC + k, k);
        cr_expect_gt(recorder_bytes(r), 1000 * 24);

        recorder_forget_all(r);
        cr_expect_eq(recorder_n_entries(r), 0);
        cr_expect_eq(recorder_bytes(r), 0);
        cr_expect_eq(module_table_size(modules), 0);

        add(r, worker, &web, 3 * SEC, 1);
        cr_expect_eq(count(r, ALL, 0, USEC_INFINITY), 1);
}

Test(recorder, memory_follows_the_load_down_again) {
        const RecorderLimits limits = { .entries_max = 100000, .stacks_max = 100000, .bytes_max = 1 << 26 };
        _cleanup_(recorder_freep) Recorder *r = make(&limits);
        size_t before;

        add(r, worker, &web, SEC, 0);
        before = recorder_bytes(r);
        for (unsigned k = 0; k < 20000; k++)
                add(r, worker, &web, 2 * SEC, k);
        add(r, worker, &web, 20 * SEC, 0);
        cr_expect_gt(recorder_bytes(r), 100 * before);

        recorder_expire(r, WINDOW + 10 * SEC);
        cr_expect_eq(recorder_bytes(r), before);
        cr_expect_eq(count(r, ALL, 0, USEC_INFINITY), 1);
}

/* No time is asserted: a quadratic step would run into the time limit of the suite. */
Test(recorder, a_hundred_thousand_different_stacks_come_and_go) {
        const RecorderLimits limits = { .entries_max = 60000, .stacks_max = 60000, .bytes_max = 1 << 26 };
        _cleanup_(recorder_freep) Recorder *r = make(&limits);

        for (unsigned k = 0; k < 100000; k++)
                add(r, (ProcessKey){ 100 + k % 50, 1 }, k % 3 ? &web : &db, SEC + 100 * k, k);

        cr_expect_eq(recorder_n_entries(r), 60000);
        cr_expect_eq(recorder_n_stacks(r), 60000);
        cr_expect_eq(count(r, OF_UNIT("web.service"), 0, USEC_INFINITY), 40000);
}
