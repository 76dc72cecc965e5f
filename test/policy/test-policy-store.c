/* SPDX-License-Identifier: Apache-2.0 */
#include "policy-tree.h"

#include <fcntl.h>
#include <sys/time.h>

TestSuite(policy_store, .timeout = 60);

/* Each test has its own tree and an empty store on it. */
#define SETUP                                                \
        _cleanup_(tree_done) PolicyTree t;                   \
        _cleanup_(policy_store_freep) PolicyStore *s = NULL; \
        ChangeLog log = {};                                  \
        tree_init(&t);                                       \
        cr_assert_eq(policy_store_new(t.list, on_policy_change, &log, &s), 0)

#define NO_PROBLEMS ((const char *const[]){ NULL })
#define PROBLEMS(...) ((const char *const[]){ __VA_ARGS__, NULL })

Test(policy_store, directories_may_be_missing_and_appear_later) {
        SETUP;

        cr_expect_eq(reload(s), 0);
        cr_expect_eq(policy_store_n_loaded(s), 0);
        expect_problems(&t, s, NO_PROBLEMS);

        tree_put(&t, "run/web.policy", GOOD_POLICY);
        cr_expect_eq(reload(s), 0);
        expect_log(&log, "+web");
        expect_entry(&t, s, "web", POLICY_STATE_LOADED, NULL);
        cr_expect_eq(policy_store_find(s, "web")->source, POLICY_SOURCE_RUN);
        cr_expect_str_eq(policy_store_find(s, "web")->path, tree_path(&t, "run/web.policy"));
        cr_expect_null(policy_store_find(s, "we"));
}

Test(policy_store, entries_are_sorted_by_name) {
        static const char *const names[] = { "A", "a", "a-b", "b" };
        size_t i = 0;
        SETUP;

        tree_put(&t, "etc/b.policy", GOOD_POLICY);
        tree_put(&t, "vendor/a.policy", GOOD_POLICY);
        tree_put(&t, "run/A.policy", GOOD_POLICY);
        reload(s);
        tree_put(&t, "run/a-b.policy", GOOD_POLICY);
        reload(s);

        for (PolicyEntry *e = policy_store_entries(s); e; e = e->hh.next)
                cr_expect_str_eq(e->name, names[i++]);
        cr_expect_eq(i, 4);
        expect_log(&log, "+A +a +b +a-b");
}

Test(policy_store, the_directory_of_highest_precedence_wins) {
        SETUP;

        tree_put(&t, "vendor/web.policy", "[Policy]\nUnit=a\n[Trigger]\nWhen=process-cpu >= 1%\n");
        reload(s);
        cr_expect_eq(threshold_of(s, "web"), 1);
        tree_put(&t, "etc/web.policy", "[Policy]\nUnit=a\n[Trigger]\nWhen=process-cpu >= 3%\n");
        reload(s);
        cr_expect_eq(threshold_of(s, "web"), 3);
        tree_put(&t, "run/web.policy", "[Policy]\nUnit=a\n[Trigger]\nWhen=process-cpu >= 2%\n");
        reload(s);
        cr_expect_eq(threshold_of(s, "web"), 3);
        expect_log(&log, "+web *web");

        tree_delete(&t, "etc/web.policy");
        reload(s);
        cr_expect_eq(threshold_of(s, "web"), 2);
        tree_delete(&t, "run/web.policy");
        tree_delete(&t, "vendor/web.policy");
        reload(s);
        expect_log(&log, "*web -web");
        cr_expect_null(policy_store_find(s, "web"));
}

Test(policy_store, a_link_to_dev_null_or_an_empty_file_masks) {
        SETUP;

        tree_put(&t, "vendor/a.policy", GOOD_POLICY);
        tree_put(&t, "vendor/b.policy", GOOD_POLICY);
        reload(s);
        expect_log(&log, "+a +b");

        tree_link(&t, "etc/a.policy", "/dev/null");
        tree_put(&t, "run/b.policy", "");
        cr_expect_eq(reload(s), 0);
        expect_log(&log, "-a -b");
        expect_entry(&t, s, "a", POLICY_STATE_MASKED, NULL);
        expect_entry(&t, s, "b", POLICY_STATE_MASKED, NULL);
        cr_expect_eq(policy_store_n_loaded(s), 0);
        reload(s);
        expect_log(&log, "");

        tree_delete(&t, "etc/a.policy");
        tree_put(&t, "run/b.policy", OTHER_POLICY);
        reload(s);
        expect_log(&log, "+a +b");
        cr_expect_eq(threshold_of(s, "b"), 90);
}

