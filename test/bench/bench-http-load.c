/* SPDX-License-Identifier: Apache-2.0 */
#include "bench-http-load.h"

#include "basic/cleanup.h"
#include "bench-load.h"
#include "host/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BODY_BYTES 1000U
#define START_MS_MAX 10000U
#define PAIR_GROUPS 60U
#define PAIR_ROUNDS 2000U

static unsigned cpu_of_load(void) {
        long n = sysconf(_SC_NPROCESSORS_ONLN);

        return n > 1 ? (unsigned) n - 1 : 0;
}

static void write_text(const char *directory, const char *name, const char *text) {
        char path[128];
        FILE *f;

        (void) snprintf(path, sizeof(path), "%s/%s", directory, name);
        f = fopen(path, "we");
        if (!f || fputs(text, f) < 0 || fclose(f) != 0)
                bench_fail(path, errno);
}

static void make_files(const char *directory) {
        char text[2048], body[BODY_BYTES + 1];
        uint64_t cpu_ns;

        memset(body, 'x', BODY_BYTES);
        body[BODY_BYTES] = '\0';
        write_text(directory, "file", body);
        (void) snprintf(text,
                        sizeof(text),
                        "daemon off;\nmaster_process off;\nerror_log stderr;\npid %s/pid;\nevents {}\n"
                        "http {\naccess_log off;\nkeepalive_requests 1000000000;\nsendfile on;\n"
                        "client_body_temp_path %s/a;\nproxy_temp_path %s/b;\nfastcgi_temp_path %s/c;\n"
                        "uwsgi_temp_path %s/d;\nscgi_temp_path %s/e;\n"
                        "server {\nlisten 127.0.0.1:%u;\nlisten 127.0.0.1:%u ssl;\nroot %s;\n"
                        "ssl_certificate %s/cert.pem;\nssl_certificate_key %s/key.pem;\n}\n}\n",
                        directory,
                        directory,
                        directory,
                        directory,
                        directory,
                        directory,
                        BENCH_HTTP_PORT,
                        BENCH_HTTP_TLS_PORT,
                        directory,
                        directory,
                        directory);
        write_text(directory, "nginx.conf", text);
        (void) snprintf(text,
                        sizeof(text),
                        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=bench -keyout %s/key.pem "
                        "-out %s/cert.pem 2>%s/openssl.log && chmod -R a+rX %s",
                        directory,
                        directory,
                        directory,
                        directory);
        if (bench_run(text, &cpu_ns) != 0)
                bench_fail("openssl", EIO);
}

/* A bench_fork() function. SCHED_BATCH: who is woken up does not interrupt who runs, which would cost more
 * than what is measured. */
static void run_nginx(void *userdata) {
        const BenchNginx *n = userdata;
        char cpu[16], path[96];

        (void) snprintf(cpu, sizeof(cpu), "%u", cpu_of_load());
        (void) snprintf(path, sizeof(path), "%s/nginx.conf", n->directory);
        (void) execlp("taskset",
                      "taskset",
                      "-c",
                      cpu,
                      "chrt",
                      "-b",
                      "0",
                      "nginx",
                      "-c",
                      path,
                      (char *) NULL);
        bench_fail("nginx", errno);
}

static bool answers(unsigned port) {
        struct sockaddr_in a = { .sin_family = AF_INET,
                                 .sin_port = htons((uint16_t) port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        _cleanup_(closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        return fd >= 0 && connect(fd, (struct sockaddr *) &a, sizeof(a)) == 0;
}

void bench_nginx_start(BenchNginx *n) {
        (void) snprintf(n->directory, sizeof(n->directory), "/var/tmp/bench-http-XXXXXX");
        if (!mkdtemp(n->directory))
                bench_fail(n->directory, errno);
        make_files(n->directory);
        n->pid = bench_fork("bench-nginx", run_nginx, n);
        for (unsigned i = 0; !answers(BENCH_HTTP_TLS_PORT); i++) {
                if (i > START_MS_MAX / 10)
                        bench_fail("nginx does not answer", ETIME);
                bench_sleep_until(clock_monotonic_usec() + 10 * USEC_PER_MSEC);
        }
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

void bench_nginx_stop(BenchNginx *n) {
        bench_kill(n->pid);
        (void) nftw(n->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* "  123456 requests in 1.00s, …" */
static uint64_t read_requests(const char *path) {
        unsigned long long n = 0;
        char line[256];
        FILE *f;

        f = fopen(path, "re");
        if (!f)
                bench_fail(path, errno);
        while (fgets(line, sizeof(line), f))
                if (strstr(line, " requests in "))
                        n = strtoull(line, NULL, 10);
                else if (strstr(line, "Socket errors") || strstr(line, "Non-2xx"))
                        bench_fail(line, EIO);
        (void) fclose(f);
        if (n == 0)
                bench_fail("wrk made no requests", EIO);
        return n;
}

void bench_http_round(const BenchNginx *n, bool tls, unsigned sec, BenchHttpRound *ret) {
        uint64_t server_ns = bench_process_cpu_ns(n->pid), client_ns;
        char command[512], path[96];

        (void) snprintf(path, sizeof(path), "%s/wrk", n->directory);
        (void) snprintf(command,
                        sizeof(command),
                        "exec taskset -c %u chrt -b 0 wrk -t1 -c8 -d%us %s://127.0.0.1:%u/file >%s 2>&1",
                        cpu_of_load(),
                        sec,
                        tls ? "https" : "http",
                        tls ? BENCH_HTTP_TLS_PORT : BENCH_HTTP_PORT,
                        path);
        if (bench_run(command, &client_ns) != 0)
                bench_fail("wrk", EIO);
        server_ns = bench_process_cpu_ns(n->pid) - server_ns;
        ret->n_requests = read_requests(path);
        ret->server_ns = (double) server_ns / (double) ret->n_requests;
        ret->client_ns = (double) client_ns / (double) ret->n_requests;
}

static void connect_to_itself(int fds[static 2]) {
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof(a);
        int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (bind(listener, (struct sockaddr *) &a, size) < 0 || listen(listener, 1) < 0 ||
            getsockname(listener, (struct sockaddr *) &a, &size) < 0 ||
            connect(fds[0], (struct sockaddr *) &a, sizeof(a)) < 0)
                bench_fail("TCP", errno);
        fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fds[1] < 0)
                bench_fail("accept", errno);
        (void) close(listener);
}

double bench_socket_pair_ns(void) {
        struct timespec start, end;
        double least = HUGE_VAL;
        char bytes[64] = "";
        int fds[2];

        connect_to_itself(fds);
        for (unsigned i = 0; i < PAIR_GROUPS; i++) {
                double ns;

                (void) clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
                for (unsigned k = 0; k < PAIR_ROUNDS; k++)
                        if (write(fds[0], bytes, sizeof(bytes)) < 0 ||
                            read(fds[1], bytes, sizeof(bytes)) < 0)
                                bench_fail("TCP", errno);
                (void) clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
                ns = (double) (end.tv_sec - start.tv_sec) * 1e9 + (double) (end.tv_nsec - start.tv_nsec);
                least = ns / PAIR_ROUNDS < least ? ns / PAIR_ROUNDS : least;
        }
        (void) close(fds[0]);
        (void) close(fds[1]);
        return least;
}
