/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/journal-entry.h"

#include "basic/utf8.h"

#include <stdarg.h>
#include <string.h>
#include <systemd/sd-journal.h>

void journal_entry_addf(JournalEntry *e, const char *format, ...) {
        _cleanup_(freep) char *text = NULL;
        char *field;
        va_list ap;
        int n;

        assert(e);

        if (e->error < 0)
                return;

        if (e->n_fields >= JOURNAL_FIELDS_MAX) {
                e->error = -E2BIG;
                return;
        }

        va_start(ap, format);
        n = vasprintf(&text, format, ap);
        va_end(ap);
        if (n < 0) {
                text = NULL; /* its content is undefined then */
                e->error = -ENOMEM;
                return;
        }

        /* Names come from processes and units: nothing but text goes into the journal. */
        field = utf8_sanitize(text, (size_t) n);
        if (!field) {
                e->error = -ENOMEM;
                return;
        }

        e->fields[e->n_fields++] = (struct iovec){ .iov_base = field, .iov_len = strlen(field) };
}

int journal_entry_send(JournalEntry *e) {
        assert(e);

        if (e->error < 0)
                return e->error;

        return sd_journal_sendv(e->fields, (int) e->n_fields);
}

void journal_entry_done(JournalEntry *e) {
        for (size_t i = 0; i < e->n_fields; i++)
                free(e->fields[i].iov_base);

        *e = (JournalEntry){};
}
