/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks and their profiles as a wire shows them, with everything of ours between OAP and a recording: items
 * 20 to 34 of the conformance list. */
#include "host/clock.h"
#include "oap/oap-run.h"
#include "oap/profile-bed.h"
#include "oap/wire-bed.h"
#include "temporary-directory.h"

#include "skywalking.pb-c.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <string.h>

TestSuite(oap_wire_run, .timeout = 120, .init = profile_bed_init, .fini = profile_bed_done);

#define RECORDINGS_MAX 32U
#define DATA_SEC 5U
#define REGISTERED_SEC 3U

typedef struct Recording {
        Task *task; /* NULL: over */
        Identity *identity;
        char id[TASK_ID_MAX];
        usec_t until_usec;
        uint64_t n[_PROFILE_KIND_MAX];
} Recording;

typedef struct World {
        WireBed wire;
        TemporaryDirectory directory;
        OapForward *forward;
        OapRuns *runs;
        Identity *identities[2];
        char ids[2][65]; /* of processes */
        Recording recordings[RECORDINGS_MAX];
        size_t n_recordings;
        unsigned n_known;
        char known[512];
} World;

static int64_t now_ms(const World *w) {
        return (int64_t) ((clock_realtime_usec() + w->wire.ahead_usec) / USEC_PER_MSEC);
}

static Recording *record(World *w, Identity *i, ProfileKinds kinds, usec_t duration_usec) {
        usec_t now_usec = wire_bed_now_usec(&w->wire);
        Recording *r = w->recordings + w->n_recordings;

        cr_assert_lt(w->n_recordings, RECORDINGS_MAX);
        *r = (Recording){ .identity = i, .until_usec = now_usec + duration_usec };
        cr_assert_eq(task_new(kinds,
                              (usec_t) now_ms(w) * USEC_PER_MSEC,
                              (uint16_t) w->n_recordings,
                              &r->task),
                     0);
        strcpy(r->id, r->task->id);
        r->task->duration_usec = duration_usec;
        r->task->profile = profile_bed_profile();
        cr_assert_eq(task_set_state(r->task, TASK_STATE_RUNNING, NULL, (TaskInstant){ now_usec, 1 }), 0);
        w->n_recordings++;
        return r;
}

static Recording *find(World *w, const Identity *i, ProfileKind kind) {
        for (size_t k = 0; k < w->n_recordings; k++) {
                Recording *r = w->recordings + k;

                if (r->task && r->identity == i && (r->task->kinds & PROFILE_KIND_BIT(kind)))
                        return r;
        }

        return NULL;
}

/* All that was recorded of that kind. */
static uint64_t total(const World *w, unsigned process, ProfileKind kind) {
        uint64_t n = 0;

        for (size_t k = 0; k < w->n_recordings; k++)
                if (w->recordings[k].identity == w->identities[process])
                        n += w->recordings[k].n[kind];

        return n;
}

static const Task *on_find(Identity *i, ProfileKind kind, void *userdata) {
        Recording *r = find(userdata, i, kind);

        return r ? r->task : NULL;
}

static int
on_start(Identity *i,
         ProfileKind kind,
         usec_t duration_usec,
         char ret_id[static TASK_ID_MAX],
         char **reterr_message,
         void *userdata) {
        strcpy(ret_id, record(userdata, i, PROFILE_KIND_BIT(kind), duration_usec)->id);
        return 0;
}

static void on_known(const char *ours, OapTarget target, const char *id, void *userdata) {
        World *w = userdata;

        w->n_known++;
        strcpy(w->known, id);
}

/* What is on its way when a second is over is still on its way. */
static void step(World *w) {
        usec_t end_usec = clock_monotonic_usec() + 30 * USEC_PER_SEC;

        for (;;) {
                struct pollfd p = { .fd = w->wire.ops->fd(w->wire.transport), .events = POLLIN };
                usec_t now_usec = wire_bed_now_usec(&w->wire);

                (void) oap_registry_step(w->wire.registry, now_usec);
                (void) oap_runs_step(w->runs, now_usec, now_ms(w));
                (void) oap_forward_step(w->forward, now_usec, now_ms(w));
                if (wire_bed_status(&w->wire).n_running == 0)
                        return;

                cr_assert_lt(clock_monotonic_usec(), end_usec, "calls do not end");
                if (poll(&p, 1, 100) > 0)
                        oap_client_dispatch(w->wire.client, wire_bed_now_usec(&w->wire));
        }
}

