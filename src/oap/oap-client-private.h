/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "oap/oap-client.h"

/* Private to oap-client*.c. */

#define METHODS_MAX 16U /* that OAP does not have; ours are fewer */

/* What the end of a call says of its channel. */
typedef enum Verdict {
        VERDICT_ANSWERED,
        VERDICT_NO_METHOD,
        VERDICT_SLOW,
        VERDICT_AWAY,
        VERDICT_BUSY,
        VERDICT_TOKEN,
        VERDICT_CERTIFICATE,
} Verdict;

typedef struct RefusedMethod {
        char *name;
        OapChannel channel;
        usec_t retry_usec;
} RefusedMethod;

typedef struct Channel {
        OapState state;
        bool is_open;   /* calls are taken freely; else one, when retry_usec is over */
        bool is_tried;  /* … and that one is under way */
        bool answered;  /* some method was, since it is open */
        bool was_away;  /* since it was open last */
        unsigned epoch; /* of failures: calls of an earlier one say nothing any more */
        unsigned n_running;
        usec_t backoff_usec; /* the last one, 0 before the first */
        usec_t retry_usec, opened_usec, answer_usec;
        char *address; /* as configured, NULL: not known */
        char peer[128];
} Channel;

typedef struct PendingCall PendingCall;

struct OapClient {
        const OapTransportOps *ops;
        OapTransport *transport;
        OapStateFn fn;
        void *userdata;
        uint64_t random;

        usec_t now_usec; /* of the dispatch that runs */
        bool is_dispatching, is_closing;
        bool has_two_channels;
        Channel channels[_OAP_CHANNEL_MAX];
        RefusedMethod refused[METHODS_MAX];

        PendingCall *running, *queue;
        unsigned n_queued;

        OapState state;
        usec_t since_usec;
        unsigned n_refused, n_refused_told;
        char last_error[512];
        uint64_t n_calls, n_failed, n_bytes_sent, n_bytes_received, n_returns;
};

/* A call as far as its channel's state is concerned. */
typedef struct CallFacts {
        OapChannel channel; /* index into channels[] */
        const char *method;
        unsigned epoch;
        bool is_trial;
        usec_t started_usec;
} CallFacts;

/* The channel a request uses: there may be but one. */
OapChannel client_channel(const OapClient *c, OapChannel wanted);

/* 0: may be started or queued, 1: may be started, as the one that tries; -EAGAIN. */
int client_gate(const OapClient *c, OapChannel channel, const char *method, usec_t now_usec);

/* Books the end of a call. */
void client_book(OapClient *c, const CallFacts *call, const OapCallResult *result);
/* It ended because nobody wanted it any more. */
void client_book_nothing(OapClient *c, const CallFacts *call);
/* Tells what changed. */
void client_tell(OapClient *c);
void client_refused_done(OapClient *c);

uint64_t client_random(OapClient *c, uint64_t below);

/* Pure: what a result means, and how it is said. */
Verdict verdict_of(int status, const char *message);
typedef struct Failure {
        Verdict verdict;
        int status;
        const char *message; /* foreign */
        const char *method;
        const char *address; /* NULL: not known */
        usec_t timeout_usec;
        bool was_connected; /* once, at least */
} Failure;
void failure_words(const Failure *f, char *buf, size_t size);
/* "ipv4:10.0.0.1:11800" as people write it. */
void peer_words(const char *peer, char *buf, size_t size);
