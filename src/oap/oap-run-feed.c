/* SPDX-License-Identifier: Apache-2.0 */
/* From recordings of ours to what OAP gets of them. */
#include "oap/oap-run-private.h"

#include "basic/log.h"

#include <string.h>
#include <utlist.h>

/* Between the times of two flushes of one run: a large one has several. */
#define FLUSH_SPACING_MS 1000
#define FLUSH_AWAY_MS (60 * INT64_C(1000))

/* What @profile has of what @target is about. */
static void
profile_total(OapTarget target, const Profile *profile, uint64_t *ret_count, uint64_t *ret_nsec) {
        bool is_oncpu = target == OAP_TARGET_ON_CPU;

        *ret_count = !profile ? 0 : is_oncpu ? profile_n_samples(profile) : profile_n_switches(profile);
        *ret_nsec = !profile || is_oncpu ? 0 : profile_offcpu_nsec(profile);
}

OapFeed *oap_run_feed(OapRun *run, const char *ours) {
        for (size_t i = 0; i < OAP_RUN_FEEDS_MAX; i++)
                if (strcmp(run->feeds[i].ours, ours) == 0 && !run->feeds[i].is_frozen)
                        return run->feeds + i;

        return NULL;
}

size_t oap_run_n_feeds(const OapRun *run) {
        size_t n = 0;

        for (size_t i = 0; i < OAP_RUN_FEEDS_MAX; i++)
                n += run->feeds[i].ours[0] != '\0';

        return n;
}

/* The stacks that OAP has of the run stay known: there is a limit for all of them. */
static int get_profile(OapRun *run, const Profile *baseline, OapProfile **ret) {
        int r;

        if (!run->spare)
                return oap_profile_new(run->target, baseline, ret);

        r = oap_profile_rebase(run->spare, baseline);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(run->spare);
        return 0;
}

int oap_run_attach(OapRun *run, const char *ours, const Profile *baseline, OapFeed **ret_feed) {
        uint64_t told_count, told_nsec, count, nsec;
        OapFeed *f = NULL;
        int r;

        assert(ours[0]);
        assert(strlen(ours) < TASK_ID_MAX);

        for (size_t i = 0; i < OAP_RUN_FEEDS_MAX && !f; i++)
                if (!run->feeds[i].ours[0])
                        f = run->feeds + i;
        if (!f)
                return -EBUSY;

        *f = (OapFeed){};
        r = get_profile(run, baseline, &f->profile);
        if (r < 0)
                return r;

        strcpy(f->ours, ours);
        oap_profile_told(f->profile, &told_count, &told_nsec);
        profile_total(run->target, baseline, &count, &nsec);
        f->base_count = told_count - count;
        f->base_nsec = told_nsec - nsec;

        *ret_feed = f;
        return 0;
}

int oap_run_freeze(const OapRun *run, OapFeed *f, const Profile *profile) {
        uint64_t count, nsec;
        int r;

        r = oap_profile_freeze(f->profile, profile);
        if (r < 0)
                return r;

        profile_total(run->target, profile, &count, &nsec);
        f->all_count = f->base_count + count;
        f->all_nsec = f->base_nsec + nsec;
        f->is_frozen = true;
        return 0;
}

static void detach(OapRun *run, OapFeed *f) {
        oap_profile_free(run->spare);
        run->spare = TAKE_PTR(f->profile);
        *f = (OapFeed){};
}

/* Whether all of a frozen one was told. */
static bool all_is_told(const OapFeed *f) {
        uint64_t count, nsec;

        oap_profile_told(f->profile, &count, &nsec);
        return count == f->all_count && nsec == f->all_nsec;
}

static int send(OapRuns *r, OapRun *run, const char *ours, const OapMessages *messages, int64_t now_ms) {
        int64_t not_before_ms = MAX_OF(run->start_ms, run->last_ms + FLUSH_SPACING_MS);
        const OapFlush flush = {
                .ours = run->task ? NULL : ours,
                .task = run->task,
                .target = run->target,
                .entity = { run->layer, run->service, run->instance, run->process },
                .pid = run->pid,
                .start_ms = run->start_ms,
                .now_ms = MAX_OF(now_ms, not_before_ms),
        };

        run->last_ms = flush.now_ms;
        return oap_forward_profile(r->forward, &flush, messages);
}

/* While OAP is away a flush is one more that waits on disk, with the same stacks as the one before it: fewer
 * of them say the same. What has to be told with this one is not put off. */
static bool is_too_soon(const OapRuns *r, const OapRun *run, int64_t now_ms) {
        OapClientStatus status;

        if (run->last_ms == 0 || now_ms < run->last_ms || now_ms >= run->last_ms + FLUSH_AWAY_MS)
                return false;

        oap_client_status(r->client, &status);
        return status.state != OAP_STATE_CONNECTED;
}

static int
flush(OapRuns *r,
      OapRun *run,
      OapFeed *f,
      const Profile *profile,
      const Symbols *symbols,
      bool last,
      int64_t now_ms) {
        _cleanup_(oap_messages_done) OapMessages messages = {};
        int k;

        if (!last && is_too_soon(r, run, now_ms))
                return 0;

        k = oap_profile_flush(f->profile, profile, symbols, last, &messages);
        if (k < 0 || messages.n == 0)
                return k;

        return send(r, run, f->ours, &messages, now_ms);
}

/* What the end of a recording means for the run that it was started for. */
static void note_end(OapRun *run, const OapFeed *f, const Task *t) {
        if (!f->is_own || t->state != TASK_STATE_STOPPED || run->state != OAP_RUN_RUNNING)
                return;

        /* by a person, or because it costs too much: starting it again would be against that */
        run->is_stopped = true;
        log_notice("The recording of '%s' for a task of OAP's was stopped here (%s): OAP gets what there is of it.",
                   run->process,
                   t->reason ?: "no reason given");
}

/* Data of @t for one of the feeds that it is. */
static int
feed_data(OapRuns *r,
          OapRun *run,
          OapFeed *f,
          const Task *t,
          const Profile *profile,
          const Symbols *symbols,
          bool last,
          int64_t now_ms) {
        bool is_told = false;
        int k = 0;

        if (profile && symbols) {
                k = flush(r, run, f, profile, symbols, last || f->is_second, now_ms);
                is_told = f->is_frozen && (f->is_second || all_is_told(f));
                f->is_second = f->is_frozen;
        }

        if (last)
                note_end(run, f, t);
        if (last || is_told)
                detach(run, f);

        return k;
}

int oap_runs_task_data(
                OapRuns *r,
                const Task *t,
                const Profile *profile,
                const Symbols *symbols,
                bool last,
                int64_t now_ms) {
        OapRun *run, *next;
        int k, error = 0;

        assert(r);
        assert(t);

        DL_FOREACH_SAFE(r->runs, run, next) {
                for (size_t i = 0; i < OAP_RUN_FEEDS_MAX; i++) {
                        OapFeed *f = run->feeds + i;

                        if (strcmp(f->ours, t->id) != 0)
                                continue;

                        k = feed_data(r, run, f, t, profile, symbols, last, now_ms);
                        if (k < 0 && error >= 0)
                                error = k;
                }

                if (!run->task && oap_run_n_feeds(run) == 0)
                        oap_runs_remove(r, run);
        }

        return error;
}
