/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/watch-match.h"

#include "target/target-pattern.h"

static TargetPattern pattern_of(const Policy *p) {
        return (TargetPattern){ .units = p->units, .slices = p->slices, .exes = p->exes, .users = p->users };
}

bool policy_matches_process_named(const Policy *p, const Process *process, UserNames *names) {
        assert(p);

        TargetPattern t = pattern_of(p);
        return p->scope == POLICY_SCOPE_PROCESS && target_pattern_matches_process(&t, process, names);
}

bool policy_matches_process(const Policy *p, const Process *process) {
        return policy_matches_process_named(p, process, /* names= */ NULL);
}

bool policy_matches_unit(const Policy *p, const Unit *unit) {
        assert(p);

        TargetPattern t = pattern_of(p);
        return p->scope == POLICY_SCOPE_UNIT && target_pattern_matches_unit(&t, unit);
}
