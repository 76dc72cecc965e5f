/* SPDX-License-Identifier: Apache-2.0 */
#include "store/task-record.h"

#include "basic/strbuf.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#define REALTIME (UINT64_C(1795230605) * USEC_PER_SEC + 123456) /* 2026-11-21T03:10:05.123456Z */

TestSuite(task_record, .timeout = 30);

static char *copy(const char *text) {
        char *c = strdup(text);

        cr_assert_not_null(c);
        return c;
}

static Task *make_task(size_t n_causes) {
        Task *t = NULL;

        cr_assert_eq(task_new(PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU), REALTIME, 0x9f3c, &t), 0);
        t->unit = copy("nginx.service");
        t->process = copy("nginx#2");
        t->key = (ProcessKey){ .pid = 4711, .start_ticks = 987654 };
        t->duration_usec = 10 * USEC_PER_MINUTE;
        t->silence_usec = 20 * USEC_PER_MINUTE;

        t->causes = calloc(n_causes > 0 ? n_causes : 1, sizeof(*t->causes));
        cr_assert_not_null(t->causes);
        t->n_causes = n_causes;
        for (size_t i = 0; i < n_causes; i++)
                t->causes[i] = (TaskCause){
                        .policy = copy("web"),
                        .metric = copy("process-cpu"),
                        .rule = copy("process-cpu >= 80% for 5 of 10s"),
                        .threshold = 80,
                        .value = 99.1,
                        .peak = 100.0 / 3,
                        .period_sec = 10,
                        .count = 5,
                        .hits = 6 + (unsigned) i,
                        .process = copy("nginx#2"),
                        .pid = 4711,
                };

        return t;
}

static Task *round_trip(const Task *t) {
        _cleanup_(freep) char *json = NULL, *message = NULL;
        Task *back = NULL;

        cr_assert_eq(task_record_format(t, &json), 0);
        cr_assert_eq(task_record_parse(json, strlen(json), &back, &message), 0, "%s\n%s", message, json);
        return back;
}

static void expect_instant(TaskInstant a, TaskInstant b) {
        cr_expect_eq(a.monotonic_usec, b.monotonic_usec);
        cr_expect_eq(a.realtime_usec, b.realtime_usec);
}

