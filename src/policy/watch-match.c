/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/watch-match.h"

#include "target/identity.h"

#include <fnmatch.h>
#include <string.h>

/* fnmatch(3) sees only what begins with a wildcard: each new process is compared with all policies, and most
 * patterns differ from most names in their first letters. */
static bool glob_matches(const char *pattern, const char *text) {
        for (; *pattern != '*' && *pattern != '?' && *pattern != '['; pattern++, text++) {
                if (*pattern != *text)
                        return false;
                if (*pattern == '\0')
                        return true;
        }

        return fnmatch(pattern, text, FNM_NOESCAPE) == 0;
}

static bool globs_match(char **patterns, const char *text) {
        for (char **p = patterns; *p; p++)
                if (glob_matches(*p, text))
                        return true;

        return false;
}

static bool unit_name_matches(const char *pattern, const char *name) {
        const char *slash = strchr(name, '/');
        char outer[UNIT_NAME_MAX];

        if (!slash || strchr(pattern, '/'))
                return glob_matches(pattern, name);

        if ((size_t) (slash - name) >= sizeof(outer))
                return false;

        memcpy(outer, name, (size_t) (slash - name));
        outer[slash - name] = '\0';
        return glob_matches(pattern, outer);
}

static bool unit_matches(char **patterns, const Unit *unit) {
        for (char **p = patterns; *p; p++)
                if (unit_name_matches(*p, unit->name))
                        return true;

        return false;
}

static bool unit_or_above_matches(char **patterns, const Unit *unit) {
        for (; unit; unit = unit->slice)
                if (unit_matches(patterns, unit))
                        return true;

        return false;
}

static bool unit_is_slice(const Unit *unit) {
        size_t length = strlen(unit->name);

        return length > strlen(".slice") && strcmp(unit->name + length - strlen(".slice"), ".slice") == 0;
}

/* Whole names only: "OUTER" of a nested slice is the manager's service and no slice. */
static bool any_slice_matches(char **patterns, const Unit *unit) {
        for (; unit; unit = unit->slice)
                if (unit_is_slice(unit))
                        for (char **p = patterns; *p; p++)
                                if (!strchr(unit->name, '/') == !strchr(*p, '/') &&
                                    glob_matches(*p, unit->name))
                                        return true;

        return false;
}

static bool user_matches(char **patterns, uid_t uid, UserNames *names) {
        _cleanup_(user_names_freep) UserNames *own = NULL;
        char number[sizeof("4294967295")];
        const char *name;

        (void) snprintf(number, sizeof(number), "%u", (unsigned) uid);
        if (globs_match(patterns, number))
                return true;

        if (!names) {
                if (user_names_new(&own) < 0)
                        return false;
                names = own;
        }

        name = user_names_get(names, uid);
        return *name != '\0' && globs_match(patterns, name);
}

/* Exact: SkyWalking compares names, too. */
static bool service_matches(char **services, const Identity *identity) {
        for (char **s = services; identity && *s; s++)
                if (strcmp(*s, identity->service) == 0)
                        return true;

        return false;
}

bool policy_matches_process_named(const Policy *p, const Process *process, UserNames *names) {
        assert(p);
        assert(process && process->unit);

        if (p->scope != POLICY_SCOPE_PROCESS)
                return false;
        if (p->services[0] && !service_matches(p->services, process->identity))
                return false;
        if (p->units[0] && !unit_or_above_matches(p->units, process->unit))
                return false;
        if (p->slices[0] && !any_slice_matches(p->slices, process->unit))
                return false;
        if (p->exes[0] && !(process->exe && globs_match(p->exes, process->exe)))
                return false;

        /* Last: it may cost a look-up. */
        return !p->users[0] || user_matches(p->users, process->uid, names);
}

bool policy_matches_process(const Policy *p, const Process *process) {
        return policy_matches_process_named(p, process, /* names= */ NULL);
}

bool policy_matches_unit(const Policy *p, const Unit *unit) {
        assert(p);
        assert(unit);

        /* To SkyWalking a unit that is registered as a whole is a process. */
        if (p->scope != POLICY_SCOPE_UNIT && !p->services[0])
                return false;
        if (p->exes[0] || p->users[0])
                return false;
        if (p->services[0] && !service_matches(p->services, unit->identity))
                return false;
        if (p->units[0] && !unit_matches(p->units, unit))
                return false;

        return !p->slices[0] || any_slice_matches(p->slices, unit->slice);
}
