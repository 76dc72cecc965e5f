/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/file-io.h"
#include "policy-tree.h"

#include <fcntl.h>

TestSuite(policy_write, .timeout = 60);

#define SETUP                                                \
        _cleanup_(tree_done) PolicyTree t;                   \
        _cleanup_(policy_store_freep) PolicyStore *s = NULL; \
        ChangeLog log = {};                                  \
        tree_init(&t);                                       \
        cr_assert_eq(policy_store_new(t.list, on_policy_change, &log, &s), 0)

static void
expect_add(const PolicyTree *t,
           PolicyStore *s,
           const char *name,
           const char *text,
           bool runtime,
           int expected,
           const char *expected_message) {
        _cleanup_(freep) char *message = NULL;
        int r;

        r = policy_store_add(s, name, text, runtime, &message);
        cr_expect_eq(r, expected, "%s: %i", name, r);
        cr_expect_str_eq(below_root(t, message), expected_message ?: "(none)", "%s", message);
}

static void expect_file(const PolicyTree *t, const char *path, const char *expected) {
        _cleanup_(freep) char *text = NULL;

        cr_assert_eq(read_full_file_at(AT_FDCWD, tree_path(t, path), 1 << 20, &text, NULL), 0, "%s", path);
        cr_expect_str_eq(text, expected, "%s: %s", path, text);
}

Test(policy_write, what_is_added_is_written_and_in_force) {
        struct stat st;
        SETUP;

        expect_add(&t, s, "web", GOOD_POLICY, false, 0, NULL);
        expect_log(&log, "+web");
        expect_file(&t, "etc/web.policy", GOOD_POLICY);
        cr_assert_eq(stat(tree_path(&t, "etc/web.policy"), &st), 0);
        cr_expect_eq(st.st_mode & 07777, 0644);

        expect_add(&t, s, "web", "# the same\n" GOOD_POLICY, false, 0, NULL);
        expect_log(&log, "");
        expect_file(&t, "etc/web.policy", "# the same\n" GOOD_POLICY);

        expect_add(&t, s, "web", OTHER_POLICY, false, 0, NULL);
        expect_log(&log, "*web");

        expect_add(&t, s, "soon", GOOD_POLICY, true, 0, NULL);
        expect_log(&log, "+soon");
        expect_file(&t, "run/soon.policy", GOOD_POLICY);
        cr_expect_eq(policy_store_find(s, "soon")->source, POLICY_SOURCE_RUN);
}

Test(policy_write, a_bad_text_is_not_written) {
        SETUP;

        expect_add(&t, s, "web", GOOD_POLICY, false, 0, NULL);
        expect_add(&t,
                   s,
                   "web",
                   BAD_POLICY,
                   false,
                   -EINVAL,
                   "web.policy:4: When=proces-cpu >= 80%: proces-cpu: unknown metric, did you mean process-cpu?");
        expect_add(&t,
                   s,
                   "net",
                   "[Policy]\nUnit=x\nProfile=network\n",
                   false,
                   -EOPNOTSUPP,
                   "net.policy:3: Profile=network: this build does not have network (it has on-cpu, off-cpu)");
        expect_add(&t,
                   s,
                   "none",
                   "",
                   true,
                   -EINVAL,
                   "none.policy: one of Unit=, Slice=, Exe=, User=, Service= is needed");
        cr_expect_eq(policy_store_add(s, "none", "", true, NULL), -EINVAL);

        expect_file(&t, "etc/web.policy", GOOD_POLICY);
        cr_expect(!tree_has(&t, "etc/net.policy"));
        cr_expect(!tree_has(&t, "run/none.policy"));
        expect_log(&log, "+web");
}

