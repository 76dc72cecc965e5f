/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"
#include "policy/policy-store.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

/* A search path in a temporary directory, and files in it. Paths are relative: "etc/web.policy", "run/…",
 * "vendor/…". */
typedef struct PolicyTree {
        char root[96];
        char directories[_POLICY_SOURCE_MAX][128];
        const char *list[_POLICY_SOURCE_MAX + 1];
} PolicyTree;

#define GOOD_POLICY "[Policy]\nUnit=nginx\n[Trigger]\nWhen=process-cpu >= 80%\n"
#define OTHER_POLICY "[Policy]\nUnit=nginx\n[Trigger]\nWhen=process-cpu >= 90%\n"
#define BAD_POLICY "[Policy]\nUnit=nginx\n[Trigger]\nWhen=proces-cpu >= 80%\n"

static inline void tree_init(PolicyTree *t) {
        *t = (PolicyTree){};
        (void) snprintf(t->root, sizeof(t->root), "%s/cprof-policies-XXXXXX", getenv("TMPDIR") ?: P_tmpdir);
        cr_assert_not_null(mkdtemp(t->root), "%s", t->root);

        for (int i = 0; i < _POLICY_SOURCE_MAX; i++) {
                (void) snprintf(t->directories[i],
                                sizeof(t->directories[i]),
                                "%s/%s",
                                t->root,
                                policy_source_to_string((PolicySource) i));
                t->list[i] = t->directories[i];
        }
}

static inline int tree_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

static inline void tree_done(PolicyTree *t) {
        (void) nftw(t->root, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The absolute path; directories on the way are made. Borrowed until the next call but one. */
static inline const char *tree_path(const PolicyTree *t, const char *path) {
        static char buffers[2][512];
        static unsigned turn;
        char *buf = buffers[turn++ % 2];

        (void) snprintf(buf, sizeof(buffers[0]), "%s/%s", t->root, path);
        for (char *p = buf + strlen(t->root) + 1; (p = strchr(p, '/')); p++) {
                *p = '\0';
                (void) mkdir(buf, 0755);
                *p = '/';
        }

        return buf;
}

/* Replaces the file, so that it has another inode; an empty text makes an empty file. */
static inline void tree_put_bytes(const PolicyTree *t, const char *path, const void *data, size_t length) {
        _cleanup_(fclosep) FILE *f = NULL;
        char temporary[600];
        const char *p = tree_path(t, path);

        (void) snprintf(temporary, sizeof(temporary), "%s.new", p);
        f = fopen(temporary, "we");
        cr_assert_not_null(f);
        cr_assert_eq(fwrite(data, 1, length, f), length);
        cr_assert_eq(rename(temporary, p), 0);
}

static inline void tree_put(const PolicyTree *t, const char *path, const char *text) {
        tree_put_bytes(t, path, text, strlen(text));
}

static inline void tree_link(const PolicyTree *t, const char *path, const char *target) {
        cr_assert_eq(symlink(target, tree_path(t, path)), 0, "%s", path);
}

static inline void tree_delete(const PolicyTree *t, const char *path) {
        cr_assert_eq(remove(tree_path(t, path)), 0, "%s", path);
}

static inline bool tree_has(const PolicyTree *t, const char *path) {
        struct stat st;

        return lstat(tree_path(t, path), &st) >= 0;
}

/* What the store told through its callback since the last look: "+web" added, "-web" removed, "*web"
 * changed. */
typedef struct ChangeLog {
        char text[1024];
        unsigned n;
} ChangeLog;

static inline void on_policy_change(const char *name, Policy *old, Policy *new, void *userdata) {
        ChangeLog *log = userdata;
        size_t n = strlen(log->text);

        cr_expect(old || new);
        log->n++;
        (void) snprintf(log->text + n,
                        sizeof(log->text) - n,
                        "%s%c%s",
                        n > 0 ? " " : "",
                        !old                  ? '+'
                                        : new ? '*'
                                              : '-',
                        name);
}

static inline void expect_log(ChangeLog *log, const char *expected) {
        cr_expect_str_eq(log->text, expected, "'%s' instead of '%s'", log->text, expected);
        *log = (ChangeLog){};
}

static inline unsigned reload(PolicyStore *s) {
        unsigned n_bad = 77;

        cr_assert_eq(policy_store_reload(s, &n_bad), 0);
        return n_bad;
}

/* The message without the root of the tree in front. */
static inline const char *below_root(const PolicyTree *t, const char *message) {
        size_t n = strlen(t->root);

        if (!message)
                return "(none)";

        return strncmp(message, t->root, n) == 0 ? message + n + 1 : message;
}

static inline void
expect_entry(const PolicyTree *t, PolicyStore *s, const char *name, PolicyState state, const char *message) {
        PolicyEntry *e = policy_store_find(s, name);

        cr_assert_not_null(e, "%s", name);
        cr_expect_eq(e->state, state, "%s is %s", name, policy_state_to_string(e->state));
        cr_expect_str_eq(below_root(t, e->message), message ?: "(none)", "%s: %s", name, e->message);
        cr_expect_eq(e->policy != NULL,
                     state == POLICY_STATE_LOADED || state == POLICY_STATE_STALE,
                     "%s",
                     name);
}

static inline double threshold_of(PolicyStore *s, const char *name) {
        PolicyEntry *e = policy_store_find(s, name);

        return e && e->policy ? e->policy->triggers[0].threshold : -1;
}

static inline void expect_problems(const PolicyTree *t, PolicyStore *s, const char *const *expected) {
        char **p = policy_store_problems(s);
        size_t i = 0;

        for (; p[i] && expected[i]; i++)
                cr_expect_str_eq(below_root(t, p[i]), expected[i], "%s", p[i]);

        cr_expect_null(p[i], "unexpected problem: %s", p[i]);
        cr_expect_null(expected[i], "missing problem: %s", expected[i]);
}
