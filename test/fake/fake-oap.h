/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An OAP for tests: a gRPC server in a process of its own (test/fake/fake-oap-main.c;
 * $CPROF_FAKE_OAP, as meson sets it), so that it can be
 * stopped, frozen and killed as a real one. It records every call, and answers as OAP does, or as the test
 * says; what it is told takes effect with the next call, without talking to it. Everything that fails here
 * ends the test. Not for several threads.
 *
 *         _cleanup_(fake_oap_freep) FakeOap *f = fake_oap_new(NULL);
 *
 *         config.addresses[OAP_CHANNEL_MAIN] = fake_oap_address(f);
 *         ... the client runs ...
 *         cr_expect_eq(fake_oap_n_calls(f, "keepAlive"), 1);
 *         fake_oap_call(f, "keepAlive", 0, &call);
 *         unpack(fake_oap_message(f, &call, 0).data, ...);
 *
 * Methods are named by the end of their path: "keepAlive", "EBPFProcessService/keepAlive" or all of it; NULL
 * is any. Times are microseconds of CLOCK_MONOTONIC. */
typedef struct FakeOap FakeOap;

#define FAKE_OAP_CALLS_MAX 16384U               /* recorded; later ones are answered, not recorded */
#define FAKE_OAP_BYTES_MAX (256U * 1024 * 1024) /* of messages recorded */
#define FAKE_OAP_MESSAGES_MAX (512U * 1024)     /* recorded */

typedef struct FakeOapOptions {
        bool tcp; /* on a port of 127.0.0.1 that the kernel chooses, instead of a Unix socket */
        /* TLS: files of PEM. @client_ca: clients have to have a certificate of it. */
        const char *certificate, *key, *client_ca;
        size_t receive_max;   /* bytes of a message; 0: any */
        unsigned streams_max; /* calls at once on one connection; 0: any, OAP 9.5: 4 */
} FakeOapOptions;

/* @options NULL: all zero. It listens when this returns. It ends with the test's process. */
FakeOap *fake_oap_new(const FakeOapOptions *options);
FakeOap *fake_oap_free(FakeOap *f);
DEFINE_CLEANUP(FakeOap *, fake_oap_free)

/* "unix:/tmp/…/oap" or "127.0.0.1:PORT"; the same for its whole life. */
const char *fake_oap_address(const FakeOap *f);

/* What is recorded and said stays over all of these. */
void fake_oap_kill(FakeOap *f);    /* SIGKILL */
void fake_oap_stop(FakeOap *f);    /* as an orderly shutdown: calls under way are cancelled */
void fake_oap_restart(FakeOap *f); /* after kill or stop; on the same address */
void fake_oap_freeze(FakeOap *f);  /* SIGSTOP */
void fake_oap_thaw(FakeOap *f);

/* --- what it has seen --- */

typedef struct FakeOapCall {
        char method[96];
        char token[256];                 /* "" when there was none */
        char peer[64];                   /* of TCP with the client's port: one per connection */
        uint64_t begun_usec, ended_usec; /* 0: not over */
        size_t n_messages, n_bytes;
        int status;     /* that was answered; -1: not yet, or the client was gone before */
        bool closed;    /* the client said that there are no more messages */
        bool cancelled; /* by the client or with its connection, before it was answered */
        size_t id;      /* in the order they began, of all methods */
} FakeOapCall;

typedef struct FakeOapBytes {
        const uint8_t *data; /* valid until fake_oap_free() */
        size_t size;
        uint64_t at_usec;
} FakeOapBytes;

/* Calls of that method, refused ones among them, in the order they began. */
size_t fake_oap_n_calls(FakeOap *f, const char *method);
/* Of those the one with that index; a copy. */
void fake_oap_call(FakeOap *f, const char *method, size_t index, FakeOapCall *ret);
FakeOapBytes fake_oap_message(FakeOap *f, const FakeOapCall *call, size_t index);
/* Most calls of any method under way at the same time. */
unsigned fake_oap_n_calls_peak(FakeOap *f);
/* Forgets the calls that have begun; what is answered stays. */
void fake_oap_forget(FakeOap *f);

/* Waits until so many calls of the method have ended; false after @timeout_usec. For clients that run on
 * threads of their own: nobody dispatches meanwhile. */
bool fake_oap_wait(FakeOap *f, const char *method, size_t n_ended, uint64_t timeout_usec);

/* --- what it answers --- */

typedef struct FakeOapAnswer {
        int status;        /* of gRPC; 0 is OK */
        const char *text;  /* of the status */
        const void *bytes; /* the message that is answered; NULL: what OAP says, with a bad status none */
        size_t size;
        size_t filler;   /* instead: a message of so many bytes, all zero */
        bool no_message; /* instead: none, though the status be OK */
        bool never;      /* no answer at all */
        uint64_t delay_usec;
        unsigned after_messages; /* answers as soon as so many have come, though the client has not closed */
        unsigned n_calls; /* for so many calls, then the method is answered as before; 0: from now on */
} FakeOapAnswer;

/* Takes the place of the method's answer. @answer NULL: as OAP does. Without a method: of all that have no
 * answer of their own. */
void fake_oap_answer(FakeOap *f, const char *method, const FakeOapAnswer *answer);

/* A call whose header "authentication" is not this is PERMISSION_DENIED, without a text. NULL: any is good.
 */
void fake_oap_require_token(FakeOap *f, const char *token);

/* Policies, as queryPolicies tells them: of the services asked for that are known and have another uuid. A
 * service has one; @profiling is the JSON after "Profiling": , NULL: it is left out (the row is gone). */
void fake_oap_set_policy(FakeOap *f, const char *service, const char *uuid, const char *profiling);
void fake_oap_remove_policy(FakeOap *f, const char *service); /* nothing is said of it any more */

/* Tasks, as queryTasks tells them: those updated after the time asked for, to any agent. */
typedef struct FakeOapTask {
        const char *task_id;
        const char *process_id; /* several of NETWORK joined by ',' */
        const char *target;     /* "ON_CPU" */
        const char *trigger;    /* NULL: "FIXED_TIME" */
        const char *extension;  /* NULL: "null" */
        int64_t update_ms, start_ms;
        int64_t duration_sec;
} FakeOapTask;
void fake_oap_add_task(FakeOap *f, const FakeOapTask *task);
void fake_oap_clear_tasks(FakeOap *f);

/* reportProfilingTask: the id that is answered from now on; NULL: 64 hexadecimal digits, never twice. */
void fake_oap_set_task_id(FakeOap *f, const char *id);

/* The id of a process by OAP's formula: what reportProcesses answers. */
void fake_oap_process_id(
                const char *service, const char *instance, const char *process, char ret[static 65]);

/* Packs a Commands message of one command with the arguments "key", "value", …, NULL; to be freed. */
void *fake_oap_pack_command(const char *command, const char *const *arguments, size_t *ret_size);
