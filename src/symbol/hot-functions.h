/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "symbol/symbolizer.h"

/* A function with the samples it was innermost in and those it was in at all. */
typedef struct HotFunction {
        const char *name; /* borrowed from the symbols */
        uint64_t self, total;
} HotFunction;

/* The at most @max hottest functions of @profile: by self, then total (largest first), then name. One that
 * is twice on a stack counts once; those that only wait are left out. *@ret_functions is freed by free().
 * -ENOMEM. */
int profile_hot_functions(
                const Profile *profile,
                const Symbols *symbols,
                size_t max,
                HotFunction **ret_functions,
                size_t *ret_n);
