/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "target/identity.h"

/* Of a process on "host-a", that of any test which does not care where its identities come from. The caller
 * owns it. */
Identity *some_identity(const char *layer, const char *service, const char *process, pid_t pid);
void some_identity_free(Identity *i);
