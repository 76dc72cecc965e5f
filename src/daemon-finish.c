/* SPDX-License-Identifier: Apache-2.0 */
/* From ended tasks to named evidence. */
#include "daemon-private.h"

#include "basic/log.h"
#include "symbol/hottest.h"
#include "symbol/naming.h"

#include <utlist.h>

#define HOTTEST_N 3U

static void finish(Daemon *d, Finishing *f) {
        TaskEvidence e = { .symbols = f->symbols[TASK_PART_RECORDED],
                           .before_symbols = f->symbols[TASK_PART_BEFORE] };
        Task *t = f->task;

        if (e.symbols) {
                e.profile = t->profile;
                if (profile_hottest(e.profile, e.symbols, HOTTEST_N, &t->hottest) < 0)
                        t->hottest = NULL;
                profile_count_named(e.profile, e.symbols, &t->quality.n_frames, &t->quality.n_frames_named);
        }
        if (e.before_symbols)
                e.before = t->before;

        sinks_task_ended(&d->sinks, t, &e);
        DL_DELETE(d->finishing, f);
        symbol_job_free(f->job);
        for (TaskPart part = 0; part < _TASK_PART_MAX; part++)
                symbols_free(f->symbols[part]);

        if (d->bus)
                bus_emit_task_finished(d->bus, t);

        task_free(t);
        free(f);
}

/* What is to be named of a part; NULL: nothing. */
static const Profile *part_profile(const Task *t, TaskPart part) {
        const Profile *p = part == TASK_PART_BEFORE ? t->before : t->profile;

        return p && profile_n_stacks(p) > 0 ? p : NULL;
}

/* Names the oldest ended task a little further, and writes it when that is done. */
void daemon_finish_step(Daemon *d, usec_t budget_usec) {
        Finishing *f = d->finishing;
        const Profile *profile;
        int r;

        if (f->part == _TASK_PART_MAX) {
                finish(d, f);
                return;
        }

        profile = part_profile(f->task, f->part);
        if (!profile) {
                f->part++;
                return;
        }

        if (!f->job) {
                daemon_java_open_maps(d->java, profile);
                r = symbol_job_new(d->symbolizer, profile, &f->job);
                if (r < 0) {
                        log_error_errno(r,
                                        "Failed to name the profile of task '%s', dropping it: %m",
                                        f->task->id);
                        f->part++;
                }
                return;
        }

        if (symbol_job_step(f->job, budget_usec) > 0)
                return;

        f->symbols[f->part++] = symbol_job_take(f->job);
        f->job = symbol_job_free(f->job);
}
