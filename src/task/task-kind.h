/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/profile-kind.h"
#include "probe/probe.h"

/* Which kinds of profiles this kernel can record. */

ProbeFeature task_kind_feature(ProfileKind kind);
ProbeUse task_kind_use(ProfileKind kind);

/* Those of @kinds that can be recorded. *ret_reason (may be NULL) says of the first other one what is
 * missing; static or owned by the probe, NULL if there is none. */
ProfileKinds task_kinds_possible(Probe *p, ProfileKinds kinds, const char **ret_reason);
