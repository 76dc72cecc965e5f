/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A private message bus with a stand-in for the daemon on it: enough of the interface for cprofctl to be run
 * against. Policies: "web" (good), "broken" (error). Units: nginx.service, idle.service. Tasks: one
 * finished, and one that StartTask makes, which is over after a few looks at it. Hottest functions: of
 * nginx.service; of quiet.service, which is not listed, the recorder knows nothing. */
typedef struct MockBus {
        char directory[64];
        char *address; /* for DBUS_SYSTEM_BUS_ADDRESS */
        int bus_pid, service_pid;
} MockBus;

#define MOCK_TASK_OLD "20261121T031005-9f3c"
#define MOCK_TASK_NEW "20261121T041005-0001"
#define MOCK_TASK_BOTH "20261121T051005-0002" /* of two kinds */

/* Returns -ENOENT without dbus-daemon. */
int mock_bus_start(MockBus *m);
/* Puts the daemon on it. */
int mock_bus_start_service(MockBus *m);
void mock_bus_stop(MockBus *m);

/* The daemon itself: ends only with its process. Writes a line to @ready_fd once it owns its name. */
int mock_serve(const char *address, int ready_fd);
