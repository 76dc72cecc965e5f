/* SPDX-License-Identifier: Apache-2.0 */
/* More than a parser keeps: deep pipelines, endless lines and headers, floods of the smallest pieces. */
#include "http/edge.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(http_floods, .timeout = 60);

static HttpRules *compiled;
static Transcript *t;
static HttpBed *b;

static void set_up(void) {
        compiled = path_rules_compile(edge_rules, RULES, 1);
        t = transcript_new();
        b = http_bed_new(compiled);
}

static void tear_down(void) {
        b = http_bed_free(b);
        t = transcript_free(t);
        compiled = path_rules_free(compiled);
}

static void add(unsigned direction, const char *words) {
        transcript_add(t, direction, words, strlen(words), 1000);
}

static void add_filled(unsigned direction, const char *before, char c, size_t n) {
        char *text = malloc(strlen(before) + n + 1);

        cr_assert_not_null(text);
        strcpy(text, before);
        memset(text + strlen(before), c, n);
        transcript_add(t, direction, text, strlen(before) + n, 1000);
        free(text);
}

static void add_in_bytes(unsigned direction, const char *words) {
        for (; *words; words++)
                transcript_add(t, direction, words, 1, 1000);
}

static void add_repeated(unsigned direction, const char *words, unsigned n) {
        size_t length = strlen(words);
        char *text = malloc(n * length + 1);

        cr_assert_not_null(text);
        for (unsigned i = 0; i < n; i++)
                memcpy(text + i * length, words, length);
        transcript_add(t, direction, text, n * length, 1000);
        free(text);
}

static void check(const Edge *e) {
        transcript_add_end(t, 1000);
        edge_check_transcript(e, t, b);
}

Test(http_floods, twelve_requests_in_one_piece, .init = set_up, .fini = tear_down) {
        add_repeated(BED_IN, EVIL, 12);
        add_repeated(BED_OUT, FAILED, 12);
        add(BED_IN, EVIL);
        add(BED_OUT, OK);
        check(&(Edge){ "12 deep",
                       {},
                       { { 13, 0, 12, 9 }, {}, { 9, 0, 8, 9 } },
                       { { LOSS(PENDING_FULL), 4 } } });
}

