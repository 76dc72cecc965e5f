/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/evaluate.h"

Evaluation policy_trigger_evaluate(const PolicyTrigger *trigger, const Window *window, usec_t slot_usec) {
        WindowHits h;

        assert(trigger);
        assert(window);

        h = window_hits(window, slot_usec, trigger->period_sec, trigger->threshold);

        return (Evaluation){
                .holds = h.hits >= trigger->count,
                .hits = h.hits,
                .value = h.latest,
                .peak = h.peak,
        };
}
