/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"

#include <stddef.h>
#include <sys/uio.h>

#define JOURNAL_FIELDS_MAX 48U

/* A structured entry built field by field; the first failure sticks and is returned by journal_entry_send().
 */
typedef struct JournalEntry {
        struct iovec fields[JOURNAL_FIELDS_MAX];
        size_t n_fields;
        int error;
} JournalEntry;

void journal_entry_addf(JournalEntry *e, const char *format, ...) _printf_(2, 3);
int journal_entry_send(JournalEntry *e);
void journal_entry_done(JournalEntry *e);
