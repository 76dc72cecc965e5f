/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "symbol/symbolizer.h"

/* How many frames the stacks of @profile have, each as often as its stack was seen (samples, or waits), and
 * how many of them are in code that has a name. */
void profile_count_named(
                const Profile *profile, const Symbols *symbols, uint64_t *ret_n, uint64_t *ret_named);
