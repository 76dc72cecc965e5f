/* SPDX-License-Identifier: Apache-2.0 */
/* Records that others wrote, or that were damaged. */
#include "store/task-record.h"

#include "basic/strbuf.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(task_record_parse, .timeout = 30);

#define HEAD \
        "{\n\"format\": 1,\n\"id\": \"20261121T031005-9f3c\",\n\"kind\": \"on-cpu\",\n\"state\": \"finished\""
#define NO_KIND "{\"format\": 1, \"id\": \"20261121T031005-9f3c\",\n"

Test(task_record_parse, kinds_are_a_list_and_were_one_text_before) {
        static const struct {
                const char *json;
                ProfileKinds kinds;
        } rows[] = {
                { HEAD "}", PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU) },
                { NO_KIND "\"kind\": \"off-cpu\", \"state\": \"failed\"}",
                  PROFILE_KIND_BIT(PROFILE_KIND_OFF_CPU) },
                { NO_KIND "\"kinds\": [\"off-cpu\"], \"state\": \"failed\"}",
                  PROFILE_KIND_BIT(PROFILE_KIND_OFF_CPU) },
                { NO_KIND "\"kinds\": [\"off-cpu\", \"on-cpu\"], \"state\": \"failed\"}",
                  PROFILE_KINDS_ALL },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(freep) char *message = NULL;
                _cleanup_(task_freep) Task *t = NULL;

                cr_assert_eq(task_record_parse(rows[i].json, strlen(rows[i].json), &t, &message),
                             0,
                             "row %zu: %s",
                             i,
                             message);
                cr_expect_eq(t->kinds, rows[i].kinds, "row %zu", i);
                cr_expect_eq(t->cost.wall_nsec, 0, "what is not there is not known");
        }
}

Test(task_record_parse, unknown_members_are_ignored) {
        static const char json[] =
                        HEAD ",\n\"colour\": {\"a\": [1, null]},\n\"causes\": [{\"threshold\": 1, "
                             "\"value\": 2.5, \"peak\": 3, \"mood\": true}], \"losses\": {\"new\": 1}}";
        _cleanup_(task_freep) Task *t = NULL;

        cr_assert_eq(task_record_parse(json, strlen(json), &t, NULL), 0);
        cr_expect_eq(t->state, TASK_STATE_FINISHED);
        cr_assert_eq(t->n_causes, 1);
        cr_expect_str_eq(t->causes[0].policy, "", "missing texts are empty, not NULL");
        cr_expect_eq(t->causes[0].value, 2.5);
}

