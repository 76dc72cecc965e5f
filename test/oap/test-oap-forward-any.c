/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever happens to calls and to us: OAP has each stack of each task that it knows, once. OAP is a model
 * that keeps what it is told by key, as the real one does, also when its answer is lost. */
#include "basic/hash.h"
#include "fake/fake-subjects.h"
#include "oap/forward-bed.h"

#include "skywalking.pb-c.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <string.h>

TestSuite(oap_forward_any, .timeout = 240);

#define WORLDS 60U
#define STEPS 1500U
#define TASKS_MAX 64U

/* One stack of one flush. */
typedef struct Row {
        char key[640];
        int64_t count;
        UT_hash_handle hh;
} Row;

typedef struct World {
        ForwardBed *bed;
        uint64_t random;
        bool is_calm; /* nothing goes wrong any more */
        Row *rows;
        unsigned n_ids; /* that OAP gave */
        unsigned n_ours;
        int64_t recorded[TASKS_MAX]; /* samples of ours */
        OapCall *held;               /* not answered yet */
        uint64_t n_resent;
} World;

static unsigned below(World *w, unsigned n) {
        return (unsigned) (fake_random(&w->random) % n);
}

static void keep(World *w, const char *task, int64_t now_ms, int32_t stack, int64_t count) {
        Row *r, *old;

        r = calloc(1, sizeof(*r));
        cr_assert(r);
        (void) snprintf(r->key, sizeof(r->key), "%s %" PRId64 " %" PRId32, task, now_ms, stack);
        r->count = count;
        HASH_FIND_STR(w->rows, r->key, old);
        if (old) {
                cr_expect_eq(old->count, count, "item 34: another value under the same key, %s", r->key);
                free(r);
                return;
        }
        HASH_ADD_STR(w->rows, key, r);
}

static void take_profile(World *w, const OapCall *call) {
        char task[512] = "";
        int64_t now_ms = 0;

        for (size_t i = 0; i < call->n_messages; i++) {
                Skywalking__V3__EBPFProfilingData *d = skywalking__v3__ebpfprofiling_data__unpack(
                                NULL, call->messages[i].size, call->messages[i].data);

                cr_assert(d);
                if (d->task) {
                        (void) snprintf(task, sizeof(task), "%s", d->task->taskid);
                        now_ms = d->task->currenttime;
                }
                cr_assert_neq(task[0], '\0', "item 29");
                keep(w, task, now_ms, d->oncpu->stacks[0]->stackid, d->oncpu->dumpcount);
                skywalking__v3__ebpfprofiling_data__free_unpacked(d, NULL);
        }
}

/* OAP has it from then on, whatever we hear of it. */
static void take_effect(World *w, const OapCall *call, char id[static 32]) {
        if (strstr(call->method, "reportProfilingTask"))
                (void) snprintf(id, 32, "oap-%u", w->n_ids++);
        else if (strstr(call->method, "collectProfilingData"))
                take_profile(w, call);
}

static void answer(World *w, OapCall *call) {
        static const int failures[] = { OAP_STATUS_UNAVAILABLE,
                                        OAP_STATUS_DEADLINE_EXCEEDED,
                                        OAP_STATUS_RESOURCE_EXHAUSTED,
                                        OAP_STATUS_UNIMPLEMENTED,
                                        OAP_STATUS_PERMISSION_DENIED };
        bool is_report = strstr(call->method, "reportProfilingTask");
        unsigned dice = w->is_calm ? 0 : below(w, 10);
        char id[32] = "";

        if (dice < 8)
                take_effect(w, call, id);
        if (dice < 6 && is_report)
                bed_answer_id(call, id);
        else if (dice < 6)
                fake_call_answer(call, "", 0);
        else
                fake_call_fail(call, failures[below(w, ELEMENTSOF(failures))], "");
}

static void on_call(OapCall *call, void *userdata) {
        World *w = userdata;

        if (!w->is_calm && below(w, 4) == 0)
                w->held = call; /* takes its time */
        else
                answer(w, call);
}

static void restart(World *w) {
        w->n_resent += bed_status(w->bed).n_resent;
        w->held = NULL;
        forward_bed_restart(w->bed);
        fake_transport_set_server(w->bed->transport, on_call, w);
}

