/* SPDX-License-Identifier: Apache-2.0 */
/* What a unit does right now: asked for by cprofctl top. Naming takes time, so the answer comes later. */
#include "bus/bus-private.h"

#define SPAN_USEC_MAX (10 * USEC_PER_MINUTE)
#define FUNCTIONS_MAX 1000U

/* One call that waits for its answer. */
struct BusHottest {
        sd_bus_message *m; /* referenced */
};

BusHottest *bus_hottest_free(BusHottest *h) {
        if (!h)
                return NULL;

        (void) sd_bus_message_unref(h->m);
        free(h);
        return NULL;
}

static int append_functions(sd_bus_message *reply, const HotFunction *functions, size_t n) {
        int r;

        r = sd_bus_message_open_container(reply, 'a', CPROF_BUS_FUNCTION_SIGNATURE);

        for (size_t i = 0; r >= 0 && i < n; i++) {
                r = sd_bus_message_open_container(reply, 'r', "stt");
                if (r >= 0)
                        r = bus_append_text(reply, functions[i].name);
                if (r >= 0)
                        r = sd_bus_message_append(reply, "tt", functions[i].self, functions[i].total);
                if (r >= 0)
                        r = sd_bus_message_close_container(reply);
        }

        return r < 0 ? r : sd_bus_message_close_container(reply);
}

int bus_hottest_answer(
                BusHottest *h,
                uint64_t period_nsec,
                uint64_t n_samples,
                const HotFunction *functions,
                size_t n_functions) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(bus_hottest_freep) BusHottest *owned = h;
        int r;

        assert(h);

        r = sd_bus_message_new_method_return(h->m, &reply);
        if (r >= 0)
                r = sd_bus_message_append(reply, "tt", period_nsec, n_samples);
        if (r >= 0)
                r = append_functions(reply, functions, n_functions);
        if (r < 0)
                return r;

        return sd_bus_send(NULL, reply, NULL);
}

int bus_hottest_fail(BusHottest *h, int error, const char *message) {
        _cleanup_(bus_hottest_freep) BusHottest *owned = h;

        assert(h);

        return sd_bus_reply_method_errnof(h->m, error, "%s: %m", message);
}

static int refuse(const Unit *u, int r, sd_bus_error *error) {
        if (r == -EOPNOTSUPP)
                return sd_bus_error_setf(
                                error,
                                CPROF_BUS_ERROR_NOT_SUPPORTED,
                                "The recorder is off (RecorderHz= in cprofd.conf), so nothing is known of the "
                                "last seconds.");
        if (r == -EBUSY)
                return sd_bus_error_setf(
                                error, CPROF_BUS_ERROR_BUSY, "Too many ask for hottest functions at once.");

        return sd_bus_error_set_errnof(error, -r, "Failed to look at the last seconds of '%s': %m", u->name);
}

static int method_get_hottest(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(bus_hottest_freep) BusHottest *h = NULL;
        uint64_t span_usec;
        const char *name;
        Bus *b = userdata;
        uint32_t max;
        Unit *u;
        int r;

        r = sd_bus_message_read(m, "stu", &name, &span_usec, &max);
        if (r < 0)
                return r;

        if (span_usec < USEC_PER_SEC || span_usec > SPAN_USEC_MAX)
                return sd_bus_error_setf(
                                error, SD_BUS_ERROR_INVALID_ARGS, "The time must be from 1 s to 10 min.");
        if (max < 1 || max > FUNCTIONS_MAX)
                return sd_bus_error_setf(
                                error,
                                SD_BUS_ERROR_INVALID_ARGS,
                                "The number of functions must be from 1 to %u.",
                                FUNCTIONS_MAX);

        r = bus_find_unit(b, name, &u, error);
        if (r < 0)
                return r;

        h = calloc(1, sizeof(*h));
        if (!h)
                return -ENOMEM;
        h->m = sd_bus_message_ref(m);

        r = b->context.hottest ? b->context.hottest(b->context.userdata, u->name, span_usec, max, h)
                               : -EOPNOTSUPP;
        if (r < 0)
                return refuse(u, r, error);

        TAKE_PTR(h); /* the daemon's now, which may have answered already */
        return 1;
}

/* Names of functions tell what a program is made of: for those who may read profiles. */
const sd_bus_vtable bus_hottest_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS(
                        "GetHottest",
                        SD_BUS_ARGS("s", unit, "t", span_usec, "u", max),
                        SD_BUS_RESULT("t",
                                      period_nsec,
                                      "t",
                                      n_samples,
                                      "a" CPROF_BUS_FUNCTION_SIGNATURE,
                                      functions),
                        method_get_hottest,
                        0),
        SD_BUS_VTABLE_END,
};
