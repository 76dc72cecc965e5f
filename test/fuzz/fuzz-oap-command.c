/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of an OAP, or of whoever is at its address; and the policies that are made of them. */
#include "oap/oap-command.h"

#include "basic/strv.h"
#include "oap/oap-policy.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
        if (!condition)
                abort();
}

/* What is written is a policy of that service. */
static void check_text(const OapServicePolicy *policy, OapTarget target) {
        _cleanup_(freep) char *text = NULL, *name = NULL;
        _cleanup_(strv_freep) char **refused = NULL;
        _cleanup_(policy_unrefp) Policy *p = NULL;
        PolicyText piece = { .path = "oap" };

        require(oap_policy_name(policy->service, target, &name) == 0);
        require(policy_name_is_valid(name));
        require(oap_policy_format(policy, target, &text, &refused) == 0);
        if (!text)
                return;

        piece.text = text;
        piece.length = strlen(text);
        require(policy_parse(name, &piece, 1, &p, NULL) == 0);
        require(strcmp(p->services[0], policy->service) == 0 && !p->services[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(oap_service_policies_done) OapServicePolicies policies = {};
        _cleanup_(freep) char *id = NULL, *a = NULL, *b = NULL, *c = NULL;
        _cleanup_(oap_tasks_done) OapTasks tasks = {};

        if (oap_command_policies(data, size, &policies, &a) >= 0)
                for (size_t i = 0; i < policies.n_policies; i++) {
                        assert(policies.policies[i].service && policies.policies[i].uuid);
                        for (OapTarget t = 0; t < _OAP_TARGET_MAX; t++)
                                check_text(policies.policies + i, t);
                }
        if (oap_command_tasks(data, size, &tasks, &b) >= 0)
                assert(tasks.n_tasks <= OAP_COMMANDS_MAX);
        (void) oap_command_task_id(data, size, &id, &c);
        return 0;
}
