/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP within TLS of real servers, against what their clients got. */
#include "bpf/https-bed.h"
#include "bpf/spawn.h"

#include "basic/cleanup.h"
#include "symbol/tls-functions.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <fcntl.h>
#include <string.h>

TestSuite(http_tls, .timeout = 120);

typedef struct Kind {
        const char *kind;
        const char *file; /* part of the name of the file that has the functions */
        bool is_program;
        const char *needs; /* a program that may be missing */
} Kind;

static const Kind kinds[] = {
        { .kind = "python", .file = "libssl.so" },
        { .kind = "asyncio", .file = "libssl.so" },
        { .kind = "nginx", .file = "libssl.so", .needs = "/usr/sbin/nginx" },
        { .kind = "openssl", .file = "libssl.so" },
        { .kind = "gnutls", .file = "libgnutls.so", .needs = "/usr/bin/gnutls-serv" },
        { .kind = "node", .file = "node", .is_program = true, .needs = "/usr/bin/node" },
        { .kind = "go", .file = "https-server-go", .is_program = true },
};

static const char *missing(const Kind *k) {
        if (strcmp(k->kind, "go") == 0)
                return getenv("CPROF_GO_SERVER") ? NULL : "go";

        return k->needs && access(k->needs, X_OK) < 0 ? k->needs : NULL;
}

/* The functions of one of the process's files. */
static void attach(HttpBed *b, pid_t pid, const char *file, bool is_program, int expected) {
        _cleanup_(elf_image_freep) ElfImage *image = NULL;
        _cleanup_(tls_search_freep) TlsSearch *search = NULL;
        _cleanup_(closep) int fd = -EBADF;
        char path[512];
        ProbeTls tls;

        cr_assert(find_mapped_file(pid, file, path, sizeof(path)), "%s", file);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        cr_assert_geq(fd, 0);
        cr_assert_eq(elf_image_open_fd(fd, &image), 0);
        cr_assert_eq(tls_search_new(image, is_program, &search), 0);
        while (tls_search_step(search) > 0)
                ;

        tls = tls_search_result(search)->tls;
        tls.path = path;
        cr_assert_gt(tls.n_functions, 0u, "%s", path);
        cr_assert_eq(probe_http_tls_attach(b->probe, pid, &tls), expected);
}

static void expect_as_seen(HttpBed *b, const HttpsServer *s, HttpsAnswers a) {
        cr_expect_eq(b->sums[0].n_total,
                     a.n_total,
                     "%s: %llu of %u",
                     s->kind,
                     (unsigned long long) b->sums[0].n_total,
                     a.n_total);
        cr_expect_eq(b->sums[0].n_timed, a.n_total);
        cr_expect_eq(b->sums[0].n_5xx, a.n_errors);
        cr_expect_eq(b->sums[1].n_total, a.n_a);
        cr_expect_eq(b->sums[2].n_total, a.n_total - a.n_a);
        cr_expect_eq(http_bed_losses(b, s->pid), 0u);
}

ParameterizedTestParameters(http_tls, requests_are_those_that_clients_made) {
        static unsigned indexes[ELEMENTSOF(kinds)];

        for (unsigned i = 0; i < ELEMENTSOF(kinds); i++)
                indexes[i] = i;

        return cr_make_param_array(unsigned, indexes, ELEMENTSOF(indexes));
}

ParameterizedTest(const unsigned *index, http_tls, requests_are_those_that_clients_made) {
        const Kind *k = &kinds[*index];
        HttpBed b = {};
        HttpsServer s;
        HttpsAnswers a;

        if (missing(k))
                cr_skip_test("no %s", missing(k));

        if (!http_bed_open(&b))
                return;
        https_server_start(&s, k->kind);
        cr_assert_eq(http_bed_watch(&b, s.pid, PROBE_HTTP_HOOK_AUTO, NULL), 0);
        attach(&b, s.pid, k->file, k->is_program, 0);

        http_bed_reset(&b);
        a = https_client_run(&s, &b, 6, 10);
        cr_assert_eq(a.n_total, 60u);
        expect_as_seen(&b, &s, a);
        cr_expect_geq(http_bed_counter(&b, s.pid, CPROF_HTTP_SEEN_TLS_PLAIN), 6u);

        probe_http_unwatch(b.probe, s.pid);
        http_bed_close(&b);
        https_server_stop(&s);
}