Test(http_floods, heads_beyond_the_ring_have_no_body, .init = set_up, .fini = tear_down) {
        add_repeated(BED_IN, EVIL, 8);
        add_repeated(BED_IN, "HEAD /evil HTTP/1.1\r\n\r\n", 64);
        add(BED_IN, EVIL);
        add_repeated(BED_OUT, FAILED, 8);
        add_repeated(BED_OUT, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", 64);
        add(BED_OUT, FAILED);
        check(&(Edge){ "64 HEAD",
                       {},
                       { { 73, 0, 9, 8 }, {}, { 8, 0, 8, 8 } },
                       { { LOSS(PENDING_FULL), 65 } } });
}

Test(http_floods, a_head_that_cannot_be_remembered_ends_it, .init = set_up, .fini = tear_down) {
        add_repeated(BED_IN, EVIL, 8 + 64);
        add(BED_IN, "HEAD /evil HTTP/1.1\r\n\r\n");
        add_repeated(BED_OUT, FAILED, 8);
        check(&(Edge){ "too deep",
                       {},
                       { {}, {}, {} },
                       { { LOSS(PENDING_FULL), 65 }, { LOSS(FRAMING), 1 } } });
}

Test(http_floods, a_target_without_end_is_matched_by_its_beginning, .init = set_up, .fini = tear_down) {
        add_filled(BED_IN, "GET /evil", 'a', 3000);
        add_filled(BED_IN, "", 'a', 3000);
        add(BED_OUT, "HTTP/1.1 414 x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        check(&(Edge){ "414", {}, { { 1, 1, 0, 1 }, {}, { 1, 1, 0, 1 } }, { { LOSS(LONG_URI), 1 } } });
}

Test(http_floods, a_long_target_in_small_pieces_is_whole_afterwards, .init = set_up, .fini = tear_down) {
        add(BED_IN, "GET /evil?");
        for (unsigned i = 0; i < 100; i++)
                add_filled(BED_IN, "", 'q', 37);
        add(BED_IN, " HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc" EVIL);
        add(BED_OUT, OK FAILED);
        check(&(Edge){ "long query", {}, { { 2, 0, 1, 2 }, {}, { 2, 0, 1, 2 } }, {} });
}

Test(http_floods, no_method_has_a_thousand_letters, .init = set_up, .fini = tear_down) {
        add(BED_IN, EVIL);
        add(BED_OUT, OK);
        add_filled(BED_IN, "", 'G', 5000);
        add(BED_OUT, BAD_REQUEST);
        check(&(Edge){ "long method",
                       {},
                       { { 2, 1, 0, 1 }, {}, { 1, 0, 0, 1 } },
                       { { LOSS(BAD_REQUEST), 1 }, { LOSS(UNPAIRED_RESPONSE), 1 } } });
}

Test(http_floods, long_words_of_another_protocol_are_no_request, .init = set_up, .fini = tear_down) {
        for (unsigned i = 0; i < 4; i++) {
                add_filled(BED_IN, "SET key ", 'v', 5000);
                add(BED_OUT, "+OK\r\n");
        }
        check(&(Edge){ "long words", {}, { {}, {}, {} }, { { SEEN(OTHER), 1 } } });
}

Test(http_floods, headers_without_end_in_bytes, .init = set_up, .fini = tear_down) {
        add(BED_IN, "GET /evil HTTP/1.1\r\n");
        for (unsigned i = 0; i < 3000; i++)
                add_in_bytes(BED_IN, "X: y\r\n");
        add_in_bytes(BED_IN, "Content-Length: 4\r\n\r\n");
        add_in_bytes(BED_IN, "body" EVIL);
        add_in_bytes(BED_OUT, FAILED OK);
        check(&(Edge){ "bytes", {}, { { 2, 0, 1, 2 }, {}, { 2, 0, 1, 2 } }, {} });
}

Test(http_floods, headers_without_end_in_one_piece, .init = set_up, .fini = tear_down) {
        add(BED_IN, "GET /evil HTTP/1.1\r\n");
        add_repeated(BED_IN, "a\n", 30000);
        add_filled(BED_IN, "X-Long: ", 'x', 60000);
        add_filled(BED_IN, "Content-Type: ", 'x', 60000);
        add(BED_IN, "\r\nContent-Length: 4\r\n\r\nbody" EVIL);
        add(BED_OUT, FAILED OK);
        check(&(Edge){ "lines", {}, { { 2, 0, 1, 2 }, {}, { 2, 0, 1, 2 } }, {} });
}

Test(http_floods, a_piece_may_end_after_a_thousand_lines, .init = set_up, .fini = tear_down) {
        add(BED_IN, "GET /evil HTTP/1.1\r\n");
        add_repeated(BED_IN, "a\n", 1000);
        add_repeated(BED_IN, "a\nc\nt\n", 200);
        add(BED_IN, "Content-Length: 4\r\n\r\nbody" EVIL);
        add(BED_OUT, FAILED OK);
        check(&(Edge){ "lines at the end", {}, { { 2, 0, 1, 2 }, {}, { 2, 0, 1, 2 } }, {} });
}

Test(http_floods, a_length_line_too_long_to_keep_is_counted, .init = set_up, .fini = tear_down) {
        add(BED_IN, "GET /evil HTTP/1.1\r\n");
        add_filled(BED_IN, "Content-Length: ", ' ', 3000);
        add(BED_IN, "5\r\n\r\n12345");
        add(BED_OUT, BAD_REQUEST);
        check(&(Edge){ "long length",
                       {},
                       { { 1, 1, 0, 1 }, {}, { 1, 1, 0, 1 } },
                       { { LOSS(LONG_LINE), 1 }, { LOSS(FRAMING), 1 } } });
}

Test(http_floods, more_chunks_than_are_followed_are_counted, .init = set_up, .fini = tear_down) {
        add(BED_IN, EVIL);
        add(BED_OUT, "HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\n");
        add_repeated(BED_OUT, "1\r\nx\r\n", 400);
        add_repeated(BED_OUT, "1\r\nx\r\n", 4000);
        add(BED_OUT, "0\r\n\r\n");
        add(BED_IN, EVIL);
        add(BED_OUT, FAILED);
        check(&(Edge){ "chunks",
                       {},
                       { { 2, 0, 2, 1 }, {}, { 2, 0, 2, 1 } },
                       { { LOSS(STEPS), 1 }, { LOSS(RESYNC), 1 } } });
}

Test(http_floods, line_ends_without_end_are_skipped, .init = set_up, .fini = tear_down) {
        for (unsigned i = 0; i < 10; i++)
                add_repeated(BED_IN, "\r\n", 500);
        add(BED_IN, EVIL);
        add(BED_OUT, FAILED);
        check(&(Edge){ "line ends", {}, { { 1, 0, 1, 1 }, {}, { 1, 0, 1, 1 } }, {} });
}

/* Told to the bed directly: a transcript has bytes for everything. */
static void tell(unsigned direction, const char *words) {
        http_bed_feed(b,
                      direction,
                      words,
                      words ? strlen(words) : 100,
                      /* continued= */ false,
                      t->now_ns += 1000);
}

static void check_told(const Edge *e) {
        BedSums sums;

        http_bed_end(b, t->now_ns += 1000);
        http_bed_collect(b, &sums);
        for (unsigned i = 0; i < CPROF_HTTP_LOSSES_DEGRADING; i++)
                cr_expect_eq(sums.counters[i],
                             i == e->losses[0].counter ? e->losses[0].n : 0,
                             "%s: counter %u",
                             e->name,
                             i);
        cr_expect_eq(sums.cells[RULE_EVIL].n_total, e->expected[RULE_EVIL].n);
        cr_expect_eq(sums.counters[LOSS(RESYNC)], 1);
}

Test(http_floods, memory_that_cannot_be_read_is_counted, .init = set_up, .fini = tear_down) {
        http_bed_open(b);
        tell(BED_IN, EVIL);
        tell(BED_OUT, OK);
        tell(BED_IN, NULL);
        tell(BED_IN, EVIL);
        tell(BED_OUT, FAILED);
        check_told(&(Edge){ "fault", {}, { {}, {}, { .n = 2 } }, { { LOSS(FAULT), 1 } } });
}

Test(http_floods, an_unfinished_line_that_was_forgotten_is_counted, .init = set_up, .fini = tear_down) {
        http_bed_open(b);
        tell(BED_IN, EVIL);
        tell(BED_OUT, OK);
        tell(BED_IN, "GET /ev");
        http_bed_lose_carries(b);
        tell(BED_IN, "il HTTP/1.1\r\n\r\n");
        tell(BED_IN, EVIL);
        tell(BED_OUT, FAILED);
        check_told(&(Edge){ "carry", {}, { {}, {}, { .n = 2 } }, { { LOSS(CARRY), 1 } } });
}
