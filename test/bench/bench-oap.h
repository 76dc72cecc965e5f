/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "bench.h"

#include "host/host.h"
#include "oap/oap-profile.h"

/* Parts of bench-oap: each measures one thing and says it. */

void bench_oap_connection(Bench *b); /* memory; to be the first, before there is memory to use again */
void bench_oap_encode(Bench *b);     /* stacks as messages */
void bench_oap_stream(Bench *b);     /* a long task of many processes */
/* @directory is an empty one for files. */
void bench_oap_loop(Bench *b, const Host *host, const char *directory); /* each second */
/* @n_hosts of them, after an outage. */
void bench_oap_fleet(Bench *b, const Host *host, const char *directory, unsigned n_hosts);

void bench_oap_outage(Bench *b); /* a day of it */

/* CPU time of this program in milliseconds: others may be busy. */
double bench_oap_cpu_ms(void);

/* A made-up program of @n_stacks distinct stacks, the hot ones far more often than others, as programs are;
 * and names for its code. */
typedef struct BenchProgram BenchProgram;

BenchProgram *bench_program_new(unsigned n_stacks, uint64_t seed);
BenchProgram *bench_program_free(BenchProgram *p);
DEFINE_CLEANUP(BenchProgram *, bench_program_free)

Profile *bench_program_profile(BenchProgram *p);
/* Each stack once. */
void bench_program_run_all(BenchProgram *p);
void bench_program_run(BenchProgram *p, unsigned n_samples);
Symbols *bench_program_symbols(const BenchProgram *p);