Test(http_tls, attaching_twice_counts_once) {
        HttpBed b = {};
        HttpsServer s;
        HttpsAnswers a;

        if (!http_bed_open(&b))
                return;
        https_server_start(&s, "python");
        cr_assert_eq(http_bed_watch(&b, s.pid, PROBE_HTTP_HOOK_AUTO, NULL), 0);
        attach(&b, s.pid, "libssl.so", false, 0);
        attach(&b, s.pid, "libssl.so", false, 0);

        http_bed_reset(&b);
        a = https_client_run(&s, &b, 2, 10);
        expect_as_seen(&b, &s, a);

        probe_http_unwatch(b.probe, s.pid);
        http_bed_close(&b);
        https_server_stop(&s);
}

/* Other rules keep what is attached; being watched no more ends it; then it begins anew. */
Test(http_tls, attachments_are_of_the_watch) {
        HttpBed b = {};
        HttpsServer s;
        HttpsAnswers a;

        if (!http_bed_open(&b))
                return;
        https_server_start(&s, "python");
        cr_assert_eq(http_bed_watch(&b, s.pid, PROBE_HTTP_HOOK_AUTO, NULL), 0);
        attach(&b, s.pid, "libssl.so", false, 0);

        cr_assert_eq(http_bed_watch(&b, s.pid, PROBE_HTTP_HOOK_AUTO, NULL), 0);
        http_bed_reset(&b);
        a = https_client_run(&s, &b, 2, 10);
        expect_as_seen(&b, &s, a);

        probe_http_unwatch(b.probe, s.pid);
        cr_assert_eq(http_bed_watch(&b, s.pid, PROBE_HTTP_HOOK_AUTO, NULL), 0);
        http_bed_reset(&b);
        (void) https_client_run(&s, &b, 1, 5);
        cr_expect_eq(b.sums[0].n_total, 0u);
        cr_expect_eq(http_bed_counter(&b, s.pid, CPROF_HTTP_SEEN_TLS_PLAIN), 0u);

        attach(&b, s.pid, "libssl.so", false, 0);
        http_bed_reset(&b);
        a = https_client_run(&s, &b, 2, 10);
        expect_as_seen(&b, &s, a);

        probe_http_unwatch(b.probe, s.pid);
        http_bed_close(&b);
        https_server_stop(&s);
}

/* Both have the same library: each is counted as itself, the third not at all. */
Test(http_tls, processes_with_the_same_library_are_told_apart) {
        HttpsServer s[3];
        HttpBed b = {};

        if (!http_bed_open(&b))
                return;
        for (size_t i = 0; i < ELEMENTSOF(s); i++)
                https_server_start(&s[i], "python");
        for (size_t i = 0; i < 2; i++) {
                cr_assert_eq(http_bed_watch(&b, s[i].pid, PROBE_HTTP_HOOK_AUTO, NULL), 0);
                attach(&b, s[i].pid, "libssl.so", false, 0);
        }

        for (unsigned i = 0; i < ELEMENTSOF(s); i++) {
                HttpsAnswers a;

                http_bed_reset(&b);
                a = https_client_run(&s[i], &b, 1, 10 * (i + 1));
                if (i < 2)
                        expect_as_seen(&b, &s[i], a);
                else
                        cr_expect_eq(b.sums[0].n_total, 0u);
        }

        for (size_t i = 0; i < 2; i++)
                probe_http_unwatch(b.probe, s[i].pid);
        http_bed_close(&b);
        for (size_t i = 0; i < ELEMENTSOF(s); i++)
                https_server_stop(&s[i]);
}

Test(http_tls, refusals_have_their_errors) {
        ProbeTls tls = { .path = "/nonexistent/libssl.so", .n_functions = 1 };
        HttpBed b = {};
        pid_t idle = spawn_idle(1);

        if (!http_bed_open(&b))
                return;
        cr_expect_eq(probe_http_tls_attach(b.probe, idle, &tls), -ENOENT, "not watched");
        cr_assert_eq(http_bed_watch(&b, idle, PROBE_HTTP_HOOK_AUTO, NULL), 0);
        cr_expect_eq(probe_http_tls_attach(b.probe, idle, &tls), -ENOENT, "no such file");

        probe_http_unwatch(b.probe, idle);
        http_bed_close(&b);
        spawn_kill(idle);
}
