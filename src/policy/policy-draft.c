/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy-draft.h"

#include "policy/policy-message.h"
#include "policy/policy-trigger.h"

#include <string.h>

void trigger_draft_open(TriggerDraft *d, unsigned line) {
        trigger_draft_done(d);
        d->line = line;
}

void trigger_draft_done(TriggerDraft *d) {
        free(d->threshold);
        uri_rules_done(&d->paths);
        uri_rules_done(&d->regex);
        *d = (TriggerDraft){};
}

static int set_when(TriggerDraft *d, const char *value, char **reterr_what) {
        uri_rules_done(&d->paths);
        return policy_parse_when(value, &d->values, &d->paths, reterr_what);
}

static int set_metric(TriggerDraft *d, const char *value, char **reterr_what) {
        return policy_parse_metric(value, &d->values.metric, reterr_what);
}

static int set_threshold(TriggerDraft *d, const char *value, char **reterr_what) {
        char *copy = strdup(value);

        if (!copy)
                return -ENOMEM;

        free(d->threshold);
        d->threshold = copy;
        return 0;
}

static int set_period(TriggerDraft *d, const char *value, char **reterr_what) {
        return policy_parse_period(value, &d->values.period_sec, reterr_what);
}

static int set_count(TriggerDraft *d, const char *value, char **reterr_what) {
        return policy_parse_count(value, &d->values.count, reterr_what);
}

static int set_uri(TriggerDraft *d, const char *value, char **reterr_what) {
        return uri_rules_add_paths(&d->paths, value, reterr_what);
}

static int set_regex(TriggerDraft *d, const char *value, char **reterr_what) {
        return uri_rules_set_regex(&d->regex, value, reterr_what);
}

static void reset_uri(TriggerDraft *d) {
        uri_rules_done(&d->paths);
}

static void reset_regex(TriggerDraft *d) {
        uri_rules_done(&d->regex);
}

typedef struct Key {
        const char *name;
        size_t line_offset; /* of its line in the draft */
        int (*set)(TriggerDraft *d, const char *value, char **reterr_what);
        void (*reset)(TriggerDraft *d); /* what forgetting the line does not */
} Key;

static const Key keys[] = {
        { "Metric", offsetof(TriggerDraft, metric_line), set_metric },
        { "Threshold", offsetof(TriggerDraft, threshold_line), set_threshold },
        { "Period", offsetof(TriggerDraft, period_line), set_period },
        { "Count", offsetof(TriggerDraft, count_line), set_count },
        { "URI", offsetof(TriggerDraft, uri_line), set_uri, reset_uri },
        { "URIRegex", offsetof(TriggerDraft, regex_line), set_regex, reset_regex },
        { "When", offsetof(TriggerDraft, when_line), set_when, reset_uri },
};

const char *const *trigger_draft_keys(void) {
        static const char *const names[] = { "Metric", "Threshold", "Period", "Count",
                                             "URI",    "URIRegex",  "When",   NULL };

        _Static_assert(ELEMENTSOF(names) == ELEMENTSOF(keys) + 1, "one name per key");
        return names;
}

static const Key *find_key(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (strcmp(keys[i].name, name) == 0)
                        return &keys[i];

        return NULL;
}

static bool has_parts(const TriggerDraft *d) {
        return d->metric_line || d->threshold_line || d->period_line || d->count_line || d->uri_line ||
                        d->regex_line;
}

int trigger_draft_set(
                TriggerDraft *d, unsigned line, const char *name, const char *value, char **reterr_what) {
        const Key *key;
        int r;

        assert(d);

        key = find_key(name);
        if (!key)
                return -ENOENT;

        if (*value) {
                if (key->set == set_when ? has_parts(d) : d->when_line > 0)
                        return policy_refuse(
                                        -EINVAL,
                                        reterr_what,
                                        "either When= or the other keys, not both in one section");

                /* a scalar is overwritten, but who writes two conditions wants both */
                if (key->set == set_when && d->when_line > 0)
                        return policy_refuse(
                                        -EINVAL,
                                        reterr_what,
                                        "a second When= in one section, each needs a [Trigger] of its own");

                r = key->set(d, value, reterr_what);
                if (r < 0)
                        return r;
        } else if (key->reset)
                key->reset(d);

        *(unsigned *) ((char *) d + key->line_offset) = *value ? line : 0;
        return 0;
}

static int check_uris(const TriggerDraft *d, unsigned *line, char **reterr_message) {
        if (metric_info(d->values.metric)->is_http || (!d->uri_line && !d->regex_line))
                return 0;

        *line = d->uri_line ?: d->regex_line;
        return policy_refuse(
                        -EINVAL,
                        reterr_message,
                        "%s=: " POLICY_NO_URI,
                        d->uri_line ? "URI" : "URIRegex",
                        metric_to_string(d->values.metric));
}

static int complete(TriggerDraft *d, unsigned *line, char **reterr_message) {
        _cleanup_(freep) char *what = NULL;
        char shown[POLICY_VALUE_SHOWN_MAX + 4];
        PolicyTrigger *t = &d->values;
        int r;

        if (d->when_line)
                return 0;
        if (!d->metric_line)
                return policy_refuse(-EINVAL, reterr_message, "[Trigger]: Metric= is missing");
        if (!d->threshold_line)
                return policy_refuse(-EINVAL, reterr_message, "[Trigger]: Threshold= is missing");

        r = policy_parse_threshold(t->metric, d->threshold, &t->threshold, &what);
        if (r < 0) {
                *line = d->threshold_line;
                if (!what)
                        return r;
                return policy_refuse(
                                r,
                                reterr_message,
                                "Threshold=%s: %s",
                                policy_value_shown(d->threshold, shown),
                                what);
        }

        if (!d->count_line)
                t->count = d->period_line ? t->period_sec : POLICY_COUNT_DEFAULT;
        if (!d->period_line)
                t->period_sec = POLICY_PERIOD_SEC_DEFAULT;

        if (t->count > t->period_sec) {
                *line = d->count_line;
                return policy_refuse(
                                -EINVAL,
                                reterr_message,
                                "Count=%u: more seconds than the period has (Period=%us%s)",
                                t->count,
                                t->period_sec,
                                d->period_line ? "" : ", the default");
        }

        return check_uris(d, line, reterr_message);
}

int trigger_draft_finish(
                TriggerDraft *d,
                PolicyTrigger **ret_triggers,
                size_t *ret_n,
                unsigned *reterr_line,
                char **reterr_message) {
        unsigned line;
        int r;

        assert(d && d->line > 0);
        assert(ret_triggers);
        assert(ret_n);

        line = d->line;
        r = complete(d, &line, reterr_message);
        if (r >= 0)
                r = uri_rules_to_triggers(
                                d->paths.n > 0 ? &d->paths : &d->regex, &d->values, ret_triggers, ret_n);
        if (r < 0)
                *reterr_line = line;

        trigger_draft_done(d);
        return r < 0 ? r : 0;
}
