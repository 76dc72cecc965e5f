/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "bench.h"

/* The second half of bench-policies: what one tick costs with many units and rules. */
void bench_policies_eval(Bench *b);