Test(policy_store, dropins_of_all_directories_apply_by_file_name) {
        SETUP;

        tree_put(&t,
                 "vendor/web.policy",
                 "[Policy]\nUnit=a\nDuration=1min\n[Trigger]\nWhen=process-cpu >= 1%\n");
        tree_put(&t, "vendor/web.policy.d/50-x.conf", "[Policy]\nDuration=5min\nSilence=1min\n");
        tree_put(&t, "run/web.policy.d/60-y.conf", "[Policy]\nDuration=6min\n");
        tree_put(&t, "etc/web.policy.d/40-z.conf", "[Policy]\nDuration=4min\nUnit=b\n");
        tree_put(&t, "etc/web.policy.d/README", "not read");
        tree_put(&t, "etc/web.policy.d/.hidden.conf", "not read");
        tree_put(&t, "etc/other.policy.d/a.conf", "of nobody");
        cr_expect_eq(reload(s), 0);
        expect_log(&log, "+web");

        const Policy *p = policy_store_find(s, "web")->policy;
        cr_expect_eq(p->duration_usec, 6 * USEC_PER_MINUTE);
        cr_expect_eq(p->silence_usec, USEC_PER_MINUTE);
        cr_expect_str_eq(p->units[1], "b.service");

        /* the same name in a higher directory replaces, a mask takes away */
        tree_put(&t, "etc/web.policy.d/50-x.conf", "[Policy]\nSilence=2min\n");
        tree_link(&t, "etc/web.policy.d/60-y.conf", "/dev/null");
        reload(s);
        expect_log(&log, "*web");
        p = policy_store_find(s, "web")->policy;
        cr_expect_eq(p->duration_usec, 4 * USEC_PER_MINUTE);
        cr_expect_eq(p->silence_usec, 2 * USEC_PER_MINUTE);

        tree_delete(&t, "etc/web.policy.d/50-x.conf");
        reload(s);
        expect_log(&log, "*web");
        cr_expect_eq(policy_store_find(s, "web")->policy->duration_usec, 5 * USEC_PER_MINUTE);
}

Test(policy_store, an_equal_reload_tells_nothing_and_keeps_the_object) {
        const Policy *before;
        SETUP;

        tree_put(&t, "etc/web.policy", GOOD_POLICY);
        reload(s);
        expect_log(&log, "+web");
        before = policy_store_find(s, "web")->policy;

        reload(s);
        tree_put(&t,
                 "etc/web.policy",
                 "# other words\n[Policy]\nUnit=nginx.service\n[Trigger]\n"
                 "Metric=process-cpu\nThreshold=80\n");
        reload(s);
        tree_put(&t, "run/web.policy.d/x.conf", "[Policy]\nScope=process\n");
        reload(s);
        tree_put(&t, "vendor/web.policy", OTHER_POLICY);
        reload(s);
        expect_log(&log, "");
        cr_expect_eq(policy_store_find(s, "web")->policy, before);
}

Test(policy_store, an_unchanged_file_is_not_read_again) {
        const void *pieces;
        SETUP;

        tree_put(&t, "etc/web.policy", GOOD_POLICY);
        tree_put(&t, "etc/web.policy.d/x.conf", "[Policy]\nUnit=b\n");
        reload(s);
        pieces = policy_store_find(s, "web")->pieces;
        reload(s);
        cr_expect_eq(policy_store_find(s, "web")->pieces, pieces);

        tree_put(&t, "etc/web.policy.d/x.conf", "[Policy]\nUnit=c\n");
        reload(s);
        cr_expect_neq(policy_store_find(s, "web")->pieces, pieces);
        expect_log(&log, "+web *web");
}

Test(policy_store, a_file_of_same_size_and_modification_time_is_read_again) {
        struct timespec times[2] = { { .tv_sec = 1700000000 }, { .tv_sec = 1700000000 } };
        SETUP;

        tree_put(&t, "etc/web.policy", GOOD_POLICY);
        cr_assert_eq(utimensat(AT_FDCWD, tree_path(&t, "etc/web.policy"), times, 0), 0);
        reload(s);

        cr_assert_eq(sizeof(GOOD_POLICY), sizeof(OTHER_POLICY));
        tree_put(&t, "etc/web.policy", OTHER_POLICY);
        cr_assert_eq(utimensat(AT_FDCWD, tree_path(&t, "etc/web.policy"), times, 0), 0);
        reload(s);
        cr_expect_eq(threshold_of(s, "web"), 90);
}

