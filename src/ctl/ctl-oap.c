/* SPDX-License-Identifier: Apache-2.0 */
/* "cprofctl oap status": the connection to SkyWalking. */
#include "ctl/ctl-bus.h"
#include "ctl/oap-status.h"
#include "ctl/pager.h"
#include "ctl/view.h"

#include "basic/log.h"
#include "basic/utf8.h"

#include <string.h>

static void print_label(const char *label) {
        printf("%10s ", label);
}

/* Names and errors come from elsewhere. */
static void print_text(const char *text) {
        _cleanup_(freep) char *clean = utf8_sanitize(text, strlen(text));

        fputs(clean ?: "", stdout);
}

static Colour state_colour(const char *state) {
        return strcmp(state, "connected") == 0                                          ? COLOUR_GREEN
                        : strcmp(state, "failed") == 0 || strcmp(state, "refused") == 0 ? COLOUR_RED
                        : strcmp(state, "away") == 0 || strcmp(state, "busy") == 0      ? COLOUR_YELLOW
                                                                                        : COLOUR_NORMAL;
}

static void print_bytes(uint64_t bytes) {
        if (bytes < 1024)
                printf("%" PRIu64 " B", bytes);
        else if (bytes < 1024 * 1024)
                printf("%.1f KiB", (double) bytes / 1024.0);
        else
                printf("%.1f MiB", (double) bytes / (1024.0 * 1024.0));
}

static void print_connection(const Ctl *c, const json_t *s) {
        const char *state = json_text_at(s, "state", "?"), *error = json_text_at(s, "last_error", NULL);
        const char *ebpf = json_text_at(s, "ebpf_address", NULL);
        bool is_well = strcmp(state, "connected") == 0;
        char text[VIEW_TEXT_MAX];

        printf("%s OAP ", c->utf8 ? "●" : "*");
        print_text(json_text_at(s, "peer", json_text_at(s, "address", "?")));
        printf(": %s%s%s\n", colour_on(c, state_colour(state)), state, colour_on(c, COLOUR_NORMAL));

        print_label("Address:");
        print_text(json_text_at(s, "address", "?"));
        if (ebpf) {
                printf(", for profiling ");
                print_text(ebpf);
        }
        putchar('\n');

        if (json_u64_at(s, "since_usec") > 0) {
                print_label("Since:");
                printf("%s\n", view_time(json_u64_at(s, "since_usec"), text));
        }
        if (error) {
                print_label("Error:");
                printf("%s", is_well ? "" : colour_on(c, COLOUR_RED));
                print_text(error);
                printf("%s\n", is_well ? " (over)" : colour_on(c, COLOUR_NORMAL));
        }
        if (!is_well && json_u64_at(s, "retry_usec") > 0) {
                print_label("Retry:");
                printf("in %s\n", view_span(json_u64_at(s, "retry_usec"), text));
        }
}

static void print_calls(const json_t *s) {
        print_label("Calls:");
        printf("%" PRIu64 " running, %" PRIu64 " queued; %" PRIu64 " so far, %" PRIu64 " failed; ",
               json_u64_at(s, "calls.running"),
               json_u64_at(s, "calls.queued"),
               json_u64_at(s, "counters.calls"),
               json_u64_at(s, "counters.calls-failed"));
        print_bytes(json_u64_at(s, "counters.bytes-sent"));
        printf(" sent, ");
        print_bytes(json_u64_at(s, "counters.bytes-received"));
        printf(" received\n");
        if (json_u64_at(s, "calls.methods_refused") > 0) {
                print_label("");
                printf("%" PRIu64 " of the services that are called are not there\n",
                       json_u64_at(s, "calls.methods_refused"));
        }
}

/* "3 reports, 120 meters" of counts by kind; nothing when all are 0. */
static void print_kinds(const json_t *s, const char *label, const char *path, const char *why) {
        static const struct {
                const char *kind, *one, *many;
        } kinds[] = {
                { "report", "report", "reports" },
                { "meters", "batch of meters", "batches of meters" },
                { "profile", "piece of profiles", "pieces of profiles" },
        };
        bool is_first = true;

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                uint64_t n = json_u64_at(json_at(s, path), kinds[i].kind);

                if (n == 0)
                        continue;

                if (is_first)
                        print_label(label);
                printf("%s%" PRIu64 " %s", is_first ? "" : ", ", n, n == 1 ? kinds[i].one : kinds[i].many);
                is_first = false;
        }

        if (!is_first)
                printf("%s\n", why);
}

