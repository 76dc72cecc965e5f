/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions of URI rules against RE2 itself. CPROF_TEST_SEED repeats a run. */
#include "basic/cleanup.h"
#include "host/clock.h"
#include "policy/dfa.h"
#include "policy/re2-oracle.h"
#include "policy/regex-generator.h"
#include "policy/uri-match.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(uri_match_re2, .timeout = 60);

#define PATTERNS 5000
#define PATHS 60 /* of each */

typedef struct Counts {
        unsigned patterns, both, refused_by_both, refused_here, checks, matches;
} Counts;

DEFINE_CLEANUP(Re2Oracle *, re2_oracle_free)

static uint64_t seed(void) {
        const char *s = getenv("CPROF_TEST_SEED");
        uint64_t value = s ? strtoull(s, NULL, 0) : clock_monotonic_usec() * 2 + 1;

        fprintf(stderr, "CPROF_TEST_SEED=%#llx\n", (unsigned long long) value);
        return value;
}

static UriMatch *compile(const char *pattern, char **ret_message) {
        UriRule rule = { URI_RULE_REGEX, (char *) pattern };
        UriMatch *m = NULL;

        (void) uri_match_new(&rule, 1, &m, NULL, ret_message);
        return m;
}

/* What RE2 takes and a rule may not: said in uri-match.h. */
static bool may_be_refused(const char *message) {
        static const char *const reasons[] = {
                "(class of Unicode) is not supported",
                "(upper and lower case beyond ASCII) is not supported",
                "too complex: ",
                "repeats too much",
                "is not followed by a name of letters", /* RE2 has letters beyond ASCII, Go has not */
                "matches no path: ",
        };

        for (size_t i = 0; i < ELEMENTSOF(reasons); i++)
                if (strstr(message, reasons[i]))
                        return true;

        return false;
}

static size_t path_length(const Text *path) {
        size_t n = 0;

        while (n < path->n && !dfa_byte_is_end((uint8_t) path->bytes[n]))
                n++;

        return n;
}

static bool is_absolute(const Text *path) {
        return memmem(path->bytes, path->n, "://", 3);
}

/* @m is NULL if no path must match. */
static void
compare(Random *r,
        const UriMatch *m,
        const Re2Oracle *re,
        const Text *pattern,
        const Text *sample,
        Counts *c) {
        for (unsigned i = 0; i < PATHS; i++) {
                bool expected, found;
                Text path;

                generate_path(r, sample, &path);
                if (is_absolute(&path))
                        continue;

                expected = re2_oracle_find(re, path.bytes, path_length(&path));
                found = m && uri_match_find(m, path.bytes, path.n);
                cr_assert_eq(found,
                             expected,
                             "pattern '%s', path '%s': RE2 says %i, the automaton %i",
                             pattern->bytes,
                             path.bytes,
                             expected,
                             found);
                c->checks++;
                c->matches += found;
        }
}

static void check_pattern(Random *r, const Text *pattern, const Text *sample, Counts *c) {
        _cleanup_(freep) char *message = NULL;
        _cleanup_(uri_match_freep) UriMatch *m = compile(pattern->bytes, &message);
        char error[256] = "";
        _cleanup_(re2_oracle_freep) Re2Oracle *re = re2_oracle_new(pattern->bytes, error, sizeof(error));

        c->patterns++;
        if (!m && !re) {
                c->refused_by_both++;
                return;
        }
        if (!re && strstr(error, "invalid perl operator: (?<"))
                return; /* "(?<name>": newer versions of RE2, and Go, have it */
        if (!re)
                cr_assert_fail("pattern '%s': RE2 says '%s', here it is taken", pattern->bytes, error);
        if (!m)
                cr_assert(may_be_refused(message),
                          "pattern '%s': RE2 takes it, here it is refused: %s",
                          pattern->bytes,
                          message);

        if (!m && !strstr(message, "matches no path")) {
                c->refused_here++;
                return;
        }
        c->both++;
        compare(r, m, re, pattern, sample, c);
}

static Counts run(unsigned n, bool spoil) {
        Random r = { seed() };
        Counts c = {};
        usec_t start = clock_monotonic_usec();
        Text pattern, sample;

        for (unsigned i = 0; i < n; i++) {
                generate_pattern(&r, &pattern, &sample);
                if (spoil)
                        spoil_pattern(&r, &pattern);
                check_pattern(&r, &pattern, &sample, &c);
        }

        fprintf(stderr,
                "%u patterns: %u compared, %u refused by both, %u here only; %u paths, %u of them match; %.1f s\n",
                c.patterns,
                c.both,
                c.refused_by_both,
                c.refused_here,
                c.checks,
                c.matches,
                (double) (clock_monotonic_usec() - start) / USEC_PER_SEC);
        return c;
}

