/* SPDX-License-Identifier: Apache-2.0 */
/* Policy to text: one spelling for each meaning. */
#include "basic/strbuf.h"
#include "policy/policy-service.h"
#include "policy/policy.h"

#include <string.h>

#define LINE_LENGTH_WANTED 100

static void add_assignment(StrBuf *b, const char *key, const char *value) {
        size_t n = strlen(value);

        /* A blank behind a backslash at the end, so that it does not continue the line; the parser drops
         * blanks there. */
        strbuf_addf(b, "%s=%s%s\n", key, value, n > 0 && value[n - 1] == '\\' ? " " : "");
}

static void add_list(StrBuf *b, const char *key, char *const *list) {
        size_t column = 0;

        for (; *list; list++) {
                size_t n = strlen(*list);

                if (column > 0 && column + 1 + n > LINE_LENGTH_WANTED) {
                        strbuf_add(b, "\n");
                        column = 0;
                }

                strbuf_addf(b, "%s%s%s", column == 0 ? key : "", column == 0 ? "=" : " ", *list);
                column += (column == 0 ? strlen(key) : 0) + 1 + n;

                if ((*list)[n - 1] == '\\') { /* see add_assignment() */
                        strbuf_add(b, " \n");
                        column = 0;
                }
        }

        if (column > 0)
                strbuf_add(b, "\n");
}

/* Each on a line of its own: names may be long, and hold blanks. */
static void add_services(StrBuf *b, char *const *services) {
        for (; *services; services++) {
                strbuf_add(b, "Service=");
                policy_service_write(b, *services);
                strbuf_add(b, "\n");
        }
}

static void add_profiles(StrBuf *b, unsigned kinds) {
        strbuf_add(b, "Profile=");
        for (int k = 0, n = 0; k < _PROFILE_KIND_MAX; k++)
                if (kinds & (1U << k))
                        strbuf_addf(b, "%s%s", n++ > 0 ? " " : "", profile_kind_to_string(k));
        strbuf_add(b, "\n");
}

static void add_trigger(StrBuf *b, const PolicyTrigger *t) {
        char value[32], period[TIMESPAN_TEXT_MAX];

        strbuf_addf(b, "\n[Trigger]\nMetric=%s\n", metric_to_string(t->metric));
        strbuf_addf(b, "Threshold=%s\n", metric_format_value(t->metric, t->threshold, value));
        strbuf_addf(b, "Period=%s\n", timespan_format(t->period_sec * USEC_PER_SEC, period));
        strbuf_addf(b, "Count=%u\n", t->count);
        if (t->uri.kind != URI_RULE_ALL)
                add_assignment(b, t->uri.kind == URI_RULE_EXACT ? "URI" : "URIRegex", t->uri.text);
}

int policy_format(const Policy *p, char **ret_text) {
        _cleanup_(strbuf_done) StrBuf b = {};
        char span[TIMESPAN_TEXT_MAX];

        assert(p);
        assert(ret_text);

        strbuf_add(&b, "[Policy]\n");
        if (p->description)
                add_assignment(&b, "Description", p->description);
        add_list(&b, "Unit", p->units);
        add_list(&b, "Slice", p->slices);
        add_list(&b, "Exe", p->exes);
        add_list(&b, "User", p->users);
        add_services(&b, p->services);
        add_profiles(&b, p->kinds);
        strbuf_addf(&b, "Duration=%s\n", timespan_format(p->duration_usec, span));
        strbuf_addf(&b, "Silence=%s\n", timespan_format(p->silence_usec, span));
        strbuf_addf(&b, "Scope=%s\n", policy_scope_to_string(p->scope));

        for (size_t i = 0; i < p->n_triggers; i++)
                add_trigger(&b, &p->triggers[i]);

        return strbuf_finish(&b, ret_text);
}
