/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of nginx.service, as GetHttp tells of them. */
#include "mock-task.h"

#include "basic/cleanup.h"
#include "bus/bus-names.h"

#include <math.h>
#include <string.h>

typedef struct Sums {
        uint64_t n_total, n_4xx, n_5xx;
        double mean, p50, p95, p99;
} Sums;

static const Sums none = { .mean = NAN, .p50 = NAN, .p95 = NAN, .p99 = NAN };

static int append_sums(sd_bus_message *m, const Sums *s) {
        return sd_bus_message_append(
                        m, "(tttdddd)", s->n_total, s->n_4xx, s->n_5xx, s->mean, s->p50, s->p95, s->p99);
}

static int
append_rule(sd_bus_message *m, unsigned pid, const char *uri, const char *refused, const Sums *s) {
        int r;

        r = sd_bus_message_open_container(m, 'r', "sussu(tttdddd)(tttdddd)(tttdddd)");
        if (r >= 0)
                r = sd_bus_message_append(m, "sussu", pid > 0 ? "nginx\033[2J" : "", pid, uri, refused, 10U);
        for (unsigned i = 0; r >= 0 && i < 3; i++)
                r = append_sums(m, s);

        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_rules(sd_bus_message *m) {
        static const Sums busy = { 12340, 617, 1234, 412.5, 3.21, 987, 12345 };
        int r;

        r = sd_bus_message_open_container(m, 'a', CPROF_BUS_HTTP_RULE_SIGNATURE);
        if (r >= 0)
                r = append_rule(m, 0, "", "", &busy);
        if (r >= 0)
                r = append_rule(m, 0, "/api/a/path/that/is/longer/than/its/column", "", &none);
        if (r >= 0)
                r = append_rule(m, 0, "~^/a\033b/", "too complex together with the others", &none);
        if (r >= 0)
                r = append_rule(m, 812, "", "", &busy);

        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int
append_process(sd_bus_message *m, unsigned pid, const char *hook, const char *status, const char *reason) {
        return sd_bus_message_append(
                        m,
                        CPROF_BUS_HTTP_PROCESS_SIGNATURE,
                        "nginx\033[2J",
                        pid,
                        hook,
                        status,
                        reason,
                        (int) (pid == 813),
                        pid == 812 ? "its library is not known" : "",
                        2,
                        "unpaired-response",
                        UINT64_C(13),
                        "requests",
                        UINT64_C(12340));
}

static int append_processes(sd_bus_message *m) {
        int r;

        r = sd_bus_message_open_container(m, 'a', CPROF_BUS_HTTP_PROCESS_SIGNATURE);
        if (r >= 0)
                r = append_process(m, 812, "socket", "degraded", "connections of HTTP/2 are not measured");
        if (r >= 0)
                r = append_process(m, 813, "cgroup", "armed", "");
        if (r >= 0)
                r = append_process(m, 814, "", "impossible", "the kernel refused to measure the process");

        return r < 0 ? r : sd_bus_message_close_container(m);
}

int mock_method_get_http(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *unit;
        int r;

        r = sd_bus_message_read(m, "s", &unit);
        if (r < 0)
                return r;

        if (strcmp(unit, "idle.service") == 0)
                return sd_bus_reply_method_return(
                                m,
                                "a" CPROF_BUS_HTTP_RULE_SIGNATURE "a" CPROF_BUS_HTTP_PROCESS_SIGNATURE,
                                0,
                                0);
        if (strcmp(unit, "nginx.service") != 0)
                return sd_bus_error_setf(error, CPROF_BUS_ERROR_NO_SUCH_UNIT, "No unit '%s'.", unit);

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = append_rules(reply);
        if (r >= 0)
                r = append_processes(reply);

        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}
