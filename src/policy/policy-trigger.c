/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy-trigger.h"

#include "basic/parse.h"
#include "basic/strbuf.h"
#include "policy/policy-message.h"

#include <string.h>

#define TRIGGER_TEXT_MAX 4096U /* a few paths */
#define BLANKS " \t"

int policy_parse_metric(const char *text, Metric *ret, char **reterr_what) {
        int m;

        m = metric_from_string(text);
        if (m < 0)
                return policy_refuse_unknown("metric", text, metric_names(), "", reterr_what);

        *ret = (Metric) m;
        return 0;
}

int policy_parse_threshold(Metric m, const char *text, double *ret, char **reterr_what) {
        const MetricInfo *info = metric_info(m);
        char buf[32];
        int r;

        r = metric_parse_threshold(m, text, ret);
        if (r == -ERANGE)
                return policy_refuse(
                                -EINVAL,
                                reterr_what,
                                "expected %s, at most %s",
                                info->expected,
                                metric_format_value(m, info->threshold_max, buf));
        if (r < 0)
                return policy_refuse(-EINVAL, reterr_what, "expected %s", info->expected);

        return 0;
}

int policy_parse_period(const char *text, unsigned *ret_sec, char **reterr_what) {
        char max[TIMESPAN_TEXT_MAX];
        usec_t usec;
        int r;

        r = timespan_parse(text, &usec);
        if (r < 0 || usec == 0 || usec % USEC_PER_SEC != 0 || usec / USEC_PER_SEC > POLICY_PERIOD_SEC_MAX)
                return policy_refuse(
                                -EINVAL,
                                reterr_what,
                                "expected whole seconds from 1s to %s",
                                timespan_format(POLICY_PERIOD_SEC_MAX * USEC_PER_SEC, max));

        *ret_sec = (unsigned) (usec / USEC_PER_SEC);
        return 0;
}

int policy_parse_count(const char *text, unsigned *ret, char **reterr_what) {
        int r;

        r = parse_uint(text, 1, POLICY_PERIOD_SEC_MAX, ret);
        if (r < 0)
                return policy_refuse(
                                -EINVAL,
                                reterr_what,
                                "expected a whole number from 1 to %u",
                                POLICY_PERIOD_SEC_MAX);

        return 0;
}

/* Hands up "@part: what", where @what (consumed) is what the parser of that part said. A part that is
 * missing has no name. */
static int refuse_part(int error, const char *part, char *what, char **reterr_message) {
        char shown[POLICY_VALUE_SHOWN_MAX + 4];
        int r = error;

        if (what)
                r =
                                policy_refuse(error,
                                              reterr_message,
                                              "%s%s%s",
                                              policy_value_shown(part, shown),
                                              *part ? ": " : "",
                                              what);

        free(what);
        return r;
}

/* NULL if the word is not there. */
static char *find_word(char *text, const char *word) {
        size_t n = strlen(word);

        for (char *p = text; (p = strstr(p, word)); p++) {
                bool starts = p == text || strchr(BLANKS, p[-1]);

                if (starts && strchr(BLANKS, p[n])) /* strchr() finds the end of the text, too */
                        return p;
        }

        return NULL;
}

/* Cuts @text before the first word @word and returns what stands behind it, NULL if the word is not there.
 */
static char *cut_at_word(char *text, const char *word) {
        char *found = find_word(text, word);

        if (!found)
                return NULL;

        *found = '\0';
        return found + strlen(word);
}

static char *strip(char *s) {
        size_t n;

        s += strspn(s, BLANKS);
        for (n = strlen(s); n > 0 && strchr(BLANKS, s[n - 1]); n--)
                s[n - 1] = '\0';

        return s;
}

/* "5 of 10s" or "10s". */
static int parse_duration_part(char *text, PolicyTrigger *t, char **reterr_message) {
        char *what = NULL, *period, *count = NULL;
        int r;

        period = cut_at_word(text, "of");
        if (period)
                count = strip(text);
        period = strip(period ?: text);

        r = policy_parse_period(period, &t->period_sec, &what);
        if (r < 0)
                return refuse_part(r, period, what, reterr_message);

        t->count = t->period_sec;
        if (!count)
                return 0;

        r = policy_parse_count(count, &t->count, &what);
        if (r < 0)
                return refuse_part(r, count, what, reterr_message);
        if (t->count > t->period_sec)
                return policy_refuse(
                                -EINVAL,
                                reterr_message,
                                "%s of %s: more seconds than the period has",
                                count,
                                period);

        return 0;
}

/* "on /path /path" or "matching RE": cuts it off @text. Whichever word comes first counts: the other one may
 * be part of the rule. */
