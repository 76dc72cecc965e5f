/* SPDX-License-Identifier: Apache-2.0 */
/* The automata of src/policy/uri-match, walked by the parser: what it counts for a rule is what
 * uri_match_find() says. */
#include "http/random-text.h"
#include "http/transcript.h"
#include "policy/uri-match.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(http_uri, .timeout = 60);

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define RANDOM_TARGETS 3000U

static const char *const targets[] = {
        "/",
        "/api/orders",
        "/api/orders?page=2",
        "/api/orders#top",
        "/api/orders/17",
        "/api/Orders",
        "http://shop.example:8080/api/orders",
        "HTTPS://shop.example/users/12/items",
        "http://shop.example",
        "*",
        "/users/12/items",
        "/users/x/items",
        "/users/12/items/",
        "/static/a.b.js",
        "/img/one/two/three",
        "/v1.2/abc",
        "/caf\xc3\xa9",
        "/%41pi",
};

static HttpBed *b;
static Transcript *t;
static UriMatch *m;

static void set_up(const UriRule *rules, size_t n) {
        _cleanup_(freep) char *message = NULL;
        size_t rule;

        cr_assert_eq(uri_match_new(rules, n, &m, &rule, &message), 0, "rule %zu: %s", rule, message);
        b = http_bed_new(uri_match_rules(m));
        t = transcript_new();
}

static void tear_down(void) {
        b = http_bed_free(b);
        t = transcript_free(t);
        m = uri_match_free(m);
}

/* One request for each target; then each rule has the sum of what was found. */
static void add_request(const char *target, size_t length, uint64_t expected[CPROF_HTTP_RULES_MAX]) {
        uint64_t found = uri_match_find(m, target, length);
        static Text request;

        request.n = 0;
        text_add(&request, "GET ");
        text_add_bytes(&request, target, length);
        text_add(&request, " HTTP/1.1\r\nHost: a\r\n\r\n");
        transcript_add(t, BED_IN, request.data, request.n, 1000);
        transcript_add(t, BED_OUT, ANSWER, strlen(ANSWER), 1000);
        for (unsigned i = 0; i < CPROF_HTTP_RULES_MAX; i++)
                expected[i] += found >> i & 1;
}

static void check(size_t n_rules, const uint64_t expected[CPROF_HTTP_RULES_MAX]) {
        BedSums sums;

        transcript_add_end(t, 1000);
        transcript_play(t, b);
        http_bed_collect(b, &sums);
        for (size_t i = 0; i < n_rules; i++)
                cr_expect_eq(sums.cells[i].n_total, expected[i], "rule %zu: %llu", i, sums.cells[i].n_total);
        cr_expect_eq(sums.counters[CPROF_HTTP_SEEN_REQUESTS], sums.counters[CPROF_HTTP_SEEN_RESPONSES]);
        for (unsigned i = 0; i < CPROF_HTTP_LOSSES_DEGRADING; i++)
                cr_expect_eq(sums.counters[i], 0, "counter %u", i);
}

static const UriRule rules[] = {
        { URI_RULE_ALL, NULL },
        { URI_RULE_EXACT, (char *) "/api/orders" },
        { URI_RULE_REGEX, (char *) "^/users/\\d+/(orders|items)$" },
        { URI_RULE_REGEX, (char *) "(?i)orders" },
        { URI_RULE_REGEX, (char *) "img|js$" },
        { URI_RULE_REGEX, (char *) "^/v[0-9]+\\.[0-9]+/[a-z_]{2,5}(/.*)?$" },
        { URI_RULE_REGEX, (char *) "caf." },
        { URI_RULE_EXACT, (char *) "/" },
};

Test(http_uri, each_kind_of_target_is_matched_as_the_daemon_does, .fini = tear_down) {
        uint64_t expected[CPROF_HTTP_RULES_MAX] = {};

        set_up(rules, ELEMENTSOF(rules));
        for (size_t i = 0; i < ELEMENTSOF(targets); i++)
                add_request(targets[i], strlen(targets[i]), expected);
        check(ELEMENTSOF(rules), expected);
        cr_expect_gt(expected[1], 2);
        cr_expect_gt(expected[5], 0);
}

/* Bytes that a target may have, most often those that rules are about. */
static size_t random_target(Random *r, char *target, size_t size) {
        static const char often[] = "/api/ordersusers12itemsjsimgv.?#";
        size_t n = 1 + random_below(r, random_percent(r, 3) ? size - 1 : 40);

        for (size_t i = 0; i < n; i++)
                target[i] = random_percent(r, 95) ? often[random_below(r, strlen(often))]
                                                  : (char) (33 + random_below(r, 222));
        target[0] = '/';
        if (random_percent(r, 50))
                memcpy(target, "/users/12/items", n < 15 ? n : 15);
        return n;
}

Test(http_uri, random_targets_are_matched_as_the_daemon_does, .fini = tear_down) {
        uint64_t expected[CPROF_HTTP_RULES_MAX] = {};
        Random r = { .state = 5 };
        char target[1000];

        set_up(rules, ELEMENTSOF(rules));
        for (unsigned i = 0; i < RANDOM_TARGETS; i++) {
                size_t n = random_target(&r, target, sizeof(target));

                add_request(target, n, expected);
        }
        check(ELEMENTSOF(rules), expected);
        cr_expect_gt(expected[2], 0);
}

/* As many rules as a process may have: the last one's bit is bit 63. */
Test(http_uri, sixty_four_rules_have_cells_of_their_own, .fini = tear_down) {
        UriRule many[CPROF_HTTP_RULES_MAX];
        char paths[CPROF_HTTP_RULES_MAX][16];
        uint64_t expected[CPROF_HTTP_RULES_MAX] = {};

        for (unsigned i = 0; i < CPROF_HTTP_RULES_MAX; i++) {
                (void) snprintf(paths[i], sizeof(paths[i]), "/path/%u", i);
                many[i] = (UriRule){ URI_RULE_EXACT, paths[i] };
        }
        set_up(many, ELEMENTSOF(many));
        for (unsigned i = 0; i < CPROF_HTTP_RULES_MAX; i++)
                for (unsigned n = 0; n <= i % 3; n++)
                        add_request(paths[i], strlen(paths[i]), expected);
        check(ELEMENTSOF(many), expected);
        cr_expect_eq(expected[63], 1);
}

/* Unanchored words whose product is too large for one automaton. */
Test(http_uri, groups_are_matched_one_after_another, .fini = tear_down) {
        static const char *const words[] = {
                "users.*12.*items", "api.*ord.*ers", "js.*img.*v1", "12.*us.*api", "v.*s.*3"
        };
        UriRule hard[ELEMENTSOF(words)];
        uint64_t expected[CPROF_HTTP_RULES_MAX] = {};
        Random r = { .state = 7 };
        char target[400];

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                hard[i] = (UriRule){ URI_RULE_REGEX, (char *) words[i] };
        set_up(hard, ELEMENTSOF(hard));
        cr_expect_gt(uri_match_rules(m)->n_groups, 1);
        for (unsigned i = 0; i < 500; i++) {
                size_t n = random_target(&r, target, sizeof(target));

                add_request(target, n, expected);
        }
        check(ELEMENTSOF(hard), expected);
        cr_expect_gt(expected[0], 0);
}