Test(task_record, a_task_comes_back_as_it_was) {
        _cleanup_(task_freep) Task *t = make_task(2), *back = NULL;

        t->state = TASK_STATE_STOPPED;
        t->reason = copy("stopped by \"root\" \\ ümlaut");
        t->exe = copy("/usr/sbin/nginx (deleted)");
        t->invocation_id = copy("0123456789abcdef0123456789abcdef");
        t->hottest = copy("ngx_http_parse 61%, memcpy 3%");
        t->slot_end = (TaskInstant){ 1, 2 };
        t->decided = (TaskInstant){ 3, 4 };
        t->started = (TaskInstant){ 5, REALTIME };
        t->ended = (TaskInstant){ 7, 8 };
        t->first_sample = (TaskInstant){ 9, 10 };
        t->last_sample = (TaskInstant){ 11, 12 };
        t->n_samples = UINT64_C(1) << 62;
        t->losses = (TaskLosses){ 1, 22, 333, 4444, 55555, 666666 };
        t->kinds = PROFILE_KINDS_ALL;
        t->left_out = copy("off-cpu is not available: no BTF");
        t->kernel_path = copy("eh-frame");
        t->thinned = copy("every second sample only");
        t->quality = (TaskQuality){
                .n_stacks_user = 70, .n_frames = 71, .n_frames_named = 72, .n_python_frames = 73
        };
        for (unsigned i = 0; i < CPROF_END_MAX; i++)
                t->quality.ends[i] = 100 + i;
        t->cost = (TaskCost){ 80, 81, 82, 83, 84 };
        t->offcpu = (TaskOffcpu){ 90, 91, 92, 93, 94 };
        t->n_before_samples = 60;
        t->before_period_nsec = 61;
        t->before_first_sample = (TaskInstant){ 62, 63 };

        t->causes[0].uri = copy("/api/orders");
        t->causes[1].uri_regex = copy("^/api/\\w+$");

        back = round_trip(t);

        cr_expect_str_eq(back->id, "20261121T031005-9f3c");
        cr_expect_eq(back->kinds, PROFILE_KINDS_ALL);
        cr_expect_str_eq(back->left_out, t->left_out);
        cr_expect_str_eq(back->kernel_path, "eh-frame");
        cr_expect_str_eq(back->thinned, t->thinned);
        cr_expect_eq(memcmp(&back->quality, &t->quality, sizeof(t->quality)), 0);
        cr_expect_eq(memcmp(&back->cost, &t->cost, sizeof(t->cost)), 0);
        cr_expect_eq(memcmp(&back->offcpu, &t->offcpu, sizeof(t->offcpu)), 0);
        cr_expect_eq(back->n_before_samples, 60);
        cr_expect_eq(back->before_period_nsec, 61);
        expect_instant(back->before_first_sample, t->before_first_sample);
        cr_expect_null(back->before);
        cr_expect_eq(back->state, TASK_STATE_STOPPED);
        cr_expect_str_eq(back->reason, t->reason);
        cr_expect_str_eq(back->unit, "nginx.service");
        cr_expect_str_eq(back->process, "nginx#2");
        cr_expect_eq(back->key.pid, 4711);
        cr_expect_eq(back->key.start_ticks, 987654);
        cr_expect_str_eq(back->exe, t->exe);
        cr_expect_str_eq(back->invocation_id, t->invocation_id);
        cr_expect_str_eq(back->hottest, t->hottest);
        cr_expect_eq(back->duration_usec, t->duration_usec);
        cr_expect_eq(back->silence_usec, t->silence_usec);
        expect_instant(back->slot_end, t->slot_end);
        expect_instant(back->decided, t->decided);
        expect_instant(back->started, t->started);
        expect_instant(back->ended, t->ended);
        expect_instant(back->first_sample, t->first_sample);
        expect_instant(back->last_sample, t->last_sample);
        cr_expect_eq(back->n_samples, t->n_samples);
        cr_expect_eq(memcmp(&back->losses, &t->losses, sizeof(t->losses)), 0);
        cr_expect_null(back->profile);

        cr_assert_eq(back->n_causes, 2);
        cr_expect_str_eq(back->causes[0].uri, "/api/orders");
        cr_expect_null(back->causes[0].uri_regex);
        cr_expect_null(back->causes[1].uri);
        cr_expect_str_eq(back->causes[1].uri_regex, "^/api/\\w+$");
        for (size_t i = 0; i < 2; i++) {
                const TaskCause *a = t->causes + i, *b = back->causes + i;

                cr_expect_str_eq(b->policy, a->policy);
                cr_expect_str_eq(b->metric, a->metric);
                cr_expect_str_eq(b->rule, a->rule);
                cr_expect_str_eq(b->process, a->process);
                cr_expect_eq(b->threshold, a->threshold);
                cr_expect_eq(b->value, a->value);
                cr_expect_eq(b->peak, a->peak, "a third needs all digits");
                cr_expect_eq(b->period_sec, a->period_sec);
                cr_expect_eq(b->count, a->count);
                cr_expect_eq(b->hits, a->hits);
                cr_expect_eq(b->pid, a->pid);
        }
}

Test(task_record, what_is_unknown_is_left_out_and_comes_back_as_nothing) {
        _cleanup_(task_freep) Task *t = NULL, *back = NULL;
        _cleanup_(freep) char *json = NULL;

        cr_assert_eq(task_new(PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU), REALTIME, 1, &t), 0);
        cr_assert_eq(task_record_format(t, &json), 0);
        cr_expect_null(strstr(json, "\"exe\""));
        cr_expect_null(strstr(json, "\"started\""));

        back = round_trip(t);
        cr_expect_null(back->exe);
        cr_expect_null(back->reason);
        cr_expect_null(back->hottest);
        cr_expect_null(back->invocation_id);
        cr_expect_str_eq(back->unit, "");
        cr_expect_str_eq(back->process, "");
        cr_expect_eq(back->n_causes, 0);
        cr_expect_eq(back->state, TASK_STATE_PENDING);
}

