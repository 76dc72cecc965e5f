/* SPDX-License-Identifier: Apache-2.0 */
#include "mock-cprofd.h"

#include "mock-task.h"

#include "basic/cleanup.h"
#include "bus/bus-names.h"

#include <math.h>
#include <string.h>

static int
append_policy(sd_bus_message *m,
              const char *name,
              const char *state,
              const char *message,
              unsigned n_subjects) {
        int r;

        r = sd_bus_message_open_container(m, 'r', "sssssasasasassttu");
        if (r < 0)
                return r;

        r = sd_bus_message_append(
                        m,
                        "sssssasasasassttu",
                        name,
                        strncmp(name, "oap:", 4) == 0 ? "oap" : "etc",
                        "/etc/cprof/policies.d/x.policy",
                        state,
                        message,
                        1,
                        "nginx.service",
                        0,
                        1,
                        "process-cpu >= 80% for 5 of 10s",
                        1,
                        "on-cpu",
                        "process",
                        UINT64_C(600000000),
                        UINT64_C(1200000000),
                        n_subjects);
        if (r < 0)
                return r;

        return sd_bus_message_close_container(m);
}

static int method_list_policies(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Mock *mock = userdata;
        int r;

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', CPROF_BUS_POLICY_SIGNATURE);
        if (r >= 0)
                r = append_policy(reply, "web", "loaded", "", 4);
        if (r >= 0)
                r = append_policy(reply, "broken", "error", "broken.policy:3: what is this?", 0);
        if (r >= 0 && mock->added[0] != '\0')
                r = append_policy(reply, mock->added, "loaded", "", 0);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);

        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int method_add_policy(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Mock *mock = userdata;
        const char *name, *text;
        int runtime, r;

        r = sd_bus_message_read(m, "ssb", &name, &text, &runtime);
        if (r < 0)
                return r;

        if (strcmp(name, "forbidden") == 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED, "raw denial");
        if (strstr(text, "Treshold"))
                return sd_bus_error_setf(
                                error,
                                CPROF_BUS_ERROR_BAD_POLICY,
                                "%s.policy:5: Treshold=80%%: unknown key",
                                name);

        snprintf(mock->added, sizeof(mock->added), "%s", name);
        return sd_bus_reply_method_return(m, NULL);
}

static int method_check_policy(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *name, *text;
        int r;

        r = sd_bus_message_read(m, "ss", &name, &text);
        if (r < 0)
                return r;

        return sd_bus_reply_method_return(
                        m, "s", strstr(text, "Treshold") ? "x.policy:5: Treshold=80%: unknown key" : "");
}

static int method_get_policy(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *name;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;

        if (strcmp(name, "web") != 0)
                return sd_bus_error_setf(error, CPROF_BUS_ERROR_NO_SUCH_POLICY, "No policy '%s'.", name);

        return sd_bus_reply_method_return(
                        m,
                        "sss",
                        "[Policy]\nUnit=nginx.service\n\n[Trigger]\nWhen=process-cpu >= 80% for 5 of 10s\n"
                        "# /etc/cprof/policies.d/web.policy.d/50-more.conf\n[Policy]\nUnit=apache2.service\n",
                        "/etc/cprof/policies.d/web.policy",
                        "");
}

static int method_list_units(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return sd_bus_reply_method_return(
                        m,
                        "a" CPROF_BUS_UNIT_SIGNATURE,
                        2,
                        "nginx.service",
                        "A web server",
                        "active",
                        5,
                        9,
                        97.25,
                        2,
                        "degraded",
                        "no BPF: perf_event_open is refused",
                        "idle.service",
                        "Nothing",
                        "active",
                        1,
                        1,
                        (double) NAN,
                        0,
                        "",
                        "");
}