Test(task_record_parse, bad_records_are_refused_with_the_line) {
        static const struct {
                const char *json, *message;
        } table[] = {
                { "", "task.json:1: " },
                { "\n\n[", "task.json:3: " },
                { "[]", "task.json:1: task: not an object" },
                { "null", "task.json:1: " },
                { "{}", "task.json:1: format: 0 is not known" },
                { "{\"format\": 2}", "task.json:1: format: 2 is not known" },
                { "{\"format\": \"1\"}", "task.json:1: format: not a whole number" },
                { "{\"format\": 1.0}", "task.json:1: format: not a whole number" },
                { "{\"format\": 1}", "task.json:1: id: missing" },
                { "{\"format\": 1,\n\"id\": 5}", "task.json:2: id: not a string" },
                { "{\"format\": 1,\n\"id\": \"../../etc\"}", "task.json:2: id: not the id of a task" },
                { "{\"format\": 1, \"id\": \"20261121T031005-9f3c\"}", "task.json:1: kinds: missing" },
                { "{\"format\": 1, \"id\": \"20261121T031005-9f3c\",\n\"kind\":\"network\"}",
                  "task.json:2: kind: not a kind of profile of this version" },
                { NO_KIND "\"kinds\": \"on-cpu\"}", "task.json:2: kinds: not a list" },
                { NO_KIND "\"kinds\": []}", "task.json:2: kinds: none or too many" },
                { NO_KIND "\"kinds\": [\"on-cpu\", \"off-cpu\", \"on-cpu\"]}",
                  "task.json:2: kinds: none or too many" },
                { NO_KIND "\"kinds\": [\"on-cpu\", 1]}", "task.json:2: kinds: not a string" },
                { NO_KIND "\"kinds\": [\"on-cpu\", \"on-gpu\"]}",
                  "task.json:2: kinds: not a kind of profile of this version" },
                { "{\"format\": 1, \"id\": \"20261121T031005-9f3c\", \"kind\":\"on-cpu\",\n\n\"state\" :\"happy\"}",
                  "task.json:3: state: not the state of a task" },
                { HEAD ",\n\"id\": \"20261121T031005-9f3c\"}", "task.json:6: " }, /* twice */
                { HEAD ",\n\"unit\": null}", "task.json:6: unit: not a string" },
                { HEAD ",\n\"unit\": \"a\\u0000b\"}", "task.json:6: " },
                { HEAD ",\n\"unit\": \"\xff\"}", "task.json:6: " },
                { HEAD ",\n\"n_samples\": -1}", "task.json:6: n_samples: -1 is out of range" },
                { HEAD ",\n\"n_samples\": 99999999999999999999}", "task.json:6: " },
                { HEAD ",\n\"n_samples\": 1e3}", "task.json:6: n_samples: not a whole number" },
                { HEAD ",\n\"n_samples\": true}", "task.json:6: n_samples: not a whole number" },
                { HEAD ",\n\"pid\": 2147483648}", "task.json:6: pid: 2147483648 is out of range" },
                { HEAD ",\n\"unit\": \"pid\",\n\"pid\": -1}", "task.json:7: pid: -1 is out of range" },
                { HEAD ",\n\"causes\": {}}", "task.json:6: causes: not a list" },
                { HEAD ",\n\"causes\": [1]}", "task.json:6: causes: entry 0 is not an object" },
                { HEAD ",\n\"causes\": [{}]}", "task.json:6: causes[0].threshold: missing" },
                { HEAD ",\n\"causes\": [{\"threshold\": \"80%\"}]}",
                  "task.json:6: causes[0].threshold: not a number" },
                { HEAD ",\n\"causes\": [{\"threshold\": 80, \"value\": -1}]}",
                  "task.json:6: causes[0].value: -1 is out of range" },
                { HEAD ",\n\"causes\": [{\"threshold\": 80, \"value\": 1e300}]}",
                  "task.json:6: causes[0].value: 1e+300 is out of range" },
                { HEAD
                  ",\n\"causes\": [{\"threshold\": 1, \"value\": 1, \"peak\": 1, \"count\": 4294967296}]}",
                  "task.json:6: causes[0].count: 4294967296 is out of range" },
                { HEAD ",\n\"causes\": [{\"policy\": 1}]}", "task.json:6: causes[0].policy: not a string" },
                { HEAD ",\n\"causes\": [{\"uri\": [\"/\"]}]}", "task.json:6: causes[0].uri: not a string" },
                { HEAD ",\n\"causes\": [{\"uri_regex\": null}]}",
                  "task.json:6: causes[0].uri_regex: not a string" },
                { HEAD ",\n\"losses\": []}", "task.json:6: losses: not an object" },
                { HEAD ",\n\"ends\": 7}", "task.json:6: ends: not an object" },
                { HEAD ",\n\"cost\": {\"host_share_ppm\": \"1\"}}",
                  "task.json:6: host_share_ppm: not a whole number" },
                { HEAD ",\n\"thinned\": []}", "task.json:6: thinned: not a string" },
                { HEAD ",\n\"losses\": {\"ring_full\": -1}}", "task.json:6: ring_full: -1 is out of range" },
                { HEAD "} trailing", "task.json:5: " },
                { HEAD ",\n\"x\": NaN}", "task.json:6: " },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(freep) char *message = NULL;
                Task *t = NULL;

                cr_expect_eq(task_record_parse(table[i].json, strlen(table[i].json), &t, &message),
                             -EBADMSG,
                             "row %zu",
                             i);
                cr_expect_null(t);
                cr_assert_not_null(message, "row %zu", i);
                cr_expect_eq(strncmp(message, table[i].message, strlen(table[i].message)),
                             0,
                             "row %zu: '%s' instead of '%s'",
                             i,
                             message,
                             table[i].message);
        }
}

static int
parse_generated(const char *head, const char *item, size_t n, const char *tail, char **ret_message) {
        _cleanup_(freep) char *json = NULL;
        Task *t = NULL;
        StrBuf b = {};
        int r;

        strbuf_add(&b, head);
        for (size_t i = 0; i < n; i++)
                strbuf_add(&b, item);
        strbuf_add(&b, tail);
        cr_assert_eq(strbuf_finish(&b, &json), 0);

        r = task_record_parse(json, strlen(json), &t, ret_message);
        task_free(t);
        return r;
}

Test(task_record_parse, too_much_of_anything_is_refused) {
        static const char cause[] = ",{\"threshold\": 1, \"value\": 1, \"peak\": 1}";
        static const char first[] = HEAD ", \"causes\": [{\"threshold\": 1, \"value\": 1, \"peak\": 1}";
        _cleanup_(freep) char *causes = NULL, *text = NULL, *depth = NULL, *size = NULL;

        cr_expect_eq(parse_generated(first, cause, TASK_RECORD_CAUSES_MAX - 1, "]}", &causes), 0);
        cr_expect_eq(parse_generated(first, cause, TASK_RECORD_CAUSES_MAX, "]}", &causes), -EBADMSG);
        cr_expect_str_eq(causes, "task.json:5: causes: more than 64");
        cr_expect_eq(parse_generated(HEAD ", \"exe\": \"", "x", TASK_RECORD_TEXT_MAX, "\"}", &text), 0);
        cr_expect_eq(parse_generated(HEAD ", \"exe\": \"", "x", TASK_RECORD_TEXT_MAX + 1, "\"}", &text),
                     -EBADMSG);
        cr_expect_str_eq(text, "task.json:5: exe: longer than 4096 bytes");
        cr_expect_eq(parse_generated(HEAD ", \"x\": ", "[", 100000, "", &depth), -EBADMSG);
        cr_expect_eq(parse_generated(HEAD, " ", TASK_RECORD_SIZE_MAX, "}", &size), -EBADMSG);
        cr_expect_str_eq(size, "task.json:1: task: larger than 2097152 bytes");
}
