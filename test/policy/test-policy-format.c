/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/strbuf.h"
#include "policy/policy-service.h"
#include "policy/policy.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(policy_format, .timeout = 30);

static Policy *parse_good(const char *text) {
        _cleanup_(freep) char *message = NULL;
        PolicyText t = { .path = "x.policy", .text = text, .length = strlen(text) };
        Policy *p = NULL;

        cr_assert_eq(policy_parse("x", &t, 1, &p, &message), 0, "%s in:\n%s", message, text);
        return p;
}

static void check_round_trip(const char *text) {
        _cleanup_(policy_unrefp) Policy *p = parse_good(text), *again = NULL;
        _cleanup_(freep) char *canonical = NULL, *twice = NULL;

        cr_assert_eq(policy_format(p, &canonical), 0);
        cr_assert_leq(strlen(canonical), POLICY_FILE_SIZE_MAX);

        again = parse_good(canonical);
        cr_assert(policy_equal(p, again), "%s\nbecame\n%s", text, canonical);

        cr_assert_eq(policy_format(again, &twice), 0);
        cr_assert_str_eq(twice, canonical);
}

Test(policy_format, the_canonical_text_is_complete) {
        _cleanup_(policy_unrefp) Policy *p =
                        parse_good("[Trigger]\nCount=30\nThreshold=80\nMetric=process-cpu\nPeriod=60\n"
                                   "[Policy]\nUnit=nginx\nDuration=90\n");
        _cleanup_(freep) char *text = NULL;

        cr_assert_eq(policy_format(p, &text), 0);
        cr_expect_str_eq(
                        text,
                        "[Policy]\n"
                        "Unit=nginx.service\n"
                        "Profile=on-cpu\n"
                        "Duration=1min 30s\n"
                        "Silence=20min\n"
                        "Scope=process\n"
                        "\n"
                        "[Trigger]\n"
                        "Metric=process-cpu\n"
                        "Threshold=80%\n"
                        "Period=1min\n"
                        "Count=30\n",
                        "%s",
                        text);
}

/* A small generator: the same policies at each run. */
typedef struct Random {
        uint64_t state;
} Random;

static unsigned draw(Random *g, unsigned n) {
        g->state = g->state * 6364136223846793005ULL + 1442695040888963407ULL;
        return (unsigned) (g->state >> 33) % n;
}

static void add_words(Random *g, StrBuf *b, const char *key, const char *const *words, size_t n_words) {
        for (unsigned lines = draw(g, 4); lines > 0; lines--) {
                strbuf_addf(b, "%s=", key);
                for (unsigned n = draw(g, 30); n > 0; n--)
                        strbuf_addf(b,
                                    "%s%u%s ",
                                    words[draw(g, n_words)],
                                    draw(g, 100),
                                    draw(g, 9) ? "" : "\\");
                strbuf_add(b, draw(g, 5) ? "\n" : "\\\n; a comment\n\n");
        }
}

static void add_random_trigger(Random *g, StrBuf *b) {
        static const char *const metrics[] = { "process-cpu", "process-thread-count", "system-load" };
        unsigned period = 1 + draw(g, 600), count = 1 + draw(g, period), whole = draw(g, 100000);
        const char *metric = metrics[draw(g, 3)];

        strbuf_add(b, "[Trigger]\n");
        if (draw(g, 2))
                strbuf_addf(b,
                            "When=%s >= %u.%u for %u of %us\n",
                            metric,
                            whole,
                            draw(g, 1000000),
                            count,
                            period);
        else
                strbuf_addf(b,
                            "Count=%u\nMetric=%s\nThreshold=%u\nPeriod=%u\n",
                            count,
                            metric,
                            whole,
                            period);
}

