/* SPDX-License-Identifier: Apache-2.0 */
/* What measuring HTTP costs a busy server, and one that is not measured: nginx under wrk with nothing
 * attached, with a rule about it, with a rule about somebody else, and with its bytes copied to user space,
 * in turns. */
#include "bench-bpf.h"
#include "bench-daemon.h"
#include "bench-http-copy.h"
#include "bench-http-load.h"
#include "bench-load.h"
#include "bench.h"

#include "basic/cleanup.h"
#include "host/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX 15U
#define ROUNDS 7U
#define ROUND_SEC 1U
#define SETTLE_USEC (2500 * USEC_PER_MSEC) /* until processes are measured and unwind tables made */
#define PAIR_ROUNDS 5U
#define SEARCH_SEC_MAX 15U
#define GOAL_PLAIN_NS 1300
#define GOAL_TLS_NS 5000
#define GOAL_WAKEUPS 0.001 /* per request: none, but one a second for the sums */
#define GOAL_UNMONITORED_SOCKET_NS 40
#define GOAL_UNMONITORED_CGROUP_NS 5 /* none; this much is noise */

typedef enum Mode {
        MODE_OFF,
        MODE_RULE,
        MODE_OTHER,
        MODE_COPY,
        _MODE_MAX,
} Mode;

static const char *const mode_names[] = { "off", "rule", "other", "copy" };

typedef struct Figures {
        BenchHttpRound load;
        double daemon_ns, wakeups; /* per request */
} Figures;

static const char policy_nginx[] =
                "[Policy]\nExe=/usr/sbin/nginx\n"
                "[Trigger]\nMetric=http-error-rate\nThreshold=100%\nPeriod=60s\nCount=60\n"
                "[Trigger]\nMetric=http-avg-response-time\nThreshold=1000s\nPeriod=60s\nCount=60\nURI=/file\n"
                "[Trigger]\nMetric=http-avg-response-time\nThreshold=1000s\nPeriod=60s\nCount=60\n"
                "URIRegex=^/users/\\d+/(orders|items)$\n";
static const char policy_other[] =
                "[Policy]\nExe=*/sleep\n"
                "[Trigger]\nMetric=http-error-rate\nThreshold=100%\nPeriod=60s\nCount=60\n";

static void start_daemon(BenchDaemon *d, const char *hook, const char *text) {
        const BenchPolicy policy = { .name = "bench", .text = text };
        char config[128];

        (void) snprintf(config, sizeof(config), "[Recorder]\nRecorderHz=0\n[Http]\nHttpHook=%s\n", hook);
        bench_daemon_start_with(d, config, &policy, 1);
        bench_sleep_until(clock_monotonic_usec() + SETTLE_USEC);
}

/* TLS libraries are searched for in small steps. */
static void wait_for_program(const BenchDaemon *d, const char *name) {
        int fd = -ENOENT;

        for (unsigned i = 0; fd < 0 && i < SEARCH_SEC_MAX; i++) {
                fd = bench_bpf_find(d->pid, name);
                if (fd < 0)
                        bench_sleep_until(clock_monotonic_usec() + USEC_PER_SEC);
        }
        if (fd < 0)
                bench_fail("the daemon has no such program", ENOENT);
        (void) close(fd);
}

static uint64_t wakeups_of(pid_t pid) {
        char path[64];

        (void) snprintf(path, sizeof(path), "/proc/%i/status", (int) pid);
        return bench_read_number(path, "voluntary_ctxt_switches");
}

static void measure_beside(pid_t other, const BenchNginx *nginx, bool tls, Figures *ret) {
        uint64_t cpu_ns = bench_process_cpu_ns(other), n = wakeups_of(other);

        bench_http_round(nginx, tls, ROUND_SEC, &ret->load);
        ret->daemon_ns = (double) (bench_process_cpu_ns(other) - cpu_ns) / (double) ret->load.n_requests;
        ret->wakeups = (double) (wakeups_of(other) - n) / (double) ret->load.n_requests;
}

