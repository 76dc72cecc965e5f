/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/run-bed.h"

#include "fake/fake-subjects.h"
#include "oap/profile-bed.h"
#include "oap/run-bed-private.h"

#include <criterion/criterion.h>
#include <string.h>

#define CHECKPOINT_SEC 5U
#define FUNCTIONS 20U

/* The doubles of other modules have no other way to it. */
static RunBed *bed;

RunBed *run_bed_current(void) {
        return bed;
}

int64_t run_bed_now_ms(const RunBed *b) {
        return b->wall_ms + (int64_t) (b->now_usec / USEC_PER_MSEC);
}

int64_t run_bed_oap_ms(const RunBed *b) {
        return run_bed_now_ms(b) + b->ahead_ms;
}

static int
bed_start(Identity *i,
          ProfileKind kind,
          usec_t duration_usec,
          char ret_id[static TASK_ID_MAX],
          char **reterr_message,
          void *userdata) {
        RunBed *b = userdata;
        BedRecording *r;

        b->n_start_calls++;
        *reterr_message = NULL;
        if (b->start_error < 0) {
                *reterr_message = strdup(b->start_message ?: "no");
                return b->start_error;
        }

        r = run_bed_record(b, (unsigned) (i - b->identities), PROFILE_KIND_BIT(kind), duration_usec);
        if (!r)
                return -EEXIST;

        b->n_starts++;
        b->started_usec = duration_usec;
        strcpy(ret_id, r->task->id);
        return 0;
}

static const Task *bed_find(Identity *i, ProfileKind kind, void *userdata) {
        RunBed *b = userdata;
        BedRecording *r = run_bed_recording(b, (unsigned) (i - b->identities), kind);

        return r ? r->task : NULL;
}

RunBed *run_bed_new(void) {
        static const char *const names[BED_PROCESSES] = { "p0", "p1", "p2", "p3" };
        static Unit unit;
        RunBed *b = calloc(1, sizeof(*b));
        const OapRunOps ops = { .start = bed_start, .find = bed_find, .userdata = b };

        cr_assert(b);
        profile_bed_init();
        bed = b;
        b->now_usec = 3600 * USEC_PER_SEC; /* since boot */
        b->wall_ms = BED_START_MS - 3600 * 1000;
        b->random = 42;

        unit = fake_unit("shop.service", NULL);
        for (unsigned i = 0; i < BED_PROCESSES; i++) {
                b->processes[i] = fake_process((pid_t) (100 + i), names[i], &unit);
                b->processes[i].key.start_ticks = 100;
                b->identities[i] = (Identity){
                        .layer = (char *) "GENERAL",
                        .service = (char *) "shop",
                        .instance = (char *) "host",
                        .process = (char *) names[i],
                        .target_process = b->processes + i,
                        .pid = (pid_t) (100 + i),
                };
        }

        b->transport = fake_transport_new();
        cr_assert_eq(oap_client_new(&fake_transport_ops, b->transport, 1, NULL, NULL, &b->client), 0);
        fake_transport_set_server(b->transport, run_bed_serve, b);
        cr_assert_eq(oap_runs_new(b->client,
                                  run_bed_registry(),
                                  run_bed_forward(),
                                  "agent-1",
                                  &ops,
                                  &b->runs),
                     0);
        return b;
}

RunBed *run_bed_free(RunBed *b) {
        if (!b)
                return NULL;

        oap_runs_free(b->runs);
        oap_client_free(b->client);
        for (size_t i = 0; i < b->n_recordings; i++) {
                task_free(b->recordings[i].task);
                symbols_free(b->recordings[i].early);
        }
        for (size_t i = 0; i < b->n_told; i++)
                analysis_done(&b->told[i].analysis);
        for (size_t i = 0; i < b->n_reports; i++)
                free(b->reports[i].message);
        free(b);
        profile_bed_done();
        return NULL;
}

BedTask *run_bed_ask(RunBed *b, const char *task, int64_t duration_sec) {
        BedTask *t = b->tasks + b->n_tasks++;

        cr_assert_leq(b->n_tasks, BED_TASKS_MAX);
        *t = (BedTask){
                .process = "p0",
                .target = "ON_CPU",
                .trigger = "FIXED_TIME",
                .update_ms = run_bed_oap_ms(b),
                .start_ms = run_bed_oap_ms(b),
                .duration_sec = duration_sec,
        };
        strcpy(t->task, task);
        return t;
}

BedRecording *run_bed_recording(RunBed *b, unsigned process, ProfileKind kind) {
        for (size_t i = 0; i < b->n_recordings; i++) {
                BedRecording *r = b->recordings + i;

                if (r->task && r->deliver_usec == 0 && r->process == process &&
                    (r->task->kinds & PROFILE_KIND_BIT(kind)))
                        return r;
        }

        return NULL;
}

