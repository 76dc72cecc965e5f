/* SPDX-License-Identifier: Apache-2.0 */
#include "bench-policies-eval.h"

void bench_policies_eval(Bench *b) {
}
