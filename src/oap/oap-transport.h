/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Calls to OAP, whatever carries them: gRPC, or what a test has instead. gRPC is in a shared object that is
 * opened only when there is an OAP, oap_transport_load(); it sees nothing of us but this header.
 *
 * A transport does its work on threads of its own and says so by a file descriptor; results are handed over
 * by dispatch() alone, on the thread that calls it. */
typedef struct OapTransport OapTransport;
typedef struct OapCall OapCall;

#define OAP_TRANSPORT_ABI 1U

/* An OAP may have a port of its own for processes, policies, tasks and profiles. */
typedef enum OapChannel {
        OAP_CHANNEL_MAIN, /* meters; all, when there is no other */
        OAP_CHANNEL_EBPF,
        _OAP_CHANNEL_MAX,
} OapChannel;

typedef struct OapSlice {
        const uint8_t *data;
        size_t size;
} OapSlice;

/* All borrowed for the call of open(). */
typedef struct OapTransportConfig {
        const char *addresses[_OAP_CHANNEL_MAX]; /* "HOST:PORT", several with blanks between them, tried in
                                                    turn; or "unix:/PATH". NULL for EBPF: that of MAIN */
        bool tls;
        const char *ca, *certificate, *key; /* PEM texts; NULL: the system's, none, none */
        const char *server_name;            /* to check the certificate against; NULL: the address's host */
        const char *token;                  /* sent with each call; NULL: none */
        uint64_t backoff_max_usec;          /* between two attempts to connect */
        /* Messages of the library, from any thread; level as syslog(3). */
        void (*log)(int level, const char *message);
} OapTransportConfig;

/* Status of a call: the numbers of gRPC. */
typedef enum OapStatus {
        OAP_STATUS_OK = 0,
        OAP_STATUS_CANCELLED = 1,
        OAP_STATUS_UNKNOWN = 2,
        OAP_STATUS_DEADLINE_EXCEEDED = 4,
        OAP_STATUS_NOT_FOUND = 5,
        OAP_STATUS_PERMISSION_DENIED = 7,
        OAP_STATUS_RESOURCE_EXHAUSTED = 8,
        OAP_STATUS_UNIMPLEMENTED = 12,
        OAP_STATUS_INTERNAL = 13,
        OAP_STATUS_UNAVAILABLE = 14,
        OAP_STATUS_UNAUTHENTICATED = 16,
} OapStatus;

typedef struct OapCallRequest {
        OapChannel channel;
        const char *method;       /* "/skywalking.v3.EBPFProcessService/keepAlive" */
        const OapSlice *messages; /* sent one after the other, then the stream is closed; copied */
        size_t n_messages;
        uint64_t timeout_usec; /* until the answer is there; never 0 */
} OapCallRequest;

#define OAP_RESPONSE_MAX (8U * 1024 * 1024) /* bytes; above it the call ends as RESOURCE_EXHAUSTED */

/* Valid during OapCallFn. */
typedef struct OapCallResult {
        int status;          /* OapStatus or another number of gRPC's */
        const char *message; /* of the status, never NULL; foreign bytes */
        const char *peer;    /* address in use, "ipv4:10.0.0.1:11800", or as it was configured while it has
                                said nothing; "" when there was none */
        OapSlice response;   /* data NULL: none came, whatever the status */
} OapCallResult;

/* Once for each call that was started, also for a cancelled one. The call is gone when it returns. */
typedef void (*OapCallFn)(const OapCallResult *result, void *userdata);

typedef struct OapTransportOps {
        unsigned abi; /* OAP_TRANSPORT_ABI */
        const char *name;
        /* -EINVAL: *reterr_message, to be freed, says what is wrong (an address, a certificate). */
        int (*open)(const OapTransportConfig *config, OapTransport **ret, char **reterr_message);
        /* Cancels what is under way without telling, and waits for the threads. */
        OapTransport *(*close)(OapTransport *t);
        int (*fd)(OapTransport *t); /* readable when there is something to dispatch */
        void (*dispatch)(OapTransport *t);
        int (*start)(OapTransport *t,
                     const OapCallRequest *request,
                     OapCallFn fn,
                     void *userdata,
                     OapCall **ret_call);
        void (*cancel)(OapCall *call); /* its OapCallFn is called later, with CANCELLED or what came before
                                        */
} OapTransportOps;

/* What the shared object exports: "oap_transport_ops". */
#define OAP_TRANSPORT_SYMBOL "oap_transport_ops"

/* Opens the shared object @path, NULL for the installed one ($CPROF_OAP_TRANSPORT for tests), and leaves it
 * open. *reterr_message, to be freed, says why not. */
int oap_transport_load(const char *path, const OapTransportOps **ret, char **reterr_message);
