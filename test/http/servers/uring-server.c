/* SPDX-License-Identifier: Apache-2.0 */
/* uring-server PORT LOG: the paths that test/http/load.py asks for, by io_uring alone: single-shot accept,
 * recv and send, so that no system call of the process carries HTTP. Requests with Content-Length bodies,
 * pipelined or not. One line in LOG for each answer: STATUS METHOD TARGET MICROSECONDS. */
#include <arpa/inet.h>
#include <liburing.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define INPUT_MAX 16384
#define BIG 200000
#define QUEUE 512

typedef enum Operation {
        OPERATION_ACCEPT,
        OPERATION_RECEIVE,
        OPERATION_SEND,
        OPERATION_WAIT,
} Operation;

typedef struct Connection {
        int fd;
        Operation operation; /* under way */
        char input[INPUT_MAX + 1];
        size_t n_input;
        char *output;
        size_t n_output, n_sent;
        long long start_nsec; /* of the request, 0 = none has begun */
        bool is_last;         /* the connection ends after the answer */
        int status;
        char method[16], target[1024];
        struct __kernel_timespec delay;
} Connection;

static struct io_uring ring;
static FILE *answers;

static long long now_nsec(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static struct io_uring_sqe *new_operation(Connection *c, Operation operation) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

        if (!sqe) {
                (void) io_uring_submit(&ring);
                sqe = io_uring_get_sqe(&ring);
        }
        if (!sqe)
                abort();
        c->operation = operation;
        return sqe;
}

static void start_receive(Connection *c) {
        struct io_uring_sqe *sqe = new_operation(c, OPERATION_RECEIVE);

        io_uring_prep_recv(sqe, c->fd, c->input + c->n_input, INPUT_MAX - c->n_input, 0);
        io_uring_sqe_set_data(sqe, c);
}

static void start_send(Connection *c) {
        struct io_uring_sqe *sqe = new_operation(c, OPERATION_SEND);

        io_uring_prep_send(sqe, c->fd, c->output + c->n_sent, c->n_output - c->n_sent, MSG_NOSIGNAL);
        io_uring_sqe_set_data(sqe, c);
}

static void start_wait(Connection *c, unsigned msec) {
        struct io_uring_sqe *sqe = new_operation(c, OPERATION_WAIT);

        c->delay = (struct __kernel_timespec){ .tv_nsec = msec * 1000000LL };
        io_uring_prep_timeout(sqe, &c->delay, 0, 0);
        io_uring_sqe_set_data(sqe, c);
}

static void start_accept(Connection *listener) {
        struct io_uring_sqe *sqe = new_operation(listener, OPERATION_ACCEPT);

        io_uring_prep_accept(sqe, listener->fd, NULL, NULL, 0);
        io_uring_sqe_set_data(sqe, listener);
}

static void close_connection(Connection *c) {
        (void) close(c->fd);
        free(c->output);
        free(c);
}

static int find_status(const char *path) {
        static const struct {
                const char *path;
                int status;
        } statuses[] = {
                { "/api/orders", 200 }, { "/static/app.js", 200 }, { "/post", 200 }, { "/big", 200 },
                { "/delay", 200 },      { "/slow", 200 },          { "/err", 500 },  { "/busy", 503 },
                { "/empty", 204 },      { "/cached", 304 },
        };

        for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
                if (strcmp(path, statuses[i].path) == 0)
                        return statuses[i].status;
        return strncmp(path, "/api/items/", 11) == 0 ? 200 : 404;
}

/* Makes the answer to the request in @c; what is sent waits for start_send(). */
static unsigned make_answer(Connection *c) {
        size_t n_body = 7, n;
        char path[1024];

        (void) snprintf(path, sizeof(path), "%.*s", (int) strcspn(c->target, "?"), c->target);
        c->status = find_status(path);
        if (strcmp(path, "/big") == 0)
                n_body = BIG;
        c->output = malloc(BIG + 256);
        if (!c->output)
                abort();
        if (c->status == 204 || c->status == 304)
                n = (size_t) sprintf(c->output, "HTTP/1.1 %d -\r\n\r\n", c->status);
        else
                n = (size_t) sprintf(
                                c->output,
                                "HTTP/1.1 %d -\r\nContent-Length: %zu\r\n%s\r\n",
                                c->status,
                                n_body,
                                c->is_last ? "Connection: close\r\n" : "");
        if (c->status != 204 && c->status != 304 && strcmp(c->method, "HEAD") != 0) {
                memset(c->output + n, 'x', n_body);
                n += n_body;
        }
        c->n_output = n;
        c->n_sent = 0;
        if (strcmp(path, "/delay") == 0)
                return 5;
        return strcmp(path, "/slow") == 0 ? 10 : 0;
}

