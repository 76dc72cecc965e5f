/* SPDX-License-Identifier: Apache-2.0 */
/* Which requests a trigger is about: keys, short form, what is refused. */
#include "policy/policy-pattern.h"
#include "policy/policy-uri.h"
#include "policy/policy.h"

#include "basic/strbuf.h"

#include <criterion/criterion.h>
#include <string.h>

#define UNIT "[Policy]\nUnit=nginx\n"
#define TRIGGER "[Trigger]\nMetric=http-avg-response-time\nThreshold=250ms\nPeriod=30s\nCount=10\n"

TestSuite(policy_uri, .timeout = 20);

static Policy *parse(const char *text) {
        const PolicyText t = { .path = "web.policy", .text = text, .length = strlen(text) };
        _cleanup_(freep) char *message = NULL;
        Policy *p = NULL;
        int r;

        r = policy_parse("web", &t, 1, &p, &message);
        cr_assert_eq(r, 0, "%s\n%s", text, message);
        return p;
}

/* "exact:/a regex:^/b all" in the order of the triggers. */
static void expect_uris(const Policy *p, const char *expected) {
        static const char *const kinds[] = { "all", "exact:", "regex:" };
        _cleanup_(strbuf_done) StrBuf b = {};

        for (size_t i = 0; i < p->n_triggers; i++)
                strbuf_addf(&b,
                            "%s%s%s",
                            i > 0 ? " " : "",
                            kinds[p->triggers[i].uri.kind],
                            p->triggers[i].uri.text ?: "");

        cr_expect_str_eq(b.text, expected, "%s", b.text);
}

Test(policy_uri, each_path_is_a_trigger_of_its_own) {
        static const struct {
                const char *text, *uris;
        } rows[] = {
                { UNIT TRIGGER, "all" },
                { UNIT TRIGGER "URI=/api/orders /api/pay\n", "exact:/api/orders exact:/api/pay" },
                { UNIT TRIGGER "URI=/b\nURI=/a\nURI=/b\n", "exact:/b exact:/a" },
                { UNIT TRIGGER "URI=/a\nURI=\nURI=/b\n", "exact:/b" },
                { UNIT TRIGGER "URI=/a\nURI=\n", "all" },
                { UNIT TRIGGER "URI=* /\n", "exact:* exact:/" },
                { UNIT TRIGGER "URI=/a%20b/\xc3\xa4;v=1\n", "exact:/a%20b/\xc3\xa4;v=1" },
                { UNIT TRIGGER "URIRegex=^/api/\nURIRegex=^/web/\n", "regex:^/web/" },
                { UNIT TRIGGER "URIRegex=^/api/\nURIRegex=\n", "all" },
                { UNIT TRIGGER "URIRegex=  ^/[^/ ]+$  \n", "regex:^/[^/ ]+$" },
                /* whole paths win, whatever the order */
                { UNIT TRIGGER "URIRegex=^/api/\nURI=/a\n", "exact:/a" },
                { UNIT TRIGGER "URI=/a\nURIRegex=^/api/\n", "exact:/a" },
                { UNIT TRIGGER "URI=/a\nURIRegex=^/api/\nURI=\n", "regex:^/api/" },
                /* one like it is there */
                { UNIT TRIGGER "URI=/a\n" TRIGGER "URI=/b /a\n" TRIGGER, "exact:/a exact:/b all" },
                { UNIT TRIGGER "URI=/a\n[Policy]\nTriggers=\n" TRIGGER "URI=/b\n", "exact:/b" },
                { UNIT "[Trigger]\nWhen=http-error-rate >= 5% on /a /b\n", "exact:/a exact:/b" },
                { UNIT "[Trigger]\nWhen=http-error-rate >= 5% on /a\nWhen=\nWhen=http-error-rate >= 5%\n",
                  "all" },
                { UNIT "[Trigger]\nWhen=http-error-rate >= 5% matching /(a|b)( on )?/c\n",
                  "regex:/(a|b)( on )?/c" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                _cleanup_(policy_unrefp) Policy *p = parse(rows[i].text), *again = NULL;
                _cleanup_(freep) char *text = NULL;

                expect_uris(p, rows[i].uris);

                cr_assert_eq(policy_format(p, &text), 0);
                again = parse(text);
                cr_expect(policy_equal(p, again), "%s", text);
        }
}

Test(policy_uri, policies_of_other_uris_are_not_equal) {
        static const char *const texts[] = {
                UNIT TRIGGER,
                UNIT TRIGGER "URI=/a\n",
                UNIT TRIGGER "URI=/b\n",
                UNIT TRIGGER "URI=/a /b\n",
                UNIT TRIGGER "URIRegex=/a\n",
        };
        _cleanup_(policy_unrefp) Policy *ab = parse(UNIT TRIGGER "URI=/a /b\n"),
                                        *ba = parse(UNIT TRIGGER "URI=/b\n" TRIGGER "URI=/a\n");

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++) {
                        _cleanup_(policy_unrefp) Policy *a = parse(texts[i]), *b = parse(texts[k]);

                        cr_expect_eq(policy_equal(a, b), i == k, "%zu %zu", i, k);
                }

        cr_expect(policy_equal(ab, ba));
}