Test(uri_match_re2, random_patterns_match_as_those_of_re2) {
        Counts c = run(PATTERNS, /* spoil= */ false);

        /* or this would prove little */
        cr_expect_gt(c.both, PATTERNS / 2);
        cr_expect_gt(c.checks, PATTERNS / 2 * PATHS * 9 / 10);
        cr_expect_gt(c.matches, c.checks / 10);
        cr_expect_gt(c.checks - c.matches, c.checks / 10);
}

Test(uri_match_re2, random_texts_are_patterns_if_re2_says_so) {
        Counts c = run(PATTERNS, /* spoil= */ true);

        cr_expect_gt(c.both, PATTERNS / 10);
        cr_expect_gt(c.refused_by_both, PATTERNS / 10);
}

/* What people write, and SkyWalking's documentation. */
static const char *const realistic[] = {
        "/api/orders",
        "^/api/orders$",
        "^/api/.*",
        "/api/.*",
        ".*",
        "",
        "^/$",
        "^/api/v\\d+/users/[^/]+/orders(/.*)?$",
        "^/api/v[12]/(users|orders|payments)(/|$)",
        "\\.(?:css|js|png|jpe?g|gif|svg|ico|woff2?)$",
        "(?i)\\.(php|asp|aspx)$",
        "^/users/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        "^/(?P<tenant>[a-z][a-z0-9-]{0,30})/(?P<resource>\\w+)",
        "/orders/\\d{1,10}\\b",
        "\\border\\b",
        "order|payment|invoice",
        "^(/health|/ready|/metrics)$",
        "^/static/|^/assets/|favicon\\.ico",
        "[^/]+/[^/]+/[^/]+$",
        "^(/[^/]+){3}$",
        "^/(\\d+/)*\\d*$",
        "(?i)^/API/",
        "(?i:login|logout)$",
        "^/search(?:\\?.*)?$",
        "%[0-9A-Fa-f]{2}",
        "^/\\Qa.b+c\\E/",
        "^/caf\u00e9",
        "[^\\x00-\\x7f]",
        "^/[\\w.~!$&'()*+,;=:@%-]+(/[\\w.~!$&'()*+,;=:@%-]*)*$",
        "(?U)^/a.*b",
        "(?m)^/api$",
        "\\A/api\\z",
        "/wp-(admin|login|content)/?",
        "^/api/(?:(?:v1|v2)/)?items/?$",
        "^/[^a]",
        "//",
        "/\\.\\./",
        "^/[[:alpha:]][[:alnum:]_]*$",
        "^.{0,20}$",
        "\\B/",
};

static const char *const paths[] = {
        "/",
        "",
        "*",
        "/api",
        "/api/",
        "/api/orders",
        "/api/orders/",
        "/api/orders/42",
        "/API/Orders",
        "/api/v1/users/alice/orders",
        "/api/v12/users/alice/orders/7?x=/",
        "/api/v2/payments",
        "/api/v1/items/",
        "/api/v3/items",
        "/style.css",
        "/a/b/logo.jpeg",
        "/INDEX.PHP",
        "/index.php?x=1",
        "/users/0123abcd-0123-4567-89ab-0123456789ab",
        "/users/0123abcd-0123-4567-89ab-0123456789aB",
        "/acme/orders",
        "/9acme/orders",
        "/orders/12345678901",
        "/orders/1234567890/x",
        "/my-order/pre_order",
        "/pre_order/order-1",
        "/health",
        "/healthz",
        "/static/x.js",
        "/favicon.ico",
        "/a/b/c",
        "/a/b/c/d",
        "/1/22/333",
        "/login",
        "/LOGOUT",
        "/search",
        "/search?q=a",
        "/%41%zz",
        "/a.b+c/x",
        "/aXb+c/x",
        "/caf\u00e9",
        "/caf\xe9",
        "/\u4e2d\u6587",
        "/a//b/../c",
        "/wp-admin/",
        "/xa_b1",
        "host.example:443",
};

Test(uri_match_re2, realistic_patterns) {
        unsigned n_matches = 0;

        for (size_t i = 0; i < ELEMENTSOF(realistic); i++) {
                _cleanup_(freep) char *message = NULL;
                _cleanup_(uri_match_freep) UriMatch *m = compile(realistic[i], &message);
                char error[256];
                _cleanup_(re2_oracle_freep) Re2Oracle *re =
                                re2_oracle_new(realistic[i], error, sizeof(error));

                cr_assert(m, "'%s' is refused: %s", realistic[i], message);
                cr_assert(re);
                for (size_t j = 0; j < ELEMENTSOF(paths); j++) {
                        size_t length = strcspn(paths[j], "?");
                        bool expected = re2_oracle_find(re, paths[j], length);

                        cr_expect_eq(uri_match_find(m, paths[j], strlen(paths[j])),
                                     expected,
                                     "pattern '%s', path '%s'",
                                     realistic[i],
                                     paths[j]);
                        n_matches += expected;
                }
        }

        cr_expect_gt(n_matches, ELEMENTSOF(realistic) * 2);
}
