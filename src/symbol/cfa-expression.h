/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "symbol/cfa.h"

/* DWARF expressions in call frame information, evaluated with registers and memory left unknown. */

/* Sets form, base, a and b of @ret_state: CFA_UNKNOWN for what they can't hold, or for a malformed one.
 */
void cfa_expression_of_cfa(DwarfReader expression, CfaState *ret_state);

/* Where a register is saved; SAVED_OTHER likewise. */
CfaSaved cfa_expression_of_register(DwarfReader expression);
