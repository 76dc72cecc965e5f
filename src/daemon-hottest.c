/* SPDX-License-Identifier: Apache-2.0 */
/* GetHottest: the recorder's last seconds of a unit, named in the idle slices of the loop. */
#include "daemon-private.h"

#include "basic/log.h"
#include "symbol/hot-functions.h"

#include <utlist.h>

#define HOTTEST_REQUESTS_MAX 8U
#define HOTTEST_SLICE_USEC (2 * USEC_PER_MSEC)

struct HottestRequest {
        BusHottest *call; /* owned */
        Profile *profile; /* a snapshot, owned */
        SymbolJob *job;   /* NULL until its turn */
        unsigned max;
        struct HottestRequest *next, *prev;
};

static HottestRequest *request_free(HottestRequest *q) {
        if (!q)
                return NULL;

        symbol_job_free(q->job);
        profile_free(q->profile);
        bus_hottest_free(q->call);
        free(q);
        return NULL;
}
DEFINE_CLEANUP(HottestRequest *, request_free)

/* A BusContext.hottest. */
int daemon_hottest(void *userdata, const char *unit, usec_t span_usec, unsigned max, BusHottest *call) {
        _cleanup_(request_freep) HottestRequest *q = NULL;
        Daemon *d = userdata;
        HottestRequest *other;
        unsigned n;
        int r;

        DL_COUNT(d->hottest_requests, other, n);
        if (n >= HOTTEST_REQUESTS_MAX)
                return -EBUSY;

        q = calloc(1, sizeof(*q));
        if (!q)
                return -ENOMEM;

        r = task_manager_recent(
                        d->tasks,
                        unit,
                        (unsigned) ((span_usec + USEC_PER_SEC - 1) / USEC_PER_SEC),
                        &q->profile);
        if (r < 0)
                return r;

        q->max = max;
        q->call = call; /* from here on nothing fails */
        DL_APPEND(d->hottest_requests, q);
        TAKE_PTR(q);
        (void) sd_event_source_set_enabled(d->idle_source, SD_EVENT_ON);
        return 0;
}

static int answer(HottestRequest *q) {
        _cleanup_(symbols_freep) Symbols *symbols = symbol_job_take(q->job);
        _cleanup_(freep) HotFunction *functions = NULL;
        size_t n = 0;
        int r;

        r = symbols ? profile_hot_functions(q->profile, symbols, q->max, &functions, &n) : -ENOMEM;
        if (r < 0)
                return bus_hottest_fail(TAKE_PTR(q->call), r, "Failed to name the functions");

        return bus_hottest_answer(
                        TAKE_PTR(q->call),
                        profile_period_nsec(q->profile),
                        profile_n_samples(q->profile),
                        functions,
                        n);
}

bool daemon_hottest_step(Daemon *d) {
        HottestRequest *q = d->hottest_requests;
        int r;

        if (!q)
                return false;

        if (!q->job) {
                r = symbol_job_new(d->symbolizer, q->profile, &q->job);
                if (r >= 0)
                        return true;

                r = bus_hottest_fail(TAKE_PTR(q->call), r, "Failed to name the functions");
        } else {
                if (symbol_job_step(q->job, HOTTEST_SLICE_USEC) > 0)
                        return true;

                r = answer(q);
        }
        if (r < 0)
                log_debug_errno(r, "Failed to answer GetHottest, its caller may be gone: %m");

        DL_DELETE(d->hottest_requests, q);
        request_free(q);
        return true;
}

void daemon_hottest_cancel(Daemon *d) {
        HottestRequest *q, *next;

        DL_FOREACH_SAFE(d->hottest_requests, q, next) {
                DL_DELETE(d->hottest_requests, q);
                request_free(q);
        }
}