static void add_random_policy(Random *g, StrBuf *b) {
        static const char *const units[] = { "nginx-", "php*-", "a@b.service/app-*-", "dev-disk\\x2d" };
        static const char *const slices[] = { "web-*-", "user.slice/[a-z]x" };
        static const char *const exes[] = { "/usr/bin/p", "*/py?hon", "/opt/\xc3\xa4\xc3\xb6/[!a]" };
        static const char *const users[] = { "www-data", "", "a*" };
        static const char *const services[] = { "shop", "group::name", "\xe5\xba\x97", "\\x2d", "'q'" };
        static const char *const texts[] = { "plain", "a = b # c", "ends in \\ ", "\xe2\x9c\x93; [x]" };

        strbuf_add(b, "[Policy]\nUnit=always\n");
        add_words(g, b, "Unit", units, ELEMENTSOF(units));
        strbuf_addf(b, "Unit=also\n");
        add_words(g, b, "Service", services, ELEMENTSOF(services));
        if (draw(g, 2))
                strbuf_add(b, "Service=a \"b  c\" \"\\\"\\\\\" \t\"\\x0a\\x7F\" \"\\xe5\\xba\\x97\"\n");
        add_words(g, b, "Slice", slices, ELEMENTSOF(slices));
        if (draw(g, 2)) {
                add_words(g, b, "Exe", exes, ELEMENTSOF(exes));
                add_words(g, b, "User", users, ELEMENTSOF(users));
        } else
                strbuf_addf(b, "Scope=%s\n", draw(g, 2) ? "unit" : "process");
        if (draw(g, 2))
                strbuf_addf(b, "Description=%s\n", texts[draw(g, ELEMENTSOF(texts))]);
        if (draw(g, 2))
                strbuf_addf(b, "Duration=%u.%06us\n", 1 + draw(g, 3599), draw(g, 1000000));
        if (draw(g, 2))
                strbuf_addf(b, "Silence=%ums %uus\n", draw(g, 1000000000), draw(g, 1000));

        for (unsigned n = 1 + draw(g, 10); n > 0; n--)
                add_random_trigger(g, b);
}

Test(policy_format, random_policies_read_back_equal) {
        Random g = { .state = 20261121 };

        for (unsigned i = 0; i < 500; i++) {
                _cleanup_(strbuf_done) StrBuf b = {};
                _cleanup_(freep) char *text = NULL;

                add_random_policy(&g, &b);
                cr_assert_eq(strbuf_finish(&b, &text), 0);
                check_round_trip(text);
        }
}

