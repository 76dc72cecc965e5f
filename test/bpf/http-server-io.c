/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/http-server-io.h"

#include "basic/cleanup.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

#define TINY 3U

static void check(bool ok, const char *what) {
        if (ok)
                return;

        perror(what);
        abort();
}

ssize_t server_read(ServerConnection *c) {
        char *to = c->text + c->n;
        size_t room = sizeof(c->text) - 1 - c->n;
        struct iovec parts[2] = {
                { .iov_base = to, .iov_len = 7 },
                { .iov_base = to + 7, .iov_len = room - 7 },
        };
        struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };

        switch (c->io) {
        case SERVER_RECV_SEND:
        case SERVER_SENDFILE:
                return recv(c->fd, to, room, 0);
        case SERVER_VECTORS:
                return readv(c->fd, parts, 2);
        case SERVER_MESSAGES:
                return recvmsg(c->fd, &message, 0);
        case SERVER_PEEK:
                (void) recv(c->fd, to, room, MSG_PEEK);
                (void) recvmsg(c->fd, &message, MSG_PEEK);
                return recv(c->fd, to, room, 0);
        case SERVER_TINY:
                return read(c->fd, to, TINY);
        default:
                return read(c->fd, to, room);
        }
}

static void write_all(int fd, const char *data, size_t n, size_t most) {
        while (n > 0) {
                ssize_t m = write(fd, data, MIN_OF(n, most));

                check(m > 0, "write");
                data += m;
                n -= (size_t) m;
        }
}

static void send_file(int fd, const char *body, size_t n) {
        _cleanup_(closep) int file = memfd_create("body", MFD_CLOEXEC);

        write_all(file, body, n, n);
        (void) lseek(file, 0, SEEK_SET);
        check(sendfile(fd, file, NULL, n) == (ssize_t) n, "sendfile");
}

void server_write(ServerConnection *c, const char *head, size_t n_head, const char *body, size_t n_body) {
        struct iovec parts[3] = {
                { .iov_base = (void *) head, .iov_len = 11 },
                { .iov_base = (void *) (head + 11), .iov_len = n_head - 11 },
                { .iov_base = (void *) body, .iov_len = n_body },
        };
        struct msghdr message = { .msg_iov = parts, .msg_iovlen = 3 };
        ssize_t n = (ssize_t) (n_head + n_body);

        switch (c->io) {
        case SERVER_RECV_SEND:
        case SERVER_PEEK:
                check(send(c->fd, head, n_head, MSG_NOSIGNAL | MSG_MORE) == (ssize_t) n_head, "send");
                check(send(c->fd, body, n_body, MSG_NOSIGNAL) == (ssize_t) n_body, "send");
                return;
        case SERVER_VECTORS:
                check(writev(c->fd, parts, 3) == n, "writev");
                return;
        case SERVER_MESSAGES:
                check(sendmsg(c->fd, &message, MSG_NOSIGNAL) == n, "sendmsg");
                return;
        case SERVER_SENDFILE:
                check(send(c->fd, head, n_head, MSG_NOSIGNAL | MSG_MORE) == (ssize_t) n_head, "send");
                send_file(c->fd, body, n_body);
                return;
        case SERVER_TINY:
                write_all(c->fd, head, n_head, TINY);
                write_all(c->fd, body, n_body, TINY);
                return;
        default:
                write_all(c->fd, head, n_head, n_head);
                write_all(c->fd, body, n_body, n_body);
        }
}

void server_done(ServerConnection *c) {
}
