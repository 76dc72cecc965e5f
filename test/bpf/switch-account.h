/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What perf says of the context switches of threads: when each was switched out, whether it blocked or was
 * preempted, and when it ran again. Asserts. */

#define SWITCH_THREADS_MAX 16U
#define SWITCH_NAMES_MAX 64U

typedef struct SwitchName {
        char comm[16];
        uint64_t n, ns; /* switches out that were no preemptions, and the time until it ran again */
} SwitchName;

typedef struct SwitchAccount {
        struct {
                int fd;
                void *pages;
        } threads[SWITCH_THREADS_MAX];
        size_t n_threads;
        SwitchName names[SWITCH_NAMES_MAX];
        size_t n_names;
} SwitchAccount;

/* Of the threads that @pid has now, from now on. */
void switch_account_begin(SwitchAccount *a, pid_t pid);

/* Up to now. A time is that of the name that the thread had when it was switched out. */
void switch_account_end(SwitchAccount *a);

/* Zero if nothing had that name. */
SwitchName switch_account_of(const SwitchAccount *a, const char *comm);
