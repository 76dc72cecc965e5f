/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"
#include "basic/time-util.h"

#include <signal.h>
#include <systemd/sd-bus.h>

/* Ctrl-C as something to wait for. While one exists SIGINT and SIGTERM end nothing by themselves. */
typedef struct SignalWait {
        int fd;
        sigset_t before;
} SignalWait;

#define SIGNAL_WAIT_INIT \
        { .fd = -EBADF }

int signal_wait_init(SignalWait *w);
void signal_wait_done(SignalWait *w);

/* Waits until a signal came (1), or @bus (may be NULL) has something to process or @usec are over (0). */
int signal_wait(SignalWait *w, sd_bus *bus, usec_t usec);

/* CLOCK_MONOTONIC of this machine. */
usec_t ctl_now(void);
