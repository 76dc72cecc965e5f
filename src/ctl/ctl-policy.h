/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "ctl/ctl-bus.h"

/* One row of ListPolicies. Strings are borrowed from the reply, lists are ours. */
typedef struct PolicyRow {
        const char *name, *source, *path, *state, *message, *scope;
        char **units, **filters, **triggers, **kinds;
        usec_t duration_usec, silence_usec;
        unsigned n_subjects;
} PolicyRow;

void policy_row_done(PolicyRow *row);

/* Calls ListPolicies; the reply stands before its first row. Complains itself. */
int policy_rows_open(Ctl *c, sd_bus_message **ret_reply);
/* 1 with the next row, 0 at the end. Complains itself. */
int policy_rows_next(sd_bus_message *reply, PolicyRow *ret_row);

/* AddPolicy with @text, and what came of it. Complains itself about all but a bad policy: that is -EBADMSG
 * after the daemon's own message was printed. */
int policy_send(Ctl *c, const char *name, const char *text);

/* Reads at most POLICY_TEXT_SIZE_MAX from a file or, for "-", standard input. Complains itself. */
int policy_read_file(const char *path, char **ret_text);
