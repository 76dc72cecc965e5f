/* SPDX-License-Identifier: Apache-2.0 */
/* Matching the URI of a request against the rules of a process, as the kernel does it, and making the
 * automata when the rules change. */
#include "basic/cleanup.h"
#include "bench/bench.h"
#include "policy/uri-match.h"

#include <string.h>

#define ROUNDS 25
#define BYTES_PER_ROUND (4U << 20)
#define TARGETS 256

typedef struct Targets {
        char texts[TARGETS][96];
        size_t lengths[TARGETS], n_bytes;
} Targets;

typedef void (*RuleFn)(unsigned number, char text[static 96]);

/* Only the last bytes tell: however many rules there are, every byte is looked at. */
static void targets_init(Targets *t) {
        for (unsigned i = 0; i < TARGETS; i++) {
                snprintf(t->texts[i],
                         sizeof(t->texts[i]),
                         "/api/v1/shop/customers/6f3a9c1e/orders/items/%u",
                         i);
                t->lengths[i] = strlen(t->texts[i]);
                t->n_bytes += t->lengths[i];
        }
}

static void exact_rule(unsigned number, char text[static 96]) {
        snprintf(text, 96, "/api/v1/shop/customers/6f3a9c1e/orders/items/%u", number);
}

static void regex_rule(unsigned number, char text[static 96]) {
        snprintf(text, 96, "^/api/v[0-9]+/[^/]+/customers/[^/]+/orders/\\w+/%u$", number);
}

static void complain(const char *message) {
        fprintf(stderr, "bench-uri: %s\n", message);
        exit(EXIT_FAILURE);
}

static UriMatch *make(RuleFn fn, unsigned n) {
        static char texts[CPROF_HTTP_RULES_MAX][96];
        UriRule rules[CPROF_HTTP_RULES_MAX];
        char *message = NULL;
        UriMatch *m;

        for (unsigned i = 0; i < n; i++) {
                fn(i, texts[i]);
                rules[i] = (UriRule){ fn == exact_rule ? URI_RULE_EXACT : URI_RULE_REGEX, texts[i] };
        }
        if (uri_match_new(rules, n, &m, NULL, &message) < 0)
                complain(message);

        return m;
}

static double build_ms(RuleFn fn, unsigned n) {
        double ms[ROUNDS];

        for (unsigned i = 0; i < ROUNDS; i++) {
                double start = bench_now_ms();

                uri_match_free(make(fn, n));
                ms[i] = bench_now_ms() - start;
        }

        return bench_median(ms, ROUNDS);
}

static double ns_per_byte(const UriMatch *m, const Targets *t) {
        unsigned times = (unsigned) (BYTES_PER_ROUND / t->n_bytes);
        double ns[ROUNDS];
        uint64_t found = 0;

        for (unsigned i = 0; i < ROUNDS; i++) {
                double start = bench_now_ms();

                for (unsigned j = 0; j < times; j++)
                        for (unsigned k = 0; k < TARGETS; k++)
                                found += uri_match_find(m, t->texts[k], t->lengths[k]);
                ns[i] = (bench_now_ms() - start) * 1e6 / ((double) times * (double) t->n_bytes);
        }
        if (found == 0)
                complain("no target was matched");

        return bench_median(ns, ROUNDS);
}

static void measure(Bench *b, const char *kind, RuleFn fn, const Targets *t) {
        static const unsigned numbers[] = { 1, 8, 64 };
        double of_one = 0;

        for (size_t i = 0; i < ELEMENTSOF(numbers); i++) {
                _cleanup_(uri_match_freep) UriMatch *m = make(fn, numbers[i]);
                const HttpAutomaton *a = &uri_match_rules(m)->groups[0];
                char figure[96], inputs[192];
                double ns = ns_per_byte(m, t);

                if (i == 0)
                        of_one = ns;
                snprintf(inputs,
                         sizeof(inputs),
                         "%u targets of %zu bytes each; automata: %u, states of the first: %u, classes of bytes: %u",
                         TARGETS,
                         t->n_bytes / TARGETS,
                         uri_match_rules(m)->n_groups,
                         a->n_states,
                         a->n_classes);

                snprintf(figure, sizeof(figure), "matching %u %s", numbers[i], kind);
                bench_figure(b, figure, ns, "ns/byte", BENCH_NO_GOAL, true, inputs);
                snprintf(figure, sizeof(figure), "making %u %s", numbers[i], kind);
                bench_figure(b, figure, build_ms(fn, numbers[i]), "ms", 50, true, inputs);
                if (numbers[i] == CPROF_HTTP_RULES_MAX) {
                        snprintf(figure, sizeof(figure), "matching %u beside 1, %s", numbers[i], kind);
                        bench_figure(b, figure, ns / of_one, "times", 1.5, true, inputs);
                }
        }
}

int main(int argc, char **argv) {
        Bench *b = bench_open(argc > 1 ? argv[1] : NULL);
        static Targets targets;

        targets_init(&targets);
        measure(b, "exact paths", exact_rule, &targets);
        measure(b, "expressions", regex_rule, &targets);

        return bench_close(b);
}
