/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/grpc/oap-grpc-private.h"

#include <errno.h>
#include <grpc/grpc_security.h>
#include <grpc/support/log.h>
#include <grpc/support/time.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <syslog.h>
#include <unistd.h>

/* The transport: what is opened and closed with it, and the way of a finished batch to dispatch(). */

typedef void (*LogFn)(int level, const char *message);

/* gRPC's messages are of the process, not of a channel: they go to the transport opened last. */
static _Atomic(LogFn) log_fn;

int og_refuse(char **reterr_message, const char *format, ...) {
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(reterr_message, format, ap);
        va_end(ap);
        if (r < 0) {
                *reterr_message = NULL;
                return -ENOMEM;
        }

        return -EINVAL;
}

void og_signals_block(sigset_t *ret_before) {
        sigset_t all;

        (void) sigfillset(&all);
        /* those that tell of a mistake in the thread itself */
        (void) sigdelset(&all, SIGSEGV);
        (void) sigdelset(&all, SIGBUS);
        (void) sigdelset(&all, SIGFPE);
        (void) sigdelset(&all, SIGILL);
        (void) sigdelset(&all, SIGABRT);
        (void) sigdelset(&all, SIGTRAP);
        (void) pthread_sigmask(SIG_BLOCK, &all, ret_before);
}

void og_signals_restore(const sigset_t *before) {
        (void) pthread_sigmask(SIG_SETMASK, before, NULL);
}

#ifdef HAVE_GPR_SET_LOG_FUNCTION
static void on_log(gpr_log_func_args *args) {
        LogFn fn = atomic_load(&log_fn);
        const char *slash = strrchr(args->file, '/');
        char text[1024];

        if (!fn)
                return;

        (void) snprintf(text,
                        sizeof(text),
                        "%s:%i: %s",
                        slash ? slash + 1 : args->file,
                        args->line,
                        args->message);
        fn(args->severity == GPR_LOG_SEVERITY_ERROR                  ? LOG_ERR
                           : args->severity == GPR_LOG_SEVERITY_INFO ? LOG_INFO
                                                                     : LOG_DEBUG,
           text);
}

static void log_start(void) {
        gpr_set_log_function(on_log);
}
#else
static void log_start(void) {
}
#endif

void og_queue_push(OapTransport *t, OgBatch *batch) {
        static const uint64_t one = 1;

        batch->next = NULL;
        (void) pthread_mutex_lock(&t->mutex);
        *t->done_tail = batch;
        t->done_tail = &batch->next;
        (void) pthread_mutex_unlock(&t->mutex);

        /* can only fail when 2^64 of them wait */
        if (write(t->fd, &one, sizeof(one)) < 0)
                return;
}

static OgBatch *queue_take(OapTransport *t) {
        OgBatch *first;

        (void) pthread_mutex_lock(&t->mutex);
        first = t->done;
        t->done = NULL;
        t->done_tail = &t->done;
        (void) pthread_mutex_unlock(&t->mutex);

        return first;
}

static void *queue_thread(void *userdata) {
        OapTransport *t = userdata;

        for (;;) {
                grpc_event e = grpc_completion_queue_next(
                                t->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);

                if (e.type == GRPC_QUEUE_SHUTDOWN)
                        return NULL;
                if (e.type == GRPC_OP_COMPLETE) {
                        OgBatch *batch = e.tag;

                        batch->ok = e.success;
                        og_queue_push(t, batch);
                }
        }
}

/* gRPC cannot give up a connection that is half made: without a thread that waits it would keep what it has
 * for it, threads among that, some seconds longer. A server that is there needs a moment; one that is frozen
 * is not waited for. */
static void connections_settle(const OapTransport *t) {
        for (unsigned i = 0; i < OG_SETTLE_MS; i++) {
                bool is_connecting = false;

                for (size_t k = 0; k < _OAP_CHANNEL_MAX; k++)
                        is_connecting = is_connecting || og_route_is_connecting(&t->routes[k]);
                if (!is_connecting)
                        return;

                (void) usleep(1000);
        }
}

static OapTransport *transport_close(OapTransport *t) {
        LogFn none = NULL;
        sigset_t before;

        if (!t)
                return NULL;

        og_signals_block(&before);
        for (OapCall *c = t->calls; c; c = og_call_next(c))
                og_call_cancel(c);
        if (t->has_thread)
                connections_settle(t);

        /* What is under way comes back first, and then the thread ends. */
        grpc_completion_queue_shutdown(t->queue);
        if (t->has_thread)
                (void) pthread_join(t->thread, NULL);
        while (t->calls)
                (void) og_call_free(t->calls);

        for (size_t i = 0; i < _OAP_CHANNEL_MAX; i++)
                og_route_done(&t->routes[i]);
        grpc_completion_queue_destroy(t->queue);
        grpc_channel_credentials_release(t->credentials);
        grpc_slice_unref(t->token);
        atomic_store(&log_fn, none);
        grpc_shutdown_blocking();
        og_signals_restore(&before);

        (void) pthread_mutex_destroy(&t->mutex);
        if (t->fd >= 0)
                (void) close(t->fd);
        free(t->server_name);
        free(t);
        return NULL;
}