Test(policy_store, the_last_good_version_of_a_broken_file_stays_in_force) {
        const char *message =
                        "etc/web.policy:4: When=proces-cpu >= 80%: proces-cpu: unknown metric, did you mean "
                        "process-cpu?";
        SETUP;

        tree_put(&t, "etc/web.policy", BAD_POLICY);
        tree_put(&t, "etc/fine.policy", GOOD_POLICY);
        cr_expect_eq(reload(s), 1);
        expect_log(&log, "+fine");
        expect_entry(&t, s, "web", POLICY_STATE_ERROR, message);
        expect_problems(&t, s, PROBLEMS(message));

        tree_put(&t, "etc/web.policy", OTHER_POLICY);
        cr_expect_eq(reload(s), 0);
        expect_log(&log, "+web");
        expect_problems(&t, s, NO_PROBLEMS);

        tree_put(&t, "etc/web.policy", BAD_POLICY);
        cr_expect_eq(reload(s), 1);
        cr_expect_eq(reload(s), 1, "an unchanged broken file is still broken");
        expect_log(&log, "");
        expect_entry(&t, s, "web", POLICY_STATE_STALE, message);
        expect_problems(&t, s, PROBLEMS(message));
        cr_expect_eq(threshold_of(s, "web"), 90);

        tree_put(&t, "etc/web.policy", OTHER_POLICY);
        cr_expect_eq(reload(s), 0);
        expect_log(&log, "");
        expect_entry(&t, s, "web", POLICY_STATE_LOADED, NULL);

        tree_put(&t, "etc/web.policy", BAD_POLICY);
        reload(s);
        tree_delete(&t, "etc/web.policy");
        cr_expect_eq(reload(s), 0);
        expect_log(&log, "-web");
        cr_expect_null(policy_store_find(s, "web"));
}

Test(policy_store, a_broken_file_above_a_good_one_leaves_the_good_one_in_force) {
        SETUP;

        tree_put(&t, "vendor/web.policy", GOOD_POLICY);
        reload(s);
        tree_put(&t, "etc/web.policy", "[Policy\n");
        cr_expect_eq(reload(s), 1);
        expect_log(&log, "+web");
        expect_entry(&t,
                     s,
                     "web",
                     POLICY_STATE_STALE,
                     "etc/web.policy:1: section header does not end with ']'");
        cr_expect_eq(threshold_of(s, "web"), 80);
}

Test(policy_store, a_broken_dropin_breaks_its_policy_only) {
        SETUP;

        tree_put(&t, "etc/a.policy", GOOD_POLICY);
        tree_put(&t, "etc/a.policy.d/x.conf", "[Policy]\nScope=all\n");
        tree_put(&t, "etc/b.policy", GOOD_POLICY);
        cr_expect_eq(reload(s), 1);
        expect_log(&log, "+b");
        expect_entry(&t,
                     s,
                     "a",
                     POLICY_STATE_ERROR,
                     "etc/a.policy.d/x.conf:2: Scope=all: unknown scope, expected one of process, unit");
}

Test(policy_store, callbacks_see_the_store_as_it_will_be) {
        SETUP;

        tree_put(&t, "etc/b.policy", GOOD_POLICY);
        tree_put(&t, "etc/c.policy", GOOD_POLICY);
        reload(s);
        expect_log(&log, "+b +c");

        tree_delete(&t, "etc/c.policy");
        tree_put(&t, "etc/a.policy", GOOD_POLICY);
        tree_put(&t, "etc/b.policy", OTHER_POLICY);
        reload(s);
        expect_log(&log, "-c +a *b");
}

Test(policy_store, entries_keep_their_address) {
        const PolicyEntry *e;
        SETUP;

        tree_put(&t, "etc/web.policy", GOOD_POLICY);
        reload(s);
        e = policy_store_find(s, "web");
        tree_put(&t, "etc/web.policy", OTHER_POLICY);
        reload(s);
        tree_link(&t, "run/a.policy", "/dev/null");
        reload(s);
        cr_expect_eq(policy_store_find(s, "web"), e);
}

