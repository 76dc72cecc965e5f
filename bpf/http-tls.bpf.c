// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a process reads and writes by way of a TLS library, by probes on the library's functions. A session
 * of the library is a connection; nothing is known of its socket. Attached per process while it is watched;
 * src/probe/probe-http-tls.c.
 *
 * Programs of uprobes may be preempted, so one may run on a CPU within another. */
#include "kernel.bpf.h"

#include "cprof-http-tls.h"

#define HTTP_READ(w, destination, n, at) bpf_probe_read_user(destination, n, (void *) ((w)->address + (at)))

#include "http-parser.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Serial numbers of living attachments: bits; written by the daemon. Probes are taken out later than that.
 */
__u64 tls_serials[(CPROF_TLS_SERIAL_MAX + 64) / 64] = {};

/* A call that has begun. */
struct tls_call {
        __u64 session, buffer;
        __u64 length_at; /* where the function writes how many bytes it moved, 0: it returns that */
};

/* What tells a call from all others, until it returns -> its arguments. For C that is where on the stack it
 * is: calls within calls are told apart, and libraries that run on stacks of their own. For Go it is the
 * goroutine, which may return on another thread and another stack. */
struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __uint(max_entries, 1);
        __type(key, __u64);
        __type(value, struct tls_call);
} tls_calls SEC(".maps");

/* What a session carries, and of which watch of the process that is: rules have other numbers under another
 * one. */
struct tls_connection {
        struct http_connection connection;
        __u32 generation;
        __u32 _pad;
};

/* session -> its bytes */
struct {
        __uint(type, BPF_MAP_TYPE_HASH);
        __uint(max_entries, 1);
        __type(key, __u64);
        __type(value, struct tls_connection);
} tls_connections SEC(".maps");

/* in memory of the object: kernels < 6.2 do not take what another map has */
static const struct tls_connection new_connection;

static __always_inline __u64 key_of(__u64 address, __u64 cookie) {
        return (address & CPROF_TLS_ADDRESS_MASK) |
                        CPROF_TLS_COOKIE_SERIAL(cookie) << CPROF_TLS_SERIAL_SHIFT;
}

static __always_inline _Bool is_alive(__u64 cookie) {
        __u64 serial = CPROF_TLS_COOKIE_SERIAL(cookie);

        return serial <= CPROF_TLS_SERIAL_MAX && (tls_serials[serial / 64] >> (serial % 64) & 1);
}

static __always_inline _Bool is_go(__u64 cookie) {
        return CPROF_TLS_COOKIE_ROLE(cookie) >= CPROF_TLS_GO_READ;
}

#if defined(__TARGET_ARCH_x86)
/* cmd/compile/abi-internal.md. Volatile: a load of one of two registers is not for the verifier. */
#define GO_REGISTER(ctx, name) (*(const volatile unsigned long *) &(ctx)->name)
#define GO_RECEIVER(ctx) GO_REGISTER(ctx, rax)
#define GO_BUFFER(ctx) GO_REGISTER(ctx, rbx)
#define GO_GOROUTINE(ctx) GO_REGISTER(ctx, r14)
#define GO_RESULT(ctx) GO_REGISTER(ctx, rax)
#define STACK_AT_ENTRY(ctx) (PT_REGS_SP(ctx) - 8) /* at the return: the return address is gone */
#else
#define GO_RECEIVER(ctx) 0
#define GO_BUFFER(ctx) 0
#define GO_GOROUTINE(ctx) 0
#define GO_RESULT(ctx) 0
#define STACK_AT_ENTRY(ctx) PT_REGS_SP(ctx)
#endif

SEC("uprobe")
int tls_enter(struct pt_regs *ctx) {
        __u64 cookie = bpf_get_attach_cookie(ctx), role = CPROF_TLS_COOKIE_ROLE(cookie), key;
        struct tls_call call = {};

        if (!is_alive(cookie))
                return 0;

        if (is_go(cookie)) {
                key = key_of(GO_GOROUTINE(ctx), cookie);
                call.session = GO_RECEIVER(ctx);
                call.buffer = GO_BUFFER(ctx);
        } else {
                key = key_of(PT_REGS_SP(ctx), cookie);
                call.session = PT_REGS_PARM1(ctx);
                call.buffer = PT_REGS_PARM2(ctx);
                if (role == CPROF_TLS_READ_EX || role == CPROF_TLS_WRITE_EX)
                        call.length_at = PT_REGS_PARM4(ctx);
                if (role == CPROF_TLS_WRITE_EX2)
                        call.length_at = PT_REGS_PARM5(ctx);
        }

        if (bpf_map_update_elem(&tls_calls, &key, &call, BPF_ANY) < 0)
                (void) http_count(CPROF_TLS_COOKIE_PID(cookie), CPROF_HTTP_LOSS_CONNECTION_FULL, 1);
        return 0;
}