BedRecording *run_bed_record(RunBed *b, unsigned process, ProfileKinds kinds, usec_t duration_usec) {
        BedRecording *r = b->recordings + b->n_recordings;
        const TaskInstant now = { b->now_usec, (usec_t) run_bed_now_ms(b) * USEC_PER_MSEC };

        for (ProfileKind k = 0; k < _PROFILE_KIND_MAX; k++)
                if ((kinds & PROFILE_KIND_BIT(k)) && run_bed_recording(b, process, k))
                        return NULL;

        cr_assert_lt(b->n_recordings, BED_RECORDINGS_MAX);
        *r = (BedRecording){ .process = process, .until_usec = b->now_usec + duration_usec };
        cr_assert_eq(task_new(kinds, now.realtime_usec, (uint16_t) b->n_recordings, &r->task), 0);
        r->task->key = b->processes[process].key;
        r->task->duration_usec = duration_usec;
        r->task->profile = profile_bed_profile();
        cr_assert_eq(task_set_state(r->task, TASK_STATE_RUNNING, NULL, now), 0);
        b->n_recordings++;
        return r;
}

void run_bed_stop(RunBed *b, BedRecording *r, TaskState state) {
        const TaskInstant now = { b->now_usec, (usec_t) run_bed_now_ms(b) * USEC_PER_MSEC };

        cr_assert_eq(task_set_state(r->task, state, "for a test", now), 0);
        r->deliver_usec = b->now_usec + b->delay_usec;
}

/* What a second brings of one kind. */
static void record(RunBed *b, BedRecording *r, ProfileKind kind) {
        Frame frames[] = {
                profile_bed_kernel(fake_random_below(&b->random, FUNCTIONS)),
                profile_bed_user(0, fake_random_below(&b->random, FUNCTIONS)),
                profile_bed_user(1, fake_random_below(&b->random, FUNCTIONS)),
        };
        uint64_t n = fake_random_below(&b->random, 9), nsec = n * 1000;
        Profile *p = r->task->profile;

        if (n == 0)
                return;

        if (kind == PROFILE_KIND_ON_CPU)
                cr_assert_geq(profile_add(p, "t", frames, 3, 1, n), 0);
        else
                cr_assert_geq(profile_add_blocked(p, "t", PROFILE_STATE_SLEEP, frames, 3, 1, n, nsec, nsec),
                              0);

        r->n_recorded[kind] += n;
        if (b->recorded)
                b->recorded(b, r->process, kind, n, b->userdata);
}

/* @sec: of the test. */
static void recording_second(RunBed *b, BedRecording *r, uint64_t sec) {
        for (ProfileKind k = 0; k < _PROFILE_KIND_MAX; k++)
                for (unsigned i = 0; i < 3 && (r->task->kinds & PROFILE_KIND_BIT(k)); i++)
                        record(b, r, k);

        if (b->now_usec >= r->until_usec) {
                run_bed_stop(b, r, TASK_STATE_FINISHED);
                return;
        }

        if (sec % CHECKPOINT_SEC != 0 || b->is_late)
                return;

        /* names are those of the time before */
        if (r->early)
                (void) oap_runs_task_data(
                                b->runs, r->task, r->task->profile, r->early, false, run_bed_now_ms(b));
        if (b->has_no_names && r->early)
                return;

        symbols_free(r->early);
        r->early = profile_bed_symbols(r->task->profile);
}

static void deliver(RunBed *b, BedRecording *r) {
        _cleanup_(symbols_freep) Symbols *symbols = NULL;

        if (r->deliver_usec == 0 || b->now_usec < r->deliver_usec)
                return;

        symbols = profile_bed_symbols(r->task->profile);
        (void) oap_runs_task_data(b->runs, r->task, r->task->profile, symbols, true, run_bed_now_ms(b));
        r->task = task_free(r->task);
        r->early = symbols_free(r->early);
}

void run_bed_advance(RunBed *b, unsigned sec) {
        for (; sec > 0; sec--) {
                b->now_usec += USEC_PER_SEC;
                for (size_t i = 0; i < b->n_recordings; i++) {
                        BedRecording *r = b->recordings + i;

                        if (r->task && r->deliver_usec == 0)
                                recording_second(b, r, b->now_usec / USEC_PER_SEC);
                        if (r->task)
                                deliver(b, r);
                }

                (void) oap_runs_step(b->runs, b->now_usec, run_bed_now_ms(b));
                oap_client_dispatch(b->client, b->now_usec);
                (void) oap_runs_step(b->runs, b->now_usec, run_bed_now_ms(b));
        }
}

BedTold *run_bed_told(RunBed *b, const char *task, const char *process, OapTarget target) {
        for (size_t i = 0; i < b->n_told; i++) {
                BedTold *t = b->told + i;

                if (strcmp(t->task, task) == 0 && strcmp(t->process, process) == 0 && t->target == target)
                        return t;
        }

        return NULL;
}

OapRunsStatus run_bed_status(const RunBed *b) {
        OapRunsStatus s;

        oap_runs_status(b->runs, &s);
        return s;
}

size_t run_bed_n_runs(const RunBed *b) {
        _cleanup_(freep) OapRunInfo *infos = NULL;
        size_t n;

        cr_assert_eq(oap_runs_list(b->runs, &infos, &n), 0);
        return n;
}
