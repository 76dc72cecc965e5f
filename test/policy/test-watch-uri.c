/* SPDX-License-Identifier: Apache-2.0 */
/* Windows by URI rule, and who is to be measured by which. */
#include "policy/watch-set.h"

#include "fake/fake-subjects.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(test_watch_uri, .timeout = 30);

#define AT(sec) ((usec_t) (sec) *USEC_PER_SEC)
#define ALL "[Policy]\nUnit=nginx.service\n"
#define UNIT "[Policy]\nScope=unit\nUnit=nginx.service\n"
#define WHEN "[Trigger]\nWhen="
#define RULES_MAX 16

static Unit root, nginx;

typedef struct World {
        Monitor monitor;
        WatchSet *set;
        Process process;
        double orders, pay, other; /* values by URI */
        const UriRule *first;      /* of the last cause */
        size_t n_causes;
        unsigned n_told;
        bool was_watched; /* when it was told last */
} World;

static double world_value(Metric metric, Subject subject, const UriRule *uri, void *userdata) {
        World *w = userdata;

        if (!metric_info(metric)->is_http)
                return NAN;
        if (uri->kind == URI_RULE_EXACT)
                return strcmp(uri->text, "/orders") == 0 ? w->orders : w->pay;

        return w->other;
}

static void world_on_cause(const Cause *cause, void *userdata) {
        World *w = userdata;

        w->first = &cause->trigger->uri;
        w->n_causes++;
}

static void world_told(Subject subject, void *userdata) {
        World *w = userdata;

        w->n_told++;
        w->was_watched = subject.process ? subject.process->watch : subject.unit->watch;
}

static void world_init(World *w) {
        *w = (World){};
        root = fake_unit("-.slice", NULL);
        nginx = fake_unit("nginx.service", &root);
        w->process = fake_process(7, "worker", &nginx);
        monitor_init(&w->monitor, NULL, NULL);
        cr_assert_eq(watch_set_new(&w->monitor, &w->set), 0);
        watch_set_set_source(w->set, world_value, w);
        watch_set_set_http_changed(w->set, world_told, w);
        cr_assert_eq(watch_set_add_process(w->set, &w->process), 0);
        cr_assert_eq(watch_set_add_unit(w->set, &nginx), 0);
}

static void world_watch(World *w) {
        watch_set_remove_process(w->set, &w->process);
        cr_assert_eq(watch_set_add_process(w->set, &w->process), 0);
        watch_set_remove_unit(w->set, &nginx);
        cr_assert_eq(watch_set_add_unit(w->set, &nginx), 0);
}

/* Puts the policy in force for the process and its unit; the set keeps the only reference. */
static void world_put(World *w, const char *name, const char *text) {
        _cleanup_(policy_unrefp) Policy *p = fake_policy(name, text);

        cr_assert_eq(watch_set_add_policy(w->set, p), 0);
}

static size_t world_tick(World *w, unsigned slot) {
        w->n_causes = 0;
        watch_set_tick(w->set, AT(slot + 1), world_on_cause, w);
        return w->n_causes;
}

/* "exact:/a all" */
static void expect_rules(const UriRule *const *rules, size_t n, const char *expected) {
        static const char *const kinds[] = { "all", "exact:", "regex:" };
        char text[256] = "";

        for (size_t i = 0; i < n; i++) {
                size_t length = strlen(text);

                (void) snprintf(text + length,
                                sizeof(text) - length,
                                "%s%s%s",
                                i > 0 ? " " : "",
                                kinds[rules[i]->kind],
                                rules[i]->text ?: "");
        }
        cr_expect_str_eq(text, expected);
}

Test(test_watch_uri, each_uri_has_its_own_seconds) {
        const UriRule orders = { URI_RULE_EXACT, (char *) "/orders" },
                      absent = { URI_RULE_REGEX, (char *) "/orders" };
        const Watch *watch;
        World w;

        world_init(&w);
        world_put(&w, "a", ALL WHEN "http-error-rate >= 5% for 2 of 5s on /orders /pay\n");
        world_put(&w,
                  "b",
                  ALL WHEN "http-error-rate >= 50% for 2 of 9s on /orders\n" WHEN "http-4xx-rate >= 5%\n");
        world_watch(&w);

        watch = w.process.watch;
        cr_assert_not_null(watch);
        cr_expect_eq(watch->n_windows, 3);
        cr_expect_eq(watch->n_rules, 4);
        cr_expect_eq(watch_set_n_rules(w.set), 4);
        cr_expect_eq(window_length(watch_find_window(watch, METRIC_HTTP_ERROR_RATE, &orders)), 9);
        cr_expect_null(watch_find_window(watch, METRIC_HTTP_4XX_RATE, &orders));
        cr_expect_null(watch_find_window(watch, METRIC_HTTP_ERROR_RATE, &absent));
        cr_expect_null(watch_find_window(watch, METRIC_HTTP_ERROR_RATE, &(const UriRule){}));

        w.orders = 1;
        w.pay = 10;
        w.other = NAN;
        cr_expect_eq(world_tick(&w, 100), 0);
        cr_assert_eq(world_tick(&w, 101), 1);
        cr_expect_str_eq(w.first->text, "/pay");

        w.pay = 1;
        w.orders = 60;
        cr_expect_eq(world_tick(&w, 102), 1, "only pay still holds");
        cr_expect_eq(world_tick(&w, 103), 3);

        watch_set_free(w.set);
}