Test(policy_uri, what_cannot_be_matched_is_refused) {
        static const struct {
                const char *text, *message;
        } rows[] = {
                { UNIT "[Trigger]\nMetric=process-cpu\nThreshold=80%\nURI=/a\n",
                  "web.policy:6: URI=: process-cpu is not about requests, only http- metrics have URIs" },
                { UNIT "[Trigger]\nURIRegex=/a\nMetric=io-pressure\nThreshold=80%\n",
                  "web.policy:4: URIRegex=: io-pressure is not about requests, only http- metrics have URIs" },
                { UNIT "[Trigger]\nWhen=process-cpu >= 80% on /a\n",
                  "web.policy:4: When=process-cpu >= 80% on /a: process-cpu is not about requests, only http- "
                  "metrics have URIs" },
                { UNIT TRIGGER "URI=api\n",
                  "web.policy:8: URI=api: expected paths that begin with '/', without the host, not 'api'" },
                { UNIT TRIGGER "URI=/a http://shop/b\n",
                  "web.policy:8: URI=/a http://shop/b: expected paths that begin with '/', without the host, "
                  "not 'http://shop/b'" },
                { UNIT TRIGGER "URI=/search?q=1\n",
                  "web.policy:8: URI=/search?q=1: the query is not part of what is matched, write '/search'" },
                { UNIT TRIGGER "URI=/a#top\n",
                  "web.policy:8: URI=/a#top: the query is not part of what is matched, write '/a'" },
                { UNIT TRIGGER "URI=/a\n\nURI=/\x7f\n",
                  "web.policy:10: URI=/?: control character, expected text" },
                { UNIT TRIGGER "Uri=/a\n",
                  "web.policy:8: Uri=/a: unknown key in [Trigger], did you mean URI=?" },
                { UNIT "URI=/a\n",
                  "web.policy:3: URI=/a: not a key of [Policy], it belongs into [Trigger]" },
                { UNIT "[Trigger]\nWhen=http-error-rate >= 5%\nURI=/a\n",
                  "web.policy:5: URI=/a: either When= or the other keys, not both in one section" },
                { UNIT "[Trigger]\nURI=/a\nWhen=http-error-rate >= 5%\n",
                  "web.policy:5: When=http-error-rate >= 5%: either When= or the other keys, not both in one section" },
                { UNIT "[Trigger]\nMetric=memory-pressure\nThreshold=20%\n",
                  "web.policy:3: [Trigger]: memory-pressure has a value with Scope=unit only" },
                { UNIT
                  "Scope=process\n[Trigger]\nWhen=process-cpu >= 1%\n[Trigger]\nWhen=io-pressure >= 20%\n",
                  "web.policy:6: [Trigger]: io-pressure has a value with Scope=unit only" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const PolicyText t = { "web.policy", rows[i].text, strlen(rows[i].text) };
                _cleanup_(freep) char *message = NULL;
                _cleanup_(policy_unrefp) Policy *p = NULL;

                cr_expect_eq(policy_parse("web", &t, 1, &p, &message), -EINVAL, "%s", rows[i].text);
                cr_expect_str_eq(message ?: "(none)", rows[i].message, "%s", message);
        }
}

Test(policy_uri, a_bad_regex_is_shown_with_its_place) {
        static const char *const texts[] = {
                UNIT TRIGGER "URIRegex=/api/(?=x)\n",
                UNIT "[Trigger]\nWhen=http-error-rate >= 5% matching /api/(?=x)\n",
        };

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                const PolicyText t = { "web.policy", texts[i], strlen(texts[i]) };
                _cleanup_(freep) char *message = NULL;
                _cleanup_(policy_unrefp) Policy *p = NULL;

                cr_expect_eq(policy_parse("web", &t, 1, &p, &message), -EINVAL);
                cr_expect(message &&
                                          strstr(message,
                                                 i == 0 ? "web.policy:8: URIRegex=/api/(?=x): column 6: '(?='"
                                                        : "/api/(?=x): column 6: '(?='"),
                          "%s",
                          message);
        }
}