static void record_second(World *w, Recording *r, unsigned sec) {
        _cleanup_(symbols_freep) Symbols *symbols = NULL;
        const Frame frames[] = { profile_bed_kernel(sec % 7),
                                 profile_bed_user(0, sec % 5),
                                 profile_bed_user(1, 1) };
        bool last = wire_bed_now_usec(&w->wire) >= r->until_usec;
        Profile *p = r->task->profile;

        if (r->task->kinds & PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU))
                cr_assert_geq(profile_add(p, "t", frames, 3, 1, 1 + sec % 3), 0);
        if (r->task->kinds & PROFILE_KIND_BIT(PROFILE_KIND_OFF_CPU))
                cr_assert_geq(profile_add_blocked(p, "t", PROFILE_STATE_SLEEP, frames, 3, 1, 2, 5000, 3000),
                              0);
        r->n[PROFILE_KIND_ON_CPU] = profile_n_samples(p);
        r->n[PROFILE_KIND_OFF_CPU] = profile_n_switches(p);
        if (sec % DATA_SEC != 0 && !last)
                return;

        symbols = profile_bed_symbols(p);
        cr_assert_eq(oap_runs_task_data(w->runs, r->task, p, symbols, last, now_ms(w)), 0);
        if (last)
                r->task = task_free(r->task);
}

static void run(World *w, unsigned seconds) {
        for (; seconds > 0; seconds--) {
                w->wire.ahead_usec += USEC_PER_SEC;
                for (size_t i = 0; i < w->n_recordings; i++)
                        if (w->recordings[i].task)
                                record_second(w, w->recordings + i, seconds);
                step(w);
        }
}

static World *world_new(void) {
        const OapForwardConfig config = {
                .limits = { .bytes_max = 64 << 20,
                            .age_max_ms = USEC_PER_DAY / 1000,
                            .segment_bytes = 4 << 20 },
                .report_attempts = OAP_REPORT_ATTEMPTS_DEFAULT,
        };
        World *w = calloc(1, sizeof(*w));
        const OapRunOps ops = { .start = on_start, .find = on_find, .userdata = w };
        OapForwardConfig c = config;

        cr_assert(w);
        wire_bed_init(&w->wire, NULL, NULL, NULL);
        temporary_directory_init(&w->directory, "/tmp");
        c.directory_fd = w->directory.fd;
        cr_assert_eq(oap_forward_new(w->wire.client,
                                     w->wire.registry,
                                     &c,
                                     &(const OapForwardEvents){ .task_known = on_known, .userdata = w },
                                     &w->forward),
                     0);
        cr_assert_eq(oap_runs_new(w->wire.client, w->wire.registry, w->forward, WIRE_AGENT, &ops, &w->runs),
                     0);

        for (unsigned i = 0; i < 2; i++) {
                w->identities[i] = wire_bed_add(&w->wire, "GENERAL", i == 0 ? "p0" : "p1");
                fake_oap_process_id("shop", "host-a", i == 0 ? "p0" : "p1", w->ids[i]);
        }
        return w;
}

static World *world_free(World *w) {
        oap_runs_free(w->runs);
        oap_forward_free(w->forward);
        for (size_t i = 0; i < w->n_recordings; i++)
                task_free(w->recordings[i].task);
        wire_bed_done(&w->wire);
        temporary_directory_done(&w->directory);
        free(w);
        return NULL;
}
DEFINE_CLEANUP(World *, world_free)

/* What OAP has of one schedule. */
typedef struct Had {
        uint64_t count, nsec;
        int64_t start_ms, last_ms;
        size_t n_flushes, n_resent;
} Had;

static void add_counts(const Skywalking__V3__EBPFProfilingData *d, Had *had) {
        switch (d->profiling_case) {
        case SKYWALKING__V3__EBPFPROFILING_DATA__PROFILING_ON_CPU:
                had->count += (uint64_t) d->oncpu->dumpcount;
                break;
        case SKYWALKING__V3__EBPFPROFILING_DATA__PROFILING_OFF_CPU:
                had->count += (uint64_t) d->offcpu->switchcount;
                had->nsec += (uint64_t) d->offcpu->duration;
                break;
        default:
                cr_assert_fail("item 29: a message of no kind");
        }
}

/* Whether the flush counts: the same time once more is the same one. */
static bool begin_flush(const Skywalking__V3__EBPFProfilingTaskMetadata *t, Had *had) {
        bool is_first = t->currenttime > had->last_ms;

        had->n_flushes += is_first;
        had->n_resent += !is_first;
        cr_expect(had->n_flushes == 1 || had->start_ms == t->profilingstarttime, "item 30: constant");
        cr_expect_geq(t->currenttime, had->last_ms, "item 30: in order");
        had->start_ms = t->profilingstarttime;
        had->last_ms = t->currenttime;
        return is_first;
}

/* One stream is one flush of one run. Those of @task and @process are added. */
static void add_stream(World *w, size_t index, const char *task, const char *process, Had *had) {
        bool counts = false;
        FakeOapCall call;

        fake_oap_call(w->wire.oap, "collectProfilingData", index, &call);
        for (size_t i = 0; i < call.n_messages; i++) {
                FakeOapBytes bytes = fake_oap_message(w->wire.oap, &call, i);
                Skywalking__V3__EBPFProfilingData *d =
                                skywalking__v3__ebpfprofiling_data__unpack(NULL, bytes.size, bytes.data);

                cr_assert(d);
                cr_assert(i > 0 || d->task, "item 29: the first message says what it is of");
                if (d->task && strcmp(d->task->taskid, task) == 0 &&
                    strcmp(d->task->processid, process) == 0)
                        counts = begin_flush(d->task, had);
                if (counts)
                        add_counts(d, had);
                skywalking__v3__ebpfprofiling_data__free_unpacked(d, NULL);
        }
}

