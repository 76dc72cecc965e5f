/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/* Closes descriptors whose closing takes long, without the loop waiting for it: the kernel takes a probe out
 * of a process only after all that may run it ended, a tenth of a second for each. Threads do that which own
 * nothing but the numbers; several, as such waits overlap. */
typedef struct LateClose {
        int *fds;
        size_t n, allocated;
} LateClose;

#define LATE_CLOSE_THREADS 8U       /* begun by one run */
#define LATE_CLOSE_THREADS_LAST 64U /* at the end, when somebody waits */

/* Takes @fd over. Without memory it is closed at once. */
void late_close_add(LateClose *l, int fd);
/* Has all of them closed. What can't be handed to a thread stays for the next time. */
void late_close_run(LateClose *l);
/* Closes what is left and waits for that: an exiting process would close one after the other. */
void late_close_done(LateClose *l);
