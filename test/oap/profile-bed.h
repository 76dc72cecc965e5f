/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "oap/analysis.h"
#include "oap/oap-profile.h"

/* Profiles of made-up programs, with names for their code, and what OAP is told of them. */

#define PROFILE_BED_FILES 4U
#define PROFILE_BED_FUNCTION_BYTES 16U /* of code: so many addresses have one name */

void profile_bed_init(void);
void profile_bed_done(void);

Profile *profile_bed_profile(void);
/* As oap_profile_new(). */
OapProfile *profile_bed_told(OapTarget target, const Profile *p);

/* Code of function @number in one of the files, or of the kernel: "f12", "k12". The same function has the
 * same name in all files. */
Frame profile_bed_user(unsigned file, unsigned number);
Frame profile_bed_kernel(unsigned number);

/* Names for what is in @p now. */
Symbols *profile_bed_symbols(const Profile *p);

/* One flush, as OAP takes it; returns the number of messages. */
size_t profile_bed_flush(
                OapProfile *o,
                const Profile *p,
                const Symbols *symbols,
                bool last,
                OapTarget target,
                Analysis *a);
/* With the names of all. */
size_t profile_bed_flush_named(OapProfile *o, const Profile *p, OapTarget target, Analysis *a);
