/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <systemd/sd-bus.h>

/* What the service remembers between calls. */
typedef struct Mock {
        char added[128];  /* name of the last added policy */
        unsigned n_looks; /* at the new task */
        unsigned n_profiles, n_late;
        bool stopped;
} Mock;

/* Bus methods; the userdata is a Mock. */
int mock_method_start_task(sd_bus_message *m, void *userdata, sd_bus_error *error);
int mock_method_list_tasks(sd_bus_message *m, void *userdata, sd_bus_error *error);
int mock_method_get_task(sd_bus_message *m, void *userdata, sd_bus_error *error);
int mock_method_stop_task(sd_bus_message *m, void *userdata, sd_bus_error *error);
int mock_method_get_hottest(sd_bus_message *m, void *userdata, sd_bus_error *error);
int mock_method_get_http(sd_bus_message *m, void *userdata, sd_bus_error *error); /* mock-http.c */
int mock_method_get_profile(sd_bus_message *m, void *userdata, sd_bus_error *error);

extern const sd_bus_vtable mock_oap_vtable[]; /* mock-oap.c */