static void measure_copy(const BenchNginx *nginx, bool tls, Figures *ret) {
        BenchHttpCopy c;

        bench_http_copy_start(&c, nginx->pid);
        measure_beside(c.pid, nginx, tls, ret);
        if (!tls && *c.n_answers == 0)
                bench_fail("the copier saw nothing", ENODATA);
        bench_http_copy_stop(&c);
}

static void measure_mode(Mode mode, const BenchNginx *nginx, bool tls, Figures *ret) {
        BenchDaemon d;

        *ret = (Figures){};
        if (mode == MODE_OFF)
                bench_http_round(nginx, tls, ROUND_SEC, &ret->load);
        else if (mode == MODE_COPY)
                measure_copy(nginx, tls, ret);
        else {
                start_daemon(&d, "auto", mode == MODE_RULE ? policy_nginx : policy_other);
                if (mode == MODE_RULE)
                        wait_for_program(&d, tls ? "tls_enter" : "http_received");
                measure_beside(d.pid, nginx, tls, ret);
                bench_daemon_stop(&d);
        }
}

static void shuffle(unsigned order[static _MODE_MAX]) {
        for (unsigned i = _MODE_MAX - 1; i > 0; i--) {
                unsigned k = (unsigned) rand() % (i + 1), swapped = order[i];

                order[i] = order[k];
                order[k] = swapped;
        }
}

static void print_mode(Bench *b, bool tls, Mode mode, Figures (*f)[_MODE_MAX], unsigned n) {
        double server[ROUNDS_MAX], client[ROUNDS_MAX], daemon[ROUNDS_MAX], wakeups[ROUNDS_MAX],
                        ratio[ROUNDS_MAX];
        const double no_goal = BENCH_NO_GOAL;
        const char *protocol = tls ? "tls" : "plain";
        bool is_rule = mode == MODE_RULE;
        char name[64], inputs[256];

        for (unsigned i = 0; i < n; i++) {
                const Figures *x = &f[i][mode], *off = &f[i][MODE_OFF];

                server[i] = x->load.server_ns - off->load.server_ns;
                client[i] = x->load.client_ns - off->load.client_ns;
                daemon[i] = x->daemon_ns;
                wakeups[i] = x->wakeups;
                ratio[i] = (double) x->load.n_requests / (double) off->load.n_requests;
        }
        (void) snprintf(inputs,
                        sizeof(inputs),
                        "%s, added CPU, median of %u pairs: server; client %+.0f, daemon %.1f ns; requests per second "
                        "%.3f x of nothing attached, which has %llu",
                        mode_names[mode],
                        n,
                        bench_median(client, n),
                        bench_median(daemon, n),
                        bench_median(ratio, n),
                        (unsigned long long) (f[0][MODE_OFF].load.n_requests / ROUND_SEC));
        (void) snprintf(name, sizeof(name), "http-%s-%s-added-ns", protocol, mode_names[mode]);
        bench_figure(b,
                     name,
                     bench_median(server, n),
                     "ns/request",
                     is_rule ? (tls ? GOAL_TLS_NS : GOAL_PLAIN_NS) : no_goal,
                     true,
                     inputs);
        (void) snprintf(name, sizeof(name), "http-%s-%s-wakeups", protocol, mode_names[mode]);
        bench_figure(b,
                     name,
                     bench_median(wakeups, n),
                     "per request",
                     is_rule ? GOAL_WAKEUPS : no_goal,
                     true,
                     "voluntary switches of the process beside the server");
}

static void add_run(int fd, double *ns, uint64_t *count) {
        struct bpf_prog_info info;

        bench_bpf_read(fd, &info);
        *ns += (double) info.run_time_ns;
        *count += info.run_cnt;
}

