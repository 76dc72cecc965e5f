/* SPDX-License-Identifier: Apache-2.0 */
/* One target of one service of OAP's as a policy of ours.
 *
 * PROCESS_CPU is percent, and what OAP's own agent compares it with is not divided by the number of cores:
 * 100 is one core, as it is for process-cpu; thresholds are taken as they are. (Its documentation has 0 to
 * 100, but a process that uses two cores is above that there, too.) HTTP_ERROR_RATE is percent,
 * HTTP_AVG_RESPONSE_TIME milliseconds, SYSTEM_LOAD the load of a minute of the whole host,
 * PROCESS_THREAD_COUNT a number. */
#include "oap/oap-policy-private.h"

#include "basic/profile-kind.h"
#include "basic/strv.h"
#include "basic/utf8.h"
#include "policy/policy-message.h"
#include "policy/policy-pattern.h"
#include "policy/policy-service.h"
#include "policy/policy-trigger.h"
#include "policy/uri-match.h"

#include <string.h>

#define REFUSED_MAX 16U /* lines of one target; more are counted */

typedef char Shown[POLICY_VALUE_SHOWN_MAX + 4];

typedef struct Draft {
        const char *service;
        OapTarget target;
        const char *type; /* of the item that is being read */
        Policy policy;    /* triggers are ours, the rest is borrowed */
        size_t uris_size;
        char ***refused;
        size_t n_refused, n_more;
} Draft;

