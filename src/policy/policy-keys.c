/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy-keys.h"

#include "basic/words.h"
#include "policy/policy-message.h"
#include "policy/policy-pattern.h"
#include "policy/policy-service.h"

#include <string.h>

static int set_description(Policy *p, const char *value, char **reterr_what) {
        char *copy = NULL;

        if (strlen(value) > POLICY_DESCRIPTION_MAX)
                return policy_refuse(
                                -EINVAL,
                                reterr_what,
                                "expected a text of at most %u bytes",
                                POLICY_DESCRIPTION_MAX);

        if (*value) {
                copy = strdup(value);
                if (!copy)
                        return -ENOMEM;
        }

        free(p->description);
        p->description = copy;
        return 0;
}

static int reset_list(char ***list) {
        char **empty = policy_patterns_new();

        if (!empty)
                return -ENOMEM;

        policy_patterns_free(*list);
        *list = empty;
        return 0;
}

static int set_patterns(PatternKind kind, const char *value, char ***list, char **reterr_what) {
        return *value ? policy_patterns_add(kind, value, list, reterr_what) : reset_list(list);
}

static int set_unit(Policy *p, const char *value, char **reterr_what) {
        return set_patterns(PATTERN_UNIT, value, &p->units, reterr_what);
}

static int set_slice(Policy *p, const char *value, char **reterr_what) {
        return set_patterns(PATTERN_SLICE, value, &p->slices, reterr_what);
}

static int set_exe(Policy *p, const char *value, char **reterr_what) {
        return set_patterns(PATTERN_EXE, value, &p->exes, reterr_what);
}

static int set_user(Policy *p, const char *value, char **reterr_what) {
        return set_patterns(PATTERN_USER, value, &p->users, reterr_what);
}

static int set_service(Policy *p, const char *value, char **reterr_what) {
        return *value ? policy_services_add(value, &p->services, reterr_what) : reset_list(&p->services);
}

static int set_profile(Policy *p, const char *value, char **reterr_what) {
        _cleanup_(freep) char **words = NULL;
        char shown[POLICY_VALUE_SHOWN_MAX + 4];
        unsigned kinds = 0;
        int r;

        r = words_split(value, POLICY_PATTERNS_MAX, &words);
        if (r == -E2BIG)
                return policy_refuse(-EINVAL, reterr_what, "too many words");
        if (r < 0)
                return r;

        for (char **w = words; *w; w++) {
                r = profile_kind_from_string(*w);
                if (r == -EOPNOTSUPP)
                        return policy_refuse_elsewhere(
                                        policy_value_shown(*w, shown), profile_kind_names(), reterr_what);
                if (r < 0)
                        return policy_refuse_unknown("profile", *w, profile_kind_names(), "", reterr_what);
                kinds |= 1U << r;
        }

        p->kinds = kinds == 0 ? 0 : p->kinds | kinds; /* 0: the default, filled in at the end */
        return 0;
}

static int parse_span(const char *value, usec_t min, usec_t max, usec_t *ret, char **reterr_what) {
        char a[TIMESPAN_TEXT_MAX], b[TIMESPAN_TEXT_MAX];
        usec_t usec;
        int r;

        r = timespan_parse(value, &usec);
        if (r < 0 || usec < min || usec > max)
                return policy_refuse(
                                -EINVAL,
                                reterr_what,
                                "expected a time span from %s to %s",
                                timespan_format(min, a),
                                timespan_format(max, b));

        *ret = usec;
        return 0;
}

static int set_duration(Policy *p, const char *value, char **reterr_what) {
        if (*value)
                return parse_span(
                                value,
                                POLICY_DURATION_MIN,
                                POLICY_DURATION_MAX,
                                &p->duration_usec,
                                reterr_what);

        p->duration_usec = POLICY_DURATION_DEFAULT;
        return 0;
}

static int set_silence(Policy *p, const char *value, char **reterr_what) {
        if (*value)
                return parse_span(value, 0, POLICY_SILENCE_MAX, &p->silence_usec, reterr_what);

        p->silence_usec = POLICY_SILENCE_DEFAULT;
        return 0;
}

static int set_scope(Policy *p, const char *value, char **reterr_what) {
        static const char *const known[] = { "process", "unit", NULL };
        int r;

        r = *value ? policy_scope_from_string(value) : POLICY_SCOPE_PROCESS;
        if (r < 0)
                return policy_refuse_unknown("scope", value, known, "", reterr_what);

        p->scope = (PolicyScope) r;
        return 0;
}

static int set_triggers(Policy *p, const char *value, char **reterr_what) {
        if (*value)
                return policy_refuse(
                                -EINVAL,
                                reterr_what,
                                "expected nothing: it drops triggers, [Trigger] sections add them");

        policy_drop_triggers(p);
        return 0;
}

static const struct {
        const char *name;
        int (*set)(Policy *p, const char *value, char **reterr_what);
} keys[] = {
        { "Description", set_description },
        { "Unit", set_unit },
        { "Slice", set_slice },
        { "Exe", set_exe },
        { "User", set_user },
        { "Service", set_service },
        { "Profile", set_profile },
        { "Duration", set_duration },
        { "Silence", set_silence },
        { "Scope", set_scope },
        { "Triggers", set_triggers },
};

const char *const *policy_keys(void) {
        static const char *const names[] = {
                "Description", "Unit",     "Slice",   "Exe",   "User",     "Service",
                "Profile",     "Duration", "Silence", "Scope", "Triggers", NULL,
        };

        _Static_assert(ELEMENTSOF(names) == ELEMENTSOF(keys) + 1, "one name per key");
        return names;
}

int policy_key_set(Policy *p, const char *key, const char *value, char **reterr_what) {
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (strcmp(keys[i].name, key) == 0)
                        return keys[i].set(p, value, reterr_what);

        return -ENOENT;
}
