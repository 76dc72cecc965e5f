/* SPDX-License-Identifier: Apache-2.0 */
/* From ended tasks to named evidence. */
#include "daemon-private.h"

#include "basic/log.h"
#include "host/clock.h"
#include "symbol/hottest.h"
#include "symbol/naming.h"

#include <string.h>
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

/* Whether debug information of the module would give names that it does not have. */
static bool lacks_names(const Symbols *s, unsigned module) {
        const char *source = symbols_source(s, module);

        return symbols_build_id(s, module) && (strcmp(source, "none") == 0 || strcmp(source, "dynsym") == 0);
}

/* Asks for the debug files that the part could use. Returns whether there is any to wait for. */
static bool begin_fetch(Daemon *d, Finishing *f, const Profile *profile) {
        const Symbols *s = f->symbols[f->part];
        bool any = false;

        if (!d->fetcher || f->fetched)
                return false;

        for (unsigned i = 0; i < profile_n_modules(profile); i++)
                any |= lacks_names(s, i) && fetcher_ask(d->fetcher, symbols_build_id(s, i));
        if (!any)
                return false;

        f->fetch_end_usec = clock_monotonic_usec() + FETCH_PATIENCE_USEC;
        return true;
}

static void next_part(Finishing *f) {
        f->part++;
        f->fetched = false;
}

/* Returns whether it has to wait still. When that is over, a part for which something came is named again.
 */
static bool wait_for_fetch(Daemon *d, Finishing *f) {
        const Profile *profile = part_profile(f->task, f->part);
        usec_t now_usec = clock_monotonic_usec();
        Symbols *s = f->symbols[f->part];
        bool any = false;

        if (d->fetcher && now_usec < f->fetch_end_usec)
                for (unsigned i = 0; i < profile_n_modules(profile); i++)
                        if (lacks_names(s, i) && fetcher_is_busy(d->fetcher, symbols_build_id(s, i)))
                                return true;

        for (unsigned i = 0; d->fetcher && i < profile_n_modules(profile); i++)
                if (lacks_names(s, i) && fetcher_has_file(d->fetcher, symbols_build_id(s, i))) {
                        symbolizer_forget(d->symbolizer, profile_module(profile, i));
                        any = true;
                }

        f->fetch_end_usec = 0;
        f->fetched = true;
        if (any)
                f->symbols[f->part] = symbols_free(s);
        else
                next_part(f);
        return false;
}

static void finish_step(Daemon *d, Finishing *f, usec_t budget_usec) {
        const Profile *profile;
        int r;

        if (f->part == _TASK_PART_MAX) {
                finish(d, f);
                return;
        }

        profile = part_profile(f->task, f->part);
        if (!profile) {
                next_part(f);
                return;
        }

        if (!f->job) {
                daemon_java_open_maps(d->java, profile);
                r = symbol_job_new(d->symbolizer, profile, &f->job);
                if (r < 0) {
                        log_error_errno(r,
                                        "Failed to name the profile of task '%s', dropping it: %m",
                                        f->task->id);
                        next_part(f);
                }
                return;
        }

        if (symbol_job_step(f->job, budget_usec) > 0)
                return;

        f->symbols[f->part] = symbol_job_take(f->job);
        f->job = symbol_job_free(f->job);
        if (!begin_fetch(d, f, profile))
                next_part(f);
}

/* Names the oldest ended task that does not wait for files a little further, and writes it when that is
 * done. */
bool daemon_finish_step(Daemon *d, usec_t budget_usec) {
        usec_t now_usec = clock_monotonic_usec();
        Finishing *f;

        if (d->fetcher)
                fetcher_step(d->fetcher, now_usec);

        DL_FOREACH(d->finishing, f) {
                if (now_usec < f->not_before_usec || (f->fetch_end_usec > 0 && wait_for_fetch(d, f)))
                        continue;

                finish_step(d, f, budget_usec);
                return true;
        }

        return false;
}
