/* SPDX-License-Identifier: Apache-2.0 */
#include "target/target-pattern.h"

#include <fnmatch.h>
#include <string.h>

/* fnmatch(3) sees only what begins with a wildcard: each new process is compared with all rules, and most
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

static bool globs_match(char *const *patterns, const char *text) {
        for (char *const *p = patterns; *p; p++)
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

static bool unit_matches(char *const *patterns, const Unit *unit) {
        for (char *const *p = patterns; *p; p++)
                if (unit_name_matches(*p, unit->name))
                        return true;

        return false;
}

static bool unit_or_above_matches(char *const *patterns, const Unit *unit) {
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
static bool any_slice_matches(char *const *patterns, const Unit *unit) {
        for (; unit; unit = unit->slice)
                if (unit_is_slice(unit))
                        for (char *const *p = patterns; *p; p++)
                                if (!strchr(unit->name, '/') == !strchr(*p, '/') &&
                                    glob_matches(*p, unit->name))
                                        return true;

        return false;
}

static bool user_matches(char *const *patterns, uid_t uid, UserNames *names) {
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

static bool is_given(char *const *patterns) {
        return patterns && patterns[0];
}

bool target_pattern_matches_process(const TargetPattern *t, const Process *p, UserNames *names) {
        assert(t);
        assert(p && p->unit);

        if (is_given(t->units) && !unit_or_above_matches(t->units, p->unit))
                return false;
        if (is_given(t->slices) && !any_slice_matches(t->slices, p->unit))
                return false;
        if (is_given(t->exes) && !(p->exe && globs_match(t->exes, p->exe)))
                return false;

        /* Last: it may cost a look-up. */
        return !is_given(t->users) || user_matches(t->users, p->uid, names);
}

bool target_pattern_matches_unit(const TargetPattern *t, const Unit *u) {
        assert(t);
        assert(u);

        if (is_given(t->exes) || is_given(t->users))
                return false;
        if (is_given(t->units) && !unit_matches(t->units, u))
                return false;

        return !is_given(t->slices) || any_slice_matches(t->slices, u->slice);
}

bool target_pattern_names_unit(const TargetPattern *t, const Unit *u) {
        if (!target_pattern_matches_unit(t, u))
                return false;
        if (!strchr(u->name, '/'))
                return true;

        for (char *const *p = t->units; p && *p; p++)
                if (strchr(*p, '/') && glob_matches(*p, u->name))
                        return true;

        return false;
}