Test(test_watch_uri, an_equal_policy_keeps_the_windows) {
        const Window *before;
        const Watch *watch;
        World w;

        world_init(&w);
        w.orders = 10;
        world_put(&w, "a", ALL WHEN "http-error-rate >= 5% for 2 of 5s on /orders /pay\n");
        world_watch(&w);
        cr_expect_eq(world_tick(&w, 100), 0);
        watch = w.process.watch;
        before = watch->windows[0].window;

        /* other texts and other memory; the first policy is freed by this */
        world_put(&w,
                  "a",
                  ALL
                  "[Trigger]\nURI=/pay\nURI=/orders\nMetric=http-error-rate\nThreshold=5\nPeriod=5\nCount=2\n");
        cr_expect_eq(watch->n_windows, 2);
        cr_expect_eq(watch->windows[0].window, before);
        cr_expect_str_eq(watch->windows[0].uri->text, "/orders");
        cr_expect_eq(world_tick(&w, 101), 1);
        cr_expect_str_eq(w.first->text, "/orders");

        world_put(&w, "a", ALL WHEN "http-error-rate >= 5% for 2 of 5s on /pay\n");
        cr_expect_eq(watch->n_windows, 1);
        cr_expect_str_eq(watch->windows[0].uri->text, "/pay");
        cr_expect_eq(world_tick(&w, 102), 0);
        watch_set_free(w.set);
}

Test(test_watch_uri, the_rules_of_a_process_are_its_own_and_those_of_its_units) {
        const UriRule *rules[RULES_MAX];
        World w;

        world_init(&w);
        world_put(&w,
                  "a",
                  ALL WHEN "http-error-rate >= 5% on /a\n" WHEN "http-4xx-rate >= 5% on /a\n" WHEN
                           "process-cpu >= 80%\n");
        world_put(&w,
                  "b",
                  UNIT WHEN "http-error-rate >= 5% on /a\n" WHEN "http-error-rate >= 5% matching ^/b\n" WHEN
                            "cpu-pressure >= 5%\n");
        world_put(&w, "c", ALL WHEN "http-request-rate >= 5\n");
        world_watch(&w);

        cr_expect_eq(watch_uri_rules(w.process.watch, rules, RULES_MAX), 2);
        expect_rules(rules, 2, "exact:/a all");
        cr_expect_eq(watch_uri_rules(nginx.watch, rules, RULES_MAX), 2);
        expect_rules(rules, 2, "exact:/a regex:^/b");
        cr_expect_eq(process_uri_rules(&w.process, rules, RULES_MAX), 3);
        expect_rules(rules, 3, "exact:/a all regex:^/b");

        rules[1] = NULL;
        cr_expect_gt(process_uri_rules(&w.process, rules, 1), 1, "there are more");
        cr_expect_null(rules[1], "but no more were written");

        cr_expect_eq(watch_uri_rules(NULL, rules, RULES_MAX), 0);
        watch_set_free(w.set);
}

Test(test_watch_uri, who_has_other_rules_is_told) {
        const Policy by_name = { .name = (char *) "a" };
        World w;

        world_init(&w);
        world_put(&w, "cpu", ALL WHEN "process-cpu >= 80%\n");
        world_put(&w, "a", ALL WHEN "http-error-rate >= 5% on /a\n");
        cr_expect_eq(w.n_told, 0, "nothing is there to be watched");
        world_watch(&w);
        cr_expect_geq(w.n_told, 1);
        cr_expect(w.was_watched);

        w.n_told = 0;
        world_put(&w, "cpu", ALL WHEN "process-cpu >= 90%\n");
        cr_expect_leq(w.n_told, 1, "may have changed");

        w.n_told = 0;
        world_put(&w, "a", ALL WHEN "http-error-rate >= 5% on /b\n");
        cr_expect_eq(w.n_told, 1);

        w.n_told = 0;
        watch_set_remove_policy(w.set, &by_name);
        cr_expect_eq(w.n_told, 1);
        cr_expect(w.was_watched, "by the other policy");

        w.n_told = 0;
        world_put(&w, "cpu", ALL WHEN "process-cpu >= 70%\n");
        cr_expect_eq(w.n_told, 0, "no HTTP before and after");

        world_put(&w, "a", ALL WHEN "http-error-rate >= 5% on /a\n");
        world_watch(&w);
        w.n_told = 0;
        watch_set_remove_process(w.set, &w.process);
        cr_expect_eq(w.n_told, 1, "also when it goes");
        cr_expect_not(w.was_watched);
        watch_set_free(w.set);
}
