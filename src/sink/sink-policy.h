/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One journal entry (MESSAGE_ID of CPROF_MESSAGE_POLICY_BAD) for a policy file that is not in force as
 * written: @message is "path:line: …". */
void sink_policy_problem(const char *message);
