/* SPDX-License-Identifier: Apache-2.0 */
#include "fake/fake-transport.h"

#include "basic/cleanup.h"

#include <string.h>
#include <sys/eventfd.h>
#include <utlist.h>

#define METHODS_MAX 32U

struct OapTransport {
        int event_fd;
        OapCall *waiting;  /* in order of start */
        OapCall *answered; /* in order of answers */
        void (*server)(OapCall *call, void *userdata);
        void *server_userdata;
        int start_error;
        char peer[128];
        struct {
                char *method;
                uint64_t n;
        } started[METHODS_MAX];
};

static void *must(void *p) {
        if (!p)
                abort();

        return p;
}

OapTransport *fake_transport_new(void) {
        OapTransport *t = must(calloc(1, sizeof(*t)));

        t->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (t->event_fd < 0)
                abort();

        fake_transport_set_peer(t, "ipv4:192.0.2.1:11800");
        return t;
}

static int fake_open(const OapTransportConfig *config, OapTransport **ret, char **reterr_message) {
        *ret = fake_transport_new();
        return 0;
}

static void call_free(OapCall *call) {
        for (size_t i = 0; i < call->n_messages; i++)
                free((void *) call->messages[i].data);

        free(call->messages);
        free(call->method);
        free(call->message);
        free(call->response);
        free(call);
}

static OapTransport *fake_close(OapTransport *t) {
        OapCall *call, *tmp;

        if (!t)
                return NULL;

        DL_FOREACH_SAFE(t->waiting, call, tmp)
        call_free(call);
        DL_FOREACH_SAFE(t->answered, call, tmp)
        call_free(call);
        for (size_t i = 0; i < METHODS_MAX; i++)
                free(t->started[i].method);

        (void) safe_close(t->event_fd);
        free(t);
        return NULL;
}

static int fake_fd(OapTransport *t) {
        return t->event_fd;
}

static void hand_over(OapTransport *t, OapCall *call) {
        const OapCallResult result = {
                .status = call->status,
                .message = call->message,
                .peer = call->status == OAP_STATUS_UNAVAILABLE ? "" : t->peer,
                .response = { call->response, call->response_size },
        };

        call->fn(&result, call->userdata);
        call_free(call);
}

static void fake_dispatch(OapTransport *t) {
        OapCall *call, *last = t->answered ? t->answered->prev : NULL;
        eventfd_t n;

        (void) eventfd_read(t->event_fd, &n);

        /* What is answered meanwhile has to wait for the next time, as it would with a thread. */
        while (last) {
                call = t->answered;
                DL_DELETE(t->answered, call);
                if (call == last)
                        last = NULL;
                hand_over(t, call);
        }

        if (t->answered)
                (void) eventfd_write(t->event_fd, 1);
}

static void count_start(OapTransport *t, const char *method) {
        for (size_t i = 0; i < METHODS_MAX; i++) {
                if (!t->started[i].method)
                        t->started[i].method = must(strdup(method));
                if (strcmp(t->started[i].method, method) == 0) {
                        t->started[i].n++;
                        return;
                }
        }

        abort();
}

static int
fake_start(OapTransport *t,
           const OapCallRequest *request,
           OapCallFn fn,
           void *userdata,
           OapCall **ret_call) {
        OapCall *call;

        if (t->start_error < 0)
                return t->start_error;
        if (request->timeout_usec == 0 || !request->method)
                return -EINVAL;

        call = must(calloc(1, sizeof(*call)));
        *call = (OapCall){
                .transport = t,
                .channel = request->channel,
                .method = must(strdup(request->method)),
                .messages = must(calloc(request->n_messages ?: 1, sizeof(call->messages[0]))),
                .n_messages = request->n_messages,
                .timeout_usec = request->timeout_usec,
                .fn = fn,
                .userdata = userdata,
        };
        for (size_t i = 0; i < request->n_messages; i++) {
                size_t size = request->messages[i].size;
                uint8_t *copy = must(malloc(size ?: 1));

                if (size > 0)
                        memcpy(copy, request->messages[i].data, size);
                call->messages[i] = (OapSlice){ copy, size };
        }

        DL_APPEND(t->waiting, call);
        count_start(t, request->method);
        *ret_call = call;
        if (t->server)
                t->server(call, t->server_userdata);
        return 0;
}

static void answer(OapCall *call, int status, const char *message, const void *response, size_t size) {
        OapTransport *t = call->transport;

        if (call->is_answered)
                abort();

        call->is_answered = true;
        call->status = status;
        call->message = must(strdup(message ?: ""));
        if (response) {
                call->response = must(malloc(size ?: 1));
                call->response_size = size;
                if (size > 0)
                        memcpy(call->response, response, size);
        }

        DL_DELETE(t->waiting, call);
        DL_APPEND(t->answered, call);
        (void) eventfd_write(t->event_fd, 1);
}

static void fake_cancel(OapCall *call) {
        call->is_cancelled = true;
        if (!call->is_answered)
                answer(call, OAP_STATUS_CANCELLED, "Cancelled", NULL, 0);
}

const OapTransportOps fake_transport_ops = {
        .abi = OAP_TRANSPORT_ABI,
        .name = "fake",
        .open = fake_open,
        .close = fake_close,
        .fd = fake_fd,
        .dispatch = fake_dispatch,
        .start = fake_start,
        .cancel = fake_cancel,
};

void fake_call_answer(OapCall *call, const void *response, size_t size) {
        answer(call, OAP_STATUS_OK, NULL, response ?: "", response ? size : 0);
}

void fake_call_fail(OapCall *call, int status, const char *message) {
        answer(call, status, message, NULL, 0);
}

static bool ends_in(const char *method, const char *end) {
        size_t n = strlen(method), m = strlen(end);

        return m <= n && strcmp(method + n - m, end) == 0;
}

size_t fake_transport_n_waiting(const OapTransport *t) {
        OapCall *call;
        size_t n;

        DL_COUNT(t->waiting, call, n);
        return n;
}

OapCall *fake_transport_find(OapTransport *t, const char *method) {
        OapCall *call;

        DL_FOREACH(t->waiting, call)
        if (ends_in(call->method, method))
                return call;

        return NULL;
}

uint64_t fake_transport_n_started(const OapTransport *t, const char *method) {
        uint64_t n = 0;

        for (size_t i = 0; i < METHODS_MAX && t->started[i].method; i++)
                if (ends_in(t->started[i].method, method))
                        n += t->started[i].n;

        return n;
}

size_t fake_transport_fail_all(OapTransport *t, int status, const char *message) {
        size_t n = 0;

        for (; t->waiting; n++)
                fake_call_fail(t->waiting, status, message);

        return n;
}

void fake_transport_set_server(OapTransport *t, void (*fn)(OapCall *call, void *userdata), void *userdata) {
        t->server = fn;
        t->server_userdata = userdata;
}

void fake_transport_set_start_error(OapTransport *t, int error) {
        t->start_error = error;
}

void fake_transport_set_peer(OapTransport *t, const char *peer) {
        strncpy(t->peer, peer, sizeof(t->peer) - 1);
}