static void record(World *w) {
        unsigned number = 1 + below(w, w->n_ours);
        size_t n_stacks = 1 + below(w, 6);
        int32_t count = 1 + (int32_t) below(w, 5);

        w->bed->now_ms += 10; /* later than the flush before */
        cr_assert_eq(bed_profile(w->bed, number, NULL, n_stacks, count), 0);
        w->recorded[number] += (int64_t) n_stacks * count;
}

static void live(World *w) {
        switch (below(w, 24)) {
        case 0:
                if (w->n_ours + 1 < TASKS_MAX)
                        cr_assert_eq(bed_report(w->bed, ++w->n_ours, OAP_TARGET_ON_CPU), 0);
                break;
        case 1:
        case 2:
                if (w->n_ours > 0)
                        record(w);
                break;
        case 3:
                cr_assert_eq(bed_meters(w->bed, 5), 0);
                break;
        case 4:
                if (below(w, 3) == 0)
                        restart(w);
                break;
        case 5:
                if (w->held) {
                        OapCall *call = w->held;

                        w->held = NULL;
                        answer(w, call);
                }
                break;
        default:
                forward_bed_advance(w->bed, below(w, 2) ? USEC_PER_MSEC : below(w, 400) * USEC_PER_SEC);
                break;
        }
}

/* All that is left goes out. Somebody else is answered, so that reports know that OAP is there. */
static void on_other(const OapCallResult *result, void *userdata) {
}

static void drain(World *w) {
        w->is_calm = true;
        restart(w);
        for (unsigned i = 0; bed_status(w->bed).spool.n_records > 0; i++) {
                const OapCallRequest ping = { .method = "/keepAlive", .timeout_usec = USEC_PER_SEC };

                cr_assert_lt(i, 10000);
                (void) oap_client_call(w->bed->client, &ping, w->bed->now_usec, on_other, w);
                forward_bed_advance(w->bed, USEC_PER_SEC);
        }
}

static int64_t sum_of(const World *w, const char *id) {
        size_t n = strlen(id);
        int64_t sum = 0;

        for (const Row *r = w->rows; r; r = r->hh.next)
                if (strncmp(r->key, id, n) == 0 && r->key[n] == ' ')
                        sum += r->count;

        return sum;
}

static bool was_refused(const ForwardBed *b, const char *ours) {
        for (size_t i = 0; i < b->n_refused; i++)
                if (strcmp(b->refused[i].ours, ours) == 0)
                        return true;

        return false;
}

static void expect_all_there(World *w, unsigned seed) {
        int64_t all = 0, known = 0;

        for (unsigned i = 1; i <= w->n_ours; i++) {
                char ours[TASK_ID_MAX];
                const char *id = oap_forward_task_id(w->bed->forward, bed_task(i, ours), OAP_TARGET_ON_CPU);

                if (!id) {
                        cr_expect(was_refused(w->bed, ours), "world %u: task %u is neither", seed, i);
                        continue;
                }
                cr_expect_eq(sum_of(w, id), w->recorded[i], "item 33: world %u, task %u", seed, i);
                known += w->recorded[i];
        }
        for (const Row *r = w->rows; r; r = r->hh.next)
                all += r->count;
        cr_expect_eq(all, known, "world %u: data of no task", seed);
}

Test(oap_forward_any, items_23_24_29_33_34_whatever_goes_wrong_each_stack_is_there_once) {
        uint64_t n_rows = 0, n_resent = 0, n_ours = 0, n_refused = 0;

        for (unsigned seed = 1; seed <= WORLDS; seed++) {
                _cleanup_(forward_bed_freep) ForwardBed *bed = forward_bed_new();
                World w = { .bed = bed, .random = seed * UINT64_C(0x9e3779b97f4a7c15) };
                Row *r, *next;

                restart(&w);
                for (unsigned i = 0; i < STEPS; i++)
                        live(&w);
                drain(&w);
                expect_all_there(&w, seed);
                n_resent += w.n_resent;

                n_ours += w.n_ours;
                n_refused += bed->n_refused;
                n_rows += HASH_COUNT(w.rows);
                HASH_ITER(hh, w.rows, r, next) {
                        HASH_DEL(w.rows, r);
                        free(r);
                }
        }

        /* the worlds were not idle */
        cr_expect_gt(n_rows, 1000);
        cr_expect_gt(n_resent, 100);
        cr_expect_lt(n_refused,
                     n_ours / 2,
                     "most tasks became known: %" PRIu64 " of %" PRIu64 " did not",
                     n_refused,
                     n_ours);
}