Test(policy_write, a_bad_name_reaches_no_file) {
        static const char *const names[] = { "", ".web", "../web", "a/b", "a b", "web\n" };
        SETUP;

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                cr_expect_eq(policy_store_add(s, names[i], GOOD_POLICY, false, NULL),
                             -EINVAL,
                             "'%s'",
                             names[i]);
                cr_expect_eq(policy_store_remove(s, names[i]), -EINVAL, "'%s'", names[i]);
                cr_expect_eq(policy_store_mask(s, names[i], false), -EINVAL, "'%s'", names[i]);
                cr_expect_eq(policy_store_unmask(s, names[i], false), -EINVAL, "'%s'", names[i]);
        }

        expect_add(&t,
                   s,
                   "../web",
                   GOOD_POLICY,
                   false,
                   -EINVAL,
                   "'../web' is not the name of a policy (letters, digits, ':-_.@\\', at most 128)");
        cr_expect(!tree_has(&t, "etc"));
}

Test(policy_write, what_would_not_come_into_force_is_refused) {
        SETUP;

        tree_put(&t, "etc/web.policy", GOOD_POLICY);
        tree_link(&t, "etc/a.policy", "/dev/null");
        tree_put(&t, "run/b.policy", "");
        reload(s);

        expect_add(&t, s, "web", GOOD_POLICY, true, -EEXIST, "etc/web.policy exists and would win");
        expect_add(&t, s, "a", GOOD_POLICY, true, -EEXIST, "etc/a.policy is masked, unmask first");
        expect_add(&t, s, "a", GOOD_POLICY, false, -EEXIST, "etc/a.policy is masked, unmask first");
        expect_add(&t, s, "b", GOOD_POLICY, true, -EEXIST, "run/b.policy is masked, unmask first");
        cr_expect(!tree_has(&t, "run/web.policy"));
        expect_log(&log, "+web");

        expect_add(&t, s, "b", GOOD_POLICY, false, 0, NULL); /* above the mask */
        expect_log(&log, "+b");
}

Test(policy_write, a_file_that_cannot_be_written_is_told) {
        SETUP;

        (void) mkdir(tree_path(&t, "etc/web.policy/x"), 0755);
        (void) mkdir(tree_path(&t, "etc/web.policy/x/y"), 0755);
        expect_add(&t, s, "web", GOOD_POLICY, false, -EISDIR, "etc/web.policy: Is a directory");
        cr_expect(!tree_has(&t, "etc/.#web.policy.tmp"));

        tree_put(&t, "run", "in the way");
        expect_add(&t, s, "web", GOOD_POLICY, true, -EEXIST, "etc/web.policy exists and would win");
        expect_add(&t, s, "other", GOOD_POLICY, true, -ENOTDIR, "run/other.policy: Not a directory");
}

Test(policy_write, more_policies_than_fit_are_refused) {
        char name[64];
        SETUP;

        for (unsigned i = 0; i < POLICIES_MAX; i++) {
                (void) snprintf(name, sizeof(name), "run/p%04u.policy", i);
                tree_put(&t, name, GOOD_POLICY);
        }
        reload(s);

        expect_add(&t, s, "one-more", GOOD_POLICY, false, -E2BIG, "more than 4096 policies");
        expect_add(&t, s, "p0000", OTHER_POLICY, false, 0, NULL);
}

Test(policy_write, what_is_removed_is_gone_with_its_dropins) {
        SETUP;

        tree_put(&t, "etc/web.policy", GOOD_POLICY);
        tree_put(&t, "etc/web.policy.d/x.conf", "[Policy]\nScope=unit\n");
        tree_put(&t, "run/web.policy", GOOD_POLICY);
        tree_put(&t, "run/web.policy.d/notes.txt", "not ours");
        tree_put(&t, "run/web.policy.d/y.conf", "[Policy]\n");
        reload(s);

        cr_expect_eq(policy_store_remove(s, "web"), 0);
        expect_log(&log, "+web -web");
        cr_expect(!tree_has(&t, "etc/web.policy"));
        cr_expect(!tree_has(&t, "etc/web.policy.d"));
        cr_expect(!tree_has(&t, "run/web.policy"));
        cr_expect(!tree_has(&t, "run/web.policy.d/y.conf"));
        cr_expect(tree_has(&t, "run/web.policy.d/notes.txt"));
        cr_expect_eq(policy_store_remove(s, "nothing"), -ENOENT);
}

