/* SPDX-License-Identifier: Apache-2.0 */
/* Files and directories that are not as they should be: never fatal, always told. */
#include "policy-tree.h"
#include "policy/policy-problems.h"

TestSuite(policy_load, .timeout = 60);

#define SETUP                                                \
        _cleanup_(tree_done) PolicyTree t;                   \
        _cleanup_(policy_store_freep) PolicyStore *s = NULL; \
        ChangeLog log = {};                                  \
        tree_init(&t);                                       \
        tree_put(&t, "etc/zz-fine.policy", GOOD_POLICY);     \
        cr_assert_eq(policy_store_new(t.list, on_policy_change, &log, &s), 0)

#define PROBLEMS(...) ((const char *const[]){ __VA_ARGS__, NULL })

Test(policy_load, other_file_names_are_ignored) {
        static const char *const names[] = {
                "etc/.hidden.policy", "etc/.#web.policy",    "etc/web.policy~",       "etc/#web.policy#",
                "etc/web.policy.bak", "etc/.web.policy.swp", "etc/web.policy.rpmnew", "etc/README",
                "etc/web.conf",       "etc/.policy",         "etc/.policy.d/x.conf",
        };
        SETUP;

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                tree_put(&t, names[i], BAD_POLICY);

        cr_expect_eq(reload(s), 0);
        expect_log(&log, "+zz-fine");
        expect_problems(&t, s, PROBLEMS(NULL));
}

Test(policy_load, names_that_are_no_policy_names_are_told) {
        SETUP;

        tree_put(&t, "etc/two words.policy", GOOD_POLICY);
        tree_put(&t, "run/w\xc3\xa4.policy", GOOD_POLICY);
        reload(s);
        expect_log(&log, "+zz-fine");
        expect_problems(&t,
                        s,
                        PROBLEMS("etc/two words.policy: not the name of a policy (letters, digits, ':-_.@\\', at most "
                                 "128), ignoring",
                                 "run/w\xc3\xa4.policy: not the name of a policy (letters, digits, ':-_.@\\', at most "
                                 "128), ignoring"));
}

Test(policy_load, what_is_no_file_is_told_and_does_not_block) {
        SETUP;

        (void) mkdir(tree_path(&t, "etc/directory.policy"), 0755);
        cr_assert_eq(mkfifo(tree_path(&t, "etc/fifo.policy"), 0644), 0);
        tree_link(&t, "etc/loop.policy", "loop.policy");
        tree_link(&t, "etc/nowhere.policy", "nothing-here");
        tree_link(&t, "etc/zero.policy", "/dev/zero");
        cr_expect_eq(reload(s), 5);
        expect_log(&log, "+zz-fine");
        expect_problems(&t,
                        s,
                        PROBLEMS("etc/directory.policy: is a directory, expected a file",
                                 "etc/fifo.policy: not a regular file",
                                 "etc/loop.policy: Too many levels of symbolic links",
                                 "etc/nowhere.policy: symbolic link to nowhere",
                                 "etc/zero.policy: not a regular file"));

        /* the next reload looks again */
        tree_put(&t, "etc/nothing-here", GOOD_POLICY);
        cr_expect_eq(reload(s), 4);
        expect_log(&log, "+nowhere");
}

Test(policy_load, what_is_no_text_is_told) {
        static char big[POLICY_FILE_SIZE_MAX + 1];
        SETUP;

        memset(big, '\n', sizeof(big));
        tree_put_bytes(&t, "etc/a.policy", big, sizeof(big));
        tree_put_bytes(&t, "etc/b.policy", "[Policy]\nUnit=x\n\0", 17);
        tree_put(&t, "etc/c.policy", "[Policy]\nDescription=\xff\n");
        tree_put_bytes(&t, "etc/d.policy", big, sizeof(big) - 1);
        cr_expect_eq(reload(s), 4);
        expect_problems(&t,
                        s,
                        PROBLEMS("etc/a.policy: larger than 64 KiB",
                                 "etc/b.policy:3: NUL byte, expected text",
                                 "etc/c.policy:2: not valid UTF-8",
                                 "etc/d.policy: one of Unit=, Slice=, Exe=, User=, Service= is needed"));
}

Test(policy_load, a_file_that_stops_being_one_leaves_its_last_good_version) {
        SETUP;

        reload(s);
        tree_delete(&t, "etc/zz-fine.policy");
        cr_assert_eq(mkfifo(tree_path(&t, "etc/zz-fine.policy"), 0644), 0);
        cr_expect_eq(reload(s), 1);
        expect_entry(&t, s, "zz-fine", POLICY_STATE_STALE, "etc/zz-fine.policy: not a regular file");
        expect_log(&log, "+zz-fine");
}

Test(policy_load, bad_dropins_are_told) {
        static char name[64];
        SETUP;

        tree_put(&t, "etc/a.policy", GOOD_POLICY);
        cr_assert_eq(mkfifo(tree_path(&t, "etc/a.policy.d/x.conf"), 0644), 0);
        tree_put(&t, "etc/b.policy", GOOD_POLICY);
        tree_put(&t, "run/b.policy.d", "a file");
        tree_put(&t, "etc/c.policy", GOOD_POLICY);
        for (unsigned i = 0; i <= POLICY_DROPINS_MAX; i++) {
                (void) snprintf(name, sizeof(name), "vendor/c.policy.d/%02u.conf", i);
                tree_put(&t, name, "[Policy]\n");
        }
        tree_link(&t, "etc/d.policy", "/dev/null");
        tree_put(&t, "run/d.policy.d", "a file, but it does not matter");
        cr_expect_eq(reload(s), 3);
        expect_log(&log, "+zz-fine");
        expect_problems(&t,
                        s,
                        PROBLEMS("etc/a.policy.d/x.conf: not a regular file",
                                 "run/b.policy.d: Not a directory",
                                 "vendor/c.policy.d/64.conf: more than 64 drop-ins"));

        tree_delete(&t, "vendor/c.policy.d/64.conf");
        tree_delete(&t, "etc/a.policy.d/x.conf");
        tree_delete(&t, "run/b.policy.d");
        cr_expect_eq(reload(s), 0);
        expect_log(&log, "+a +b +c");
}

