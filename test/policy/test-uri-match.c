/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/cleanup.h"
#include "policy/uri-match.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(uri_match, .timeout = 20);

#define MATCHES_MAX 24

static UriRule exact(const char *path) {
        return (UriRule){ URI_RULE_EXACT, (char *) path };
}

static UriRule regex(const char *pattern) {
        return (UriRule){ URI_RULE_REGEX, (char *) pattern };
}

static UriMatch *make(const UriRule *rules, size_t n) {
        _cleanup_(freep) char *message = NULL;
        size_t rule = 0;
        UriMatch *m = NULL;
        int r;

        r = uri_match_new(rules, n, &m, &rule, &message);
        cr_assert_eq(r, 0, "rule %zu '%s': %s", rule, rules[rule].text, message);
        return m;
}

static uint64_t find(const UriMatch *m, const char *target) {
        return uri_match_find(m, target, strlen(target));
}

/* What is and what is not matched by one rule. */
static void check(UriRule rule, const char *const *yes, const char *const *no) {
        _cleanup_(uri_match_freep) UriMatch *m = make(&rule, 1);

        for (; *yes; yes++)
                cr_expect_eq(find(m, *yes), 1, "'%s' must match '%s'", rule.text, *yes);
        for (; *no; no++)
                cr_expect_eq(find(m, *no), 0, "'%s' must not match '%s'", rule.text, *no);
}

#define LIST(...)                               \
        (const char *const[]) {                 \
                __VA_ARGS__ __VA_OPT__(, ) NULL \
        }

Test(uri_match, exact_path_is_the_whole_path) {
        check(exact("/api/orders"),
              LIST("/api/orders",
                   "/api/orders?id=1",
                   "/api/orders#top",
                   "/api/orders?",
                   "/api/orders HTTP/1.1"),
              LIST("/api/orders/", "/api/order", "/api/ordersx", "/", "", "/API/orders", "x/api/orders"));
        check(exact("/a.b*(c)"), LIST("/a.b*(c)"), LIST("/axb*(c)", "/a.b(c)"));
        check(exact("/caf\xc3\xa9"), LIST("/caf\xc3\xa9"), LIST("/cafe", "/caf%C3%A9"));
        check(exact("*"), LIST("*"), LIST("/", "**"));
}

Test(uri_match, host_of_an_absolute_target_is_skipped) {
        check(exact("/orders"),
              LIST("http://shop/orders", "https://shop:8443/orders?x", "HTTP://u@[::1]:80/orders"),
              LIST("http://shop/orders/",
                   "http://shop//orders",
                   "ftp://shop/orders",
                   "http:/orders",
                   "http://orders",
                   "http:///x/orders",
                   "http//shop/orders"));
        check(regex("shop"),
              LIST("/shop", "http://x/shop"),
              LIST("http://shop/x", "http://shop", "http://shop?shop"));
        check(regex("^/$"), LIST("/", "http://a/", "/?x"), LIST("http://a", "", "//"));
        check(regex("^$"), LIST("", "http://a", "?x"), LIST("/", "http://a/"));
        /* as long as it is no absolute target, it is a path */
        check(regex("http:/"), LIST("http:/x", "/http://x"), LIST("http://x/y", "https://http:/y"));
        check(exact("http:/x"), LIST("http:/x"), LIST("http://x"));
}

Test(uri_match, rules_of_all_kinds_in_one_pass) {
        const UriRule rules[] = {
                exact("/api/orders"), regex("^/api/"),      { .kind = URI_RULE_ALL },
                regex("orders$"),     exact("/api/orders"), regex("(?i)pay"),
        };
        _cleanup_(uri_match_freep) UriMatch *m = make(rules, ELEMENTSOF(rules));

        cr_expect_eq(uri_match_rules(m)->n_rules, 6);
        cr_expect_eq(uri_match_rules(m)->all, 0x4);
        cr_expect_eq(uri_match_rules(m)->n_groups, 1);
        cr_expect_eq(find(m, "/api/orders"), 0x1f);
        cr_expect_eq(find(m, "/api/order"), 0x06);
        cr_expect_eq(find(m, "/orders"), 0x0c);
        cr_expect_eq(find(m, "/API/PAYMENT"), 0x24);
        cr_expect_eq(find(m, ""), 0x04);
}

Test(uri_match, only_all) {
        const UriRule rule = { .kind = URI_RULE_ALL };
        _cleanup_(uri_match_freep) UriMatch *m = make(&rule, 1);

        cr_expect_eq(uri_match_rules(m)->n_groups, 0);
        cr_expect_eq(find(m, "/x"), 1);
}
