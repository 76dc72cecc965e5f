/* SPDX-License-Identifier: Apache-2.0 */
/* What people are told of policies is what there is. */
#include "policy/policy.h"

#include "basic/file-io.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

TestSuite(policy_docs, .timeout = 10);

static char *read_source(const char *path) {
        char full[PATH_MAX];
        char *text = NULL;

        (void) snprintf(full, sizeof(full), "%s/%s", getenv("CPROF_SOURCE_ROOT") ?: ".", path);
        cr_assert_eq(read_full_file_at(AT_FDCWD, full, 1024 * 1024, &text, NULL), 0, "%s", full);
        return text;
}

/* Manual pages write "-" as "\-". */
static void drop_backslashes(char *text) {
        char *to = text;

        for (const char *from = text; *from; from++)
                if (*from != '\\')
                        *to++ = *from;
        *to = '\0';
}

Test(policy_docs, every_metric_is_described_and_completed) {
        static const char *const paths[] = {
                "doc/cprof.policy.5",
                "policies.d/example.policy",
                "packaging/bash-completion/cprofctl",
        };

        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
                _cleanup_(freep) char *text = read_source(paths[i]);

                drop_backslashes(text);
                for (const char *const *name = metric_names(); *name; name++)
                        cr_expect_not_null(strstr(text, *name), "%s is not in %s", *name, paths[i]);
        }
}

Test(policy_docs, the_examples_are_policies) {
        static const char *const paths[] = { "policies.d/example.policy", "policies.d/http.policy" };
        static const size_t n_triggers[] = { 2, 4 };

        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
                _cleanup_(freep) char *text = read_source(paths[i]), *message = NULL;
                const PolicyText t = { .path = paths[i], .text = text, .length = strlen(text) };
                _cleanup_(policy_unrefp) Policy *p = NULL;

                cr_assert_eq(policy_parse("example", &t, 1, &p, &message), 0, "%s", message);
                cr_expect_eq(p->n_triggers, n_triggers[i]);
        }
}