Test(policy_write, a_linked_dropin_directory_is_only_unlinked) {
        SETUP;

        tree_put(&t, "etc/web.policy", GOOD_POLICY);
        tree_put(&t, "elsewhere/x.conf", "[Policy]\nScope=unit\n");
        tree_link(&t, "etc/web.policy.d", "../elsewhere");
        reload(s);
        cr_expect_eq(policy_store_find(s, "web")->policy->scope, POLICY_SCOPE_UNIT);

        cr_expect_eq(policy_store_remove(s, "web"), 0);
        cr_expect(!tree_has(&t, "etc/web.policy.d"));
        cr_expect(tree_has(&t, "elsewhere/x.conf"));
}

Test(policy_write, a_vendor_policy_is_not_removed) {
        SETUP;

        tree_put(&t, "vendor/web.policy", GOOD_POLICY);
        tree_put(&t, "etc/web.policy.d/x.conf", "[Policy]\nScope=unit\n");
        reload(s);
        cr_expect_eq(policy_store_remove(s, "web"), -EROFS);
        cr_expect(tree_has(&t, "etc/web.policy.d/x.conf"));
        expect_log(&log, "+web");

        /* what was above it can go: then it is in force again */
        tree_put(&t, "etc/web.policy", OTHER_POLICY);
        reload(s);
        cr_expect_eq(policy_store_remove(s, "web"), 0);
        expect_log(&log, "*web *web");
        cr_expect_eq(policy_store_find(s, "web")->source, POLICY_SOURCE_VENDOR);
}

Test(policy_write, removing_does_not_unmask) {
        SETUP;

        tree_put(&t, "vendor/web.policy", GOOD_POLICY);
        tree_link(&t, "etc/web.policy", "/dev/null");
        tree_link(&t, "etc/none.policy", "/dev/null");
        reload(s);

        cr_expect_eq(policy_store_remove(s, "web"), -EROFS);
        cr_expect_eq(policy_store_remove(s, "none"), -ENOENT);
        cr_expect_eq(policy_store_find(s, "web")->state, POLICY_STATE_MASKED);

        tree_put(&t, "run/web.policy", GOOD_POLICY);
        cr_expect_eq(policy_store_remove(s, "web"), 0);
        cr_expect(!tree_has(&t, "run/web.policy"));
        cr_expect(tree_has(&t, "etc/web.policy"));
        expect_log(&log, "");
}

Test(policy_write, masks_come_and_go) {
        SETUP;

        tree_put(&t, "vendor/web.policy", GOOD_POLICY);
        reload(s);

        for (int runtime = 0; runtime <= 1; runtime++) {
                log = (ChangeLog){};
                cr_expect_eq(policy_store_unmask(s, "web", runtime), -ENOENT);
                cr_expect_eq(policy_store_mask(s, "web", runtime), 0);
                cr_expect_eq(policy_store_mask(s, "web", runtime), 0, "masked already");
                expect_log(&log, "-web");
                expect_entry(&t, s, "web", POLICY_STATE_MASKED, NULL);
                cr_expect(tree_has(&t, runtime ? "run/web.policy" : "etc/web.policy"));
                cr_expect_eq(policy_store_unmask(s, "web", !runtime), -ENOENT);
                cr_expect_eq(policy_store_unmask(s, "web", runtime), 0);
                expect_log(&log, "+web");
        }
}

