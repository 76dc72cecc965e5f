/* SPDX-License-Identifier: Apache-2.0 */
/* What the HTTP parser costs for one exchange, in the kernel and without the hook that feeds it: a request
 * and its answer again and again on one connection, by BPF_PROG_TEST_RUN. */
#include "basic/cleanup.h"
#include "bench.h"
#include "bpf/http-fed.h"
#include "http-fed.skel.h"
#include "policy/uri-match.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <string.h>

#define ROUNDS 400U
#define SMALL_REQUEST "GET /index.html HTTP/1.1\r\nHost: 127.0.0.1:18080\r\n\r\n"
#define BROWSER_REQUEST                                                                                                     \
        "GET /api/v1/users/12345/orders?page=2&size=50&sort=asc HTTP/1.1\r\nHost: shop.example.org\r\n"                     \
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36\r\n" \
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"                 \
        "Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en-US,en;q=0.9,de;q=0.8\r\nCache-Control: no-cache\r\n"     \
        "Connection: keep-alive\r\nCookie: session=0123456789abcdef0123456789abcdef0123456789abcdef; theme=dark\r\n"        \
        "Referer: https://shop.example.org/account/orders\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\n"      \
        "Sec-Fetch-Site: same-origin\r\nUpgrade-Insecure-Requests: 1\r\n\r\n"
#define ANSWER                                                                                                          \
        "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Fri, 20 Nov 2026 10:16:54 GMT\r\nContent-Type: text/html\r\n" \
        "Content-Length: 0\r\nLast-Modified: Fri, 20 Nov 2026 10:16:46 GMT\r\nConnection: keep-alive\r\n"               \
        "ETag: \"6b001e0e-3e8\"\r\nAccept-Ranges: bytes\r\n\r\n"

typedef struct ParserBench {
        struct cprof_http_fed *object;
        UriMatch *match;
} ParserBench;

static int fd(const struct bpf_map *map) {
        return bpf_map__fd(map);
}

static void put(const struct bpf_map *map, uint32_t index, const void *value) {
        if (bpf_map_update_elem(fd(map), &index, value, BPF_ANY) < 0)
                abort();
}

static void put_rules(ParserBench *p) {
        const HttpRules *rules = uri_match_rules(p->match);
        struct cprof_http_process process = { .n_rules = rules->n_rules,
                                              .n_groups = rules->n_groups,
                                              .all = rules->all };
        uint32_t next = 0, accepts = 0;

        for (unsigned g = 0; g < rules->n_groups; g++) {
                const HttpAutomaton *a = &rules->groups[g];

                process.groups[g] = (struct cprof_http_group){
                        .next = next, .accepts = accepts, .start = a->start, .classes = g
                };
                put(p->object->maps.http_classes, g, a->classes);
                for (uint32_t i = 0; i < a->n_states * a->n_classes; i++)
                        put(p->object->maps.http_next, next++, &a->next[i]);
                for (uint32_t i = 0; i < a->n_accepts; i++)
                        put(p->object->maps.http_accepts, accepts++, &a->accepts[i]);
        }
        put(p->object->maps.http_processes, 1, &process);
}

static void parser_open(ParserBench *p, const UriRule *rules, size_t n) {
        p->object = cprof_http_fed__open();
        if (!p->object || uri_match_new(rules, n, &p->match, NULL, NULL) < 0)
                abort();

        p->object->rodata->http_n_cells = CPROF_HTTP_RULES_MAX;
        (void) bpf_map__set_max_entries(
                        p->object->maps.http_cells, 3 * CPROF_HTTP_SECONDS * CPROF_HTTP_RULES_MAX);
        (void) bpf_map__set_max_entries(p->object->maps.http_active, 3 * CPROF_HTTP_RULES_MAX);
        (void) bpf_map__set_max_entries(p->object->maps.http_next, 1 << 18);
        (void) bpf_map__set_max_entries(p->object->maps.http_accepts, 1 << 12);
        (void) bpf_map__set_max_entries(p->object->maps.http_classes, CPROF_HTTP_GROUPS_MAX);
        if (cprof_http_fed__load(p->object) < 0)
                abort();
        put_rules(p);
}

static void parser_close(ParserBench *p) {
        cprof_http_fed__destroy(p->object);
        p->match = uri_match_free(p->match);
}

/* A connection of process 1: the first members of struct http_connection are key and pid. */
static void connection_reset(ParserBench *p) {
        uint64_t zeroed[32] = { 2, 1 };

        put(p->object->maps.connection, 0, zeroed);
}

static uint64_t responses(ParserBench *p) {
        uint64_t values[1024], n = 0;
        uint32_t key = CPROF_HTTP_SEEN_RESPONSES;

        if (bpf_map_lookup_elem(fd(p->object->maps.http_counters), &key, values) < 0)
                abort();
        for (int cpu = 0; cpu < libbpf_num_possible_cpus(); cpu++)
                n += values[cpu];
        return n;
}

/* Nanoseconds of one exchange: the median, as other programs run beside us. */
static double measure(ParserBench *p, const char *request, const char *answer) {
        uint64_t arguments[12] = { (uint64_t) request, strlen(request), (uint64_t) answer, strlen(answer) };
        LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = arguments, .ctx_size_in = sizeof(arguments));
        uint64_t before = responses(p);
        double ns[ROUNDS];

        connection_reset(p);
        for (unsigned i = 0; i < ROUNDS; i++) {
                if (bpf_prog_test_run_opts(bpf_program__fd(p->object->progs.http_exchanges), &options) < 0)
                        abort();
                ns[i] = (double) p->object->bss->exchange_ns / HTTP_FED_EXCHANGES;
        }
        if (responses(p) - before != ROUNDS * HTTP_FED_EXCHANGES)
                abort(); /* a figure of something else */
        return bench_median(ns, ROUNDS);
}

static void measure_rules(Bench *b, unsigned n_rules) {
        UriRule rules[CPROF_HTTP_RULES_MAX] = { { URI_RULE_ALL, NULL } };
        char paths[CPROF_HTTP_RULES_MAX][48], figure[64];
        ParserBench p = {};

        for (unsigned i = 1; i < n_rules; i++) {
                (void) snprintf(paths[i], sizeof(paths[i]), "^/api/v%u/users/[0-9]+/orders$", i);
                rules[i] = (UriRule){ URI_RULE_REGEX, paths[i] };
        }
        parser_open(&p, rules, n_rules);

        (void) snprintf(figure, sizeof(figure), "small exchange, %u rules", n_rules);
        bench_figure(b,
                     figure,
                     measure(&p, SMALL_REQUEST, ANSWER),
                     "ns",
                     BENCH_NO_GOAL,
                     true,
                     "request of 51 bytes and answer of 237, in the cache");
        (void) snprintf(figure, sizeof(figure), "browser's exchange, %u rules", n_rules);
        bench_figure(b,
                     figure,
                     measure(&p, BROWSER_REQUEST, ANSWER),
                     "ns",
                     BENCH_NO_GOAL,
                     true,
                     "request of 750 bytes and answer of 237, in the cache");
        parser_close(&p);
}

int main(int argc, char **argv) {
        Bench *b = bench_open(argc > 1 ? argv[1] : NULL);

        measure_rules(b, 1);
        measure_rules(b, 8);
        measure_rules(b, CPROF_HTTP_RULES_MAX);
        return bench_close(b);
}
