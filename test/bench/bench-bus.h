/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/time-util.h"

#include <sys/types.h>
#include <systemd/sd-bus.h>

/* A bus of our own with nobody on it but a daemon that is started later. */
typedef struct BenchBus {
        pid_t pid;
        char directory[128];
        sd_bus *connection;
} BenchBus;

/* Daemons started from now on take it for the system bus. */
void bench_bus_start(BenchBus *b);
void bench_bus_stop(BenchBus *b);

/* Records @pid on CPU. @id gets what names its directory. Waits for a while until the daemon knows the
 * process. */
void bench_bus_start_task(BenchBus *b, pid_t pid, usec_t duration_usec, char id[static 128]);
