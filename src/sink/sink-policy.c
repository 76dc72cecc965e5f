/* SPDX-License-Identifier: Apache-2.0 */
/* Bad policy files in the journal. */
#include "sink/sink-policy.h"

#include "basic/log.h"
#include "catalog/messages.h"
#include "sink/journal-entry.h"

void sink_policy_problem(const char *message) {
        _cleanup_(journal_entry_done) JournalEntry e = {};

        journal_entry_addf(&e, "MESSAGE_ID=%s", CPROF_MESSAGE_POLICY_BAD);
        journal_entry_addf(&e, "PRIORITY=%i", LOG_WARNING);
        journal_entry_addf(&e, "MESSAGE=%s", message);
        if (journal_entry_send(&e) < 0)
                log_warning("%s", message);
}