Test(policy_format, names_of_services_are_quoted_where_they_have_to_be) {
        static const struct {
                const char *name, *written;
        } rows[] = {
                { "shop", "shop" },
                { "group::name", "group::name" },
                { "#1;", "#1;" },
                { "\xe5\xba\x97", "\xe5\xba\x97" },
                { "a b", "\"a b\"" },
                { " ", "\" \"" },
                { "say \"hi\"", "\"say \\\"hi\\\"\"" },
                { "end\\", "\"end\\\\\"" },
                { "two\nlines\t\x7f", "\"two\\x0alines\\x09\\x7f\"" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(strbuf_done) StrBuf b = {};
                _cleanup_(freep) char *text = NULL;
                Policy *p;

                strbuf_add(&b, "[Policy]\nService=");
                policy_service_write(&b, rows[i].name);
                strbuf_add(&b, "\n[Trigger]\nWhen=system-load >= 1\n");
                cr_assert_eq(strbuf_finish(&b, &text), 0);
                cr_expect(strstr(text, rows[i].written), "%s", text);

                p = parse_good(text);
                cr_expect_str_eq(p->services[0], rows[i].name);
                cr_expect_null(p->services[1]);
                policy_unref(p);
                check_round_trip(text);
        }
}

Test(policy_format, a_backslash_outside_of_quotes_is_one) {
        _cleanup_(policy_unrefp) Policy *p = parse_good(
                        "[Policy]\nService=dev\\x2ddisk b  b\n[Trigger]\nWhen=system-load >= 1\n");

        cr_expect_str_eq(p->services[0], "dev\\x2ddisk");
        cr_expect_str_eq(p->services[1], "b");
        cr_expect_null(p->services[2]);
}

Test(policy_format, the_largest_names_of_services_read_back_equal) {
        _cleanup_(strbuf_done) StrBuf b = {};
        _cleanup_(freep) char *text = NULL;
        char name[POLICY_SERVICE_BYTES_MAX + 1];

        memset(name, '\n', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';

        strbuf_add(&b, "[Policy]\n");
        for (unsigned i = 0; i < 15; i++) {
                name[0] = (char) ('a' + i);
                strbuf_add(&b, "Service=");
                policy_service_write(&b, name);
                strbuf_add(&b, "\n");
        }
        strbuf_add(&b, "[Trigger]\nWhen=system-load >= 1\n");
        cr_assert_eq(strbuf_finish(&b, &text), 0);

        check_round_trip(text);
}

Test(policy_format, the_largest_policy_reads_back_equal) {
        _cleanup_(strbuf_done) StrBuf b = {};
        _cleanup_(freep) char *text = NULL;

        strbuf_add(&b, "[Policy]\n");
        strbuf_addf(&b, "Description=%01024u\n", 1);
        for (unsigned i = 0; i < POLICY_PATTERNS_MAX; i++)
                strbuf_addf(&b, "Unit=%026u\nSlice=%025u\nExe=/%027u\nUser=%031u\n", i, i, i, i);
        for (unsigned i = 0; i < POLICY_TRIGGERS_MAX; i++)
                strbuf_addf(&b,
                            "[Trigger]\nWhen=process-thread-count >= 1234567.%06u for 479 of 599s\n",
                            100001 + i);
        cr_assert_eq(strbuf_finish(&b, &text), 0);

        check_round_trip(text);
}

#define BASE \
        "[Policy]\nUnit=a b\nExe=/x\n[Trigger]\nWhen=system-load >= 1\n[Trigger]\nWhen=system-load >= 2\n"

Test(policy_format, spelling_and_order_make_no_difference) {
        static const char *const same[] = {
                BASE,
                "# other words\n[Policy]\nExe=/x\nUnit=b.service\nUnit=a\nDuration=600\nSilence=1200s\nProfile=on-cpu\n"
                "Scope=process\n[Trigger]\nMetric=system-load\nThreshold=2.0\nPeriod=10\nCount=5\n"
                "[Trigger]\nWhen=system-load>=1 for 5 of 10s\n",
                BASE "[Policy]\nUnit=\nUnit=a b a\nDescription=\n",
                BASE "[Policy]\nService=x \"y z\"\nService=\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(same); i++)
                for (size_t j = 0; j < ELEMENTSOF(same); j++) {
                        _cleanup_(policy_unrefp) Policy *a = parse_good(same[i]), *b = parse_good(same[j]);

                        cr_expect(policy_equal(a, b), "%zu and %zu", i, j);
                }
}

Test(policy_format, each_difference_in_meaning_counts) {
        static const char *const rows[] = {
                BASE,
                BASE "[Policy]\nDescription=x\n",
                BASE "[Policy]\nUnit=c\n",
                BASE "[Policy]\nUnit=\nUnit=a c\n",
                BASE "[Policy]\nSlice=c\n",
                BASE "[Policy]\nExe=/y\n",
                BASE "[Policy]\nUser=c\n",
                BASE "[Policy]\nService=c\n",
                BASE "[Policy]\nService=d\n",
                BASE "[Policy]\nDuration=601\n",
                BASE "[Policy]\nSilence=601\n",
                BASE "[Policy]\nExe=\n",
                BASE "[Policy]\nExe=\nScope=unit\n",
                BASE "[Trigger]\nWhen=system-load >= 3\n",
                BASE
                "[Policy]\nTriggers=\n[Trigger]\nWhen=system-load >= 2\n[Trigger]\nWhen=system-load >= 3\n",
                BASE "[Policy]\nTriggers=\n[Trigger]\nWhen=system-load >= 2\n",
                BASE "[Policy]\nTriggers=\n[Trigger]\nWhen=process-cpu >= 2\n",
                BASE "[Policy]\nTriggers=\n[Trigger]\nWhen=system-load >= 2 for 10s\n",
                BASE "[Policy]\nTriggers=\n[Trigger]\nWhen=system-load >= 2 for 5 of 11s\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                for (size_t j = 0; j < ELEMENTSOF(rows); j++) {
                        _cleanup_(policy_unrefp) Policy *a = parse_good(rows[i]), *b = parse_good(rows[j]);

                        cr_expect_eq(policy_equal(a, b), i == j, "%zu and %zu", i, j);
                }
}

Test(policy_format, nothing_equals_no_policy) {
        _cleanup_(policy_unrefp) Policy *p = parse_good(BASE);

        cr_expect(!policy_equal(p, NULL));
        cr_expect(!policy_equal(NULL, p));
        cr_expect(policy_equal(NULL, NULL));
        cr_expect(policy_equal(p, p));
}
