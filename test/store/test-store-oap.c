/* SPDX-License-Identifier: Apache-2.0 */
/* What SkyWalking's OAP knows of a task, in its task.json. */
#include "store/store-fixture.h"
#include "store/task-record.h"

#define ID "8f3c0d1e2b4a5968778695a4b3c2d1e0f8f3c0d1e2b4a5968778695a4b3c2d1e"

TestSuite(store_oap, .timeout = 60, .init = make_directory, .fini = remove_directory);

static void expect_known(Store *s, unsigned minute) {
        _cleanup_(task_freep) Task *t = NULL;

        cr_assert_eq(store_find(s, id_of(minute), &t), 0);
        cr_expect_str_eq(t->oap[PROFILE_KIND_ON_CPU].id, ID);
        cr_expect_null(t->oap[PROFILE_KIND_ON_CPU].refused);
        cr_expect_null(t->oap[PROFILE_KIND_OFF_CPU].id);
        cr_expect_str_eq(t->oap[PROFILE_KIND_OFF_CPU].refused, "OAP refused it: \"status 2\"");
        cr_expect_eq(t->state, TASK_STATE_FINISHED);
        cr_expect_str_eq(t->reason, "duration reached");
}

Test(store_oap, a_task_that_is_over_gets_its_id_later) {
        _cleanup_(store_freep) Store *s = make_store(&generous);
        _cleanup_(freep) char *json = NULL;
        static const char *const refused = "OAP refused it: \"status 2\"";

        write_task(s, 1, TASK_STATE_FINISHED);
        cr_assert_eq(store_annotate_oap(s, id_of(1), PROFILE_KIND_ON_CPU, ID, NULL), 1);
        cr_assert_eq(store_annotate_oap(s, id_of(1), PROFILE_KIND_OFF_CPU, NULL, refused), 1);
        cr_expect_eq(store_annotate_oap(s, id_of(1), PROFILE_KIND_ON_CPU, ID, NULL), 0, "said already");
        expect_known(s, 1);
        cr_expect_eq(store_n_tasks(s), 1);

        s = store_free(s);
        s = make_store(&generous);
        expect_known(s, 1);
        cr_assert_eq(store_read_json(s, id_of(1), &json), 0);
        cr_expect_not_null(strstr(json, "\"oap_tasks\""));
        cr_expect_not_null(strstr(json, "\"kind\": \"off-cpu\""));
}

Test(store_oap, another_answer_takes_the_place_of_the_first) {
        _cleanup_(store_freep) Store *s = make_store(&generous);
        _cleanup_(task_freep) Task *t = NULL;

        write_task(s, 1, TASK_STATE_FINISHED);
        cr_assert_eq(store_annotate_oap(s, id_of(1), PROFILE_KIND_ON_CPU, NULL, "no answer"), 1);
        cr_assert_eq(store_annotate_oap(s, id_of(1), PROFILE_KIND_ON_CPU, ID, NULL), 1);
        cr_assert_eq(store_find(s, id_of(1), &t), 0);
        cr_expect_str_eq(t->oap[PROFILE_KIND_ON_CPU].id, ID);
        cr_expect_null(t->oap[PROFILE_KIND_ON_CPU].refused);
}

Test(store_oap, a_task_that_was_never_told_says_nothing_of_it) {
        _cleanup_(store_freep) Store *s = make_store(&generous);
        _cleanup_(freep) char *json = NULL;

        write_task(s, 1, TASK_STATE_FINISHED);
        cr_assert_eq(store_read_json(s, id_of(1), &json), 0);
        cr_expect_null(strstr(json, "oap"));
}

Test(store_oap, what_is_gone_or_damaged_is_left_alone) {
        _cleanup_(store_freep) Store *s = NULL;
        _cleanup_(freep) char *json = NULL;

        plant(id_of(2), "task.json", "{ no");
        s = make_store(&generous);
        cr_expect_eq(store_annotate_oap(s, id_of(1), PROFILE_KIND_ON_CPU, ID, NULL), -ENOENT);
        cr_expect_eq(store_annotate_oap(s, id_of(2), PROFILE_KIND_ON_CPU, ID, NULL), -EBADMSG);
        cr_assert_eq(store_read_json(s, id_of(2), &json), 0);
        cr_expect_str_eq(json, "{ no");
}

#define HEAD \
        "{\"format\": 1, \"id\": \"20261121T031005-9f3c\", \"kinds\": [\"on-cpu\"], \"state\": \"failed\""

Test(store_oap, what_is_wrong_with_it_is_said) {
        static const struct {
                const char *list, *message;
        } bad[] = {
                { "5", "task.json:1: oap_tasks: not a list of at most 16" },
                { "{}", "task.json:1: oap_tasks: not a list of at most 16" },
                { "[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]",
                  "task.json:1: oap_tasks: not a list of at most 16" },
                { "[5]", "task.json:1: oap_tasks: entry 0 is not an object" },
                { "[{}]", "task.json:1: oap_tasks[0].kind: missing" },
                { "[{\"kind\": 5}]", "task.json:1: oap_tasks[0].kind: not a string" },
                { "[{\"kind\": \"on-cpu\", \"id\": 5}]", "task.json:1: oap_tasks[0].id: not a string" },
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_(freep) char *json = NULL, *message = NULL;
                _cleanup_(task_freep) Task *t = NULL;

                cr_assert_gt(asprintf(&json, HEAD ", \"oap_tasks\": %s}", bad[i].list), 0);
                cr_assert_eq(task_record_parse(json, strlen(json), &t, &message), -EBADMSG, "%s", json);
                cr_expect_str_eq(message, bad[i].message);
        }
}

Test(store_oap, a_kind_of_a_later_version_is_left_out) {
        static const char json[] = HEAD
                        ", \"oap_tasks\": [{\"kind\": \"network\", \"id\": \"a\"}, {\"kind\": \"on-cpu\", \"id\": \"b\"}]}";
        _cleanup_(task_freep) Task *t = NULL;

        cr_assert_eq(task_record_parse(json, strlen(json), &t, NULL), 0);
        cr_expect_str_eq(t->oap[PROFILE_KIND_ON_CPU].id, "b");
        cr_expect_null(t->oap[PROFILE_KIND_OFF_CPU].id);
}
