/* SPDX-License-Identifier: Apache-2.0 */
#include "fake/fake-oap-shared.h"

#include <criterion/criterion.h>
#include <string.h>

/* What the test tells its fake OAP, and asks it. */

static void copy_text(char *ret, size_t size, const char *text) {
        cr_assert_lt(strlen(text), size, "'%s' is too long", text);
        (void) snprintf(ret, size, "%s", text);
}

static void put(FakeShared *s, const void *data, size_t size, FakeBytes *ret) {
        cr_assert(fake_shared_put(s, data, size, ret), "the fake OAP's memory is full");
}

/* --- seen --- */

/* The record of the index-th call of that method, NULL: there is none. */
static const FakeRecord *record_find(const FakeShared *s, const char *method, size_t index) {
        for (size_t i = 0; i < s->n_records; i++) {
                const FakeRecord *r = &s->records[i];

                if (!r->forgotten && fake_method_is(r->call.method, method) && index-- == 0)
                        return r;
        }

        return NULL;
}

static size_t n_records(FakeShared *s, const char *method, bool only_ended) {
        size_t n = 0;

        fake_shared_lock(s);
        for (size_t i = 0; i < s->n_records; i++)
                n += !s->records[i].forgotten && fake_method_is(s->records[i].call.method, method) &&
                                (!only_ended || s->records[i].call.ended_usec > 0);
        fake_shared_unlock(s);
        return n;
}

size_t fake_oap_n_calls(FakeOap *f, const char *method) {
        return n_records(fake_oap_shared(f), method, false);
}

void fake_oap_call(FakeOap *f, const char *method, size_t index, FakeOapCall *ret) {
        FakeShared *s = fake_oap_shared(f);
        const FakeRecord *r;

        fake_shared_lock(s);
        r = record_find(s, method, index);
        if (r)
                *ret = r->call;
        fake_shared_unlock(s);
        cr_assert(r, "there was no call %zu of '%s'", index, method ?: "");
}

FakeOapBytes fake_oap_message(FakeOap *f, const FakeOapCall *call, size_t index) {
        FakeShared *s = fake_oap_shared(f);
        FakeOapBytes bytes = {};
        size_t m, n = index;

        fake_shared_lock(s);
        m = s->records[call->id].first;
        while (m != FAKE_NONE && n-- > 0)
                m = s->messages[m].next;
        if (m != FAKE_NONE)
                bytes = (FakeOapBytes){ .data = s->bytes + s->messages[m].bytes.offset,
                                        .size = s->messages[m].bytes.size,
                                        .at_usec = s->messages[m].at_usec };
        fake_shared_unlock(s);
        cr_assert(bytes.data, "there was no message %zu in that call of '%s'", index, call->method);
        return bytes;
}

unsigned fake_oap_n_calls_peak(FakeOap *f) {
        FakeShared *s = fake_oap_shared(f);
        unsigned n;

        fake_shared_lock(s);
        n = s->n_peak;
        fake_shared_unlock(s);
        return n;
}

void fake_oap_forget(FakeOap *f) {
        FakeShared *s = fake_oap_shared(f);

        fake_shared_lock(s);
        for (size_t i = 0; i < s->n_records; i++)
                s->records[i].forgotten = true;
        s->n_peak = s->n_under_way;
        fake_shared_unlock(s);
}

bool fake_oap_wait(FakeOap *f, const char *method, size_t n_ended, uint64_t timeout_usec) {
        uint64_t end_usec = fake_now_usec() + timeout_usec;

        while (n_records(fake_oap_shared(f), method, true) < n_ended) {
                if (fake_now_usec() >= end_usec)
                        return false;
                (void) usleep(1000);
        }

        return true;
}

/* --- told --- */