static Had had_of(World *w, const char *task, unsigned process) {
        Had had = {};

        for (size_t i = 0; i < fake_oap_n_calls(w->wire.oap, "collectProfilingData"); i++)
                add_stream(w, i, task, w->ids[process], &had);

        return had;
}

static void ask(World *w, const char *task, unsigned process, const char *target, int64_t sec) {
        fake_oap_add_task(
                        w->wire.oap,
                        &(FakeOapTask){
                                        .task_id = task,
                                        .process_id = w->ids[process],
                                        .target = target,
                                        .update_ms = now_ms(w),
                                        .start_ms = now_ms(w),
                                        .duration_sec = sec,
                        });
}

Test(oap_wire_run, item_25_26_29_30_33_tasks_of_two_processes_and_two_kinds_side_by_side) {
        _cleanup_(world_freep) World *w = world_new();
        Had one, two, waits;

        run(w, REGISTERED_SEC);
        ask(w, "T1", 0, "ON_CPU", 60);
        ask(w, "T1", 1, "ON_CPU", 60);
        ask(w, "T2", 0, "OFF_CPU", 60);
        ask(w, "T3", 0, "NETWORK", 60);
        ask(w, "T4", 0, "ON_CPU", 60); /* with T1 */
        run(w, 100);
        cr_assert_eq(w->n_recordings, 3);

        one = had_of(w, "T1", 0);
        two = had_of(w, "T1", 1);
        waits = had_of(w, "T2", 0);
        cr_expect_eq(one.count, total(w, 0, PROFILE_KIND_ON_CPU));
        cr_expect_eq(two.count, total(w, 1, PROFILE_KIND_ON_CPU));
        cr_expect_eq(waits.count, total(w, 0, PROFILE_KIND_OFF_CPU));
        cr_expect_eq(waits.nsec, 2500 * waits.count);
        cr_expect_eq(had_of(w, "T3", 0).n_flushes, 0);
        cr_expect_eq(had_of(w, "T4", 0).count, one.count);
        cr_expect_geq(one.n_flushes, 8);
}

Test(oap_wire_run, item_21_33_a_triggered_task_is_told_under_the_id_that_oap_gave) {
        _cleanup_(world_freep) World *w = world_new();
        Recording *r;

        run(w, REGISTERED_SEC);
        r = record(w, w->identities[1], PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU), 60 * USEC_PER_SEC);
        r->task->causes = calloc(1, sizeof(TaskCause));
        cr_assert(r->task->causes);
        r->task->n_causes = 1;
        r->task->causes[0] = (TaskCause){ .metric = strdup("process-cpu"), .threshold = 80, .value = 99 };
        cr_assert_eq(oap_runs_task_started(w->runs, r->task, w->identities[1], now_ms(w)), 0);
        run(w, 80);

        cr_expect_eq(fake_oap_n_calls(w->wire.oap, "reportProfilingTask"), 1);
        cr_assert_eq(w->n_known, 1);
        cr_expect_eq(had_of(w, w->known, 1).count, r->n[PROFILE_KIND_ON_CPU]);
        cr_expect_gt(r->n[PROFILE_KIND_ON_CPU], 60);
}

/* Item 34: what it did not acknowledge is sent again as it was, and in order. */
Test(oap_wire_run, item_34_oap_is_killed_in_the_middle_and_nothing_is_lost) {
        _cleanup_(world_freep) World *w = world_new();
        Recording *r;
        Had had;

        run(w, REGISTERED_SEC);
        ask(w, "T1", 0, "ON_CPU", 200);
        run(w, 30);
        cr_assert_eq(w->n_recordings, 1);
        r = record(w, w->identities[1], PROFILE_KIND_BIT(PROFILE_KIND_OFF_CPU), 60 * USEC_PER_SEC);

        fake_oap_kill(w->wire.oap);
        r->task->causes = calloc(1, sizeof(TaskCause));
        cr_assert(r->task->causes);
        r->task->n_causes = 1;
        r->task->causes[0] =
                        (TaskCause){ .metric = strdup("process-thread-count"), .threshold = 8, .value = 9 };
        cr_assert_eq(oap_runs_task_started(w->runs, r->task, w->identities[1], now_ms(w)), 0);
        run(w, 90);
        cr_expect_eq(w->n_known, 0);

        fake_oap_restart(w->wire.oap);
        run(w, 200);
        cr_assert_eq(w->n_known, 1);
        cr_expect_eq(w->n_recordings, 2, "what ran went on without it, and is not run again");
        cr_expect_eq(had_of(w, w->known, 1).count, r->n[PROFILE_KIND_OFF_CPU]);
        had = had_of(w, "T1", 0);
        cr_expect_eq(had.count, w->recordings[0].n[PROFILE_KIND_ON_CPU]);
        /* each five seconds while it is there, each minute while not: for 90 s and at most a back-off more
         */
        cr_expect_geq(had.n_flushes, 10, "%u", (unsigned) had.n_flushes);
}
