/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/http-server-io.h"

#include "basic/cleanup.h"

#include <linux/io_uring.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define TINY 3U

static void check(bool ok, const char *what) {
        if (ok)
                return;

        perror(what);
        abort();
}

/* A ring with room for one request. */
typedef struct Ring {
        int fd;
        unsigned *sq_tail, *sq_array, *cq_head, *cq_tail;
        struct io_uring_sqe *sqes;
        struct io_uring_cqe *cqes;
        unsigned sq_mask, cq_mask;
} Ring;

static Ring *ring_new(void) {
        struct io_uring_params p = {};
        Ring *r = calloc(1, sizeof(*r));
        char *rings;

        check(r != NULL, "calloc");
        r->fd = (int) syscall(SYS_io_uring_setup, 1, &p);
        check(r->fd >= 0, "io_uring_setup");

        rings = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, IORING_OFF_SQ_RING);
        r->sqes = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, IORING_OFF_SQES);
        check(rings != MAP_FAILED && r->sqes != MAP_FAILED, "mmap");
        r->sq_tail = (unsigned *) (rings + p.sq_off.tail);
        r->sq_array = (unsigned *) (rings + p.sq_off.array);
        r->sq_mask = *(unsigned *) (rings + p.sq_off.ring_mask);
        r->cq_head = (unsigned *) (rings + p.cq_off.head);
        r->cq_tail = (unsigned *) (rings + p.cq_off.tail);
        r->cq_mask = *(unsigned *) (rings + p.cq_off.ring_mask);
        r->cqes = (struct io_uring_cqe *) (rings + p.cq_off.cqes);
        return r;
}

static void ring_submit(Ring *r, const struct io_uring_sqe *sqe) {
        unsigned tail = *r->sq_tail;

        r->sqes[0] = *sqe;
        r->sq_array[tail & r->sq_mask] = 0;
        __atomic_store_n(r->sq_tail, tail + 1, __ATOMIC_RELEASE);
        check(syscall(SYS_io_uring_enter, r->fd, 1, 0, 0, NULL, 0) == 1, "io_uring_enter");
}

static int ring_wait(Ring *r, unsigned *ret_flags) {
        unsigned head = *r->cq_head;
        int result;

        check(syscall(SYS_io_uring_enter, r->fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0) >= 0,
              "io_uring_enter");
        check(__atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE) != head, "completion");
        result = r->cqes[head & r->cq_mask].res;
        *ret_flags = r->cqes[head & r->cq_mask].flags;
        __atomic_store_n(r->cq_head, head + 1, __ATOMIC_RELEASE);
        errno = result < 0 ? -result : 0;
        return result;
}

static ssize_t ring_do(Ring *r, uint8_t opcode, int fd, const void *buffer, size_t n) {
        unsigned flags;

        ring_submit(r,
                    &(const struct io_uring_sqe){ .opcode = opcode,
                                                  .fd = fd,
                                                  .addr = (uint64_t) (uintptr_t) buffer,
                                                  .len = (uint32_t) n });
        return ring_wait(r, &flags);
}

static Ring *ring_of_process(void) {
        static Ring *ring;

        /* one for all connections, as servers do */
        ring = ring ?: ring_new();
        return ring;
}

#define BUFFERS 64U /* more than requests on a connection */
#define BUFFER_SIZE 512U
static char buffers[BUFFERS][BUFFER_SIZE];

/* The first receive of a connection is the request for all of them. */
static ssize_t receive_more(ServerConnection *c, char *to) {
        Ring *r = ring_of_process();
        unsigned flags;
        int n;

        if (!c->is_receiving) {
                ring_submit(r,
                            &(const struct io_uring_sqe){ .opcode = IORING_OP_REMOVE_BUFFERS,
                                                          .fd = BUFFERS });
                (void) ring_wait(r, &flags);
                ring_submit(r,
                            &(const struct io_uring_sqe){ .opcode = IORING_OP_PROVIDE_BUFFERS,
                                                          .fd = BUFFERS,
                                                          .addr = (uint64_t) (uintptr_t) buffers,
                                                          .len = BUFFER_SIZE });
                check(ring_wait(r, &flags) >= 0, "buffers");
                ring_submit(r,
                            &(const struct io_uring_sqe){ .opcode = IORING_OP_RECV,
                                                          .fd = c->fd,
                                                          .ioprio = 2, /* IORING_RECV_MULTISHOT */
                                                          .flags = 1U << IOSQE_BUFFER_SELECT_BIT });
                c->is_receiving = true;
        }

        n = ring_wait(r, &flags);
        if (n > 0)
                memcpy(to, buffers[flags >> IORING_CQE_BUFFER_SHIFT], (size_t) n);
        return n;
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
                (void) recv(c->fd, to, room, MSG_ERRQUEUE | MSG_DONTWAIT);
                return recv(c->fd, to, room, 0);
        case SERVER_TINY:
                return read(c->fd, to, TINY);
        case SERVER_URING_MORE:
                return receive_more(c, to);
        case SERVER_URING:
                return ring_do(ring_of_process(), IORING_OP_RECV, c->fd, to, room);
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
        case SERVER_URING:
                /* one by each kind of request, and one by a call */
                check(ring_do(ring_of_process(), IORING_OP_SEND, c->fd, head, 20) == 20, "send");
                check(ring_do(ring_of_process(), IORING_OP_WRITE, c->fd, head + 20, n_head - 20) ==
                                      (ssize_t) n_head - 20,
                      "write");
                write_all(c->fd, body, n_body, n_body);
                return;
        default:
                write_all(c->fd, head, n_head, n_head);
                write_all(c->fd, body, n_body, n_body);
        }
}