/* Puts a file where the directory was: no permission is needed to see it fail, so that this works for root,
 * too. */
static void hide_directory(const PolicyTree *t, const char *name) {
        char away[600];

        (void) snprintf(away, sizeof(away), "%s.away", tree_path(t, name));
        cr_assert_eq(rename(tree_path(t, name), away), 0);
        tree_put(t, name, "in the way");
}

static void show_directory(const PolicyTree *t, const char *name) {
        char away[600];

        tree_delete(t, name);
        (void) snprintf(away, sizeof(away), "%s.away", tree_path(t, name));
        cr_assert_eq(rename(away, tree_path(t, name)), 0);
}

Test(policy_load, policies_of_an_unreadable_directory_stay_as_they_were) {
        static const char why[] = "etc: Not a directory";
        SETUP;

        tree_put(&t, "vendor/masked.policy", GOOD_POLICY);
        tree_link(&t, "etc/masked.policy", "/dev/null");
        tree_put(&t, "vendor/dropped.policy", GOOD_POLICY);
        tree_put(&t, "etc/dropped.policy.d/x.conf", "[Policy]\nScope=unit\n");
        tree_put(&t, "vendor/both.policy", GOOD_POLICY);
        tree_put(&t, "etc/both.policy", OTHER_POLICY);
        cr_expect_eq(reload(s), 0);
        expect_log(&log, "+both +dropped +zz-fine");

        hide_directory(&t, "etc");
        tree_put(&t, "run/new.policy", GOOD_POLICY);
        cr_expect_eq(reload(s), 4, "three stale ones and the directory");
        expect_log(&log, "+new");
        expect_problems(&t, s, PROBLEMS("etc: Not a directory, policies from there stay as they were"));
        expect_entry(&t, s, "both", POLICY_STATE_STALE, why);
        expect_entry(&t, s, "dropped", POLICY_STATE_STALE, why);
        expect_entry(&t, s, "zz-fine", POLICY_STATE_STALE, why);
        cr_expect_eq(policy_store_find(s, "masked")->state, POLICY_STATE_MASKED);
        cr_expect_eq(threshold_of(s, "both"), 90);
        cr_expect_eq(reload(s), 4);
        expect_log(&log, "");

        show_directory(&t, "etc");
        cr_expect_eq(reload(s), 0);
        expect_log(&log, "");
        expect_entry(&t, s, "zz-fine", POLICY_STATE_LOADED, NULL);
        expect_entry(&t, s, "masked", POLICY_STATE_MASKED, NULL);
        expect_problems(&t, s, PROBLEMS(NULL));
}

Test(policy_load, a_higher_directory_still_wins_over_an_unreadable_one) {
        SETUP;

        tree_put(&t, "vendor/web.policy", GOOD_POLICY);
        reload(s);
        hide_directory(&t, "vendor");
        tree_put(&t, "run/web.policy", OTHER_POLICY);
        cr_expect_eq(reload(s), 1);
        expect_log(&log, "+web +zz-fine *web");
        expect_entry(&t, s, "web", POLICY_STATE_LOADED, NULL);
}

Test(policy_load, a_directory_that_was_never_readable_is_told) {
        SETUP;

        tree_put(&t, "run", "in the way");
        cr_expect_eq(reload(s), 1);
        expect_log(&log, "+zz-fine");
        expect_problems(&t, s, PROBLEMS("run: Not a directory, policies from there stay as they were"));
}

static void
put_many(const PolicyTree *t, const char *directory, unsigned from, unsigned to, const char *text) {
        char name[64];

        for (unsigned i = from; i < to; i++) {
                (void) snprintf(name, sizeof(name), "%s/p%05u.policy", directory, i);
                tree_put(t, name, text);
        }
}

Test(policy_load, of_ten_thousand_files_the_first_by_name_are_in_force) {
        SETUP;

        put_many(&t, "run", 0, 10000, GOOD_POLICY);
        put_many(&t, "etc", 5000, 5010, OTHER_POLICY);
        cr_expect_eq(reload(s), 0);
        cr_expect_eq(policy_store_n_loaded(s), POLICIES_MAX);
        cr_expect_eq(log.n, POLICIES_MAX);
        cr_expect_not_null(policy_store_find(s, "p04095"));
        cr_expect_null(policy_store_find(s, "p04096"));
        expect_problems(&t,
                        s,
                        PROBLEMS("More than 4096 policies, ignoring the last 5905 by name, after 'p04095'"));

        /* one less before the limit lets the next one in */
        log = (ChangeLog){};
        tree_delete(&t, "run/p00007.policy");
        reload(s);
        expect_log(&log, "-p00007 +p04096");
}

Test(policy_load, problems_are_bounded) {
        char **p;
        size_t n = 0;
        SETUP;

        put_many(&t, "run", 0, POLICY_PROBLEMS_MAX + 10, "[");
        cr_expect_eq(reload(s), POLICY_PROBLEMS_MAX + 10);
        for (p = policy_store_problems(s); p[n]; n++)
                ;
        cr_expect_eq(n, POLICY_PROBLEMS_MAX + 1);
        cr_expect_str_eq(p[n - 1], "10 more problems");
}
