/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of an OAP, or of whoever is at its address. */
#include "oap/oap-command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(oap_service_policies_done) OapServicePolicies policies = {};
        _cleanup_(freep) char *id = NULL, *a = NULL, *b = NULL, *c = NULL;
        _cleanup_(oap_tasks_done) OapTasks tasks = {};

        if (oap_command_policies(data, size, &policies, &a) >= 0)
                for (size_t i = 0; i < policies.n_policies; i++)
                        assert(policies.policies[i].service && policies.policies[i].uuid);
        if (oap_command_tasks(data, size, &tasks, &b) >= 0)
                assert(tasks.n_tasks <= OAP_COMMANDS_MAX);
        (void) oap_command_task_id(data, size, &id, &c);
        return 0;
}
