/* SPDX-License-Identifier: Apache-2.0 */
/* SkyWalking as a stand-in: connected with a history, or "off" once a policy "no-oap" was added. */
#include "mock-task.h"

#include "basic/cleanup.h"
#include "bus/bus-names.h"

#include <string.h>

static bool is_off(const Mock *mock) {
        return strcmp(mock->added, "no-oap") == 0;
}

static int append_services(sd_bus_message *m) {
        int r;

        r = sd_bus_message_append(
                        m,
                        "a" CPROF_BUS_SERVICE_SIGNATURE,
                        3,
                        "shop",
                        "host-a",
                        "nginx",
                        "GENERAL",
                        812,
                        "nginx.service",
                        "process",
                        "/etc/cprof/cprofd.conf:12",
                        "0123abcd",
                        "",
                        1,
                        "team",
                        "web\033[2J",
                        "shop",
                        "host-a",
                        "api",
                        "NOVEL",
                        813,
                        "api.service",
                        "process",
                        "/etc/cprof/cprofd.conf.d/50-api.conf:1",
                        "",
                        "OAP does not know the layer",
                        0,
                        "base",
                        "host-a",
                        "db",
                        "GENERAL",
                        0,
                        "db.service",
                        "unit",
                        "default",
                        "",
                        "",
                        0);

        return r < 0 ? r : sd_bus_message_append(m, "ut", 7, UINT64_C(0));
}

static int method_list_services(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = append_services(reply);

        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int append_numbers(sd_bus_message *m) {
        static const struct {
                const char *name;
                uint64_t n;
        } numbers[] = {
                { "SinceUSec", 1795230605000000 },
                { "RetryUSec", 12000000 },
                { "CallsRunning", 1 },
                { "CallsQueued", 2 },
                { "MethodsRefused", 0 },
                { "SpoolRecords", 3 },
                { "SpoolBytes", 2048 },
                { "SpoolOldestUSec", 1795230605000000 },
                { "SpoolMaxUse", 256 << 20 },
                { "SpoolMaxAgeUSec", UINT64_C(259200000000) },
                { "ProcessesRegistered", 12 },
                { "ProcessesWaiting", 1 },
                { "ProcessesLayerRefused", 2 },
                { "OfANewerDaemon", 9 },
        };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(numbers) && r >= 0; i++)
                r = sd_bus_message_append(m, "{sv}", numbers[i].name, "t", numbers[i].n);

        return r;
}

static int append_arrays(sd_bus_message *m) {
        static const char kinds[] = "a{st}";
        int r;

        r = sd_bus_message_append(
                        m,
                        "{sv}{sv}",
                        "SpoolDropped",
                        kinds,
                        2,
                        "report",
                        UINT64_C(0),
                        "meters",
                        UINT64_C(5),
                        "SpoolSent",
                        kinds,
                        2,
                        "report",
                        UINT64_C(1),
                        "profile",
                        UINT64_C(40));
        if (r >= 0)
                r = sd_bus_message_append(
                                m,
                                "{sv}{sv}{sv}",
                                "Policies",
                                "a(ssuu)",
                                2,
                                "shop",
                                "u-1",
                                3,
                                1,
                                "ba\033se",
                                "",
                                0,
                                0,
                                "Runs",
                                "a(sssssstt)",
                                1,
                                "8f3c",
                                "",
                                "ON_CPU",
                                "shop",
                                "host-a",
                                "nginx",
                                UINT64_C(1795230605000000),
                                UINT64_C(1795231205000000),
                                "Counters",
                                kinds,
                                2,
                                "calls",
                                UINT64_C(1234),
                                "bytes-sent",
                                UINT64_C(1572864));

        return r;
}

static int method_get_oap_status(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Mock *mock = userdata;
        bool is_away = strcmp(mock->added, "away-oap") == 0;
        int r;

        if (is_off(mock))
                return sd_bus_reply_method_return(m, "a{sv}", 1, "State", "s", "off");

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "{sv}");
        if (r >= 0)
                r = sd_bus_message_append(
                                reply,
                                "{sv}{sv}{sv}{sv}",
                                "State",
                                "s",
                                is_away ? "away" : "connected",
                                "Address",
                                "s",
                                "oap.example:11800",
                                "Peer",
                                "s",
                                is_away ? "" : "10.0.0.1:11800",
                                "LastError",
                                "s",
                                "connection refused\033[2J");
        if (r >= 0)
                r = append_numbers(reply);
        if (r >= 0)
                r = append_arrays(reply);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);

        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int property_oap_state(
                sd_bus *bus,
                const char *path,
                const char *interface,
                const char *property,
                sd_bus_message *reply,
                void *userdata,
                sd_bus_error *error) {
        return sd_bus_message_append(reply, "s", is_off(userdata) ? "off" : "connected");
}

const sd_bus_vtable mock_oap_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("ListServices",
                      "",
                      "a" CPROF_BUS_SERVICE_SIGNATURE "ut",
                      method_list_services,
                      SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("GetOapStatus", "", "a{sv}", method_get_oap_status, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("OapState", "s", property_oap_state, 0, 0),
        SD_BUS_VTABLE_END,
};