Test(policy_store, the_example_and_the_fixtures_load) {
        _cleanup_(policy_store_freep) PolicyStore *s = NULL;
        char directories[_POLICY_SOURCE_MAX][512];
        const char *list[_POLICY_SOURCE_MAX];
        ChangeLog log = {};

        for (int i = 0; i < _POLICY_SOURCE_MAX; i++) {
                (void) snprintf(directories[i],
                                sizeof(directories[i]),
                                "%s/policies/%s",
                                getenv("CPROF_FIXTURES"),
                                policy_source_to_string((PolicySource) i));
                list[i] = directories[i];
        }

        cr_assert_eq(policy_store_new(list, on_policy_change, &log, &s), 0);
        cr_expect_eq(reload(s), 1);
        expect_log(&log, "+batch +db +web");

        cr_expect_eq(policy_store_find(s, "batch")->policy->scope, POLICY_SCOPE_UNIT);
        cr_expect_eq(policy_store_find(s, "web")->source, POLICY_SOURCE_ETC);
        cr_expect_eq(policy_store_find(s, "db")->policy->n_triggers, 3);
        cr_expect_eq(policy_store_find(s, "noisy")->state, POLICY_STATE_MASKED);
        cr_expect_eq(policy_store_find(s, "typo")->state, POLICY_STATE_ERROR);
        cr_expect(strstr(policy_store_find(s, "typo")->message, "etc/typo.policy:7: Treshold=4: "));

        (void) snprintf(directories[0],
                        sizeof(directories[0]),
                        "%s/policies.d",
                        getenv("CPROF_SOURCE_ROOT"));
        policy_store_free(TAKE_PTR(s));
        log = (ChangeLog){};
        cr_assert_eq(policy_store_new(
                                     (const char *[_POLICY_SOURCE_MAX]){
                                                     list[0], "/nonexistent", "/nonexistent" },
                                     on_policy_change,
                                     &log,
                                     &s),
                     0);
        cr_expect_eq(reload(s), 0);
        expect_log(&log, "+example +http");
}

Test(policy_store, oaps_directory_is_the_last_one) {
        _cleanup_(freep) char *text = NULL, *path = NULL;
        SETUP;

        tree_put(&t, "oap/web.policy", GOOD_POLICY);
        tree_put(&t, "etc/web.policy.d/x.conf", "[Policy]\nDuration=1min\n");
        cr_expect_eq(reload(s), 0);
        cr_expect_eq(policy_store_find(s, "web")->source, POLICY_SOURCE_OAP);
        cr_expect_str_eq(policy_source_to_string(POLICY_SOURCE_OAP), "oap");
        cr_expect_eq(policy_store_find(s, "web")->policy->duration_usec, USEC_PER_MINUTE);
        cr_assert_eq(policy_store_get_text(s, "web", &text, &path), 0);
        cr_expect_str_eq(path, tree_path(&t, "oap/web.policy"));
        cr_expect(strstr(text, GOOD_POLICY) == text, "%s", text);

        tree_put(&t, "vendor/web.policy", OTHER_POLICY);
        cr_expect_eq(reload(s), 0);
        cr_expect_eq(policy_store_find(s, "web")->source, POLICY_SOURCE_VENDOR);
        expect_log(&log, "+web *web");
}

Test(policy_store, a_source_without_a_directory_is_not_searched) {
        SETUP;

        tree_put(&t, "oap/web.policy", GOOD_POLICY);
        tree_put(&t, "oap/db.policy.d/x.conf", "[Policy]\nDuration=1min\n");
        tree_put(&t, "etc/db.policy", GOOD_POLICY);
        reload(s);
        expect_log(&log, "+db +web");
        cr_expect_eq(policy_store_find(s, "db")->policy->duration_usec, USEC_PER_MINUTE);

        cr_assert_eq(policy_store_set_directory(s, POLICY_SOURCE_OAP, NULL), 0);
        cr_expect_eq(reload(s), 0);
        expect_log(&log, "-web *db");
        cr_expect_eq(policy_store_add(s, "web", GOOD_POLICY, false, NULL), 0);
        cr_expect_eq(policy_store_remove(s, "web"), 0);
        cr_expect_eq(policy_store_remove(s, "web"), -ENOENT);
        expect_log(&log, "+web -web");

        cr_assert_eq(policy_store_set_directory(s, POLICY_SOURCE_OAP, t.list[POLICY_SOURCE_OAP]), 0);
        cr_expect_eq(reload(s), 0);
        expect_log(&log, "*db +web");
}

Test(policy_store, oaps_directory_is_no_default) {
        _cleanup_(policy_store_freep) PolicyStore *s = NULL;

        cr_assert_eq(policy_store_new(NULL, NULL, NULL, &s), 0);
        cr_expect_str_eq(policy_source_directory(POLICY_SOURCE_OAP), "/var/lib/cprof/oap/policies");
        cr_expect_str_eq(policy_source_directory(POLICY_SOURCE_ETC), "/etc/cprof/policies.d");
        cr_expect_null(policy_source_directory(_POLICY_SOURCE_MAX));
        cr_assert_eq(policy_store_reload(s, NULL), 0);
        for (PolicyEntry *e = policy_store_entries(s); e; e = e->hh.next)
                cr_expect_neq(e->source, POLICY_SOURCE_OAP);
}
