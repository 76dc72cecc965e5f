/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* Real programs, each kept busy for longer than anybody looks. All die with the test. */

#define UNWIND_PROGRAMS 14

const char *unwind_program_name(size_t i);

/* -ENOENT when it is not installed. @ret_client: another process to kill, 0 = none. */
int unwind_program_start(size_t i, pid_t *ret_pid, pid_t *ret_client);