static int
append_window(sd_bus_message *reply,
              const char *metric,
              const char *uri,
              double threshold,
              const char *unit,
              uint32_t period_sec,
              const double *values) {
        int r;

        r = sd_bus_message_open_container(reply, 'r', "ssussdsuuuadtsss");
        if (r >= 0)
                r = sd_bus_message_append(
                                reply,
                                "ssussdsuuu",
                                "web",
                                "nginx\033[2J",
                                812,
                                metric,
                                uri,
                                threshold,
                                unit,
                                period_sec,
                                5,
                                4);
        if (r >= 0)
                r = sd_bus_message_append_array(reply, 'd', values, period_sec * sizeof(values[0]));
        if (r >= 0)
                r = sd_bus_message_append(reply, "tsss", UINT64_C(1140000000), "armed", "", "");

        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int method_get_windows(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        static const double values[30] = { NAN, 10, 20, 40, 60, 79, 80, 90, 99, 100, [29] = 412.5 };
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const char *unit;
        int r;

        r = sd_bus_message_read(m, "s", &unit);
        if (r < 0)
                return r;

        if (strcmp(unit, "nginx.service") != 0 && strcmp(unit, "quiet.service") != 0 &&
            strcmp(unit, "api.service") != 0)
                return sd_bus_error_setf(error, CPROF_BUS_ERROR_NO_SUCH_UNIT, "No unit '%s'.", unit);

        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', CPROF_BUS_WINDOW_SIGNATURE);
        if (r >= 0)
                r = append_window(reply, "process-cpu", "", 80, "%", 10, values);
        if (r >= 0 && strcmp(unit, "api.service") == 0) {
                r = append_window(reply, "http-avg-response-time", "/api/orders", 250, "ms", 30, values);
                if (r >= 0)
                        r = append_window(reply, "http-error-rate", "~^/a\033b/", 5, "%", 30, values);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(reply);

        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int method_reload(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        (void) sd_bus_emit_signal(
                        sd_bus_message_get_bus(m),
                        CPROF_BUS_PATH,
                        CPROF_BUS_INTERFACE,
                        "PolicyChanged",
                        "s",
                        "web");
        (void) sd_bus_emit_signal(
                        sd_bus_message_get_bus(m),
                        CPROF_BUS_PATH,
                        CPROF_BUS_INTERFACE,
                        "TaskFinished",
                        "ssss",
                        MOCK_TASK_OLD,
                        "nginx.service",
                        "finished",
                        "duration reached");
        return sd_bus_reply_method_return(m, NULL);
}

static int
property_text(sd_bus *bus,
              const char *path,
              const char *interface,
              const char *property,
              sd_bus_message *reply,
              void *userdata,
              sd_bus_error *error) {
        if (strcmp(property, "KernelFeatures") == 0)
                return sd_bus_message_append(
                                reply,
                                "a" CPROF_BUS_FEATURE_SIGNATURE,
                                2,
                                "task-iterator",
                                true,
                                "",
                                "on-cpu",
                                false,
                                "CAP_PERFMON is missing");
        if (strcmp(property, "Losses") == 0)
                return sd_bus_message_append(
                                reply,
                                "a{st}",
                                3,
                                "ring-full",
                                UINT64_C(7),
                                "processes",
                                UINT64_C(0),
                                "unwind-files-no-space",
                                UINT64_C(3));
        if (strcmp(property, "UnwindTables") == 0)
                return sd_bus_message_append(
                                reply,
                                "a{st}",
                                4,
                                "tables",
                                UINT64_C(41),
                                "bytes",
                                UINT64_C(3) << 19,
                                "bytes-max",
                                UINT64_C(16) << 20,
                                "files-without",
                                UINT64_C(2));
        if (strcmp(property, "Problems") == 0)
                return sd_bus_message_append(reply, "as", 1, "broken.policy:3: what is this?");
        if (property[0] == 'N')
                return sd_bus_message_append(reply, "u", 2);

        return sd_bus_message_append(reply, "s", strcmp(property, "Version") == 0 ? "0.1.0" : "proc");
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("AddPolicy", "ssb", "", method_add_policy, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("CheckPolicy", "ss", "s", method_check_policy, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("GetPolicy", "s", "sss", method_get_policy, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("ListPolicies",
                      "",
                      "a" CPROF_BUS_POLICY_SIGNATURE,
                      method_list_policies,
                      SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("ListUnits",
                      "",
                      "a" CPROF_BUS_UNIT_SIGNATURE,
                      method_list_units,
                      SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("GetWindows",
                      "s",
                      "a" CPROF_BUS_WINDOW_SIGNATURE,
                      method_get_windows,
                      SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("StartTask", "sstu", "s", mock_method_start_task, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("StopTask", "s", "", mock_method_stop_task, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("ListTasks",
                      "",
                      "a" CPROF_BUS_TASK_SIGNATURE,
                      mock_method_list_tasks,
                      SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("GetTask", "s", "s", mock_method_get_task, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("GetProfile", "ss", "h", mock_method_get_profile, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("GetHttp",
                      "s",
                      "a" CPROF_BUS_HTTP_RULE_SIGNATURE "a" CPROF_BUS_HTTP_PROCESS_SIGNATURE,
                      mock_method_get_http,
                      SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("GetHottest",
                      "stu",
                      "tta" CPROF_BUS_FUNCTION_SIGNATURE,
                      mock_method_get_hottest,
                      SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Reload", "", "", method_reload, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("Version", "s", property_text, 0, 0),
        SD_BUS_PROPERTY("ProcessSource", "s", property_text, 0, 0),
        SD_BUS_PROPERTY("KernelFeatures", "a" CPROF_BUS_FEATURE_SIGNATURE, property_text, 0, 0),
        SD_BUS_PROPERTY("NPolicies", "u", property_text, 0, 0),
        SD_BUS_PROPERTY("NUnits", "u", property_text, 0, 0),
        SD_BUS_PROPERTY("NProcesses", "u", property_text, 0, 0),
        SD_BUS_PROPERTY("NRules", "u", property_text, 0, 0),
        SD_BUS_PROPERTY("NTasksRunning", "u", property_text, 0, 0),
        SD_BUS_PROPERTY("UnwindTables", "a{st}", property_text, 0, 0),
        SD_BUS_PROPERTY("Losses", "a{st}", property_text, 0, 0),
        SD_BUS_PROPERTY("Problems", "as", property_text, 0, 0),
        SD_BUS_VTABLE_END,
};

int mock_serve(const char *address, int ready_fd) {
        _cleanup_(sd_bus_unrefp) sd_bus *bus = NULL;
        Mock mock = {};
        int r;

        r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_address(bus, address);
        if (r >= 0)
                r = sd_bus_set_bus_client(bus, true);
        if (r >= 0)
                r = sd_bus_negotiate_fds(bus, true);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r >= 0)
                r = sd_bus_add_object_vtable(bus, NULL, CPROF_BUS_PATH, CPROF_BUS_INTERFACE, vtable, &mock);
        if (r >= 0)
                r = sd_bus_add_object_vtable(
                                bus, NULL, CPROF_BUS_PATH, CPROF_BUS_INTERFACE, mock_oap_vtable, &mock);
        if (r >= 0)
                r = sd_bus_request_name(bus, CPROF_BUS_NAME, 0);
        if (r < 0 || write(ready_fd, "\n", 1) != 1)
                return EXIT_FAILURE;

        for (;;) {
                r = sd_bus_process(bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(bus, UINT64_MAX);
                if (r < 0)
                        return EXIT_FAILURE;
        }
}
