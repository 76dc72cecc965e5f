/* SPDX-License-Identifier: Apache-2.0 */
/* What the journal says of a task that SkyWalking's OAP was told of. */
#include "catalog/messages.h"
#include "sink/sink-journal.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(sink_oap, .timeout = 5);

/* The value of the @n-th field @name, NULL if there is none. */
static const char *field(const JournalEntry *e, const char *name, unsigned n) {
        size_t length = strlen(name);

        for (size_t i = 0; i < e->n_fields; i++) {
                const char *text = e->fields[i].iov_base;

                if (strncmp(text, name, length) == 0 && text[length] == '=' && n-- == 0)
                        return text + length + 1;
        }

        return NULL;
}

static Task *make_task(void) {
        Task *t = NULL;

        cr_assert_eq(task_new(PROFILE_KINDS_ALL, UINT64_C(1795230605) * USEC_PER_SEC, 0xabcd, &t), 0);
        t->unit = strdup("nginx.service");
        t->process = strdup("nginx");
        t->key = (ProcessKey){ 71, 1234 };
        cr_assert_eq(task_set_state(t, TASK_STATE_RUNNING, NULL, (TaskInstant){ USEC_PER_SEC, 1 }), 0);
        return t;
}

Test(sink_oap, an_id_is_said_with_both_names_of_the_task) {
        _cleanup_(journal_entry_done) JournalEntry e = {};
        _cleanup_(task_freep) Task *t = make_task();

        journal_entry_for_oap(&e, t, PROFILE_KIND_OFF_CPU, "8f3c", NULL);
        cr_assert_eq(e.error, 0);
        cr_expect_str_eq(
                        field(&e, "MESSAGE", 0),
                        "SkyWalking has the off-cpu record of nginx.service: nginx (PID 71) as its task 8f3c "
                        "(task 20261121T031005-abcd).");
        cr_expect_str_eq(field(&e, "MESSAGE_ID", 0), CPROF_MESSAGE_OAP_TASK_KNOWN);
        cr_expect_str_eq(field(&e, "PRIORITY", 0), "5");
        cr_expect_str_eq(field(&e, "CPROF_TASK_ID", 0), "20261121T031005-abcd");
        cr_expect_str_eq(field(&e, "CPROF_OAP_TASK_ID", 0), "8f3c");
        cr_expect_str_eq(field(&e, "CPROF_UNIT", 0), "nginx.service");
        cr_expect_null(field(&e, "CPROF_REASON", 0));
}

Test(sink_oap, a_refusal_is_said_with_its_reason) {
        _cleanup_(journal_entry_done) JournalEntry e = {};
        _cleanup_(task_freep) Task *t = make_task();

        journal_entry_for_oap(&e, t, PROFILE_KIND_ON_CPU, NULL, "its report was dropped");
        cr_assert_eq(e.error, 0);
        cr_expect_str_eq(
                        field(&e, "MESSAGE", 0),
                        "SkyWalking does not get the on-cpu record of nginx.service: nginx (PID 71): its report "
                        "was dropped (task 20261121T031005-abcd).");
        cr_expect_str_eq(field(&e, "MESSAGE_ID", 0), CPROF_MESSAGE_OAP_TASK_REFUSED);
        cr_expect_str_eq(field(&e, "PRIORITY", 0), "4");
        cr_expect_str_eq(field(&e, "CPROF_REASON", 0), "its report was dropped");
        cr_expect_null(field(&e, "CPROF_OAP_TASK_ID", 0));
}

Test(sink_oap, the_end_of_a_task_has_all_ids_of_it) {
        _cleanup_(journal_entry_done) JournalEntry e = {}, without = {};
        _cleanup_(task_freep) Task *t = make_task();

        cr_assert_eq(task_set_state(t, TASK_STATE_FINISHED, "duration reached", (TaskInstant){ 2, 2 }), 0);
        journal_entry_for_end(&without, t);
        cr_expect_null(field(&without, "CPROF_OAP_TASK_ID", 0));

        cr_assert_eq(task_set_oap(t, PROFILE_KIND_ON_CPU, "a1", NULL), 1);
        cr_assert_eq(task_set_oap(t, PROFILE_KIND_OFF_CPU, "b2", NULL), 1);
        cr_assert_eq(task_set_oap(t, PROFILE_KIND_OFF_CPU, "b2", NULL), 0);
        journal_entry_for_end(&e, t);
        cr_assert_eq(e.error, 0);
        cr_expect_str_eq(field(&e, "CPROF_OAP_TASK_ID", 0), "a1");
        cr_expect_str_eq(field(&e, "CPROF_OAP_TASK_ID", 1), "b2");
        cr_expect_null(field(&e, "CPROF_OAP_TASK_ID", 2));
}
