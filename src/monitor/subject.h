/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "target/target.h"

/* What a rule looks at: a process, or a unit as a whole (exactly one is set). */
typedef struct Subject {
        Process *process;
        Unit *unit;
} Subject;