static void print_spool(const json_t *s) {
        uint64_t n = json_u64_at(s, "spool.records");
        char text[VIEW_TEXT_MAX];

        print_label("Spool:");
        if (n == 0)
                printf("empty");
        else {
                printf("%" PRIu64 " %s, ", n, n == 1 ? "record" : "records");
                print_bytes(json_u64_at(s, "spool.bytes"));
                printf(", the oldest of %s", view_time(json_u64_at(s, "spool.oldest_usec"), text));
        }
        printf("; at most ");
        print_bytes(json_u64_at(s, "spool.max_use_bytes"));
        printf(" and %s\n", view_span(json_u64_at(s, "spool.max_age_usec"), text));

        print_kinds(s, "Sent:", "spool.sent", "");
        print_kinds(s, "Dropped:", "spool.dropped", ", for want of room or for their age");
        print_kinds(s, "Refused:", "spool.refused", ", OAP never takes them");
}

static void print_processes(const json_t *s) {
        print_label("Processes:");
        printf("%" PRIu64 " registered", json_u64_at(s, "processes.registered"));
        if (json_u64_at(s, "processes.waiting") > 0)
                printf(", %" PRIu64 " waiting for OAP's answer", json_u64_at(s, "processes.waiting"));
        if (json_u64_at(s, "processes.layer_refused") > 0)
                printf(", %" PRIu64 " of a layer that OAP does not know",
                       json_u64_at(s, "processes.layer_refused"));
        putchar('\n');
}

static void print_policies(const json_t *policies) {
        size_t i;
        json_t *p;

        json_array_foreach((json_t *) policies, i, p) {
                uint64_t n_refused = json_u64_at(p, "refused"), n = json_u64_at(p, "items");

                print_label(i == 0 ? "Policies:" : "");
                print_text(json_text_at(p, "service", "?"));
                printf(": ");
                if (n + n_refused == 0)
                        printf("none");
                else
                        printf("%" PRIu64 " %s", n, n == 1 ? "item" : "items");
                if (n_refused > 0)
                        printf(", %" PRIu64 " refused", n_refused);
                if (json_text_at(p, "uuid", NULL)) {
                        printf(", UUID ");
                        print_text(json_text_at(p, "uuid", ""));
                }
                putchar('\n');
        }
}

static void print_runs(const json_t *runs) {
        char text[VIEW_TEXT_MAX];
        size_t i;
        json_t *r;

        json_array_foreach((json_t *) runs, i, r) {
                print_label(i == 0 ? "Sending:" : "");
                print_text(json_text_at(r, "target", "?"));
                printf(" of ");
                print_text(json_text_at(r, "service", "?"));
                printf(", ");
                print_text(json_text_at(r, "process", "?"));
                printf(" until %s: ", view_time(json_u64_at(r, "end_usec"), text));
                print_text(json_text_at(r, "oap_task", "no ID of OAP's yet"));
                printf(", task ");
                print_text(json_text_at(r, "task", "none now"));
                putchar('\n');
        }
}

int verb_oap_status(Ctl *c, int argc, char **argv) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(json_decrefp) json_t *s = NULL;
        int r;

        r = ctl_call(c, "get the status of the OAP", "GetOapStatus", &reply, NULL);
        if (r < 0)
                return r;

        r = oap_status_read(reply, &s);
        if (r < 0)
                return bus_complain_reply(r);

        if (c->options.json != JSON_MODE_OFF)
                return json_out(c, s);

        if (strcmp(json_text_at(s, "state", "off"), "off") == 0) {
                printf("No OAP is configured: Address= in [OAP] of /etc/cprof/cprofd.conf is the one to connect to.\n");
                return EXIT_SUCCESS;
        }

        pager_open(c);
        print_connection(c, s);
        if (strcmp(json_text_at(s, "state", "?"), "failed") == 0) /* the rest says nothing */
                return EXIT_SUCCESS;

        print_calls(s);
        print_spool(s);
        print_processes(s);
        print_policies(json_at(s, "policies"));
        print_runs(json_at(s, "runs"));
        return EXIT_SUCCESS;
}
