/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "oap/oap-messages.h"
#include "symbol/symbolizer.h"
#include "task/profile.h"

/* What one OAP task has been told of a recording: each flush is what came since the last one. Conformance
 * items 29 to 33. */
typedef struct OapProfile OapProfile;

/* OAP cannot open a task with more: the rest of a flush's rare stacks are cut to what they share with the
 * common ones, so that the sums stay right. */
#define OAP_PROFILE_STACKS_MAX 2000U

/* @target: ON_CPU or OFF_CPU. What is in @profile now (NULL: nothing) was there before and is never told. */
int oap_profile_new(OapTarget target, const Profile *profile, OapProfile **ret_profile);
OapProfile *oap_profile_free(OapProfile *p);
DEFINE_CLEANUP(OapProfile *, oap_profile_free)
/* Another recording goes on where the one before ended: what is in @profile now is never told. -ENOMEM: as
 * before. */
int oap_profile_rebase(OapProfile *p, const Profile *profile);
/* The run is over, the recording is not: what comes to @profile from now on is never told, until it is based
 * anew. -ENOMEM: as before. */
int oap_profile_freeze(OapProfile *p, const Profile *profile);

/* Messages without OapTaskKey, of what was added since. Frames whose names are not in @symbols yet wait for
 * the next flush, unless it is the @last one. Records of equal symbols are one. Counts as told when it
 * returns: who cannot keep the messages says so to the spool's counters. 0 messages: nothing new. -ENOMEM:
 * as if it had not been asked. */
int oap_profile_flush(
                OapProfile *p, const Profile *profile, const Symbols *symbols, bool last, OapMessages *ret);

/* All that was told so far: samples, or switches and their time. */
void oap_profile_told(const OapProfile *p, uint64_t *ret_count, uint64_t *ret_nsec);
/* Of those, what was told as less than its whole stack, for OAP_PROFILE_STACKS_MAX. */
uint64_t oap_profile_n_cut(const OapProfile *p);
