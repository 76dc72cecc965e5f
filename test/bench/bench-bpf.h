/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <bpf/bpf.h>
#include <sys/types.h>

/* How long BPF programs of another process run. */

/* The kernel counts while this descriptor is open. */
int bench_bpf_statistics(void);

/* The program @name of the process, found by its descriptors; -ENOENT if it has none. */
int bench_bpf_find(pid_t pid, const char *name);
int bench_bpf_open(pid_t pid, const char *name); /* ends the bench if there is none */

void bench_bpf_read(int fd, struct bpf_prog_info *ret_info);