/* Takes one request from the front of the input. False: it is not complete. */
static bool take_request(Connection *c) {
        char *end, version[16] = "";
        size_t size, body = 0;

        c->input[c->n_input] = '\0';
        end = strstr(c->input, "\r\n\r\n");
        if (!end)
                return false;
        size = (size_t) (end - c->input) + 4;
        c->is_last = false;
        for (char *line = strstr(c->input, "\r\n"); line && line < end; line = strstr(line + 2, "\r\n")) {
                if (strncasecmp(line + 2, "Content-Length:", 15) == 0)
                        body = strtoul(line + 17, NULL, 10);
                if (strncasecmp(line + 2, "Connection: close", 17) == 0)
                        c->is_last = true;
        }
        if (c->n_input < size + body)
                return false;
        if (sscanf(c->input, "%15s %1023s %15s", c->method, c->target, version) != 3)
                exit(1);
        c->n_input -= size + body;
        memmove(c->input, c->input + size + body, c->n_input);
        return true;
}

/* The next request, or more input. */
static void go_on(Connection *c) {
        unsigned msec;

        if (!take_request(c)) {
                start_receive(c);
                return;
        }
        if (c->start_nsec == 0)
                c->start_nsec = now_nsec();
        msec = make_answer(c);
        if (msec > 0)
                start_wait(c, msec);
        else
                start_send(c);
}

static void on_received(Connection *c, int n) {
        if (n <= 0) {
                close_connection(c);
                return;
        }
        if (c->n_input == 0)
                c->start_nsec = now_nsec();
        c->n_input += (size_t) n;
        go_on(c);
}

static void on_sent(Connection *c, int n) {
        if (n <= 0) {
                close_connection(c);
                return;
        }
        c->n_sent += (size_t) n;
        if (c->n_sent < c->n_output) {
                start_send(c);
                return;
        }
        fprintf(answers,
                "%d %s %s %lld\n",
                c->status,
                c->method,
                c->target,
                (now_nsec() - c->start_nsec) / 1000);
        c->start_nsec = 0;
        free(c->output);
        c->output = NULL;
        if (c->is_last)
                close_connection(c);
        else
                go_on(c);
}

static void on_accepted(Connection *listener, int fd) {
        Connection *c;

        start_accept(listener);
        if (fd < 0)
                return;
        c = calloc(1, sizeof(*c));
        if (!c)
                abort();
        c->fd = fd;
        start_receive(c);
}

static int listen_on(unsigned port) {
        struct sockaddr_in address = {
                .sin_family = AF_INET,
                .sin_port = htons((uint16_t) port),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        };
        int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

        (void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0 || listen(fd, 128) < 0) {
                perror("listen");
                exit(1);
        }
        return fd;
}

int main(int argc, char **argv) {
        Connection listener = {};

        if (argc < 3 || io_uring_queue_init(QUEUE, &ring, 0) < 0 || !(answers = fopen(argv[2], "w")))
                return 1;
        setlinebuf(answers);
        listener.fd = listen_on((unsigned) strtoul(argv[1], NULL, 10));
        start_accept(&listener);
        for (;;) {
                struct io_uring_cqe *cqe;
                Connection *c;
                int n;

                if (io_uring_submit_and_wait(&ring, 1) < 0 || io_uring_peek_cqe(&ring, &cqe) < 0)
                        continue;
                c = io_uring_cqe_get_data(cqe);
                n = cqe->res;
                io_uring_cqe_seen(&ring, cqe);
                if (c->operation == OPERATION_ACCEPT)
                        on_accepted(c, n);
                else if (c->operation == OPERATION_RECEIVE)
                        on_received(c, n);
                else if (c->operation == OPERATION_SEND)
                        on_sent(c, n);
                else
                        start_send(c);
        }
}
