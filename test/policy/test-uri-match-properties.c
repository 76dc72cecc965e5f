/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for all automata of URI rules. CPROF_TEST_SEED repeats a run. */
#include "basic/cleanup.h"
#include "host/clock.h"
#include "policy/dfa.h"
#include "policy/regex-generator.h"
#include "policy/uri-match.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(uri_match_properties, .timeout = 60);

#define SETS 400
#define SET_MAX 12
#define PATHS 40

typedef struct Set {
        size_t n;
        UriRule rules[SET_MAX];
        Text patterns[SET_MAX], samples[SET_MAX];
        UriMatch *alone[SET_MAX];
} Set;

static Random random_start(void) {
        const char *s = getenv("CPROF_TEST_SEED");
        Random r = { s ? strtoull(s, NULL, 0) : clock_monotonic_usec() * 2 + 1 };

        fprintf(stderr, "CPROF_TEST_SEED=%#llx\n", (unsigned long long) r.state);
        return r;
}

static uint64_t find(const UriMatch *m, const char *target, size_t length) {
        return uri_match_find(m, target, length);
}

/* Rules that can be compiled alone. */
static void set_init(Set *s, Random *r) {
        size_t n = 1 + random_below(r, SET_MAX);

        s->n = 0;
        while (s->n < n) {
                UriRule *rule = &s->rules[s->n];

                generate_pattern(r, &s->patterns[s->n], &s->samples[s->n]);
                *rule = (UriRule){ URI_RULE_REGEX, s->patterns[s->n].bytes };
                if (random_below(r, 3) == 0)
                        *rule = (UriRule){ URI_RULE_EXACT, s->samples[s->n].bytes };
                if (uri_match_new(rule, 1, &s->alone[s->n], NULL, NULL) == 0)
                        s->n++;
        }
}

static void set_done(Set *s) {
        for (size_t i = 0; i < s->n; i++)
                uri_match_free(s->alone[i]);
}

/* Everything the kernel relies on. */
static void check_automaton(const HttpAutomaton *a, uint64_t all) {
        cr_assert(a->n_states >= 1 && a->n_states <= URI_STATES_MAX);
        cr_assert(a->n_classes >= 2 && a->n_classes <= 256);
        cr_assert_leq((uint64_t) a->n_states * a->n_classes, URI_TRANSITIONS_MAX);
        cr_assert(a->n_accepts >= 1 && a->n_accepts <= a->n_states);

        for (unsigned b = 0; b < 256; b++) {
                cr_assert_lt(a->classes[b], a->n_classes);
                cr_assert_eq(a->classes[b] == 0, dfa_byte_is_end((uint8_t) b));
        }
        for (uint32_t i = 0; i < a->n_accepts; i++)
                cr_assert_eq(a->accepts[i] & ~all, 0);

        for (uint32_t i = 0; i < a->n_states * a->n_classes; i++) {
                uint32_t to = a->next[i] & ~CPROF_HTTP_ABSORBING;

                if (i % a->n_classes == 0) {
                        cr_assert_lt(a->next[i], a->n_accepts);
                        continue;
                }
                cr_assert_eq(to % a->n_classes, 0);
                cr_assert_lt(to, a->n_states * a->n_classes);
                for (uint32_t c = 1; c < a->n_classes && a->next[i] & CPROF_HTTP_ABSORBING; c++)
                        cr_assert_eq(a->next[to + c], a->next[i]);
        }
}

static uint64_t find_alone(const Set *s, const Text *path) {
        uint64_t rules = 0;

        for (size_t i = 0; i < s->n; i++)
                rules |= find(s->alone[i], path->bytes, path->n) << i;

        return rules;
}

