/* SPDX-License-Identifier: Apache-2.0 */
#include "fake/fake-oap-shared.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* The test's side: the process of the server, and what both share. */

struct FakeOap {
        FakeShared *shared;
        int fd;       /* of that memory */
        pid_t server; /* 0: there is none */
        bool frozen;
        char directory[64]; /* of the socket */
        char address[128];
};

#define READY_USEC (20U * 1000 * 1000)
#define NAP_USEC 2000

/* For programs built with sanitizers, which open gRPC at run time. What a library that came later has for
 * each thread LeakSanitizer finds by guessing, and sometimes it takes text for an address and ends. And
 * c-ares 1.18 loses the name "localhost" each time it looks it up. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
        return "intercept_tls_get_addr=0";
}

const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
        return "leak:libcares\n";
}

static void copy_text(char *ret, size_t size, const char *text) {
        cr_assert_lt(strlen(text), size, "'%s' is too long", text);
        (void) snprintf(ret, size, "%s", text);
}

static void shared_new(FakeOap *f) {
        pthread_mutexattr_t attributes;

        f->fd = memfd_create("fake-oap", 0);
        cr_assert_geq(f->fd, 0, "memfd_create: %m");
        cr_assert_eq(ftruncate(f->fd, sizeof(FakeShared)), 0);
        f->shared = mmap(NULL, sizeof(FakeShared), PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
        cr_assert_neq(f->shared, MAP_FAILED, "mmap: %m");

        cr_assert_eq(pthread_mutexattr_init(&attributes), 0);
        cr_assert_eq(pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED), 0);
        cr_assert_eq(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST), 0);
        cr_assert_eq(pthread_mutex_init(&f->shared->mutex, &attributes), 0);
        (void) pthread_mutexattr_destroy(&attributes);
}

static void set_options(FakeOap *f, const FakeOapOptions *o) {
        FakeShared *s = f->shared;

        if (!o->tcp) {
                copy_text(f->directory, sizeof(f->directory), "/tmp/fake-oap-XXXXXX");
                cr_assert(mkdtemp(f->directory), "mkdtemp: %m");
                (void) snprintf(s->path, sizeof(s->path), "%s/oap", f->directory);
        }
        if (o->certificate) {
                copy_text(s->certificate, sizeof(s->certificate), o->certificate);
                copy_text(s->key, sizeof(s->key), o->key);
        }
        if (o->client_ca)
                copy_text(s->client_ca, sizeof(s->client_ca), o->client_ca);
        s->receive_max = o->receive_max;
        s->streams_max = o->streams_max;
}

static unsigned n_ready(FakeOap *f) {
        unsigned n;

        fake_shared_lock(f->shared);
        n = f->shared->n_ready;
        fake_shared_unlock(f->shared);
        return n;
}

static void server_exec(const FakeOap *f, pid_t parent) {
        const char *program = getenv("CPROF_FAKE_OAP");
        char fd_text[16], parent_text[16];
        sigset_t none;

        (void) snprintf(fd_text, sizeof(fd_text), "%i", f->fd);
        (void) snprintf(parent_text, sizeof(parent_text), "%i", parent);
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        if (program)
                (void) execl(program, program, fd_text, parent_text, NULL);
        _exit(127);
}

void fake_oap_restart(FakeOap *f) {
        unsigned before = n_ready(f);
        uint64_t end_usec = fake_now_usec() + READY_USEC;
        pid_t parent = getpid();
        int status;

        cr_assert_eq(f->server, 0, "the fake OAP runs");
        f->server = fork();
        cr_assert_geq(f->server, 0, "fork: %m");
        if (f->server == 0)
                server_exec(f, parent);

        while (n_ready(f) == before) {
                cr_assert_eq(waitpid(f->server, &status, WNOHANG),
                             0,
                             "the fake OAP does not start ($CPROF_FAKE_OAP)");
                cr_assert_lt(fake_now_usec(), end_usec, "the fake OAP does not listen");
                (void) usleep(NAP_USEC);
        }

        if (!f->shared->path[0])
                (void) snprintf(f->address, sizeof(f->address), "127.0.0.1:%u", f->shared->port);
}

FakeOap *fake_oap_new(const FakeOapOptions *options) {
        FakeOap *f;

        f = calloc(1, sizeof(*f));
        cr_assert(f);
        shared_new(f);
        set_options(f, options ?: &(const FakeOapOptions){});
        if (f->shared->path[0])
                (void) snprintf(f->address, sizeof(f->address), "unix:%s", f->shared->path);
        fake_oap_restart(f);
        return f;
}

/* The server is gone: what it had not finished never ends. */
static void server_gone(FakeOap *f) {
        FakeShared *s = f->shared;

        f->server = 0;
        f->frozen = false;
        fake_shared_lock(s);
        s->n_under_way = 0;
        for (size_t i = 0; i < s->n_records; i++) {
                if (s->records[i].call.ended_usec > 0)
                        continue;
                s->records[i].call.ended_usec = fake_now_usec();
                s->records[i].call.cancelled = true;
        }
        fake_shared_unlock(s);
}

void fake_oap_kill(FakeOap *f) {
        if (f->server == 0)
                return;

        /* with the mutex: whoever held it then would hold it for ever */
        fake_shared_lock(f->shared);
        (void) kill(f->server, SIGKILL);
        (void) waitpid(f->server, NULL, 0);
        fake_shared_unlock(f->shared);
        server_gone(f);
}

void fake_oap_stop(FakeOap *f) {
        int status;

        if (f->server == 0)
                return;

        if (f->frozen)
                fake_oap_thaw(f);
        (void) kill(f->server, SIGTERM);
        (void) waitpid(f->server, &status, 0);
        cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the fake OAP ended with %i", status);
        server_gone(f);
}

void fake_oap_freeze(FakeOap *f) {
        cr_assert_gt(f->server, 0);
        fake_shared_lock(f->shared);
        (void) kill(f->server, SIGSTOP);
        cr_assert_eq(waitpid(f->server, NULL, WUNTRACED), f->server);
        f->frozen = true;
        fake_shared_unlock(f->shared);
}

void fake_oap_thaw(FakeOap *f) {
        f->frozen = false;
        (void) kill(f->server, SIGCONT);
}

FakeOap *fake_oap_free(FakeOap *f) {
        if (!f)
                return NULL;

        fake_oap_stop(f);
        if (f->directory[0]) {
                (void) unlink(f->shared->path);
                (void) rmdir(f->directory);
        }
        (void) munmap(f->shared, sizeof(FakeShared));
        (void) close(f->fd);
        free(f);
        return NULL;
}

FakeShared *fake_oap_shared(FakeOap *f) {
        return f->shared;
}

const char *fake_oap_address(const FakeOap *f) {
        return f->address;
}
