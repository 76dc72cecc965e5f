/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct bpf_program;

/* One pass of a task iterator over the threads of @pid, a process of our PID namespace; before 6.1 over all
 * threads of the namespace. The last number that the program writes goes to *ret_number. Returns -ENOENT if
 * it wrote none. */
int iter_pass(const struct bpf_program *program, pid_t pid, uint32_t *ret_number);
