/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "target/target.h"
#include "target/user-names.h"

/* Names out of texts with specifiers, see IDENTITY_SPECIFIERS. Pure but for the user name look-up. */

typedef struct NameSource {
        const char *host, *machine_id;
        const Unit *unit;
        const Process *process; /* of a unit as a whole: its main or oldest one, may be NULL */
        bool is_whole_unit;
        UserNames *users; /* asked only for %U */
} NameSource;

/* *ret_text is valid UTF-8 without control characters and without blanks around it; it may be empty. */
int identity_expand(const char *text, const NameSource *source, char **ret_text);

/* Cuts @name, valid UTF-8, to @units_max UTF-16 units and @bytes_max bytes. What is cut off is told apart by
 * a digest of the whole name at the end. */
void identity_cut(char *name, size_t units_max, size_t bytes_max);

/* "foo@bar.service" -> "foo@bar". @unit_name may be a nested one. */
int identity_unit_label(const char *unit_name, char **ret_label);