static void check_paths(Random *r, const Set *s, const UriMatch *together) {
        for (unsigned i = 0; i < PATHS; i++) {
                static const char *const hosts[] = {
                        "http://h", "https://user@h:80", "HTTPS://", "hTTp://[::1]:8080"
                };
                Text path, absolute = {};
                const char *host = hosts[random_below(r, ELEMENTSOF(hosts))];
                uint64_t expected;

                generate_path(r, &s->samples[random_below(r, (unsigned) s->n)], &path);
                expected = find_alone(s, &path);
                cr_assert_eq(find(together, path.bytes, path.n), expected, "path '%s'", path.bytes);

                text_add(&path, "?aA/k0", 6); /* the query does not matter */
                cr_assert_eq(find(together, path.bytes, path.n), expected, "path '%s'", path.bytes);

                if (path.bytes[0] != '/')
                        continue;
                text_add(&absolute, host, strlen(host));
                text_add(&absolute, path.bytes, path.n);
                if (absolute.n == path.n + strlen(host))
                        cr_assert_eq(find(together, absolute.bytes, absolute.n),
                                     expected,
                                     "'%s'",
                                     absolute.bytes);
        }
}

Test(uri_match_properties, rules_together_match_as_each_alone) {
        Random r = random_start();
        unsigned n_fit = 0, n_groups = 0;

        for (unsigned i = 0; i < SETS; i++) {
                _cleanup_(uri_match_freep) UriMatch *together = NULL;
                Set s;

                set_init(&s, &r);
                if (uri_match_new(s.rules, s.n, &together, NULL, NULL) == 0) {
                        const HttpRules *rules = uri_match_rules(together);

                        cr_assert(rules->n_groups >= 1 && rules->n_groups <= CPROF_HTTP_GROUPS_MAX);
                        for (unsigned g = 0; g < rules->n_groups; g++)
                                check_automaton(&rules->groups[g], (UINT64_C(1) << s.n) - 1);
                        check_paths(&r, &s, together);
                        n_groups += rules->n_groups > 1;
                        n_fit++;
                }
                set_done(&s);
        }

        fprintf(stderr, "%u sets of rules, %u of them in several automata\n", n_fit, n_groups);
        cr_expect_gt(n_fit, SETS / 2);
        cr_expect_gt(n_groups, 0);
}

Test(uri_match_properties, automata_are_minimal) {
        static const struct {
                const char *pattern;
                uint32_t n_states, n_classes;
        } rows[] = {
                { "", 1, 2 },
                { "(a|b|[^c]|c)*",
                  1,
                  2 }, /* start, h, ht, htt, http, https, http:, http:/, host; then path and matched */
                { "a", 9 + 2, 9 },
                /* "/", "/a" and others */
                { "^/a$", 9 + 3, 9 },
                { "^/(a|b)$", 9 + 3, 9 },
                { "^/[ab]$", 9 + 3, 9 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                UriRule rule = { URI_RULE_REGEX, (char *) rows[i].pattern };
                _cleanup_(uri_match_freep) UriMatch *m = NULL;

                cr_assert_eq(uri_match_new(&rule, 1, &m, NULL, NULL), 0);
                cr_expect_eq(uri_match_rules(m)->groups[0].n_states,
                             rows[i].n_states,
                             "'%s': %u",
                             rows[i].pattern,
                             uri_match_rules(m)->groups[0].n_states);
                cr_expect_eq(uri_match_rules(m)->groups[0].n_classes,
                             rows[i].n_classes,
                             "'%s': %u",
                             rows[i].pattern,
                             uri_match_rules(m)->groups[0].n_classes);
        }
}

Test(uri_match_properties, only_the_first_bytes_of_a_long_target_count) {
        UriRule rule = { URI_RULE_REGEX, (char *) "ab$" };
        _cleanup_(uri_match_freep) UriMatch *m = NULL;
        char target[CPROF_HTTP_URI_MAX + 8];

        cr_assert_eq(uri_match_new(&rule, 1, &m, NULL, NULL), 0);
        memset(target, 'a', sizeof(target));
        target[CPROF_HTTP_URI_MAX - 1] = 'b';
        cr_expect_eq(find(m, target, CPROF_HTTP_URI_MAX), 1);
        cr_expect_eq(find(m, target, sizeof(target)), 1);
        target[CPROF_HTTP_URI_MAX - 1] = 'a';
        target[CPROF_HTTP_URI_MAX] = 'b';
        cr_expect_eq(find(m, target, CPROF_HTTP_URI_MAX + 1), 0);
}