/* "SERVICE: TARGET TYPE: what". 0, or -ENOMEM. */
static int refuse(Draft *d, const char *format, ...) _printf_(2, 3);
static int refuse(Draft *d, const char *format, ...) {
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

static int refuse_value(Draft *d, const char *key, const char *value, const char *what) {
        Shown shown;

        return refuse(d, "%s=%s: %s", key, policy_value_shown(value, shown), what);
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
static int read_threshold(Draft *d, Metric metric, const char *text, double *ret) {
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
                return refuse_value(d, "Threshold", text, what ?: "not a number");

        return r < 0 ? r : 1;
}

/* 1: they are in @t. */
static int read_seconds(Draft *d, const OapCheckItem *item, PolicyTrigger *t) {
        long long period = item->period_sec, count = item->count;

        if (period <= 0)
                return refuse(d, "Period=%lli: expected seconds, 1 at least", period);
        if (count <= 0)
                return refuse(d, "Count=%lli: expected seconds, 1 at least", count);
        if (count > period)
                return refuse(d, "Count=%lli is above Period=%lli", count, period);
        if (count > OAP_POLICY_PERIOD_MAX)
                return refuse(d,
                              "Count=%lli is more than the longest period has, Period=%u",
                              count,
                              OAP_POLICY_PERIOD_MAX);

        t->count = (unsigned) count;
        t->period_sec = (unsigned) MIN_OF(period, (long long) OAP_POLICY_PERIOD_MAX);
        if (period > OAP_POLICY_PERIOD_MAX) {
                int r = refuse(d,
                               "Period=%lli is cut to the longest there is, %u",
                               period,
                               OAP_POLICY_PERIOD_MAX);

                return r < 0 ? r : 1;
        }

        return 1;
}

/* What @values say about @rule, whose text is taken over. 1; 0: there is no room. */
static int add_trigger(Draft *d, const PolicyTrigger *values, UriRule rule) {
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
static int read_rule(Draft *d, UriRuleKind kind, const char *text, UriRule *ret) {
        const char *key = kind == URI_RULE_EXACT ? "URIList" : "URIRegex", *problem = text_problem(text);
        _cleanup_(uri_rules_done) UriRules rules = {};
        _cleanup_(freep) char *what = NULL;
        int r;

        if (!problem && kind == URI_RULE_EXACT && (text[0] == '\0' || strpbrk(text, " \t")))
                problem = "expected a path, which has no blanks";
        if (!problem && kind == URI_RULE_REGEX && (text[0] == ' ' || text[strlen(text) - 1] == ' '))
                problem = "a blank at an end, and no path has one";
        if (problem)
                return refuse_value(d, key, text, problem);

        r = kind == URI_RULE_EXACT ? uri_rules_add_paths(&rules, text, &what)
                                   : uri_rules_set_regex(&rules, text, &what);
        if (r == -EINVAL)
                return refuse_value(d, key, text, what ?: "not understood");
        if (r < 0)
                return r;

        *ret = rules.rules[0];
        rules.n = 0;
        return 1;
}

/* The number of rules that there was room for. */
static int add_paths(Draft *d, const PolicyTrigger *values, char *const *uris) {
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

        r = refuse(d,
                   "URIList: %zu paths more than a policy has room for, a regular expression may say the same",
                   n_over);
        return r < 0 ? r : n;
}

/* Number of triggers it made. A list wins over an expression. */
static int add_item(Draft *d, const OapCheckItem *item) {
        Metric metric = metric_of(item->type);
        PolicyTrigger values = { .metric = metric };
        UriRule rule = {};
        int r;

        d->type = item->type;
        if (metric < 0)
                return refuse(d, "not known here");

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
        return r == 0 ? refuse(d, "no room for more than %u triggers", POLICY_TRIGGERS_MAX) : r;
}

static int compare_triggers(const void *a, const void *b) {
        const PolicyTrigger *x = a, *y = b;
        int r;

        if (x->metric != y->metric)
                return x->metric < y->metric ? -1 : 1;
        if (x->uri.kind != y->uri.kind)
                return x->uri.kind < y->uri.kind ? -1 : 1;
        r = strcmp(x->uri.text ?: "", y->uri.text ?: "");
        if (r != 0)
                return r;
        if (x->threshold != y->threshold)
                return x->threshold < y->threshold ? -1 : 1;
        if (x->period_sec != y->period_sec)
                return x->period_sec < y->period_sec ? -1 : 1;

        return x->count < y->count ? -1 : x->count > y->count;
}

static int drop_trigger(Draft *d, size_t i, const char *reason) {
        Policy *p = &d->policy;
        const UriRule *uri = &p->triggers[i].uri;
        int r;

        r = refuse_value(d, uri->kind == URI_RULE_EXACT ? "URIList" : "URIRegex", uri->text, reason);

        policy_trigger_done(p->triggers + i);
        p->n_triggers--;
        memmove(p->triggers + i, p->triggers + i + 1, (p->n_triggers - i) * sizeof(p->triggers[0]));
        return r;
}

/* Leaves out what the kernel cannot have together with the rest. */
static int drop_complex(Draft *d) {
        UriRule rules[POLICY_TRIGGERS_MAX];
        char *reasons[POLICY_TRIGGERS_MAX] = {};
        Policy *p = &d->policy;
        size_t at[POLICY_TRIGGERS_MAX], n = 0;
        int r;

        r = policy_check_uris(p, NULL);
        if (r != -EINVAL && r != -E2BIG)
                return r;

        for (size_t i = 0; i < p->n_triggers; i++)
                if (p->triggers[i].uri.kind != URI_RULE_ALL) {
                        at[n] = i;
                        rules[n++] = p->triggers[i].uri;
                }

        r = uri_rules_select(rules, n, reasons);
        d->type = NULL;
        while (n-- > 0) { /* from the end, so that indexes stay */
                if (r >= 0 && reasons[n])
                        r = drop_trigger(d, at[n], reasons[n]);
                free(reasons[n]);
        }

        return r < 0 ? r : 0;
}

static int write_text(const Draft *d, char **ret_text) {
        _cleanup_(freep) char *text = NULL;
        int r;

        r = policy_format(&d->policy, &text);
        if (r < 0)
                return r;

        if (asprintf(ret_text, "# From SkyWalking's OAP, which has it changed: do not edit.\n%s", text) < 0)
                return -ENOMEM;

        return 0;
}

/* 1: the target is one that can be recorded. */
static int check_target(Draft *d, size_t n_items) {
        const char *problem = NULL;

        if (n_items == 0)
                return 0;
        if (profile_kind_from_string(oap_target_to_kind(d->target)) < 0)
                return refuse(d, "%s profiling is not built", oap_target_to_string(d->target));

        if (!utf8_is_valid(d->service, strlen(d->service)))
                problem = "not valid UTF-8";
        else if (strlen(d->service) > POLICY_SERVICE_BYTES_MAX)
                problem = "longer than a policy can name it";
        return problem ? refuse(d, "the service's name is %s", problem) : 1;
}

/* Those on one metric. */
static int add_items(Draft *d, const OapServicePolicy *policy, Metric metric, unsigned *n_items) {
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

static int build(Draft *d, const OapServicePolicy *policy, char **ret_text, unsigned *ret_n_items) {
        unsigned n_items = 0;
        size_t n = 0;
        int r;

        for (size_t i = 0; i < policy->n_items; i++)
                n += policy->items[i].target == d->target;

        r = check_target(d, n);
        if (r <= 0)
                return r;

        /* In order of metrics: that of JSON objects means nothing, and is another one each time. */
        for (size_t i = 0; i < ELEMENTSOF(types) && r >= 0; i++)
                r = add_items(d, policy, types[i].metric, &n_items);
        if (r >= 0)
                r = add_items(d, policy, _METRIC_INVALID, &n_items);
        if (r >= 0)
                r = drop_complex(d);
        if (r < 0 || d->policy.n_triggers == 0)
                return r;

        qsort(d->policy.triggers, d->policy.n_triggers, sizeof(d->policy.triggers[0]), compare_triggers);
        *ret_n_items = n_items;
        return write_text(d, ret_text);
}

int oap_policy_build(
                const OapServicePolicy *policy,
                OapTarget target,
                char **ret_text,
                unsigned *ret_n_items,
                char ***refused) {
        static char *no_patterns[] = { NULL };
        char *services[] = { policy->service, NULL };
        Draft d = {
                .service = policy->service,
                .target = target,
                .policy = {
                        .units = no_patterns,
                        .slices = no_patterns,
                        .exes = no_patterns,
                        .users = no_patterns,
                        .services = services,
                        .duration_usec = POLICY_DURATION_DEFAULT,
                        .silence_usec = POLICY_SILENCE_DEFAULT,
                        .scope = POLICY_SCOPE_PROCESS,
                },
                .refused = refused,
        };
        int r;

        *ret_text = NULL;
        *ret_n_items = 0;
        r = profile_kind_from_string(oap_target_to_kind(target));
        d.policy.kinds = r >= 0 ? PROFILE_KIND_BIT(r) : 0;

        r = build(&d, policy, ret_text, ret_n_items);
        policy_drop_triggers(&d.policy);
        if (r >= 0 && d.n_more > 0)
                r = strv_pushf(refused,
                               "%s: %s: %zu more like these",
                               policy->service,
                               oap_target_to_string(target),
                               d.n_more);

        return r < 0 ? r : 0;
}

int oap_policy_format(
                const OapServicePolicy *policy, OapTarget target, char **ret_text, char ***ret_refused) {
        _cleanup_(strv_freep) char **refused = NULL;
        _cleanup_(freep) char *text = NULL;
        unsigned n_items;
        int r;

        assert(policy);
        assert(target >= 0 && target < _OAP_TARGET_MAX);
        assert(ret_text);
        assert(ret_refused);

        r = oap_policy_build(policy, target, &text, &n_items, &refused);
        if (r < 0)
                return r;

        *ret_text = TAKE_PTR(text);
        *ret_refused = TAKE_PTR(refused);
        return 0;
}
