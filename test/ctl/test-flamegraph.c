/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/file-io.h"
#include "ctl/flamegraph.h"
#include "ctl/folded-diff.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE_BYTES_MAX (64U << 20)
#define HOSTILE "</script><script>alert(1)</script><!-- \"'&\\"

TestSuite(flamegraph, .timeout = 30);

static const FlamegraphInfo info = {
        .title = "web.service",
        .subtitle = "on-cpu",
        .unit_label = "samples",
        .seconds_per_sample = 0.01,
};

static char *read_back(int fd) {
        char *text;

        cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
        cr_assert_eq(read_full_fd(fd, PAGE_BYTES_MAX, &text, NULL), 0);
        return text;
}

static char *page_of(const char *stacks, const FlamegraphInfo *i) {
        _cleanup_(closep) int in_fd = memfd_create("in", MFD_CLOEXEC),
                              out_fd = memfd_create("out", MFD_CLOEXEC);
        _cleanup_(folded_freep) Folded *f = NULL;

        cr_assert_geq(in_fd, 0);
        cr_assert_geq(out_fd, 0);
        cr_assert_eq(write_full_fd(in_fd, stacks, strlen(stacks)), 0);
        cr_assert_eq(lseek(in_fd, 0, SEEK_SET), 0);
        cr_assert_eq(folded_read(in_fd, &f, NULL), 0);
        cr_assert_eq(flamegraph_write_html(f, i, out_fd), 0);
        return read_back(out_fd);
}

static Folded *parse(const char *stacks) {
        _cleanup_(closep) int fd = memfd_create("in", MFD_CLOEXEC);
        Folded *f = NULL;

        cr_assert_geq(fd, 0);
        cr_assert_eq(write_full_fd(fd, stacks, strlen(stacks)), 0);
        cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
        cr_assert_eq(folded_read(fd, &f, NULL), 0);
        return f;
}

/* What stands between @begin and the next @end. */
static char *between(const char *page, const char *begin, const char *end) {
        const char *from = strstr(page, begin), *to;
        char *text;

        cr_assert_not_null(from, "no %s", begin);
        from += strlen(begin);
        to = strstr(from, end);
        cr_assert_not_null(to);
        text = strndup(from, (size_t) (to - from));
        cr_assert_not_null(text);
        return text;
}

static json_t *info_of(const char *page) {
        _cleanup_(freep) char *text = between(page, "id=\"info\">", "</script>");
        json_error_t error;
        json_t *json;

        json = json_loads(text, 0, &error);
        cr_assert_not_null(json, "no JSON: %s", error.text);
        return json;
}

static const char *string_of(json_t *json, const char *key) {
        return json_string_value(json_object_get(json, key)) ?: "(none)";
}

static size_t count_of(const char *page, const char *text) {
        size_t n = 0;

        for (const char *p = page; (p = strstr(p, text)); p += strlen(text))
                n++;

        return n;
}

Test(flamegraph, names_and_texts_reach_the_page) {
        _cleanup_(freep) char *page = page_of("t;main;read_[k] 3\nt;main 2\n", &info);
        _cleanup_(freep) char *title = between(page, "<title>", "</title>");
        json_t *json = info_of(page), *names = json_object_get(json, "names");

        cr_expect_str_eq(title, "web.service");
        cr_expect_str_eq(string_of(json, "title"), "web.service");
        cr_expect_str_eq(string_of(json, "subtitle"), "on-cpu");
        cr_expect_str_eq(string_of(json, "unit"), "samples");
        cr_expect_eq(json_integer_value(json_object_get(json, "nsec")), 10000000);
        cr_expect_eq(json_integer_value(json_object_get(json, "nodes")), 3);
        cr_assert_eq(json_array_size(names), 3);
        cr_expect_str_eq(json_string_value(json_array_get(names, 0)), "main");
        cr_expect_str_eq(json_string_value(json_array_get(names, 1)), "read_[k]");
        cr_expect_str_eq(json_string_value(json_array_get(names, 2)), "t");
        json_decref(json);
}

typedef struct NodesCase {
        const char *name, *input, *base64;
} NodesCase;

/* Bytes per node: name, levels above a child of the one before, own samples. */
static const NodesCase nodes_cases[] = {
        { "none", "", "" },
        { "00 00 05", "t 5\n", "AAAF" },
        { "00 00 ac 02, four bytes", "t 300\n", "AACsAg==" },
        { "00 00 80 80 01, five bytes", "t 16384\n", "AACAgAE=" },
        { "02 00 00, 00 00 01, 01 01 ac 02", "t;a 1\nt;b 300\n", "AgAAAAABAQGsAg==" },
        { "02 00 00, 00 00 00, 01 00 01, 03 03 01", "t;a;b 1\nu 1\n", "AgAAAAAAAQABAwMB" },
        { "00 00 ff ff ff ff ff ff ff 0f", "t 9007199254740991\n", "AAD/////////Dw==" },
};

Test(flamegraph, nodes_are_encoded_as_the_page_reads_them) {
        for (size_t i = 0; i < ELEMENTSOF(nodes_cases); i++) {
                const NodesCase *c = nodes_cases + i;
                _cleanup_(freep) char *page = page_of(c->input, &info);
                _cleanup_(freep) char *nodes = between(page, "id=\"nodes\">", "</script>");

                cr_expect_str_eq(nodes, c->base64, "%s: got %s", c->name, nodes);
        }
}