static int config_check(const OapTransportConfig *config, OgRoute *routes, char **reterr_message) {
        grpc_slice token;
        bool legal;
        int r;

        r =
                        og_route_init(&routes[OAP_CHANNEL_MAIN],
                                      config->addresses[OAP_CHANNEL_MAIN] ?: "",
                                      reterr_message);
        if (r < 0)
                return r;

        if (config->addresses[OAP_CHANNEL_EBPF]) {
                r =
                                og_route_init(&routes[OAP_CHANNEL_EBPF],
                                              config->addresses[OAP_CHANNEL_EBPF],
                                              reterr_message);
                if (r < 0)
                        return r;
        }

        if (config->tls) {
                r = og_pem_check(config->ca, config->certificate, config->key, reterr_message);
                if (r < 0)
                        return r;
        }

        if (!config->token)
                return 0;

        token = grpc_slice_from_static_string(config->token);
        legal = config->token[0] && grpc_header_nonbin_value_is_legal(token);
        grpc_slice_unref(token);
        if (!legal)
                return og_refuse(
                                reterr_message,
                                "the token is empty or has characters that are not plain text on one line");

        return 0;
}

static grpc_channel_credentials *credentials_new(const OapTransportConfig *config) {
        grpc_ssl_pem_key_cert_pair pair = { .private_key = config->key, .cert_chain = config->certificate };

        if (!config->tls)
                return grpc_insecure_credentials_create();

        return grpc_ssl_credentials_create(config->ca, config->certificate ? &pair : NULL, NULL, NULL);
}

/* All that has a thread or a lock; undone by transport_close(). */
static int transport_start(OapTransport *t, const OapTransportConfig *config) {
        sigset_t before;
        int r;

        atomic_store(&log_fn, config->log);
        og_signals_block(&before);
        log_start();
        grpc_init();
        t->credentials = credentials_new(config);
        t->token = config->token ? grpc_slice_from_copied_string(config->token) : grpc_empty_slice();
        t->has_token = config->token;
        t->queue = grpc_completion_queue_create_for_next(NULL);
        t->done_tail = &t->done;
        (void) pthread_mutex_init(&t->mutex, NULL);

        t->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        r = t->fd < 0 ? -errno : 0;
        if (r == 0) {
                r = -pthread_create(&t->thread, NULL, queue_thread, t);
                t->has_thread = r == 0;
        }
        if (r == 0)
                (void) pthread_setname_np(t->thread, "oap-grpc");
        og_signals_restore(&before);

        return r;
}

static int transport_open(const OapTransportConfig *config, OapTransport **ret, char **reterr_message) {
        OapTransport *t;
        int r;

        *reterr_message = NULL;
        t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;

        r = config_check(config, t->routes, reterr_message);
        if (r == 0 && config->server_name) {
                t->server_name = strdup(config->server_name);
                r = t->server_name ? 0 : -ENOMEM;
        }
        if (r < 0) {
                for (size_t i = 0; i < _OAP_CHANNEL_MAX; i++)
                        og_route_done(&t->routes[i]);
                free(t->server_name);
                free(t);
                return r;
        }

        t->backoff_max_usec = config->backoff_max_usec;
        r = transport_start(t, config);
        if (r < 0) {
                (void) transport_close(t);
                return r;
        }

        *ret = t;
        return 0;
}

static int transport_fd(OapTransport *t) {
        return t->fd;
}

static void transport_dispatch(OapTransport *t) {
        OgBatch *next;
        uint64_t n;

        if (read(t->fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
                return;

        for (OgBatch *b = queue_take(t); b; b = next) {
                next = b->next; /* the batch may be used again, or gone */
                og_call_batch_done(b);
        }
}

extern const OapTransportOps oap_transport_ops;
__attribute__((visibility("default"))) const OapTransportOps oap_transport_ops = {
        .abi = OAP_TRANSPORT_ABI,
        .name = "grpc",
        .open = transport_open,
        .close = transport_close,
        .fd = transport_fd,
        .dispatch = transport_dispatch,
        .start = og_call_start,
        .cancel = og_call_cancel,
};
