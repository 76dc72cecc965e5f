/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/http-server.h"

#include "basic/cleanup.h"
#include "bpf/http-server-io.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <sys/wait.h>

#define BODY_SIZE 300U
#define SLOW_USEC 20000U

static _Noreturn void fail(const char *what) {
        perror(what);
        abort();
}

static unsigned status_of(const char *request) {
        if (strstr(request, " /error"))
                return 500;
        if (strstr(request, " /missing"))
                return 404;

        return 200;
}

static void answer(const HttpServer *s, ServerConnection *c) {
        char head[256], body[BODY_SIZE];
        unsigned status = status_of(c->text);

        if (strncmp(c->text, "GET /slow", 9) == 0)
                (void) usleep(SLOW_USEC);

        memset(body, 'x', sizeof(body));
        /* looks like an answer, and is none */
        memcpy(body, "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", 39);
        if (s->until_close)
                (void) snprintf(head, sizeof(head), "HTTP/1.1 %u X\r\nConnection: close\r\n\r\n", status);
        else
                (void) snprintf(head,
                                sizeof(head),
                                "HTTP/1.1 %u X\r\nContent-Length: %zu\r\nServer: test\r\n\r\n",
                                status,
                                sizeof(body));

        server_write(c, head, strlen(head), body, sizeof(body));
}

static void serve_connection(const HttpServer *s, int fd) {
        ServerConnection c = { .fd = fd, .io = s->io };
        char *end;

        for (;;) {
                ssize_t n = server_read(&c);

                if (n <= 0)
                        break;

                c.n += (size_t) n;
                c.text[c.n] = '\0';
                while ((end = strstr(c.text, "\r\n\r\n"))) {
                        answer(s, &c);
                        if (s->until_close)
                                goto finish;

                        c.n -= (size_t) (end + 4 - c.text);
                        memmove(c.text, end + 4, c.n + 1);
                }
        }

finish:
        (void) close(fd);
}

static void join(const char *cgroup) {
        _cleanup_(closep) int fd = -EBADF;
        char path[256];

        (void) snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, "0", 1) != 1)
                fail(path);
}

static int listen_somewhere(HttpServer *s) {
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        struct sockaddr_un un = { .sun_family = AF_UNIX };
        int fd;

        fd = socket(s->is_unix ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                fail("socket");

        if (s->defers && setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &(int){ 5 }, sizeof(int)) < 0)
                fail("TCP_DEFER_ACCEPT");

        /* an address of the kernel's choice: a port, or an abstract name */
        if (bind(fd,
                 s->is_unix ? (struct sockaddr *) &un : (struct sockaddr *) &in,
                 s->is_unix ? sizeof(sa_family_t) : sizeof(in)) < 0 ||
            listen(fd, 64) < 0)
                fail("bind");

        s->address_length = sizeof(s->address);
        if (getsockname(fd, (struct sockaddr *) &s->address, &s->address_length) < 0)
                fail("getsockname");

        return fd;
}

/* Sockets belong to the group in which they were made. */
static _Noreturn void serve(HttpServer *s, int to_parent) {
        int fd;

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void) signal(SIGPIPE, SIG_IGN);
        if (s->cgroup)
                join(s->cgroup);

        fd = listen_somewhere(s);
        if (write(to_parent, s, sizeof(*s)) != sizeof(*s))
                fail("write");
        (void) close(to_parent);

        for (;;) {
                int connection = accept(fd, NULL, NULL);

                if (connection < 0)
                        fail("accept");
                if (!s->is_unix)
                        (void) setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
                serve_connection(s, connection);
        }
}

void http_server_start(HttpServer *s) {
        int pipe_fds[2];
        pid_t pid;

        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                fail("pipe2");

        pid = fork();
        if (pid < 0)
                fail("fork");
        if (pid == 0)
                serve(s, pipe_fds[1]);

        (void) close(pipe_fds[1]);
        if (read(pipe_fds[0], s, sizeof(*s)) != sizeof(*s))
                fail("read");
        (void) close(pipe_fds[0]);
        s->pid = pid;
}

void http_server_stop(HttpServer *s) {
        (void) kill(s->pid, SIGKILL);
        (void) waitpid(s->pid, NULL, 0);
        s->pid = 0;
}

int http_client_open(const HttpServer *s) {
        int fd;

        fd = socket(s->is_unix ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (const struct sockaddr *) &s->address, s->address_length) < 0)
                fail("connect");

        return fd;
}

static void send_request(int fd, const char *uri) {
        char text[2048];
        int n;

        n = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: test\r\nAccept: */*\r\n\r\n", uri);
        if (send(fd, text, (size_t) n, MSG_NOSIGNAL) != n)
                fail("send");
}

/* Up to the end of one answer, by its length or the connection's end. */
static unsigned read_answer(int fd) {
        char text[4096];
        size_t n = 0, all = sizeof(text) - 1;

        while (n < all) {
                /* byte by byte up to the body, so that the next answer stays where it is */
                ssize_t m = recv(fd, text + n, all == sizeof(text) - 1 ? 1 : all - n, 0);
                char *end, *length;

                if (m < 0)
                        fail("recv");
                if (m == 0)
                        break;
                n += (size_t) m;
                text[n] = '\0';
                end = all == sizeof(text) - 1 ? strstr(text, "\r\n\r\n") : NULL;
                length = end ? strstr(text, "Content-Length: ") : NULL;
                if (length && length < end)
                        all = (size_t) (end + 4 - text) + (size_t) atoi(length + 16);
        }

        return n > 12 ? (unsigned) atoi(text + 9) : 0;
}

unsigned http_client_get(int fd, const char *uri) {
        send_request(fd, uri);
        return read_answer(fd);
}

void http_client_pipeline(int fd, const char *uri, unsigned n) {
        for (unsigned i = 0; i < n; i++)
                send_request(fd, uri);
        for (unsigned i = 0; i < n; i++)
                (void) read_answer(fd);
}

unsigned http_client_get_once(const HttpServer *s, const char *uri) {
        _cleanup_(closep) int fd = http_client_open(s);

        return http_client_get(fd, uri);
}
