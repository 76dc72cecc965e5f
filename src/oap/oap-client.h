/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"
#include "basic/time-util.h"
#include "oap/oap-transport.h"

/* The connection to OAP as everything else in oap/ sees it: few calls at once, each with a deadline, nothing
 * while OAP is away but one attempt now and then, and its state in words. All on one thread; time comes as
 * a parameter (CLOCK_MONOTONIC).
 *
 * What a status says of the connection (of the channel, when there are two):
 *         UNAVAILABLE                          away; "refused" when it is for a certificate
 *         DEADLINE_EXCEEDED                    away, unless another call was answered in that time
 *         RESOURCE_EXHAUSTED                   busy
 *         PERMISSION_DENIED, UNAUTHENTICATED   refused, for OAP_REFUSED_BACKOFF_USEC
 *         UNIMPLEMENTED                        that method alone is not called for OAP_REFUSED_BACKOFF_USEC;
 *                                              refused only if no other was answered
 *         all others                           connected: a handler spoke, or refused what was sent (OAP
 *                                              says CANCELLED of a message that is too large)
 * A call that was started before the last failure says nothing any more, whatever its end. A failure soon
 * after the connection came back goes on with the back-off where it was. What waits when it goes away is
 * told UNAVAILABLE, without having been sent. */
typedef struct OapClient OapClient;

#define OAP_CALLS_MAX 4U  /* under way, to each channel; OAP 9.5 allows no more */
#define OAP_QUEUE_MAX 64U /* waiting for those */
#define OAP_CALL_TIMEOUT_USEC (10 * USEC_PER_SEC)
#define OAP_STREAM_TIMEOUT_USEC (60 * USEC_PER_SEC)
#define OAP_BACKOFF_MIN_USEC (1 * USEC_PER_SEC)  /* after the first failure, jittered: half to all of it */
#define OAP_BACKOFF_MAX_USEC (60 * USEC_PER_SEC) /* doubled each time up to this */
/* Wrong token, no such service: an operator's work. Jittered as well. */
#define OAP_REFUSED_BACKOFF_USEC (300 * USEC_PER_SEC)

typedef enum OapState {
        OAP_STATE_CONNECTING, /* nothing was answered yet */
        OAP_STATE_CONNECTED,  /* the last call was answered, with whatever status a handler gives */
        OAP_STATE_AWAY,       /* not reachable, or too slow */
        OAP_STATE_BUSY,       /* RESOURCE_EXHAUSTED: backs off, meters are to be thinned */
        OAP_STATE_REFUSED,    /* token, certificate, or a service that is not there */
        _OAP_STATE_MAX,
} OapState;
const char *oap_state_to_string(OapState s); /* "connecting", "connected", … */

typedef struct OapClientStatus {
        OapState state;
        usec_t since_usec;    /* CLOCK_MONOTONIC; 0: never changed */
        char peer[256];       /* address in use, "10.0.0.1:11800", "" when there is none */
        char last_error[512]; /* in words with what to change, valid UTF-8; kept when it is over; "" none */
        unsigned n_running, n_queued;
        unsigned n_refused_methods; /* UNIMPLEMENTED; all others are called */
        uint64_t n_calls, n_failed, n_bytes_sent, n_bytes_received;
        usec_t retry_usec; /* CLOCK_MONOTONIC: not before; 0: now */
} OapClientStatus;

/* Told once per change of state, for the journal and the bus; @status is as oap_client_status() has it. Also
 * when @status->n_refused_methods changed; @before is @status->state then. Not to call anything here but
 * oap_client_status(). */
typedef void (*OapStateFn)(const OapClientStatus *status, OapState before, void *userdata);

/* @transport is its own from then on, closed when it is freed: what is under way would have nobody to be
 * handed to. On failure it stays the caller's. @seed: of the jitter, different on each host. @fn may be
 * NULL. */
int oap_client_new(
                const OapTransportOps *ops,
                OapTransport *transport,
                uint64_t seed,
                OapStateFn fn,
                void *userdata,
                OapClient **ret_client);
/* With the transport. Who waits for an answer is told: CANCELLED. */
OapClient *oap_client_free(OapClient *c);
DEFINE_CLEANUP(OapClient *, oap_client_free)

/* For what is said of errors, and because calls are counted by server. "" or NULL for @ebpf: the same as
 * @main, which is also what is assumed when this was never called. -ENOMEM. */
int oap_client_set_addresses(OapClient *c, const char *main, const char *ebpf);

/* Whether a call would be taken now: connected or due for an attempt, and there is room in the queue. While
 * OAP is not there, one attempt is let through per back-off; who asks first has it. */
bool oap_client_may_call(OapClient *c, usec_t now_usec);

/* As OapTransportOps.start, which see; @fn is never called from within, and may call anything but
 * oap_client_free() and oap_client_dispatch(). -EAGAIN: not before the back-off (of the channel or that
 * method) is over, -ENOBUFS: queue full; both without any effect. The messages are copied. */
int oap_client_call(
                OapClient *c, const OapCallRequest *request, usec_t now_usec, OapCallFn fn, void *userdata);
/* Nobody waits for it any more: @fn is not called for what was started with @userdata. */
void oap_client_forget(OapClient *c, void *userdata);

/* When to try again after -EAGAIN or -ENOBUFS; later than @now_usec. A dispatch may make it earlier. */
usec_t oap_client_retry_usec(const OapClient *c, OapChannel channel, const char *method, usec_t now_usec);

/* Whether @status (OapCallResult) says nothing of what was sent: the same can be sent again, later. */
bool oap_status_is_of_connection(int status);

/* How often it was there again after it had been away: another OAP, maybe, that knows nothing of us. */
uint64_t oap_client_n_returns(const OapClient *c);

/* Hands results over (transport->dispatch) and starts what waits. */
void oap_client_dispatch(OapClient *c, usec_t now_usec);

void oap_client_status(const OapClient *c, OapClientStatus *ret);

/* "in @interval_usec", give or take a tenth of it: for everything that is asked again and again, so that
 * hosts that were started together do not stay together. */
usec_t oap_client_jittered(OapClient *c, usec_t interval_usec);
