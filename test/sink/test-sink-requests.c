/* SPDX-License-Identifier: Apache-2.0 */
/* What the journal says of causes by requests and by waiting. */
#include "sink/sink-journal.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(sink_requests, .timeout = 5);

static const char *field(const JournalEntry *e, const char *name) {
        size_t length = strlen(name);

        for (size_t i = 0; i < e->n_fields; i++) {
                const char *text = e->fields[i].iov_base;

                if (strncmp(text, name, length) == 0 && text[length] == '=')
                        return text + length + 1;
        }

        return NULL;
}

Test(sink_requests, start_by_requests_says_which) {
        static const struct {
                const char *metric, *uri, *regex, *expected;
                double threshold, value;
        } rows[] = {
                { "http-avg-response-time",
                  "/api/orders",
                  NULL,
                  "nginx.service has http-avg-response-time 412ms on /api/orders (>= 250ms in 6 of 10 s);",
                  250,
                  412.04 },
                { "http-error-rate",
                  NULL,
                  "^/api/",
                  "nginx.service has http-error-rate 33.3% matching ^/api/ (>= 5% in 6 of 10 s);",
                  5,
                  100.0 / 3 },
                { "http-request-rate",
                  NULL,
                  NULL,
                  "nginx.service has http-request-rate 1200/s (>= 1000/s in 6 of 10 s);",
                  1000,
                  1200 },
                { "memory-pressure",
                  NULL,
                  NULL,
                  "nginx.service has memory-pressure 35% (>= 20% in 6 of 10 s);",
                  20,
                  35 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(journal_entry_done) JournalEntry e = {};
                TaskCause cause = {
                        .metric = (char *) rows[i].metric,
                        .uri = (char *) rows[i].uri,
                        .uri_regex = (char *) rows[i].regex,
                        .threshold = rows[i].threshold,
                        .value = rows[i].value,
                        .period_sec = 10,
                        .hits = 6,
                };
                const Task t = {
                        .id = "20261121T031005-abcd",
                        .state = TASK_STATE_RUNNING,
                        .unit = (char *) "nginx.service",
                        .causes = &cause,
                        .n_causes = 1,
                };
                const char *message;

                journal_entry_for_start(&e, &t);

                cr_assert_eq(e.error, 0);
                message = field(&e, "MESSAGE");
                cr_expect_eq(strncmp(message, rows[i].expected, strlen(rows[i].expected)), 0, "%s", message);
                cr_expect_str_eq(field(&e, "CPROF_URI") ?: "-", rows[i].uri ?: "-");
                cr_expect_str_eq(field(&e, "CPROF_URI_REGEX") ?: "-", rows[i].regex ?: "-");
        }
}
