/* SPDX-License-Identifier: Apache-2.0 */
/* Check items of OAP's as triggers.
 *
 * PROCESS_CPU is percent, and what OAP's own agent compares it with is not divided by the number of cores:
 * 100 is one core, as it is for process-cpu; thresholds are taken as they are. (Its documentation has 0 to
 * 100, but a process that uses two cores is above that there, too.) HTTP_ERROR_RATE is percent,
 * HTTP_AVG_RESPONSE_TIME milliseconds, SYSTEM_LOAD the load of a minute of the whole host,
 * PROCESS_THREAD_COUNT a number. */
#include "oap/oap-policy-draft.h"

#include "basic/strv.h"
#include "basic/utf8.h"
#include "policy/policy-message.h"
#include "policy/policy-trigger.h"

#include <string.h>

#define REFUSED_MAX 16U /* lines of one target; more are counted */

typedef char Shown[POLICY_VALUE_SHOWN_MAX + 4];

int oap_draft_refuse(OapDraft *d, const char *format, ...) {
        _cleanup_(strbuf_done) StrBuf b = {};
        Shown service, type;
        char *line = NULL;
        va_list ap;

        if (d->n_refused >= REFUSED_MAX) {
                d->n_more++;
                return 0;
        }

        strbuf_addf(&b,
                    "%s: %s%s%s: ",
                    policy_value_shown(d->service, service),
                    oap_target_to_string(d->target),
                    d->type ? " " : "",
                    d->type ? policy_value_shown(d->type, type) : "");
        va_start(ap, format);
        strbuf_addv(&b, format, ap);
        va_end(ap);
        (void) strbuf_finish(&b, &line);
        d->n_refused++;
        return strv_push(d->refused, line);
}

int oap_draft_refuse_value(OapDraft *d, const char *key, const char *value, const char *what) {
        Shown shown;

        return oap_draft_refuse(d, "%s=%s: %s", key, policy_value_shown(value, shown), what);
}

static const struct {
        const char *type;
        Metric metric;
} types[] = {
        { "PROCESS_CPU", METRIC_PROCESS_CPU },
        { "PROCESS_THREAD_COUNT", METRIC_PROCESS_THREAD_COUNT },
        { "SYSTEM_LOAD", METRIC_SYSTEM_LOAD },
        { "HTTP_ERROR_RATE", METRIC_HTTP_ERROR_RATE },
        { "HTTP_AVG_RESPONSE_TIME", METRIC_HTTP_AVG_RESPONSE_TIME },
};

static Metric metric_of(const char *type) {
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (strcmp(types[i].type, type) == 0)
                        return types[i].metric;

        return _METRIC_INVALID;
}

/* 1: *ret is it. OAP hands it on as the operator typed it: "+5". */
static int read_threshold(OapDraft *d, Metric metric, const char *text, double *ret) {
        _cleanup_(freep) char *number = NULL, *what = NULL;
        size_t n;
        int r;

        text += strspn(text, " \t");
        text += text[0] == '+';
        for (n = strlen(text); n > 0 && strchr(" \t", text[n - 1]); n--)
                ;
        number = strndup(text, n);
        if (!number)
                return -ENOMEM;

        r = policy_parse_threshold(metric, number, ret, &what);
        if (r == -EINVAL)
                return oap_draft_refuse_value(d, "Threshold", text, what ?: "not a number");

        return r < 0 ? r : 1;
}

/* 1: they are in @t. */
static int read_seconds(OapDraft *d, const OapCheckItem *item, PolicyTrigger *t) {
        long long period = item->period_sec, count = item->count;

        if (period <= 0)
                return oap_draft_refuse(d, "Period=%lli: expected seconds, 1 at least", period);
        if (count <= 0)
                return oap_draft_refuse(d, "Count=%lli: expected seconds, 1 at least", count);
        if (count > period)
                return oap_draft_refuse(d, "Count=%lli is above Period=%lli", count, period);
        if (count > OAP_POLICY_PERIOD_MAX)
                return oap_draft_refuse(
                                d,
                                "Count=%lli is more than the longest period has, Period=%u",
                                count,
                                OAP_POLICY_PERIOD_MAX);

        t->count = (unsigned) count;
        t->period_sec = (unsigned) MIN_OF(period, (long long) OAP_POLICY_PERIOD_MAX);
        if (period > OAP_POLICY_PERIOD_MAX) {
                int r = oap_draft_refuse(
                                d,
                                "Period=%lli is cut to the longest there is, %u",
                                period,
                                OAP_POLICY_PERIOD_MAX);

                return r < 0 ? r : 1;
        }

        return 1;
}

