/* SPDX-License-Identifier: Apache-2.0 */
/* For runs and recordings that overlap at random: each run is told what was recorded while it ran, all of it
 * and nothing else. */
#include "basic/log.h"
#include "fake/fake-subjects.h"
#include "oap/run-bed.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(oap_run_property, .timeout = 300);

#define GRID_SEC 3U /* everything begins and ends on it, so that no end is almost another one */
#define ROUNDS 20U
#define PLAY_SEC 600U
#define REST_SEC 400U

typedef struct Expected {
        uint64_t n[BED_TASKS_MAX];
} Expected;

/* Of what was recorded in the second that ends now: a run is there from the step of a second before on. */
static bool is_run_of(const RunBed *b, const OapRunInfo *i, const BedTask *t) {
        return t->start_ms < run_bed_now_ms(b) && strcmp(i->oap_task, t->task) == 0 &&
                        strcmp(i->entity.process, t->process) == 0;
}

/* A RunBed.recorded. */
static void on_recorded(RunBed *b, unsigned process, ProfileKind kind, uint64_t n, void *userdata) {
        _cleanup_(freep) OapRunInfo *infos = NULL;
        Expected *e = userdata;
        size_t n_infos;

        cr_assert_eq(oap_runs_list(b->runs, &infos, &n_infos), 0);
        for (size_t i = 0; i < b->n_tasks; i++) {
                const BedTask *t = b->tasks + i;

                if (strcmp(t->target, kind == PROFILE_KIND_ON_CPU ? "ON_CPU" : "OFF_CPU") != 0 ||
                    t->process[1] != (char) ('0' + process) ||
                    run_bed_now_ms(b) > t->start_ms + t->duration_sec * 1000)
                        continue;

                for (size_t k = 0; k < n_infos; k++)
                        if (is_run_of(b, infos + k, t))
                                e->n[i] += n;
        }
}

static unsigned on_grid(RunBed *b, unsigned max_sec) {
        return GRID_SEC * (1 + fake_random_below(&b->random, max_sec / GRID_SEC));
}

static void ask(RunBed *b) {
        unsigned process = fake_random_below(&b->random, 2);
        char name[32];
        BedTask *t;

        (void) snprintf(name, sizeof(name), "T%zu", b->n_tasks);
        t = run_bed_ask(b, name, on_grid(b, 240));
        (void) snprintf(t->process, sizeof(t->process), "p%u", process);
        if (fake_random_below(&b->random, 2))
                t->target = "OFF_CPU";
        if (fake_random_below(&b->random, 4) == 0)
                t->start_ms += on_grid(b, 60) * 1000;
}

/* What others do meanwhile. */
static void disturb(RunBed *b) {
        ProfileKinds kinds = 1 + fake_random_below(&b->random, PROFILE_KINDS_ALL);
        unsigned process = fake_random_below(&b->random, 2);
        BedRecording *r;

        switch (fake_random_below(&b->random, 12)) {
        case 0:
                (void) run_bed_record(b, process, kinds, on_grid(b, 120) * USEC_PER_SEC);
                break;
        case 1:
                r = run_bed_recording(b, process, PROFILE_KIND_ON_CPU);
                if (r)
                        run_bed_stop(b,
                                     r,
                                     2 + fake_random_below(&b->random, 3)); /* finished, failed, stopped */
                break;
        case 2:
                b->delay_usec = fake_random_below(&b->random, 30) * USEC_PER_SEC;
                break;
        case 3:
                b->start_error = b->start_error ? 0 : -EBUSY;
                break;
        case 4:
                if (b->n_tasks > 0) { /* an operator makes it longer */
                        BedTask *t = b->tasks + fake_random_below(&b->random, (unsigned) b->n_tasks);

                        if (t->start_ms + t->duration_sec * 1000 > run_bed_now_ms(b) + 20 * 1000) {
                                t->duration_sec += on_grid(b, 60);
                                t->update_ms = run_bed_oap_ms(b);
                        }
                }
                break;
        case 5:
        case 6:
                ask(b);
                break;
        default:
                break;
        }
}

static void play(uint64_t seed, size_t *n_told) {
        _cleanup_(run_bed_freep) RunBed *b = run_bed_new();
        Expected e = {};

        b->random = seed;
        b->recorded = on_recorded;
        b->userdata = &e;
        for (unsigned i = 0; i < PLAY_SEC; i += GRID_SEC) {
                disturb(b);
                run_bed_advance(b, GRID_SEC);
        }

        b->start_error = 0;
        run_bed_advance(b, REST_SEC);
        cr_assert_eq(run_bed_n_runs(b), 0, "seed %lu: all are over", (unsigned long) seed);

        for (size_t i = 0; i < b->n_tasks; i++) {
                const BedTask *t = b->tasks + i;
                const BedTold *told =
                                run_bed_told(b,
                                             t->task,
                                             t->process,
                                             t->target[1] == 'N' ? OAP_TARGET_ON_CPU : OAP_TARGET_OFF_CPU);

                cr_expect_eq(told ? told->analysis.n_count : 0,
                             e.n[i],
                             "seed %lu, %s %s of %s: told %lu of %lu",
                             (unsigned long) seed,
                             t->task,
                             t->target,
                             t->process,
                             (unsigned long) (told ? told->analysis.n_count : 0),
                             (unsigned long) e.n[i]);
                *n_told += told && told->analysis.n_count > 0;
        }
}

Test(oap_run_property, item_33_each_run_is_told_what_was_recorded_while_it_ran) {
        size_t n_told = 0;

        log_set_max_level(LOG_ERR);
        for (uint64_t seed = 1; seed <= ROUNDS; seed++)
                play(seed * UINT64_C(0x9e3779b97f4a7c15), &n_told);

        cr_expect_gt(n_told, 10 * ROUNDS, "there was something to tell: %zu", n_told);
}
