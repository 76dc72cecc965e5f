/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Real programs, each kept busy for longer than anybody looks. All die with the test. */

#define UNWIND_PROGRAMS 14

const char *unwind_program_name(size_t i);

/* CPROF_UNWIND_PROGRAMS: those of these names, separated by commas; without it all. */
bool unwind_program_is_wanted(size_t i);

/* -ENOENT when it is not installed. @ret_client: another process to kill, 0 = none. */
int unwind_program_start(size_t i, pid_t *ret_pid, pid_t *ret_client);
