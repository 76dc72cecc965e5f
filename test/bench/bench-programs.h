/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Programs as the distribution ships them, each busy with something that it is made for. */
typedef struct BenchProgram {
        const char *name;
        const char *exe;     /* what the process is after some exec(), and what must be installed */
        const char *command; /* of bash; ends in exec. DIR is a directory for its files */
} BenchProgram;

extern const BenchProgram bench_programs[];
extern const size_t bench_programs_n;

/* @directory: for the files of all of them. Returns when the process has become @exe. Its process group is
 * its PID. */
pid_t bench_program_start(const BenchProgram *p, const char *directory);
void bench_program_stop(pid_t pid);

/* What it runs, and the entry point in that file. */
uint64_t bench_program_entry(pid_t pid, char exe[static PATH_MAX]);
