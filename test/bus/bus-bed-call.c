/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of the bed: calls and what they answer. */
#include "bus/bus-bed.h"

#include "bus/bus-names.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>

#define REPLY_TIMEOUT_MS 10000

/* Whether either end had something to do. */
static bool process(BusBed *b) {
        int server = sd_bus_process(b->server, NULL), client = sd_bus_process(b->client, NULL);

        cr_assert_geq(server, 0, "the daemon's connection broke: %s", strerror(-server));
        cr_assert_geq(client, 0, "the client's connection broke: %s", strerror(-client));
        cr_assert_gt(sd_bus_is_open(b->server), 0, "the daemon's connection is closed");
        cr_assert_gt(sd_bus_is_open(b->client), 0, "the client's connection is closed");
        return server > 0 || client > 0;
}

static int poll_bus(BusBed *b, int timeout_ms) {
        struct pollfd fds[] = {
                { .fd = sd_bus_get_fd(b->server), .events = (short) sd_bus_get_events(b->server) },
                { .fd = sd_bus_get_fd(b->client), .events = (short) sd_bus_get_events(b->client) },
        };

        return poll(fds, ELEMENTSOF(fds), timeout_ms);
}

void bus_bed_flush(BusBed *b) {
        do
                while (process(b))
                        ;
        while (poll_bus(b, 0) > 0);
}

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        *(sd_bus_message **) userdata = sd_bus_message_ref(m);
        return 1;
}

sd_bus_message *bus_bed_send(BusBed *b, sd_bus_message *m) {
        sd_bus_message *reply = NULL;

        cr_assert_geq(sd_bus_call_async(b->client, NULL, m, on_reply, &reply, UINT64_MAX), 0);
        sd_bus_message_unref(m);

        while (!reply)
                if (!process(b))
                        cr_assert_gt(poll_bus(b, REPLY_TIMEOUT_MS), 0, "there is no reply");

        return reply;
}

sd_bus_message *bus_bed_call(BusBed *b, const char *method, const char *types, ...) {
        sd_bus_message *m;
        va_list ap;

        cr_assert_geq(sd_bus_message_new_method_call(
                                      b->client, &m, NULL, CPROF_BUS_PATH, CPROF_BUS_INTERFACE, method),
                      0);

        va_start(ap, types);
        cr_assert_geq(sd_bus_message_appendv(m, types, ap), 0);
        va_end(ap);

        return bus_bed_send(b, m);
}

sd_bus_message *bus_bed_get(BusBed *b, const char *property) {
        sd_bus_message *m, *reply;
        const char *contents;

        cr_assert_geq(sd_bus_message_new_method_call(
                                      b->client,
                                      &m,
                                      NULL,
                                      CPROF_BUS_PATH,
                                      "org.freedesktop.DBus.Properties",
                                      "Get"),
                      0);
        cr_assert_geq(sd_bus_message_append(m, "ss", CPROF_BUS_INTERFACE, property), 0);

        reply = bus_bed_send(b, m);
        cr_assert_eq(sd_bus_message_is_method_error(reply, NULL), 0, "%s", property);
        cr_assert_gt(sd_bus_message_peek_type(reply, NULL, &contents), 0);
        cr_assert_gt(sd_bus_message_enter_container(reply, 'v', contents), 0);
        return reply;
}

void bus_bed_succeeds(sd_bus_message *reply) {
        const sd_bus_error *e = sd_bus_message_get_error(reply);

        cr_expect_null(e, "%s: %s", e ? e->name : "", e ? e->message : "");
        sd_bus_message_unref(reply);
}

void bus_bed_fails(sd_bus_message *reply, const char *name, const char *message) {
        const sd_bus_error *e = sd_bus_message_get_error(reply);

        cr_assert_not_null(e, "a reply instead of: %s", message);
        cr_expect_str_eq(e->name, name ?: SD_BUS_ERROR_INVALID_ARGS);
        cr_expect_str_eq(e->message, message);
        sd_bus_message_unref(reply);
}