/* The time of the programs alone, and that they do run: with statistics, which cost something themselves. */
static void bench_programs(Bench *b, const BenchNginx *nginx, bool tls) {
        static const char *const plain_programs[] = { "http_received", "http_sent" };
        static const char *const tls_programs[] = { "tls_enter", "tls_return" };
        const char *const *names = tls ? tls_programs : plain_programs;
        int statistics = bench_bpf_statistics(), fds[2];
        uint64_t n_before = 0, n_after = 0;
        double before = 0, after = 0;
        BenchHttpRound round;
        BenchDaemon d;

        start_daemon(&d, "auto", policy_nginx);
        for (unsigned i = 0; i < 2; i++) {
                wait_for_program(&d, names[i]);
                fds[i] = bench_bpf_open(d.pid, names[i]);
                add_run(fds[i], &before, &n_before);
        }
        bench_http_round(nginx, tls, ROUND_SEC, &round);
        for (unsigned i = 0; i < 2; i++) {
                add_run(fds[i], &after, &n_after);
                (void) close(fds[i]);
        }
        bench_daemon_stop(&d);
        (void) close(statistics);

        if (n_after - n_before < round.n_requests)
                bench_fail("the daemon did not see the requests", ENODATA);
        bench_figure(b,
                     tls ? "http-tls-programs-ns" : "http-plain-programs-ns",
                     (after - before) / (double) round.n_requests,
                     "ns/request",
                     BENCH_NO_GOAL,
                     true,
                     "run time by BPF statistics, whose own two looks at the clock are in it");
}

static void bench_requests(Bench *b, const BenchNginx *nginx, bool tls, unsigned n) {
        unsigned order[_MODE_MAX] = { MODE_OFF, MODE_RULE, MODE_OTHER, MODE_COPY };
        Figures f[ROUNDS_MAX][_MODE_MAX];
        BenchHttpRound warm;

        bench_http_round(nginx, tls, 1, &warm);
        for (unsigned i = 0; i < n; i++) {
                shuffle(order);
                for (unsigned k = 0; k < _MODE_MAX; k++)
                        measure_mode(order[k], nginx, tls, &f[i][order[k]]);
        }
        bench_programs(b, nginx, tls);
        print_mode(b, tls, MODE_RULE, f, n);
        print_mode(b, tls, MODE_OTHER, f, n);
        print_mode(b, tls, MODE_COPY, f, n);
}

/* Of a process that is not measured, while another one is. */
static void bench_unmonitored(Bench *b, const char *hook, double goal) {
        double with = HUGE_VAL, without = HUGE_VAL;
        char name[64], inputs[128];

        for (unsigned i = 0; i < PAIR_ROUNDS; i++) {
                BenchDaemon d;

                without = fmin(without, bench_socket_pair_ns());
                start_daemon(&d, hook, policy_other);
                with = fmin(with, bench_socket_pair_ns());
                bench_daemon_stop(&d);
        }
        (void) snprintf(name, sizeof(name), "http-unmonitored-%s-ns", hook);
        (void) snprintf(inputs,
                        sizeof(inputs),
                        "TCP write and read of 64 bytes, half of it, least of %u rounds: %.0f ns without",
                        PAIR_ROUNDS,
                        without / 2);
        bench_figure(b, name, (with - without) / 2, "ns/operation", goal, true, inputs);
}

static void sleep_for_ever(void *userdata) {
        (void) execlp("sleep", "sleep", "infinity", (char *) NULL);
        bench_fail("sleep", errno);
}

int main(int argc, char **argv) {
        Bench *b = bench_open(argc > 1 ? argv[1] : NULL);
        bool is_quick = argc > 2 && strcmp(argv[2], "--quick") == 0;
        unsigned n = is_quick ? 3 : ROUNDS;
        pid_t other = bench_fork("bench-other", sleep_for_ever, NULL);
        BenchNginx nginx;

        bench_nginx_start(&nginx);
        bench_requests(b, &nginx, false, n);
        bench_requests(b, &nginx, true, n);
        bench_nginx_stop(&nginx);

        bench_unmonitored(b, "socket", GOAL_UNMONITORED_SOCKET_NS);
        bench_unmonitored(b, "cgroup", GOAL_UNMONITORED_CGROUP_NS);
        bench_kill(other);
        return bench_close(b);
}
