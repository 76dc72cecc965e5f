/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "oap/oap-transport.h"

#include <grpc/grpc.h>
#include <pthread.h>
#include <signal.h>

/* The one place that knows gRPC: a shared object of its own, of which src/oap/oap-transport.h is all that
 * it and the daemon share. Names here begin with og_, and none but oap_transport_ops leaves it.
 *
 * gRPC does its work while a thread waits in its completion queue. That thread does nothing else: it puts
 * the finished batch on a list and writes the eventfd. Everything below runs on the thread that calls the
 * transport's functions, but og_queue_push(). */

#define OG_ADDRESSES_MAX 16U
/* Until a connection is up, TLS and the first frame of HTTP/2 included, before the next address is tried:
 * below half of what a call has (10 s). The same for a question to a name server. */
#define OG_CONNECT_TIMEOUT_MS 4000
#define OG_BACKOFF_FIRST_MS 1000
#define OG_SETTLE_MS 300 /* see connections_settle() */

/* One connection, or what will be one. It lives as long as a call uses it. */
typedef struct OgLink {
        grpc_channel *channel;
        unsigned n_refs;
} OgLink;

typedef struct OgAddress {
        char *text;   /* as it was given */
        char *target; /* as gRPC reads it: "dns:///HOST:PORT", "unix:///PATH" */
        OgLink *link; /* NULL: the next call makes a new one. gRPC's own attempts after a failure are not
                         waited for: when to try is what the caller decides */
} OgAddress;

/* Addresses that stand for each other. The one that works stays current. */
typedef struct OgRoute {
        OgAddress addresses[OG_ADDRESSES_MAX];
        size_t n, current;
} OgRoute;

/* What gRPC works on and gives back once, by the queue. */
typedef struct OgBatch {
        OapCall *call;
        bool ok;
        struct OgBatch *next;
} OgBatch;

struct OapTransport {
        OgRoute routes[_OAP_CHANNEL_MAX]; /* that of EBPF may be empty: MAIN's */
        grpc_channel_credentials *credentials;
        char *server_name;
        grpc_slice token;
        bool has_token;
        uint64_t backoff_max_usec;

        OapCall *calls;

        grpc_completion_queue *queue;
        pthread_t thread;
        bool has_thread;
        int fd;
        pthread_mutex_t mutex; /* of the list */
        OgBatch *done, **done_tail;
};

/* oap-grpc-address.c: fills @route from the text; -EINVAL with *reterr_message. */
int og_route_init(OgRoute *route, const char *text, char **reterr_message);
void og_route_done(OgRoute *route);

/* oap-grpc-pem.c: whether texts are what they shall be and belong together. -EINVAL with *reterr_message. */
int og_pem_check(const char *ca, const char *certificate, const char *key, char **reterr_message);

/* oap-grpc-link.c */
OgRoute *og_route_of(OapTransport *t, OapChannel channel);
/* The link to that address, a new one if need be; to be unreferenced. NULL: no memory. */
OgLink *og_link_get(OapTransport *t, OgAddress *address);
OgLink *og_link_unref(OgLink *link);
/* A call by that link was not answered: the next one gets a new link, and the next address if there is one.
 */
void og_route_failed(OgRoute *route, OgAddress *address, const OgLink *link);
bool og_route_is_connecting(const OgRoute *route);

/* oap-grpc-call.c */
int og_call_start(
                OapTransport *t, const OapCallRequest *request, OapCallFn fn, void *userdata, OapCall **ret);
void og_call_cancel(OapCall *call);
void og_call_batch_done(OgBatch *batch);
/* All batches came back: frees the call without telling. */
OapCall *og_call_free(OapCall *call);
OapCall *og_call_next(const OapCall *call);

/* oap-grpc.c: hands @batch to dispatch(); from any thread. */
void og_queue_push(OapTransport *t, OgBatch *batch);

/* gRPC makes threads here and there; they shall not get the signals of those that call it. */
void og_signals_block(sigset_t *ret_before);
void og_signals_restore(const sigset_t *before);

/* Formats a message to be freed; returns -EINVAL, or -ENOMEM. */
int og_refuse(char **reterr_message, const char *format, ...) __attribute__((format(printf, 2, 3)));
