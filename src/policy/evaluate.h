/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "policy/policy.h"
#include "window/window.h"

/* One rule on one window in one second. */
typedef struct Evaluation {
        bool holds;
        unsigned hits;
        double value; /* the latest matching one, NAN for none */
        double peak;  /* the highest matching one, NAN for none */
} Evaluation;

/* Whether @trigger holds when the slot of @slot_usec is the newest one looked at. Pure. */
Evaluation policy_trigger_evaluate(const PolicyTrigger *trigger, const Window *window, usec_t slot_usec);
