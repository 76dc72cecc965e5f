/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/watch-match.h"

#include "target/identity.h"
#include "target/target-pattern.h"

#include <string.h>

static TargetPattern pattern_of(const Policy *p) {
        return (TargetPattern){ .units = p->units, .slices = p->slices, .exes = p->exes, .users = p->users };
}

/* Exact: SkyWalking compares names, too. No services: any. */
static bool service_matches(char **services, const Identity *identity) {
        for (char **s = services; identity && *s; s++)
                if (strcmp(*s, identity->service) == 0)
                        return true;

        return !services[0];
}

bool policy_matches_process_named(const Policy *p, const Process *process, UserNames *names) {
        TargetPattern t;

        assert(p);

        t = pattern_of(p);
        return p->scope == POLICY_SCOPE_PROCESS && service_matches(p->services, process->identity) &&
                        target_pattern_matches_process(&t, process, names);
}

bool policy_matches_process(const Policy *p, const Process *process) {
        return policy_matches_process_named(p, process, /* names= */ NULL);
}

bool policy_matches_unit(const Policy *p, const Unit *unit) {
        TargetPattern t;

        assert(p);

        /* To SkyWalking a unit that is registered as a whole is a process. */
        t = pattern_of(p);
        return (p->scope == POLICY_SCOPE_UNIT || p->services[0]) &&
                        service_matches(p->services, unit->identity) &&
                        target_pattern_matches_unit(&t, unit);
}
