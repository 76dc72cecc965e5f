/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "symbol/cfa.h"

/* The row for code where @state holds, without its pc; CPROF_RULE_UNSUPPORTED if none says it. */
struct cprof_unwind_row cfa_row(const CfaState *state, bool signal_frame);

/* -E2BIG, -ENOMEM */
int cfa_rows_add(CfaRows *rows, struct cprof_unwind_row row);