Test(flamegraph, a_difference_has_the_counts_of_both_sides) {
        const FlamegraphInfo odd = { .before_label = "before", .after_label = "</script>" };
        _cleanup_(folded_freep) Folded *before = parse("t;b 3\nt;c 1\n"), *after = parse("t;a 1\nt;b 300\n");
        _cleanup_(folded_diff_freep) FoldedDiff *d = NULL;
        _cleanup_(freep) char *page = NULL, *nodes = NULL;
        _cleanup_(closep) int fd = memfd_create("out", MFD_CLOEXEC);
        json_t *json, *labels;

        cr_assert_eq(folded_diff_new(before, after, &d), 0);
        cr_assert_eq(flamegraph_write_diff_html(d, &odd, fd), 0);
        page = read_back(fd);
        nodes = between(page, "id=\"nodes\">", "</script>");
        json = info_of(page);
        labels = json_object_get(json, "diff");

        /* 03 00 00 00, 00 00 01 00, 01 01 ac 02 03, 02 01 00 01: self now, then self before */
        cr_expect_str_eq(nodes, "AwAAAAAAAQABAawCAwIBAAE=");
        cr_expect_eq(json_integer_value(json_object_get(json, "nodes")), 4);
        cr_expect_str_eq(json_string_value(json_array_get(labels, 0)), "before");
        cr_expect_str_eq(json_string_value(json_array_get(labels, 1)), "</script>");
        json_decref(json);
}

Test(flamegraph, counts_are_times_only_with_a_unit) {
        const FlamegraphInfo times = { .counts_time = true, .seconds_per_sample = 1e-6 };
        const FlamegraphInfo unknown = { .counts_time = true };
        _cleanup_(freep) char *page = page_of("t;main 1\n", &times), *bad = page_of("t;main 1\n", &unknown);

        cr_expect_eq(count_of(page, "\"nsec\":1000,\"time\":1,"), 1);
        cr_expect_eq(count_of(bad, "\"nsec\":0,\"time\":0,"), 1);
}

Test(flamegraph, hostile_texts_cannot_leave_their_place) {
        const FlamegraphInfo hostile = {
                .title = "</title>" HOSTILE,
                .subtitle = HOSTILE,
                .unit_label = HOSTILE,
        };
        _cleanup_(freep) char *plain = page_of("t;main 1\n", &info);
        _cleanup_(freep) char *page = page_of("t;" HOSTILE " 1\n", &hostile);
        static const char *const dangerous[] = { "<script", "</script", "</title", "<!--", "alert(1)<" };
        json_t *json = info_of(page);

        for (size_t i = 0; i < ELEMENTSOF(dangerous); i++)
                cr_expect_eq(count_of(page, dangerous[i]),
                             count_of(plain, dangerous[i]),
                             "%s",
                             dangerous[i]);

        cr_expect_str_eq(string_of(json, "title"), "</title>" HOSTILE);
        cr_expect_str_eq(string_of(json, "unit"), HOSTILE);
        cr_expect_str_eq(json_string_value(json_array_get(json_object_get(json, "names"), 0)), HOSTILE);
        json_decref(json);
}

Test(flamegraph, texts_are_cleaned_and_may_be_missing) {
        const FlamegraphInfo odd = { .title = "a\x01\xff\nb" };
        _cleanup_(freep) char *page = page_of("t;main 1\n", &odd);
        json_t *json = info_of(page);

        cr_expect_str_eq(string_of(json, "title"), "a???b");
        cr_expect_str_eq(string_of(json, "subtitle"), "");
        cr_expect_str_eq(string_of(json, "unit"), "");
        json_decref(json);
}

Test(flamegraph, times_that_make_no_sense_are_left_out) {
        const double bad[] = { 0, -1, NAN, INFINITY, 1e300 };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                const FlamegraphInfo odd = { .seconds_per_sample = bad[i] };
                _cleanup_(freep) char *page = page_of("t;main 1\n", &odd);
                json_t *json = info_of(page);

                cr_expect_eq(json_integer_value(json_object_get(json, "nsec")), 0, "%f was taken", bad[i]);
                json_decref(json);
        }
}

Test(flamegraph, the_order_of_the_lines_changes_nothing) {
        _cleanup_(freep) char *a = page_of("t;a;b 1\nt;c 2\nu;a 3\nt;a 4\n", &info);
        _cleanup_(freep) char *b = page_of("u;a 1\nt;a 4\nu;a 2\nt;c 2\nt;a;b 1\n", &info);

        cr_expect_str_eq(a, b);
}

Test(flamegraph, the_page_refers_to_nothing_outside) {
        _cleanup_(freep) char *page = page_of("t;main 1\n", &info);

        cr_expect_eq(count_of(page, "://"), 0);
        cr_expect_eq(count_of(page, "src="), 0);
        cr_expect_eq(count_of(page, "href="), 0);
        cr_expect_eq(count_of(page, "url("), 0);
        cr_expect_eq(count_of(page, "innerHTML"), 0);
        cr_expect_eq(count_of(page, "default-src 'none'"), 1);
        cr_expect_eq(count_of(page, "unsafe-inline"), 0);
}

Test(flamegraph, a_full_disk_is_reported) {
        _cleanup_(closep) int in_fd = memfd_create("in", MFD_CLOEXEC),
                              full_fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
        _cleanup_(folded_freep) Folded *f = NULL;

        cr_assert_geq(in_fd, 0);
        cr_assert_geq(full_fd, 0);
        cr_assert_eq(folded_read(in_fd, &f, NULL), 0);
        cr_expect_eq(flamegraph_write_html(f, &info, full_fd), -ENOSPC);
}
