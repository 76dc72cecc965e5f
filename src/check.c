/* SPDX-License-Identifier: Apache-2.0 */
/* The offline check of everything an administrator writes. */
#include "check.h"

#include "basic/log.h"
#include "basic/strv.h"
#include "config.h"
#include "cprof-config.h"
#include "policy/policy-store.h"

#include <limits.h>

static void on_policy(const char *name, Policy *old, Policy *new, void *userdata) {
}

int check_run(const char *root) {
        static const char *const directories[_POLICY_SOURCE_MAX] = {
                [POLICY_SOURCE_ETC] = "/etc/cprof/policies.d",
                [POLICY_SOURCE_RUN] = "/run/cprof/policies.d",
                [POLICY_SOURCE_VENDOR] = CPROF_VENDOR_DIR "/policies.d",
        };
        _cleanup_(strv_freep) char **problems = NULL;
        _cleanup_(policy_store_freep) PolicyStore *store = NULL;
        char paths[_POLICY_SOURCE_MAX][PATH_MAX];
        const char *path_list[_POLICY_SOURCE_MAX];
        size_t n_problems = 0;
        _cleanup_(config_done) Config config = {};
        int r;

        for (PolicySource i = 0; i < _POLICY_SOURCE_MAX; i++) {
                path_list[i] = NULL; /* OAP's are no administrator's */
                if (!directories[i])
                        continue;

                (void) snprintf(paths[i], sizeof(paths[i]), "%s%s", root, directories[i]);
                path_list[i] = paths[i];
        }

        r = config_load(root, &config, &problems);
        if (r >= 0)
                r = policy_store_new(path_list, on_policy, NULL, &store);
        if (r >= 0)
                r = policy_store_reload(store, NULL);
        if (r < 0) {
                (void) log_error_errno(r, "Failed to check: %m");
                return EXIT_FAILURE;
        }

        for (char **s = problems; s && *s; s++, n_problems++)
                fprintf(stderr, "cprofd: %s\n", *s);
        for (char **s = policy_store_problems(store); s && *s; s++, n_problems++)
                fprintf(stderr, "cprofd: %s\n", *s);

        if (n_problems > 0) {
                fprintf(stderr,
                        "cprofd: check failed: %zu problem%s\n",
                        n_problems,
                        n_problems == 1 ? "" : "s");
                return EXIT_FAILURE;
        }

        fprintf(stderr,
                "cprofd: check is successful: %u %s\n",
                policy_store_n_loaded(store),
                policy_store_n_loaded(store) == 1 ? "policy" : "policies");
        return EXIT_SUCCESS;
}