/* What @values say about @rule, whose text is taken over. 1; 0: there is no room. */
static int add_trigger(OapDraft *d, const PolicyTrigger *values, UriRule rule) {
        PolicyTrigger t = *values, *grown;
        size_t size = rule.text ? strlen(rule.text) : 0;
        Policy *p = &d->policy;

        t.uri = rule;
        for (size_t i = 0; i < p->n_triggers; i++)
                if (policy_trigger_equal(p->triggers + i, &t)) {
                        policy_trigger_done(&t);
                        return 1;
                }

        if (p->n_triggers >= POLICY_TRIGGERS_MAX || d->uris_size + size > POLICY_URIS_SIZE_MAX) {
                policy_trigger_done(&t);
                return 0;
        }

        grown = reallocarray(p->triggers, p->n_triggers + 1, sizeof(grown[0]));
        if (!grown) {
                policy_trigger_done(&t);
                return -ENOMEM;
        }

        grown[p->n_triggers++] = t;
        p->triggers = grown;
        d->uris_size += size;
        return 1;
}

/* What a line of a file cannot hold. */
static const char *text_problem(const char *text) {
        if (!utf8_is_valid(text, strlen(text)))
                return "not valid UTF-8";
        for (const char *p = text; *p; p++)
                if ((unsigned char) *p < 0x20 || *p == 0x7f)
                        return "control character";

        return NULL;
}

/* 1: *ret is the rule. */
static int read_rule(OapDraft *d, UriRuleKind kind, const char *text, UriRule *ret) {
        const char *key = kind == URI_RULE_EXACT ? "URIList" : "URIRegex", *problem = text_problem(text);
        _cleanup_(uri_rules_done) UriRules rules = {};
        _cleanup_(freep) char *what = NULL;
        int r;

        if (!problem && kind == URI_RULE_EXACT && (text[0] == '\0' || strpbrk(text, " \t")))
                problem = "expected a path, which has no blanks";
        if (!problem && kind == URI_RULE_REGEX && (text[0] == ' ' || text[strlen(text) - 1] == ' '))
                problem = "a blank at an end, and no path has one";
        if (problem)
                return oap_draft_refuse_value(d, key, text, problem);

        r = kind == URI_RULE_EXACT ? uri_rules_add_paths(&rules, text, &what)
                                   : uri_rules_set_regex(&rules, text, &what);
        if (r == -EINVAL)
                return oap_draft_refuse_value(d, key, text, what ?: "not understood");
        if (r < 0)
                return r;

        *ret = rules.rules[0];
        rules.n = 0;
        return 1;
}

/* The number of rules that there was room for. */
static int add_paths(OapDraft *d, const PolicyTrigger *values, char *const *uris) {
        size_t n_over = 0;
        int n = 0, r;

        for (; *uris; uris++) {
                UriRule rule;

                r = read_rule(d, URI_RULE_EXACT, *uris, &rule);
                if (r > 0) {
                        r = add_trigger(d, values, rule);
                        n_over += r == 0;
                        n += r > 0;
                }
                if (r < 0)
                        return r;
        }

        if (n_over == 0)
                return n;

        r = oap_draft_refuse(
                        d,
                        "URIList: %zu paths more than a policy has room for, a regular expression may say the same",
                        n_over);
        return r < 0 ? r : n;
}

/* Number of triggers it made. A list wins over an expression. */
static int add_item(OapDraft *d, const OapCheckItem *item) {
        Metric metric = metric_of(item->type);
        PolicyTrigger values = { .metric = metric };
        UriRule rule = {};
        int r;

        d->type = item->type;
        if (metric < 0)
                return oap_draft_refuse(d, "not known here");

        r = read_threshold(d, metric, item->threshold ?: "", &values.threshold);
        if (r > 0)
                r = read_seconds(d, item, &values);
        if (r <= 0)
                return r;

        if (metric_info(metric)->is_http && item->uris && item->uris[0])
                return add_paths(d, &values, item->uris);
        if (metric_info(metric)->is_http && item->uri_regex && item->uri_regex[0]) {
                r = read_rule(d, URI_RULE_REGEX, item->uri_regex, &rule);
                if (r <= 0)
                        return r;
        }

        r = add_trigger(d, &values, rule);
        return r == 0 ? oap_draft_refuse(d, "no room for more than %u triggers", POLICY_TRIGGERS_MAX) : r;
}

/* Those on one metric. */
static int add_items(OapDraft *d, const OapServicePolicy *policy, Metric metric, unsigned *n_items) {
        for (size_t i = 0; i < policy->n_items; i++) {
                const OapCheckItem *item = policy->items + i;
                int r;

                if (item->target != d->target || metric_of(item->type) != metric)
                        continue;

                r = add_item(d, item);
                if (r < 0)
                        return r;
                *n_items += r > 0;
        }

        return 0;
}

int oap_draft_add_items(OapDraft *d, const OapServicePolicy *policy, unsigned *ret_n) {
        int r = 0;

        assert(d);
        assert(policy);
        assert(ret_n);

        /* In order of metrics: that of JSON objects means nothing, and is another one each time. */
        *ret_n = 0;
        for (size_t i = 0; i < ELEMENTSOF(types) && r >= 0; i++)
                r = add_items(d, policy, types[i].metric, ret_n);

        return r < 0 ? r : add_items(d, policy, _METRIC_INVALID, ret_n);
}
