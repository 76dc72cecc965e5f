/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/time-util.h"

#include <stdint.h>
#include <sys/types.h>

/* Processes that do nothing, and work for those that do something. */

#define BENCH_BURN_DEPTH 20U /* frames of bench_burn_until() itself, all with frame pointers */

/* Prints "@what: error" and ends the program. */
_Noreturn void bench_fail(const char *what, int error);

/* A child called @name (at most 15 bytes) that runs @fn and ends, at the latest with this program. */
pid_t bench_fork(const char *name, void (*fn)(void *userdata), void *userdata);
void bench_kill(pid_t pid);

void bench_pause(void *userdata); /* a bench_fork() function: sleeps for ever */

/* Both by CLOCK_MONOTONIC. */
void bench_sleep_until(usec_t at_usec);
void bench_burn_until(usec_t at_usec);
void bench_burn_once(void); /* the same amount of work each time, some 100 us */

/* Run time of all threads of a process that live, 0 if it is gone. */
uint64_t bench_process_cpu_ns(pid_t pid);

/* The number behind "@key" in a file such as /proc/PID/status; 0 if there is none. */
uint64_t bench_read_number(const char *path, const char *key);

/* Runs @command in a shell and returns the CPU time that it and its children took, in @ret_cpu_ns. Returns
 * the exit status. */
int bench_run(const char *command, uint64_t *ret_cpu_ns);

double bench_load1(void);
unsigned bench_n_processes(void); /* of the whole machine */