Test(task_record, people_read_the_start_as_a_date) {
        _cleanup_(task_freep) Task *t = make_task(0);
        _cleanup_(freep) char *json = NULL;

        t->started.realtime_usec = REALTIME;
        cr_assert_eq(task_record_format(t, &json), 0);
        cr_expect_not_null(strstr(json, "\"started\": \"2026-11-21T03:10:05.123456Z\""), "%s", json);
        cr_expect_eq(json[strlen(json) - 1], '\n');
}

Test(task_record, hostile_names_become_harmless_text) {
        _cleanup_(task_freep) Task *t = make_task(1), *back = NULL;

        free(t->exe);
        t->exe = copy("/tmp/\xff\xfe\x1b[31m\n\"x\"");
        free(t->causes[0].process);
        t->causes[0].process = copy("a\nb\xc3");
        t->causes[0].value = NAN;
        t->causes[0].peak = INFINITY;
        t->causes[0].threshold = -3;
        t->causes[0].pid = -1;
        t->silence_usec = USEC_INFINITY;

        back = round_trip(t);
        cr_expect_str_eq(back->exe, "/tmp/???[31m?\"x\"");
        cr_expect_str_eq(back->causes[0].process, "a?b?");
        cr_expect_eq(back->causes[0].value, 0);
        cr_expect_eq(back->causes[0].peak, 0);
        cr_expect_eq(back->causes[0].threshold, 0);
        cr_expect_eq(back->causes[0].pid, 0);
        cr_expect_eq(back->silence_usec, INT64_MAX);
}

Test(task_record, long_texts_are_cut_between_characters) {
        _cleanup_(task_freep) Task *t = make_task(0), *back = NULL;
        size_t n = 3 * TASK_RECORD_TEXT_MAX;

        t->exe = calloc(1, n + 1);
        cr_assert_not_null(t->exe);
        for (size_t i = 0; i < n; i += 3)
                memcpy(t->exe + i, "€", 3);

        back = round_trip(t);
        cr_expect_eq(strlen(back->exe), TASK_RECORD_TEXT_MAX / 3 * 3);
        cr_expect_eq(strncmp(back->exe, t->exe, strlen(back->exe)), 0);
}

static void make_long(void *base, const TaskRecordField *f) {
        for (; f->name; f++) {
                char **text = (char **) ((char *) base + f->offset);

                free(*text);
                *text = malloc(5001);
                cr_assert_not_null(*text);
                memset(*text, '"', 5000); /* doubled by JSON */
                (*text)[5000] = '\0';
        }
}

Test(task_record, the_largest_record_is_within_the_bound) {
        _cleanup_(task_freep) Task *t = make_task(TASK_RECORD_CAUSES_MAX + 5), *back = NULL;
        _cleanup_(freep) char *json = NULL;

        for (size_t i = 0; i < t->n_causes; i++) {
                make_long(t->causes + i, task_record_cause_texts);
                make_long(t->causes + i, task_record_cause_uris);
        }
        make_long(t, task_record_texts);

        cr_assert_eq(task_record_format(t, &json), 0);
        cr_expect_leq(strlen(json), TASK_RECORD_SIZE_MAX);
        back = round_trip(t);
        cr_expect_eq(back->n_causes, TASK_RECORD_CAUSES_MAX);
        cr_expect_eq(back->causes[TASK_RECORD_CAUSES_MAX - 1].hits, 6 + TASK_RECORD_CAUSES_MAX - 1);
}

Test(task_record, no_part_of_a_record_passes_for_one) {
        _cleanup_(task_freep) Task *t = make_task(2);
        _cleanup_(freep) char *json = NULL;
        size_t n;

        cr_assert_eq(task_record_format(t, &json), 0);
        n = strlen(json) - 1; /* without the newline */

        for (size_t i = 0; i < n; i++) {
                Task *back = NULL;

                cr_assert_eq(task_record_parse(json, i, &back, NULL), -EBADMSG, "%zu of %zu bytes", i, n);
        }
}