Test(policy_uri, units_may_wait_for_resources) {
        _cleanup_(policy_unrefp) Policy *p =
                        parse(UNIT "Scope=unit\n[Trigger]\nWhen=memory-pressure >= 20%\n");

        cr_expect_eq(p->triggers[0].metric, METRIC_MEMORY_PRESSURE);
}

Test(policy_uri, the_short_form_is_read_and_written) {
        static const struct {
                const char *text, *written;
                UriRule uri;
        } rows[] = {
                { "http-avg-response-time >= 250ms for 10 of 30s on /api/orders",
                  NULL,
                  { URI_RULE_EXACT, (char *) "/api/orders" } },
                { "http-avg-response-time >= 0.25s for 10 of 30s  on\t/api/orders ",
                  "http-avg-response-time >= 250ms for 10 of 30s on /api/orders",
                  { URI_RULE_EXACT, (char *) "/api/orders" } },
                { "http-request-rate >= 1000/s for 30s matching ^/api/",
                  NULL,
                  { URI_RULE_REGEX, (char *) "^/api/" } },
                { "http-error-rate >= 5% on /a",
                  "http-error-rate >= 5% for 5 of 10s on /a",
                  { URI_RULE_EXACT, (char *) "/a" } },
                { "http-error-rate >= 5% for 10s matching a[^ ] ?for( on )?b",
                  NULL,
                  { URI_RULE_REGEX, (char *) "a[^ ] ?for( on )?b" } },
                { "http-error-rate >= 5% for 10s", NULL, {} },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                _cleanup_(freep) char *message = NULL, *text = NULL;
                PolicyTrigger t, again;

                cr_assert_eq(policy_trigger_parse(rows[i].text, &t, &message), 0, "%s", message);
                cr_expect(uri_rule_equal(&t.uri, &rows[i].uri), "%s", rows[i].text);
                cr_assert_eq(policy_trigger_format(&t, &text), 0);
                cr_expect_str_eq(text, rows[i].written ?: rows[i].text);
                cr_assert_eq(policy_trigger_parse(text, &again, NULL), 0);
                cr_expect(policy_trigger_equal(&t, &again));
                policy_trigger_done(&t);
                policy_trigger_done(&again);
        }
}

