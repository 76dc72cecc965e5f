/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fake/fake-oap.h"

#include <limits.h>
#include <pthread.h>

/* The memory that a test and its fake OAP share: what was seen, and what is to be answered. Each change is
 * made with the mutex, which nobody holds while the server is frozen or killed. */

#define FAKE_ANSWERS_MAX 64U
#define FAKE_POLICIES_MAX 256U
#define FAKE_TASKS_MAX 256U
#define FAKE_NONE SIZE_MAX

typedef struct FakeBytes {
        size_t offset, size; /* in the arena */
} FakeBytes;

typedef struct FakeMessage {
        FakeBytes bytes;
        uint64_t at_usec;
        size_t next; /* of the same call, or FAKE_NONE */
} FakeMessage;

typedef struct FakeRecord {
        FakeOapCall call;
        size_t first, last; /* messages, or FAKE_NONE */
        bool forgotten;
} FakeRecord;

typedef struct FakeRule {
        bool in_use;
        char method[96]; /* "": any */
        char text[512];
        bool has_bytes;
        FakeBytes bytes;
        FakeOapAnswer answer; /* its pointers mean nothing */
} FakeRule;

typedef struct FakePolicy {
        char service[256], uuid[256]; /* service "": not in use */
        bool has_profiling;
        FakeBytes profiling;
} FakePolicy;

typedef struct FakeTask {
        char task_id[256], target[32], trigger[32];
        FakeBytes process_id, extension;
        int64_t update_ms, start_ms, duration_sec;
} FakeTask;

typedef struct FakeShared {
        pthread_mutex_t mutex;

        /* said once, before the server starts */
        char path[108]; /* of the socket; "": TCP */
        char certificate[PATH_MAX], key[PATH_MAX], client_ca[PATH_MAX];
        size_t receive_max;
        unsigned streams_max;

        unsigned port;    /* chosen by the first of the servers */
        unsigned n_ready; /* servers that have listened, one after the other */

        char token[256]; /* "": any */
        char task_id[256];
        uint64_t n_task_ids;
        FakeRule rules[FAKE_ANSWERS_MAX];
        FakePolicy policies[FAKE_POLICIES_MAX];
        FakeTask tasks[FAKE_TASKS_MAX];
        size_t n_tasks;

        FakeRecord records[FAKE_OAP_CALLS_MAX];
        FakeMessage messages[FAKE_OAP_MESSAGES_MAX];
        size_t n_records, n_messages, n_bytes;
        unsigned n_under_way, n_peak;
        uint8_t bytes[FAKE_OAP_BYTES_MAX];
} FakeShared;

FakeShared *fake_oap_shared(FakeOap *f);

void fake_shared_lock(FakeShared *s);
void fake_shared_unlock(FakeShared *s);

/* Copies into the arena; false: it is full. */
bool fake_shared_put(FakeShared *s, const void *data, size_t size, FakeBytes *ret);

/* The rule for a method, NULL: as OAP does. One for that many calls is used up by it. */
const FakeRule *fake_shared_rule(FakeShared *s, const char *method);
/* Whether a path ends in that name, at a '/' or '.'; any does in "" and NULL. */
bool fake_method_is(const char *path, const char *name);

/* Lower case hexadecimal digits of SHA-256. */
void fake_sha256(const void *data, size_t size, char ret[static 65]);

uint64_t fake_now_usec(void); /* CLOCK_MONOTONIC */

/* What OAP says to @request, the first message: a status, a text of it or "", and the bytes of a message to
 * be freed. Called without the mutex. */
int fake_oap_default_answer(
                FakeShared *s,
                const char *method,
                const void *request,
                size_t size,
                char ret_text[static 512],
                void **ret_bytes,
                size_t *ret_size);

/* A message of a stream of the client's: a status that ends it at once, with a text, or 0. */
int fake_oap_stream_message(const char *method, const void *bytes, size_t size, char ret_text[static 512]);