static int parse_uri_part(char *text, Metric metric, UriRules *uris, char **reterr_message) {
        char *on = find_word(text, "on"), *matching = find_word(text, "matching"), *value, *what = NULL;
        bool exact = on && (!matching || on < matching);
        int r;

        if (!on && !matching)
                return 0;

        value = strip(cut_at_word(text, exact ? "on" : "matching"));
        if (!metric_info(metric)->is_http)
                return policy_refuse(-EINVAL, reterr_message, POLICY_NO_URI, metric_to_string(metric));
        if (*value == '\0')
                return policy_refuse(
                                -EINVAL,
                                reterr_message,
                                exact ? "expected a path after 'on'"
                                      : "expected a regular expression after 'matching'");

        r = exact ? uri_rules_add_paths(uris, value, &what) : uri_rules_set_regex(uris, value, &what);
        return r < 0 ? refuse_part(r, value, what, reterr_message) : 0;
}

/* Works in @text, which it cuts into its parts. */
static int parse_parts(char *text, PolicyTrigger *t, UriRules *uris, char **reterr_message) {
        char *what = NULL, *operation, *threshold, *duration;
        char name[64], shown[POLICY_VALUE_SHOWN_MAX + 4];
        size_t n;
        int r;

        text = strip(text);
        n = strcspn(text, BLANKS "<>=!");
        if (n == 0 || n >= sizeof(name))
                return policy_refuse(
                                -EINVAL,
                                reterr_message,
                                "expected a metric, as in 'process-cpu >= 80%% for 5 of 10s'");
        memcpy(name, text, n);
        name[n] = '\0';

        r = policy_parse_metric(name, &t->metric, &what);
        if (r < 0)
                return refuse_part(r, name, what, reterr_message);

        operation = text + n + strspn(text + n, BLANKS);
        if (strncmp(operation, ">=", 2) != 0)
                return policy_refuse(
                                -EINVAL,
                                reterr_message,
                                "expected '>=' after %s",
                                policy_value_shown(name, shown));

        r = parse_uri_part(operation + 2, t->metric, uris, reterr_message);
        if (r < 0)
                return r;

        duration = cut_at_word(operation + 2, "for");
        threshold = strip(operation + 2);
        r = policy_parse_threshold(t->metric, threshold, &t->threshold, &what);
        if (r < 0)
                return refuse_part(r, threshold, what, reterr_message);

        return duration ? parse_duration_part(duration, t, reterr_message) : 0;
}

int policy_parse_when(const char *text, PolicyTrigger *ret, UriRules *uris, char **reterr_message) {
        PolicyTrigger t = { .period_sec = POLICY_PERIOD_SEC_DEFAULT, .count = POLICY_COUNT_DEFAULT };
        char copy[TRIGGER_TEXT_MAX];
        size_t n;
        int r;

        assert(text);
        assert(ret);
        assert(uris && uris->n == 0);

        n = strlen(text);
        if (n >= sizeof(copy))
                return policy_refuse(-EINVAL, reterr_message, "longer than %u bytes", TRIGGER_TEXT_MAX - 1);
        memcpy(copy, text, n + 1);

        r = parse_parts(copy, &t, uris, reterr_message);
        if (r < 0)
                return r;

        *ret = t;
        return 0;
}

int policy_trigger_parse(const char *text, PolicyTrigger *ret, char **reterr_message) {
        UriRules uris = {};
        PolicyTrigger t;
        int r;

        assert(ret);

        r = policy_parse_when(text, &t, &uris, reterr_message);
        if (r >= 0 && uris.n > 1)
                r =
                                policy_refuse(-EINVAL,
                                              reterr_message,
                                              "%zu paths are as many triggers, expected one",
                                              uris.n);
        if (r >= 0) {
                if (uris.n > 0) {
                        t.uri = uris.rules[0];
                        uris.rules[0] = (UriRule){};
                }
                *ret = t;
        }

        uri_rules_done(&uris);
        return r;
}

int policy_trigger_format(const PolicyTrigger *t, char **ret_text) {
        _cleanup_(strbuf_done) StrBuf b = {};
        char value[32], period[TIMESPAN_TEXT_MAX];

        assert(t);
        assert(ret_text);

        strbuf_addf(&b,
                    "%s >= %s for ",
                    metric_to_string(t->metric),
                    metric_format_value(t->metric, t->threshold, value));
        if (t->count != t->period_sec)
                strbuf_addf(&b, "%u of ", t->count);
        strbuf_add(&b, timespan_format(t->period_sec * USEC_PER_SEC, period));
        if (t->uri.kind != URI_RULE_ALL)
                strbuf_addf(&b, " %s %s", t->uri.kind == URI_RULE_EXACT ? "on" : "matching", t->uri.text);

        return strbuf_finish(&b, ret_text);
}