Test(policy_write, a_mask_does_not_replace_a_file) {
        SETUP;

        tree_put(&t, "etc/a.policy", GOOD_POLICY);
        tree_put(&t, "run/b.policy", GOOD_POLICY);
        reload(s);
        expect_log(&log, "+a +b");

        cr_expect_eq(policy_store_mask(s, "a", false), -EEXIST);
        cr_expect_eq(policy_store_mask(s, "a", true), -EEXIST);
        cr_expect_eq(policy_store_mask(s, "b", true), -EEXIST);
        cr_expect_eq(policy_store_unmask(s, "a", false), -ENOENT);
        expect_log(&log, "");

        cr_expect_eq(policy_store_mask(s, "b", false), 0);
        expect_log(&log, "-b");
}

Test(policy_write, the_text_is_that_of_the_files) {
        _cleanup_(freep) char *text = NULL, *path = NULL, *expected = NULL;
        SETUP;

        tree_put(&t,
                 "etc/web.policy",
                 "# no end of line\n[Policy]\nUnit=a\n[Trigger]\nWhen=system-load >= 1");
        tree_put(&t, "run/web.policy.d/b.conf", "[Policy]\nUnit=b\n");
        tree_put(&t, "etc/web.policy.d/a.conf", "[Policy]\nUnit=a\n");
        tree_link(&t, "etc/masked.policy", "/dev/null");
        tree_put(&t, "etc/bad.policy", BAD_POLICY);
        reload(s);

        cr_assert_eq(policy_store_get_text(s, "web", &text, &path), 0);
        cr_expect_str_eq(path, tree_path(&t, "etc/web.policy"));
        cr_assert_gt(asprintf(&expected,
                              "# no end of line\n[Policy]\nUnit=a\n[Trigger]\nWhen=system-load >= 1\n\n"
                              "# %s/web.policy.d/a.conf\n[Policy]\nUnit=a\n\n"
                              "# %s/web.policy.d/b.conf\n[Policy]\nUnit=b\n",
                              t.list[POLICY_SOURCE_ETC],
                              t.list[POLICY_SOURCE_RUN]),
                     0);
        cr_expect_str_eq(text, expected, "%s", text);

        free(TAKE_PTR(text));
        cr_assert_eq(policy_store_get_text(s, "bad", &text, NULL), 0);
        cr_expect_str_eq(text, BAD_POLICY);
        free(TAKE_PTR(text));
        cr_assert_eq(policy_store_get_text(s, "masked", &text, NULL), 0);
        cr_expect_str_eq(text, "");
        cr_expect_eq(policy_store_get_text(s, "nothing", &text, NULL), -ENOENT);
}

Test(policy_write, one_of_oaps_is_neither_replaced_nor_removed_but_masked) {
        _cleanup_(freep) char *message = NULL;
        SETUP;

        tree_put(&t, "oap/oap:on-cpu:shop.policy", GOOD_POLICY);
        reload(s);

        cr_expect_eq(policy_store_remove(s, "oap:on-cpu:shop"), -EROFS);
        cr_expect_eq(policy_store_add(s, "oap:on-cpu:shop", OTHER_POLICY, false, &message), -EROFS);
        cr_expect_str_eq(
                        message,
                        "policy 'oap:on-cpu:shop' comes from SkyWalking's OAP: change it there, or mask it here");
        cr_expect(!tree_has(&t, "etc/oap:on-cpu:shop.policy"));
        expect_log(&log, "+oap:on-cpu:shop");

        cr_expect_eq(policy_store_mask(s, "oap:on-cpu:shop", true), 0);
        expect_entry(&t, s, "oap:on-cpu:shop", POLICY_STATE_MASKED, NULL);
        cr_expect_eq(policy_store_unmask(s, "oap:on-cpu:shop", true), 0);
        expect_log(&log, "-oap:on-cpu:shop +oap:on-cpu:shop");

        /* what is above it can go */
        tree_put(&t, "etc/oap:on-cpu:shop.policy", OTHER_POLICY);
        cr_expect_eq(policy_store_remove(s, "oap:on-cpu:shop"), 0);
        cr_expect_eq(policy_store_find(s, "oap:on-cpu:shop")->source, POLICY_SOURCE_OAP);
}
