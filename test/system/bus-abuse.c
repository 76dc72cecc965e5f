/* SPDX-License-Identifier: Apache-2.0 */
/* bus-abuse: calls every method of cprofd with strings of one megabyte and with wrong types. Each call has
 * to be answered with an error in time; prints those that were not. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#define _cleanup_(f) __attribute__((cleanup(f)))

#define NAME "org.skywalking.ContinuousProfiling1"
#define PATH "/org/skywalking/ContinuousProfiling1"
#define LARGE_BYTES (1024U * 1024)
#define PATIENCE_USEC (10U * 1000 * 1000)

/* The right signature of each method with a string, and one that is wrong. */
static const struct {
        const char *method, *types, *wrong;
} methods[] = {
        { "AddPolicy", "ssb", "s" },    { "RemovePolicy", "s", "i" },  { "MaskPolicy", "sb", "bs" },
        { "UnmaskPolicy", "sb", "ay" }, { "GetPolicy", "s", "u" },     { "CheckPolicy", "ss", "sss" },
        { "GetWindows", "s", "b" },     { "StartTask", "sstu", "st" }, { "StopTask", "s", "t" },
        { "GetTask", "s", "i" },        { "DeleteTask", "s", "b" },    { "GetProfile", "ss", "uu" },
        { "ListUnits", NULL, "s" },     { "Reload", NULL, "s" },       { "ListTasks", NULL, "u" },
};

/* Zero bits stand for each number, @text for each string, no element for each array. */
static int append(sd_bus_message *m, const char *types, const char *text) {
        static const uint64_t zero;
        int r = 0;

        for (; *types && r >= 0; types++) {
                if (*types == 'a')
                        return sd_bus_message_append_array(m, types[1], NULL, 0);
                r = sd_bus_message_append_basic(m, *types, *types == 's' ? (const void *) text : &zero);
        }

        return r;
}

static int call(sd_bus *bus, const char *method, const char *types, const char *text, const char *what) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL, *reply = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &m, NAME, PATH, NAME, method);
        if (r >= 0)
                r = append(m, types, text);
        if (r < 0)
                return r;

        r = sd_bus_call(bus, m, PATIENCE_USEC, &error, &reply);
        if (r < 0 && !sd_bus_error_has_name(&error, SD_BUS_ERROR_NO_REPLY) &&
            !sd_bus_error_has_name(&error, SD_BUS_ERROR_DISCONNECTED)) {
                printf("%s (%s): %.120s\n", method, what, error.message);
                return 0;
        }

        /* CheckPolicy answers with what is wrong */
        if (r >= 0 && strcmp(method, "CheckPolicy") == 0)
                return 0;

        printf("BAD: %s (%s) %s\n", method, what, r < 0 ? error.name : "was accepted");
        return -EPROTO;
}

int main(void) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *bus = NULL;
        int status = EXIT_SUCCESS, r;
        char *large;

        r = sd_bus_open_system(&bus);
        large = malloc(LARGE_BYTES + 1);
        if (r < 0 || !large)
                return EXIT_FAILURE;

        memset(large, 'x', LARGE_BYTES);
        large[LARGE_BYTES] = '\0';

        for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
                const char *right = methods[i].types;

                if (right && call(bus, methods[i].method, right, large, "1 MB") < 0)
                        status = EXIT_FAILURE;
                if (right && call(bus, methods[i].method, right, "", "empty") < 0)
                        status = EXIT_FAILURE;
                if (call(bus, methods[i].method, methods[i].wrong, "x", "wrong types") < 0)
                        status = EXIT_FAILURE;
        }

        free(large);
        return status;
}
