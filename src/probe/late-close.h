/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/* Closes descriptors whose closing takes long, without anybody waiting for it: the kernel takes a probe out
 * of a process only after all that may run it ended, a tenth of a second for each. Threads do that which
 * have nothing but the numbers, a few at a time as such waits overlap. */
typedef struct LateClose {
        int *fds;
        size_t n, allocated;
} LateClose;

#define LATE_CLOSE_THREADS_MAX 8U /* begun by one call */
#define LATE_CLOSE_BATCH 32U      /* descriptors of one thread */

/* Takes @fd over. Without memory it is closed at once. */
void late_close_add(LateClose *l, int fd);
/* Once in a while: has some of them closed. */
void late_close_run(LateClose *l);
/* Closes what is left, here. */
void late_close_done(LateClose *l);
