/* SPDX-License-Identifier: Apache-2.0 */
/* Names of OAP's policies, and what holds whatever OAP says. */
#include "oap/oap-policy-texts.h"

TestSuite(oap_policy_any, .timeout = 60);

Test(oap_policy_any, names_are_valid_unique_and_readable) {
        static const struct {
                const char *service;
                OapTarget target;
                const char *name;
        } rows[] = {
                { "shop", OAP_TARGET_ON_CPU, "oap:on-cpu:shop" },
                { "shop", OAP_TARGET_OFF_CPU, "oap:off-cpu:shop" },
                { "shop", OAP_TARGET_NETWORK, "oap:network:shop" },
                { "group::shop-1.x@y_z", OAP_TARGET_ON_CPU, "oap:on-cpu:group::shop-1.x@y_z" },
                { "order desk", OAP_TARGET_ON_CPU, "oap:on-cpu:order\\x20desk" },
                { "../../etc/passwd", OAP_TARGET_ON_CPU, "oap:on-cpu:..\\x2f..\\x2fetc\\x2fpasswd" },
                { "a\\x20b", OAP_TARGET_ON_CPU, "oap:on-cpu:a\\x5cx20b" },
                { "\xe5\xba\x97", OAP_TARGET_ON_CPU, "oap:on-cpu:\\xe5\\xba\\x97" },
        };
        char service[601];
        char *before = NULL;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(freep) char *name = NULL;

                cr_assert_eq(oap_policy_name(rows[i].service, rows[i].target, &name), 0);
                cr_expect_str_eq(name, rows[i].name, "%s", name);
                cr_expect(policy_name_is_valid(name));
        }

        /* of growing length, cut at each place there is */
        for (size_t n = 100; n < sizeof(service); n++) {
                char *name = NULL;

                memset(service, 'a', n);
                for (size_t k = n % 7; k < n; k += 5)
                        service[k] = ' ';
                service[n] = '\0';
                cr_assert_eq(oap_policy_name(service, OAP_TARGET_OFF_CPU, &name), 0);
                cr_expect(policy_name_is_valid(name), "%s", name);
                cr_expect_not_null(strstr(name, "\\h"), "%s", name);
                cr_expect(!before || strcmp(before, name) != 0, "%s", name);
                free(before);
                before = name;
        }
        free(before);
}

Test(oap_policy_any, two_long_names_that_begin_alike_differ) {
        _cleanup_(freep) char *a = NULL, *b = NULL;
        char service[400];

        memset(service, 'x', sizeof(service));
        service[sizeof(service) - 1] = '\0';
        cr_assert_eq(oap_policy_name(service, OAP_TARGET_ON_CPU, &a), 0);
        service[sizeof(service) - 2] = 'y';
        cr_assert_eq(oap_policy_name(service, OAP_TARGET_ON_CPU, &b), 0);
        cr_expect_str_neq(a, b);
        cr_expect_eq(strlen(a), POLICY_NAME_MAX);
        cr_expect_eq(strncmp(a, b, 100), 0);
}

/* A small generator: the same items at each run. */
typedef struct Random {
        uint64_t state;
} Random;

static unsigned draw(Random *g, unsigned n) {
        g->state = g->state * 6364136223846793005ULL + 1442695040888963407ULL;
        return (unsigned) (g->state >> 33) % n;
}

static const char *draw_word(Random *g, const char *const *words) {
        unsigned n = 0;

        while (words[n])
                n++;
        return words[draw(g, n)];
}

static void draw_item(Random *g, OapCheckItem *item) {
        static const char *const known[] = { "PROCESS_CPU",
                                             "PROCESS_THREAD_COUNT",
                                             "SYSTEM_LOAD",
                                             "HTTP_ERROR_RATE",
                                             "HTTP_AVG_RESPONSE_TIME",
                                             "x y\n",
                                             "",
                                             NULL };
        static const char *const thresholds[] = { "80", "0", "100", "5.5",         "+7",
                                                  "-1", "",  "1e9", "99999999999", NULL };
        static const char *const uris[] = { "/a",    "/b/c", "/\\",  "/\xe5\xba\x97",
                                            "x",     "",     "/a b", "/\n",
                                            "/\xff", "*",    "/#",   NULL };
        static const char *const regexes[] = { "^/a$", "",    "(",        "a|b\\", "\\",   "[",
                                               "/\n",  " x ", "x{2,9}.y", "\xff",  "\\d+", NULL };

        *item = (OapCheckItem){
                .target = (OapTarget) draw(g, _OAP_TARGET_MAX),
                .type = strdup(draw_word(g, known)),
                .threshold = strdup(draw_word(g, thresholds)),
                .period_sec = (int64_t) draw(g, 700) - 10,
                .count = (int64_t) draw(g, 30) - 2,
        };
        for (unsigned n = draw(g, 3) == 0 ? draw(g, 20) : 0; n > 0; n--)
                cr_assert_geq(strv_push(&item->uris, strdup(draw_word(g, uris))), 0);
        if (draw(g, 2))
                item->uri_regex = strdup(draw_word(g, regexes));
}

static void check_target(const OapServicePolicy *policy, OapTarget target) {
        _cleanup_(policy_unrefp) Policy *p = NULL, *again = NULL;
        _cleanup_(freep) char *text = NULL, *refused = NULL, *canonical = NULL;

        text = format_policy(policy, target, &refused);
        if (!text)
                return;

        p = parse_text(text);
        cr_expect_str_eq(p->services[0], policy->service);
        cr_expect_eq(p->kinds, 1U << target);
        cr_expect_eq(p->scope, POLICY_SCOPE_PROCESS);
        cr_assert_eq(policy_format(p, &canonical), 0);
        cr_expect_not_null(strstr(text, canonical), "%s\n%s", text, canonical);
        again = parse_text(canonical);
        cr_expect(policy_equal(p, again));
}

/* Whatever comes, what is written is read back the same, and the order it came in is none of it. */
Test(oap_policy_any, random_items_make_texts_that_read_back) {
        static const char *const services[] = {
                "shop", "order desk", "\"q\"\\", "\xe5\xba\x97", "a\nb", NULL
        };
        Random g = { .state = 20261121 };

        for (unsigned i = 0; i < 2000; i++) {
                OapCheckItem items[6]; /* so that there is room for all */
                OapServicePolicy policy = { .service = (char *) draw_word(&g, services),
                                            .uuid = (char *) "u",
                                            .items = items,
                                            .n_items = draw(&g, ELEMENTSOF(items) + 1) };

                for (size_t k = 0; k < policy.n_items; k++)
                        draw_item(&g, items + k);

                for (OapTarget t = 0; t < _OAP_TARGET_MAX; t++) {
                        _cleanup_(freep) char *text = NULL, *turned = NULL, *refused = NULL, *other = NULL;

                        check_target(&policy, t);
                        text = format_policy(&policy, t, &refused);
                        for (size_t k = 0; k < policy.n_items / 2; k++) {
                                OapCheckItem swap = items[k];

                                items[k] = items[policy.n_items - 1 - k];
                                items[policy.n_items - 1 - k] = swap;
                        }
                        turned = format_policy(&policy, t, &other);
                        cr_expect_str_eq(text ?: "", turned ?: "");
                }

                for (size_t k = 0; k < policy.n_items; k++) {
                        free(items[k].type);
                        free(items[k].threshold);
                        strv_free(items[k].uris);
                        free(items[k].uri_regex);
                }
        }
}
