/* SPDX-License-Identifier: Apache-2.0 */
/* Each kind of call of TLS libraries, on a library without any TLS: what arrives at the parser is known to
 * the byte, on any kernel. */
#include "bpf/http-bed.h"
#include "bpf/spawn.h"
#include "bpf/tls-library.h"

#include "basic/cleanup.h"
#include "symbol/elf-image.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

TestSuite(tls_calls, .timeout = 60);

static const char request[] = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

typedef struct Bed {
        HttpBed http;
        pid_t pid; /* a child that does what it is told */
        int go, done;
} Bed;

/* In the child: once told. */
static void run(int go, int done, void (*scenario)(void)) {
        char byte;

        while (read(go, &byte, 1) == 1) {
                scenario();
                if (write(done, &byte, 1) != 1)
                        break;
        }
        _exit(0);
}

static void child_start(Bed *b, void (*scenario)(void)) {
        int go[2], done[2];

        cr_assert(pipe2(go, O_CLOEXEC) == 0 && pipe2(done, O_CLOEXEC) == 0);
        b->pid = fork();
        cr_assert_geq(b->pid, 0);
        if (b->pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void) close(go[1]);
                run(go[0], done[1], scenario);
        }

        b->go = go[1];
        b->done = done[0];
}

/* false: this kernel is too old. */
static bool bed_open(Bed *b, void (*scenario)(void)) {
        if (!http_bed_open(&b->http))
                return false;

        child_start(b, scenario);
        cr_assert_eq(http_bed_watch(&b->http, b->pid, PROBE_HTTP_HOOK_AUTO, NULL), 0);
        return true;
}

static void bed_close(Bed *b) {
        probe_http_unwatch(b->http.probe, b->pid);
        http_bed_close(&b->http);
        spawn_kill(b->pid);
}

static uint64_t offset_of(const char *path, const void *base, const void *function) {
        _cleanup_(elf_image_freep) ElfImage *e = NULL;
        _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
        uint64_t offset;

        cr_assert_eq(elf_image_open_fd(fd, &e), 0);
        cr_assert_eq(elf_image_offset(e, (uintptr_t) function - (uintptr_t) base, 1, &offset), 0);
        return offset;
}

static void
attach(Bed *b, ProbeTlsRole read_role, const void *read, ProbeTlsRole write_role, const void *write) {
        const void *const functions[] = { read, write, SSL_free, SSL_sendfile };
        const ProbeTlsRole roles[] = { read_role, write_role, PROBE_TLS_SSL_FREE, PROBE_TLS_SSL_SENDFILE };
        ProbeTls tls = { .n_functions = ELEMENTSOF(roles) };
        Dl_info info;

        cr_assert_neq(dladdr(read, &info), 0);
        tls.path = info.dli_fname;
        for (size_t i = 0; i < ELEMENTSOF(roles); i++) {
                tls.functions[i].role = roles[i];
                tls.functions[i].offset = offset_of(info.dli_fname, info.dli_fbase, functions[i]);
        }

        cr_assert_eq(probe_http_tls_attach(b->http.probe, b->pid, &tls), 0);
}

/* Has it done and reads what was counted. */
static void act(Bed *b) {
        char byte = 0;

        http_bed_reset(&b->http);
        cr_assert_eq(write(b->go, &byte, 1), 1);
        cr_assert_eq(read(b->done, &byte, 1), 1);
        http_bed_read(&b->http);
}

static void expect(Bed *b, unsigned n, unsigned n_connections) {
        cr_expect_eq(b->http.sums[0].n_total, n, "%llu", (unsigned long long) b->http.sums[0].n_total);
        cr_expect_eq(b->http.sums[0].n_timed, n);
        cr_expect_eq(b->http.sums[1].n_total, n);
        cr_expect_eq(http_bed_counter(&b->http, b->pid, CPROF_HTTP_SEEN_TLS_PLAIN), n_connections);
        cr_expect_eq(http_bed_losses(&b->http, b->pid), 0u);
}

static void plain_calls(void) {
        Session s = { .text = "" };
        char buffer[256];

        for (unsigned i = 0; i < 5; i++) {
                s.text = request;
                (void) SSL_read(&s, buffer, sizeof(buffer));
                (void) SSL_write(&s, answer, sizeof(answer) - 1);
        }
        SSL_free(&s);
}