void fake_oap_answer(FakeOap *f, const char *method, const FakeOapAnswer *answer) {
        FakeShared *s = fake_oap_shared(f);
        FakeRule rule = { .in_use = answer }, *place = NULL;

        copy_text(rule.method, sizeof(rule.method), method ?: "");
        fake_shared_lock(s);
        if (answer) {
                rule.answer = *answer;
                copy_text(rule.text, sizeof(rule.text), answer->text ?: "");
                rule.has_bytes = answer->bytes;
                if (answer->bytes)
                        put(s, answer->bytes, answer->size, &rule.bytes);
        }

        for (size_t i = 0; i < FAKE_ANSWERS_MAX; i++) {
                if (s->rules[i].in_use && strcmp(s->rules[i].method, rule.method) == 0) {
                        place = &s->rules[i];
                        break;
                }
                if (!s->rules[i].in_use && !place)
                        place = &s->rules[i];
        }
        if (place)
                *place = rule;
        fake_shared_unlock(s);
        cr_assert(place, "too many answers");
}

void fake_oap_require_token(FakeOap *f, const char *token) {
        FakeShared *s = fake_oap_shared(f);

        fake_shared_lock(s);
        copy_text(s->token, sizeof(s->token), token ?: "");
        fake_shared_unlock(s);
}

void fake_oap_set_task_id(FakeOap *f, const char *id) {
        FakeShared *s = fake_oap_shared(f);

        fake_shared_lock(s);
        copy_text(s->task_id, sizeof(s->task_id), id ?: "");
        fake_shared_unlock(s);
}

/* That of the service, or one that is free. */
static FakePolicy *policy_place(FakeShared *s, const char *service) {
        FakePolicy *place = NULL;

        for (size_t i = 0; i < FAKE_POLICIES_MAX; i++) {
                if (strcmp(s->policies[i].service, service) == 0)
                        return &s->policies[i];
                if (!s->policies[i].service[0] && !place)
                        place = &s->policies[i];
        }

        return place;
}

void fake_oap_set_policy(FakeOap *f, const char *service, const char *uuid, const char *profiling) {
        FakePolicy policy = { .has_profiling = profiling }, *place;
        FakeShared *s = fake_oap_shared(f);

        copy_text(policy.service, sizeof(policy.service), service);
        copy_text(policy.uuid, sizeof(policy.uuid), uuid);
        fake_shared_lock(s);
        if (profiling)
                put(s, profiling, strlen(profiling), &policy.profiling);
        place = policy_place(s, service);
        if (place)
                *place = policy;
        fake_shared_unlock(s);
        cr_assert(place, "too many policies");
}

void fake_oap_remove_policy(FakeOap *f, const char *service) {
        FakeShared *s = fake_oap_shared(f);
        FakePolicy *place;

        fake_shared_lock(s);
        place = policy_place(s, service);
        if (place)
                *place = (FakePolicy){};
        fake_shared_unlock(s);
}

void fake_oap_add_task(FakeOap *f, const FakeOapTask *task) {
        FakeTask t = { .update_ms = task->update_ms,
                       .start_ms = task->start_ms,
                       .duration_sec = task->duration_sec };
        const char *extension = task->extension ?: "null";
        FakeShared *s = fake_oap_shared(f);
        bool has_place;

        copy_text(t.task_id, sizeof(t.task_id), task->task_id);
        copy_text(t.target, sizeof(t.target), task->target);
        copy_text(t.trigger, sizeof(t.trigger), task->trigger ?: "FIXED_TIME");
        fake_shared_lock(s);
        put(s, task->process_id, strlen(task->process_id), &t.process_id);
        put(s, extension, strlen(extension), &t.extension);
        has_place = s->n_tasks < FAKE_TASKS_MAX;
        if (has_place)
                s->tasks[s->n_tasks++] = t;
        fake_shared_unlock(s);
        cr_assert(has_place, "too many tasks");
}

void fake_oap_clear_tasks(FakeOap *f) {
        FakeShared *s = fake_oap_shared(f);

        fake_shared_lock(s);
        s->n_tasks = 0;
        fake_shared_unlock(s);
}
