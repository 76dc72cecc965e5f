/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/file-io.h"
#include "fake/fake-oap-calls.h"

#include <fcntl.h>
#include <grpc/grpc_security.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>

/* fake-oap FD PARENT: the server of test/fake/fake-oap.h, on the memory that is open as FD. It ends with its
 * parent, and in good order by SIGTERM. */

static grpc_server *server;
static grpc_completion_queue *queue;

static void *stop_thread(void *userdata) {
        const sigset_t *signals = userdata;
        int signo;

        if (sigwait(signals, &signo) == 0) {
                grpc_server_shutdown_and_notify(server, queue, NULL);
                grpc_server_cancel_all_calls(server);
        }

        return NULL;
}

static char *slurp(const char *path) {
        char *text;

        if (read_full_file_at(AT_FDCWD, path, 1U << 20, &text, NULL) < 0) {
                (void) fprintf(stderr, "fake-oap: '%s': %m\n", path);
                exit(1);
        }

        return text;
}

static grpc_server_credentials *credentials_new(const FakeShared *s) {
        _cleanup_(freep) char *certificate = NULL, *key = NULL, *client_ca = NULL;
        grpc_ssl_pem_key_cert_pair pair;

        if (!s->certificate[0])
                return grpc_insecure_server_credentials_create();

        certificate = slurp(s->certificate);
        key = slurp(s->key);
        if (s->client_ca[0])
                client_ca = slurp(s->client_ca);
        pair = (grpc_ssl_pem_key_cert_pair){ .private_key = key, .cert_chain = certificate };
        return grpc_ssl_server_credentials_create_ex(
                        client_ca,
                        &pair,
                        1,
                        client_ca ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                                  : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE,
                        NULL);
}

static grpc_server *server_new(const FakeShared *s) {
        grpc_arg args[] = {
                { .type = GRPC_ARG_INTEGER,
                  .key = (char *) GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH,
                  .value.integer = s->receive_max > 0 ? (int) s->receive_max : -1 },
                { .type = GRPC_ARG_INTEGER, .key = (char *) GRPC_ARG_ALLOW_REUSEPORT, .value.integer = 0 },
                { .type = GRPC_ARG_INTEGER,
                  .key = (char *) GRPC_ARG_MAX_CONCURRENT_STREAMS,
                  .value.integer = (int) s->streams_max },
        };
        grpc_channel_args all = { .num_args = s->streams_max > 0 ? 3 : 2, .args = args };

        return grpc_server_create(&all, NULL);
}

static bool listen_on(FakeShared *s) {
        grpc_server_credentials *credentials = credentials_new(s);
        char address[sizeof(s->path) + sizeof("unix:")];
        int port;

        if (s->path[0])
                (void) snprintf(address, sizeof(address), "unix:%s", s->path);
        else
                (void) snprintf(address, sizeof(address), "127.0.0.1:%u", s->port);
        port = grpc_server_add_http2_port(server, address, credentials);
        grpc_server_credentials_release(credentials);
        if (port <= 0)
                return false;

        s->port = (unsigned) port;
        return true;
}

static FakeShared *shared_open(const char *fd_text, const char *parent_text) {
        FakeShared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED, atoi(fd_text), 0);

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (s == MAP_FAILED || getppid() != atoi(parent_text))
                exit(1);

        return s;
}

int main(int argc, char **argv) {
        sigset_t signals;
        pthread_t thread;
        FakeShared *s;

        if (argc != 3)
                return 2;

        s = shared_open(argv[1], argv[2]);
        (void) sigemptyset(&signals);
        (void) sigaddset(&signals, SIGTERM);
        (void) pthread_sigmask(SIG_BLOCK, &signals, NULL);

        (void) setenv("GRPC_VERBOSITY", "NONE", 0);
        grpc_init();
        server = server_new(s);
        queue = grpc_completion_queue_create_for_next(NULL);
        grpc_server_register_completion_queue(server, queue, NULL);
        if (!listen_on(s))
                return 1;

        grpc_server_start(server);
        if (pthread_create(&thread, NULL, stop_thread, &signals) != 0)
                return 1;

        fake_shared_lock(s);
        s->n_ready++;
        fake_shared_unlock(s);
        fake_calls_run(s, server, queue);

        (void) pthread_join(thread, NULL);
        grpc_server_destroy(server);
        grpc_completion_queue_destroy(queue);
        grpc_shutdown_blocking();
        return 0;
}