Test(policy_uri, bad_short_forms_are_refused) {
        static const struct {
                const char *text, *message;
        } rows[] = {
                { "http-error-rate >= 5% on", "expected a path after 'on'" },
                { "http-error-rate >= 5% matching  ", "expected a regular expression after 'matching'" },
                { "http-error-rate >= 5% on /a /b", "2 paths are as many triggers, expected one" },
                { "http-error-rate >= 5% on /a for 10s",
                  "/a for 10s: expected paths that begin with '/', without the host, not 'for'" },
                { "http-error-rate on /a >= 5%", "expected '>=' after http-error-rate" },
                { "http-error-rate >= 5ms on /a", "5ms: expected a percentage such as 5%" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                _cleanup_(freep) char *message = NULL;
                PolicyTrigger t;

                cr_expect_eq(policy_trigger_parse(rows[i].text, &t, &message), -EINVAL, "%s", rows[i].text);
                cr_expect_str_eq(message ?: "(none)", rows[i].message, "%s", message);
        }
}

/* @n sections with a path of @length bytes each, in two pieces of @path_max. */
static int parse_many(unsigned n, unsigned length, Policy **ret, char **reterr_message) {
        _cleanup_(strbuf_done) StrBuf b = {};
        PolicyText t = { .path = "web.policy" };

        strbuf_add(&b, UNIT TRIGGER);
        for (unsigned i = 0; i < n; i++)
                strbuf_addf(&b, "URI=/%0*u\n", (int) length - 1, i);
        t.text = b.text;
        t.length = b.length;

        return policy_parse("web", &t, 1, ret, reterr_message);
}

Test(policy_uri, lengths_and_numbers_have_bounds) {
        static const struct {
                unsigned n, length;
                const char *message; /* its beginning; NULL: fine */
        } rows[] = {
                { 64, 10, NULL },
                { 65, 10, "web.policy:72: URI=/000000064: more than 64 paths" },
                { 1, 1024, NULL },
                { 1, 1025, "web.policy:8: URI=/0000" },
                { 14, 1024, NULL },
                { 15,
                  1024,
                  "web.policy: URI= and URIRegex= of all triggers are longer than 14 KiB together" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                _cleanup_(freep) char *message = NULL;
                _cleanup_(policy_unrefp) Policy *p = NULL;
                int r = parse_many(rows[i].n, rows[i].length, &p, &message);

                cr_expect_eq(r, rows[i].message ? -EINVAL : 0, "row %zu: %s", i, message);
                if (rows[i].message)
                        cr_expect(message && strstr(message, rows[i].message) == message, "%s", message);
        }
}

Test(policy_uri, sections_with_many_paths_add_up) {
        _cleanup_(strbuf_done) StrBuf b = {};
        _cleanup_(freep) char *message = NULL;
        _cleanup_(policy_unrefp) Policy *p = NULL;
        PolicyText t = { .path = "web.policy" };

        strbuf_add(&b, UNIT);
        for (unsigned i = 0; i < 65; i += 5)
                strbuf_addf(&b, TRIGGER "URI=/%u /%u /%u /%u /%u\n", i, i + 1, i + 2, i + 3, i + 4);
        t.text = b.text;
        t.length = b.length;

        cr_expect_eq(policy_parse("web", &t, 1, &p, &message), -EINVAL);
        cr_expect_str_eq(message, "web.policy:75: [Trigger]: more than 64 triggers (each path is one)");
}

/* Everything as long as it may be; a file must hold the canonical text. */
Test(policy_uri, the_longest_policy_can_be_written_to_a_file) {
        static const struct { const char *key, *first; } kinds[] = { { "Unit", "" }, { "Slice", "" } };
        _cleanup_(strbuf_done) StrBuf patterns = {}, triggers = {};
        _cleanup_(policy_unrefp) Policy *p = NULL, *again = NULL;
        _cleanup_(freep) char *message = NULL, *text = NULL;
        PolicyText texts[2] = { { .path = "a" }, { .path = "b" } };

        strbuf_addf(&patterns, "[Policy]\nDescription=%0*u\n", (int) POLICY_DESCRIPTION_MAX - 1, 0);
        for (unsigned k = 0; k < 2; k++)
                for (unsigned i = 0; i < 250; i++)
                        strbuf_addf(&patterns,
                                    "%s=%0*u%s\n",
                                    kinds[k].key,
                                    k == 0 ? 56 : 58,
                                    i,
                                    k == 0 ? ".service" : ".slice");
        for (unsigned i = 0; i < 64; i++)
                strbuf_addf(&triggers,
                            "[Trigger]\nWhen=http-avg-response-time >= %u.000001ms for 599 of 9min 59s "
                            "on /%0*u\n",
                            3599000 + i,
                            215,
                            i);
        texts[0].text = patterns.text;
        texts[0].length = patterns.length;
        texts[1].text = triggers.text;
        texts[1].length = triggers.length;

        cr_assert_eq(policy_parse("web", texts, 2, &p, &message), 0, "%s", message);
        cr_assert(policy_patterns_size(p->units) + policy_patterns_size(p->slices) >
                  POLICY_PATTERNS_SIZE_MAX * 99 / 100);
        cr_assert_eq(policy_format(p, &text), 0);
        cr_expect_leq(strlen(text), POLICY_FILE_SIZE_MAX);
        again = parse(text);
        cr_expect(policy_equal(p, again));
}
