/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

/* What a bench program measured: each figure is a line on standard output and an object of a JSON list. */
typedef struct Bench Bench;

#define BENCH_NO_GOAL NAN /* a figure to compare others with: always "ok" */

/* Figures go to @path, too, as [{"figure", "value", "unit", "goal", "ok", "inputs"}]; NULL: standard output
 * only. Ends the program without memory, as all functions here do: a bench has nobody to report errors to.
 */
Bench *bench_open(const char *path);

/* @goal is the largest good value if @goal_is_max, else the smallest. @inputs says what was measured, in
 * words. */
void bench_figure(
                Bench *b,
                const char *figure,
                double value,
                const char *unit,
                double goal,
                bool goal_is_max,
                const char *inputs);

/* Writes the file and frees @b. Returns what main() returns: whether the file was written; a missed goal is
 * no failure. */
int bench_close(Bench *b);

/* Milliseconds of CLOCK_MONOTONIC. */
double bench_now_ms(void);

/* Sorts @values. */
double bench_median(double *values, size_t n);