static void ex_calls(void) {
        Session s = { .text = "" };
        char buffer[256];
        size_t n;

        for (unsigned i = 0; i < 5; i++) {
                s.text = request;
                (void) SSL_read_ex(&s, buffer, sizeof(buffer), &n);
                (void) SSL_write_ex(&s, answer, sizeof(answer) - 1, &n);
        }
        SSL_free(&s);
}

static void ex2_calls(void) {
        Session s = { .text = "" };
        char buffer[256];
        size_t n;

        for (unsigned i = 0; i < 5; i++) {
                s.text = request;
                (void) SSL_read_ex(&s, buffer, 7, &n);
                (void) SSL_read_ex(&s, buffer, sizeof(buffer), &n);
                (void) SSL_write_ex2(&s, answer, sizeof(answer) - 1, 0, &n);
        }
        SSL_free(&s);
}

/* A write that would block goes on without a buffer: here within the body. */
static void gnutls_calls(void) {
        Session s = { .text = "" };
        char buffer[256];

        for (unsigned i = 0; i < 5; i++) {
                s.text = request;
                (void) gnutls_record_recv(&s, buffer, sizeof(buffer));
                (void) gnutls_record_send(&s, answer, sizeof(answer) - 1 - 5);
                s.fails = 1;
                s.pending = 5;
                (void) gnutls_record_send(&s, "hello", 5);
                (void) gnutls_record_send(&s, NULL, 0);
        }
        SSL_free(&s);
}

Test(tls_calls, each_form_of_reading_and_writing) {
        static const struct {
                void (*scenario)(void);
                ProbeTlsRole read, write;
                const void *read_function, *write_function;
        } rows[] = {
                { plain_calls, PROBE_TLS_SSL_READ, PROBE_TLS_SSL_WRITE, SSL_read, SSL_write },
                { ex_calls, PROBE_TLS_SSL_READ_EX, PROBE_TLS_SSL_WRITE_EX, SSL_read_ex, SSL_write_ex },
                { ex2_calls, PROBE_TLS_SSL_READ_EX, PROBE_TLS_SSL_WRITE_EX2, SSL_read_ex, SSL_write_ex2 },
                { gnutls_calls,
                  PROBE_TLS_GNUTLS_READ,
                  PROBE_TLS_GNUTLS_WRITE,
                  gnutls_record_recv,
                  gnutls_record_send },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Bed b = {};

                if (!bed_open(&b, rows[i].scenario))
                        return;
                attach(&b, rows[i].read, rows[i].read_function, rows[i].write, rows[i].write_function);
                act(&b);
                expect(&b, 5, 1);
                bed_close(&b);
        }
}

/* Sessions whose requests come in pieces, with failures between, at once; and the same memory again. */
static void failures(void) {
        Session s[2] = {};
        char buffer[256];

        for (unsigned i = 0; i < 3; i++) {
                for (unsigned k = 0; k < 2; k++)
                        s[k] = (Session){ .text = request, .fails = 2 };
                for (unsigned k = 0; k < 8; k++)
                        (void) SSL_read(&s[k % 2], buffer, k < 6 ? 10 : sizeof(buffer));
                for (unsigned k = 0; k < 2; k++) {
                        s[k].fails = 1;
                        (void) SSL_write(&s[k], "HTTP/1.1 500 No\r\n\r\n", 19);
                        (void) SSL_write(&s[k], answer, sizeof(answer) - 1);
                        SSL_free(&s[k]);
                }
        }
}

Test(tls_calls, calls_that_fail_move_nothing) {
        Bed b = {};

        if (!bed_open(&b, failures))
                return;
        attach(&b, PROBE_TLS_SSL_READ, SSL_read, PROBE_TLS_SSL_WRITE, SSL_write);
        act(&b);
        expect(&b, 6, 6);
        cr_expect_eq(b.http.sums[0].n_5xx, 0u);
        bed_close(&b);
}

static void file_bodies(void) {
        static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
        Session s = { .text = "" };
        char buffer[256];

        for (unsigned i = 0; i < 5; i++) {
                s.text = request;
                (void) SSL_read(&s, buffer, sizeof(buffer));
                (void) SSL_write(&s, head, sizeof(head) - 1);
                (void) SSL_sendfile(&s, -1, 0, 60000, 0);
                s.fails = 1;
                (void) SSL_sendfile(&s, -1, 60000, 40000, 0);
                (void) SSL_sendfile(&s, -1, 60000, 40000, 0);
        }
        SSL_free(&s);
}

