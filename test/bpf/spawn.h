/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/time-util.h"

#include <stdbool.h>
#include <sys/types.h>

/* Children that tests watch. All die with the test. */

/* Burns one core per thread for ever; the extra threads are called "worker-1", … */
pid_t spawn_busy(unsigned n_threads);

/* Sleeps for ever, with @n_threads threads. */
pid_t spawn_idle(unsigned n_threads);

/* Spends nearly all its time inside the kernel. */
pid_t spawn_in_kernel(void);

/* As spawn_busy(1), but inside a PID namespace of its own (where it is number 1). */
pid_t spawn_busy_in_namespace(void);

/* test/system/workload with the arguments "0", "0", @threads: three functions with 60, 30 and 10 %. */
pid_t spawn_workload(unsigned n_threads);

/* A child that can't be executed or sampled any more. */
void spawn_kill(pid_t pid);

/* Of the running kernel. */
bool kernel_is_at_least(unsigned major, unsigned minor);

void sleep_usec(usec_t usec);
