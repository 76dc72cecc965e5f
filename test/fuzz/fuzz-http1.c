/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP parser on any bytes in any pieces. The input is a list of pieces: a byte that says what (bit 0
 * direction, bit 1 unseen, bit 2 of the same call), two with the length, the bytes. Whatever they are, what
 * is counted has to be consistent, and after a proper exchange on a new connection all is as it should be.
 */
#include "http/http-bed.h"
#include "http/path-rules.h"

#include <stdio.h>
#include <string.h>

#define PIECES_MAX 2000U
#define WHAT_DIRECTION 1U
#define WHAT_UNSEEN 2U
#define WHAT_CONTINUED 4U

enum {
        RULE_ALL,
        RULE_API,
        RULE_ROOT,
        RULES,
};

static const PathRule rules[RULES] = {
        [RULE_ALL] = { NULL, .is_prefix = false },
        [RULE_API] = { "/api", .is_prefix = true },
        [RULE_ROOT] = { "/", .is_prefix = false },
};

#define CHECK(condition)                                                   \
        do {                                                               \
                if (!(condition)) {                                        \
                        fprintf(stderr, "%s does not hold\n", #condition); \
                        abort();                                           \
                }                                                          \
        } while (0)

static HttpBed *b;
static uint64_t now_ns = 1000000000000ULL;

static void check_cell(const struct cprof_http_cell *cell) {
        uint64_t n = 0;

        for (size_t i = 0; i < CPROF_HTTP_BUCKETS; i++)
                n += cell->buckets[i];
        CHECK(n == cell->n_timed);
        CHECK(cell->n_timed <= cell->n_total);
        CHECK(cell->n_4xx + cell->n_5xx <= cell->n_total);
        CHECK(cell->n_timed > 0 || cell->sum_ns == 0);
}

static void check_sums(const BedSums *s, size_t n_pieces) {
        const struct cprof_http_cell *all = &s->cells[RULE_ALL];
        const uint64_t *c = s->counters;
        unsigned n_kinds = 0;

        for (size_t i = 0; i < RULES; i++)
                check_cell(&s->cells[i]);
        CHECK(all->n_total == c[CPROF_HTTP_SEEN_RESPONSES]);
        CHECK(s->cells[RULE_API].n_total + s->cells[RULE_ROOT].n_total <= all->n_total);

        /* each answer has had its request, or is counted as one that had none */
        CHECK(all->n_total <= c[CPROF_HTTP_SEEN_REQUESTS] + c[CPROF_HTTP_LOSS_UNPAIRED_RESPONSE] +
                              c[CPROF_HTTP_LOSS_JOINED]);
        CHECK(all->n_timed + c[CPROF_HTTP_LOSS_ABORTED_REQUEST] <= c[CPROF_HTTP_SEEN_REQUESTS]);
        CHECK(c[CPROF_HTTP_LOSS_PENDING_FULL] <= c[CPROF_HTTP_SEEN_REQUESTS]);
        CHECK(c[CPROF_HTTP_LOSS_TRUNCATED_RESPONSE] <= 1);

        /* a piece loses its direction at most once, and finds it at most once */
        CHECK(c[CPROF_HTTP_LOSS_BAD_REQUEST] + c[CPROF_HTTP_LOSS_STEPS] + c[CPROF_HTTP_LOSS_UNSEEN] <=
              n_pieces);
        CHECK(c[CPROF_HTTP_LOSS_RESYNC] <= n_pieces);
        CHECK(c[CPROF_HTTP_LOSS_FAULT] == 0 && c[CPROF_HTTP_LOSS_CARRY] == 0);

        for (size_t i = CPROF_HTTP_SEEN_CLIENT; i < CPROF_HTTP_COUNTERS_MAX; i++)
                n_kinds += c[i];
        CHECK(n_kinds <= 1);
}

static const uint8_t *play_piece(const uint8_t *data, const uint8_t *end) {
        unsigned what = data[0];
        size_t n = data[1] | data[2] << 8, have = end - (data + 3);

        now_ns += 1000;
        if (what & WHAT_UNSEEN) {
                http_bed_skip(b, what & WHAT_DIRECTION, n, now_ns);
                return data + 3;
        }

        n = n < have ? n : have;
        http_bed_feed(b, what & WHAT_DIRECTION, data + 3, n, what & WHAT_CONTINUED, now_ns);
        return data + 3 + n;
}

static void say(unsigned direction, const char *words) {
        http_bed_feed(b, direction, words, strlen(words), /* continued= */ false, now_ns += 1000);
}

/* Nothing of a connection reaches the next one. */
static void check_afterwards(void) {
        BedSums s;

        http_bed_open(b);
        say(BED_IN, "GET /api HTTP/1.1\r\n\r\n");
        say(BED_OUT, "HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n");
        http_bed_end(b, now_ns);
        http_bed_collect(b, &s);

        CHECK(s.cells[RULE_ALL].n_total == 1 && s.cells[RULE_API].n_5xx == 1 &&
              s.cells[RULE_ROOT].n_total == 0);
        CHECK(s.cells[RULE_API].sum_ns == 1000);
        for (size_t i = 0; i < CPROF_HTTP_COUNTERS_MAX; i++)
                CHECK(s.counters[i] == (i == CPROF_HTTP_SEEN_REQUESTS || i == CPROF_HTTP_SEEN_RESPONSES));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static HttpRules *compiled; /* once: the same for all inputs */
        const uint8_t *end = data + size;
        size_t n_pieces = 0;
        BedSums s;

        if (!b) {
                compiled = path_rules_compile(rules, RULES, 1);
                b = http_bed_new(compiled);
        }
        CHECK(compiled->n_rules == RULES);

        http_bed_open(b);
        for (; end - data > 3 && n_pieces < PIECES_MAX; n_pieces++)
                data = play_piece(data, end);
        http_bed_end(b, now_ns += 1000);
        http_bed_collect(b, &s);
        check_sums(&s, n_pieces);
        check_afterwards();
        return 0;
}