Test(tls_calls, bodies_that_nobody_sees) {
        Bed b = {};

        if (!bed_open(&b, file_bodies))
                return;
        attach(&b, PROBE_TLS_SSL_READ, SSL_read, PROBE_TLS_SSL_WRITE, SSL_write);
        act(&b);
        expect(&b, 5, 1);
        bed_close(&b);
}

static void ends(void) {
        static const char head[] = "HTTP/1.0 200 OK\r\n\r\nas long as it takes";

        for (unsigned i = 0; i < 3; i++) {
                Session s = { .text = request };
                char buffer[256];

                (void) SSL_read(&s, buffer, sizeof(buffer));
                (void) SSL_write(&s, head, sizeof(head) - 1);
                SSL_free(&s);
        }
}

Test(tls_calls, answers_that_end_with_their_session) {
        Bed b = {};

        if (!bed_open(&b, ends))
                return;
        attach(&b, PROBE_TLS_SSL_READ, SSL_read, PROBE_TLS_SSL_WRITE, SSL_write);
        act(&b);
        expect(&b, 3, 3);
        bed_close(&b);
}

/* The outer session's own bytes are counted although calls of the inner one came between. */
static void nested(void) {
        char buffer[256];

        for (unsigned i = 0; i < 4; i++) {
                Session inner = { .text = "not HTTP at all\n" },
                        outer = { .text = request, .below = &inner };

                (void) SSL_read(&outer, buffer, sizeof(buffer));
                (void) SSL_write(&outer, answer, sizeof(answer) - 1);
                SSL_free(&outer);
                SSL_free(&inner);
        }
}

Test(tls_calls, calls_within_calls) {
        Bed b = {};

        if (!bed_open(&b, nested))
                return;
        attach(&b, PROBE_TLS_SSL_READ, SSL_read, PROBE_TLS_SSL_WRITE, SSL_write);
        act(&b);
        expect(&b, 4, 8);
        bed_close(&b);
}

/* What a child inherits are breakpoints, not being watched. */
static void in_a_child(void) {
        pid_t pid = fork();

        if (pid == 0) {
                plain_calls();
                _exit(0);
        }
        (void) waitpid(pid, NULL, 0);
        plain_calls();
}

Test(tls_calls, children_are_not_their_parents) {
        Bed b = {};

        if (!bed_open(&b, in_a_child))
                return;
        attach(&b, PROBE_TLS_SSL_READ, SSL_read, PROBE_TLS_SSL_WRITE, SSL_write);
        act(&b);
        expect(&b, 5, 1);
        bed_close(&b);
}

/* Kernels before 6.12 run the programs of both when a function of either returns. */
Test(tls_calls, processes_with_the_same_library_are_told_apart) {
        Bed a = {}, b = {};

        if (!bed_open(&a, plain_calls))
                return;
        attach(&a, PROBE_TLS_SSL_READ, SSL_read, PROBE_TLS_SSL_WRITE, SSL_write);

        b.http = a.http;
        child_start(&b, plain_calls);
        cr_assert_eq(http_bed_watch(&b.http, b.pid, PROBE_HTTP_HOOK_AUTO, NULL), 0);
        attach(&b, PROBE_TLS_SSL_READ, SSL_read, PROBE_TLS_SSL_WRITE, SSL_write);

        act(&a);
        expect(&a, 5, 1);
        b.http.pid = b.pid;
        act(&b);
        expect(&b, 5, 1);

        probe_http_unwatch(a.http.probe, b.pid);
        spawn_kill(b.pid);
        bed_close(&a);
}

static void unreadable(void) {
        char *nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        Session s = { .text = request };
        char buffer[256];

        (void) SSL_read(&s, buffer, sizeof(buffer));
        (void) SSL_write(&s, nowhere, 100);
        SSL_free(&s);
        (void) munmap(nowhere, 4096);
}

Test(tls_calls, memory_that_cannot_be_read_is_a_loss) {
        Bed b = {};

        if (!bed_open(&b, unreadable))
                return;
        attach(&b, PROBE_TLS_SSL_READ, SSL_read, PROBE_TLS_SSL_WRITE, SSL_write);
        act(&b);
        cr_expect_eq(b.http.sums[0].n_total, 0u);
        cr_expect_eq(http_bed_counter(&b.http, b.pid, CPROF_HTTP_LOSS_FAULT), 1u);
        bed_close(&b);
}
