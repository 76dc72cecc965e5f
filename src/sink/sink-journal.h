/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sink/journal-entry.h"
#include "task/task.h"

/* The entries without sending them. Each fills the zero-initialised @e; its error sticks in there. */
void journal_entry_for_start(JournalEntry *e, const Task *t);
void journal_entry_for_thinned(JournalEntry *e, const Task *t, const char *text);
void journal_entry_for_end(JournalEntry *e, const Task *t);
/* What SkyWalking's OAP knows of it now, see TaskOap; one of @id and @refused. */
void journal_entry_for_oap(
                JournalEntry *e, const Task *t, ProfileKind kind, const char *id, const char *refused);

/* Says that in the journal: once for each kind of a task. */
int sink_journal_oap(const Task *t, ProfileKind kind, const char *id, const char *refused);
