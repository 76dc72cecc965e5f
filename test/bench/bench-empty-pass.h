/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* CPU time in microseconds of one pass of a task iterator whose program does nothing, median of @n_passes
 * (100 at most) with
 * @pause_usec between them; negative if it could not be loaded. */
double bench_empty_pass_us(unsigned n_passes, unsigned pause_usec);
