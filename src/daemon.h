/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"

/* The stages, each owned once, composed in pipeline order on one event loop. */
typedef struct Daemon Daemon;

typedef struct DaemonOptions {
        const char *state_directory; /* NULL = /var/lib/cprof */
        const char *cache_directory; /* NULL = FETCH_DIRECTORY */
        int log_level;               /* -1 = as configured */
} DaemonOptions;

int daemon_new(const DaemonOptions *options, Daemon **ret_daemon);
Daemon *daemon_free(Daemon *d);
DEFINE_CLEANUP(Daemon *, daemon_free)

/* Runs until SIGTERM or SIGINT. */
int daemon_run(Daemon *d);