static __always_inline struct tls_connection *find_or_add(__u64 key, __u32 pid) {
        struct tls_connection *t;

        t = bpf_map_lookup_elem(&tls_connections, &key);
        if (t)
                return t;

        (void) bpf_map_update_elem(&tls_connections, &key, &new_connection, BPF_NOEXIST);
        t = bpf_map_lookup_elem(&tls_connections, &key);
        if (!t)
                (void) http_count(pid, CPROF_HTTP_LOSS_CONNECTION_FULL, 1);
        return t;
}

static __always_inline struct http_connection *get_connection(__u64 session, __u64 cookie) {
        __u32 pid = CPROF_TLS_COOKIE_PID(cookie);
        struct cprof_http_process *p = bpf_map_lookup_elem(&http_processes, &pid);
        __u64 key = key_of(session, cookie);
        struct tls_connection *t;

        if (!p)
                return NULL;

        t = find_or_add(key, pid);
        if (!t)
                return NULL;

        if (t->generation != p->generation) {
                __builtin_memset(&t->connection, 0, sizeof(t->connection));
                t->connection.key = key;
                t->connection.pid = pid;
                t->generation = p->generation;
                (void) http_count(pid, CPROF_HTTP_SEEN_TLS_PLAIN, 1);
        }

        return &t->connection;
}

static __always_inline __u32 direction_of(__u64 role) {
        switch (role) {
        case CPROF_TLS_READ:
        case CPROF_TLS_READ_EX:
        case CPROF_TLS_READ_LONG:
        case CPROF_TLS_GO_READ:
                return HTTP_IN;
        default:
                return HTTP_OUT;
        }
}

/* What the function says that it moved: 0 for nothing and for errors. */
static __always_inline __u64 result_of(struct pt_regs *ctx, __u64 role) {
        __s64 n;

        switch (role) {
        case CPROF_TLS_GO_READ:
        case CPROF_TLS_GO_WRITE:
                n = GO_RESULT(ctx);
                break;
        case CPROF_TLS_SENDFILE:
        case CPROF_TLS_READ_LONG:
        case CPROF_TLS_WRITE_LONG:
                n = PT_REGS_RC(ctx);
                break;
        default:
                n = (int) PT_REGS_RC(ctx);
        }

        return n > 0 ? n : 0;
}

static __always_inline void feed(struct http_connection *c, __u64 address, __u64 n, __u32 direction) {
        struct http_work *w;

        w = http_claim();
        if (!w) {
                (void) http_count(c->pid, CPROF_HTTP_LOSS_BUSY, 1);
                http_missed(c, direction);
                return;
        }

        w->address = address;
        w->length = n;
        w->direction = direction;
        if (address)
                (void) http_feed(c, w);
        else
                (void) http_skip(c, w, n);
        http_release(w);
}

SEC("uprobe")
int tls_return(struct pt_regs *ctx) {
        __u64 cookie = bpf_get_attach_cookie(ctx), role = CPROF_TLS_COOKIE_ROLE(cookie);
        __u64 key = key_of(is_go(cookie) ? GO_GOROUTINE(ctx) : STACK_AT_ENTRY(ctx), cookie), n;
        struct http_connection *c;
        struct tls_call *found, call;

        if (!is_alive(cookie))
                return 0;

        n = result_of(ctx, role);
        found = bpf_map_lookup_elem(&tls_calls, &key);
        if (!found) {
                /* Go: it began before we did. C: counted at its begin, or not of this process: kernels
                 * < 6.12 call us for the returns of all that have the file probed. */
                if (n > 0 && is_go(cookie))
                        (void) http_count(CPROF_TLS_COOKIE_PID(cookie), CPROF_HTTP_LOSS_UNSEEN, 1);
                return 0;
        }

        call = *found;
        (void) bpf_map_delete_elem(&tls_calls, &key);
        if (n == 0)
                return 0;

        c = get_connection(call.session, cookie);
        if (!c || !http_wanted(c))
                return 0;

        if (call.length_at && bpf_probe_read_user(&n, sizeof(n), (void *) call.length_at) < 0) {
                (void) http_count(c->pid, CPROF_HTTP_LOSS_FAULT, 1);
                http_missed(c, direction_of(role));
                return 0;
        }

        /* GnuTLS goes on with what it has by a call without a buffer */
        feed(c, role == CPROF_TLS_SENDFILE ? 0 : call.buffer, n, direction_of(role));
        return 0;
}

SEC("uprobe")
int tls_end(struct pt_regs *ctx) {
        __u64 cookie = bpf_get_attach_cookie(ctx);
        __u64 key = key_of(is_go(cookie) ? GO_RECEIVER(ctx) : PT_REGS_PARM1(ctx), cookie);
        struct tls_connection *t = bpf_map_lookup_elem(&tls_connections, &key);
        struct http_work *w;

        if (!t)
                return 0;

        w = http_claim();
        if (w) {
                w->direction = HTTP_OUT;
                (void) http_end(&t->connection, w);
                http_release(w);
        } else {
                (void) http_count(t->connection.pid, CPROF_HTTP_LOSS_BUSY, 1);
        }

        (void) bpf_map_delete_elem(&tls_connections, &key);
        return 0;
}
