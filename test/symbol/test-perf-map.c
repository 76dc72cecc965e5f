/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/perf-map.h"

#include "basic/file-io.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

TestSuite(perf_map, .timeout = 20);

Test(perf_map, line_is_start_size_and_name) {
        static const struct {
                const char *line;
                int result;
                uint64_t start, size;
                const char *name;
        } rows[] = {
                { "7f3c40001000 1a0 LazyCompile:~f /x.js:12",
                  0,
                  0x7f3c40001000,
                  0x1a0,
                  "LazyCompile:~f /x.js:12" },
                { "0x7f3c40001000 0x20 f", 0, 0x7f3c40001000, 0x20, "f" },
                { "0 1 a", 0, 0, 1, "a" },
                { "0X10 1 a", 0, 0x10, 1, "a" },
                { "10 1  leading blank", 0, 0x10, 1, " leading blank" },
                { "", -EBADMSG },
                { "7f3c", -EBADMSG },
                { "7f3c 10", -EBADMSG },
                { "7f3c 10 ", -EBADMSG },
                { "7f3c  10 f", -EBADMSG },
                { " 7f3c 10 f", -EBADMSG },
                { "-1 10 f", -EBADMSG },
                { "0x 10 f", -EBADMSG },
                { "7f3c 0 empty", -EBADMSG },
                { "7f3c 4000001 larger than 64 MiB", -EBADMSG },
                { "ffffffffffffffff 2 wraps", -EBADMSG },
                { "1ffffffffffffffff 2 too long", -EBADMSG },
                { "start size name", -EBADMSG },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                PerfMapLine l;
                int r = perf_map_line_parse(rows[i].line, strlen(rows[i].line), &l);

                cr_expect_eq(r, rows[i].result, "'%s': %i", rows[i].line, r);
                if (r < 0 || rows[i].result < 0)
                        continue;

                cr_expect_eq(l.start, rows[i].start);
                cr_expect_eq(l.size, rows[i].size);
                cr_expect_eq(l.name_length, strlen(rows[i].name));
                cr_expect_eq(memcmp(l.name, rows[i].name, l.name_length), 0);
        }
}

static int file_of(const char *text, size_t length) {
        int fd = memfd_create("test", MFD_CLOEXEC);

        cr_assert(fd >= 0);
        cr_assert_eq(write_full_fd(fd, text, length), 0);
        return fd;
}

static PerfMap *load(int fd, const uint64_t *addresses, size_t n) {
        PerfMap *m;
        int r;

        cr_assert_eq(perf_map_new(fd, addresses, n, &m), 0);
        while ((r = perf_map_step(m)) > 0)
                ;
        cr_assert_eq(r, 0);
        return m;
}

typedef struct Expected {
        uint64_t address;
        const char *name;
} Expected;

static void expect_names(const char *text, const Expected *expected, size_t n) {
        _cleanup_(closep) int fd = file_of(text, strlen(text));
        _cleanup_(perf_map_freep) PerfMap *m = NULL;
        uint64_t addresses[32];

        cr_assert(n <= ELEMENTSOF(addresses));
        for (size_t i = 0; i < n; i++)
                addresses[i] = expected[i].address;

        m = load(fd, addresses, n);
        for (size_t i = 0; i < n; i++) {
                char name[PERF_MAP_NAME_MAX + 1] = "(none)";

                (void) perf_map_name(m, i, name);
                cr_expect_str_eq(
                                name,
                                expected[i].name,
                                "%#" PRIx64 " is '%s', not '%s'",
                                addresses[i],
                                name,
                                expected[i].name);
        }
}

Test(perf_map, code_is_found_in_any_order_of_lines) {
        static const Expected expected[] = {
                { 0x0fff, "(none)" }, { 0x1000, "a" },      { 0x10ff, "a" },          { 0x1100, "(none)" },
                { 0x2000, "b c" },    { 0x2fff, "(none)" }, { 0x3000, "first" },      { 0x300f, "first" },
                { 0x3010, "(none)" }, { 0x4000, "(none)" }, { UINT64_MAX, "(none)" },
        };

        expect_names("3000 10 first\n1000 100 a\nrubbish\n\n2000 10 b c\n", expected, ELEMENTSOF(expected));
}

Test(perf_map, later_line_wins_wherever_it_overlaps) {
        static const Expected expected[] = {
                { 0x1000, "old" }, { 0x1080, "new" }, { 0x10ff, "new" }, { 0x1100, "new" },
                { 0x117f, "new" }, { 0x1180, "big" }, { 0x1fff, "big" }, { 0x3000, "third" },
        };

        /* One inside, one across the end, one at the same place three times. */
        expect_names("1000 1000 big\n1000 100 old\n1080 100 new\n3000 10 one\n3000 10 second\n3000 20 third\n",
                     expected,
                     ELEMENTSOF(expected));
}

Test(perf_map, large_later_line_hides_all_it_covers) {
        static const Expected expected[] = { { 0x1000, "all" }, { 0x1010, "all" }, { 0x1020, "all" } };

        expect_names("1000 10 a\n1010 10 b\n1020 10 c\n800 4000 all\n", expected, ELEMENTSOF(expected));
}

Test(perf_map, line_that_is_still_written_is_left_out) {
        static const Expected expected[] = { { 0x1000, "whole" }, { 0x2000, "(none)" } };

        expect_names("1000 10 whole\n2000 10 hal", expected, ELEMENTSOF(expected));
}

/* Many lines and addresses, against a search through all of them. */
Test(perf_map, many_overlapping_lines_give_the_last_that_holds_each_address) {
        enum { N_LINES = 30000, N_ADDRESSES = 2000 };
        static struct { uint64_t start, size; } lines[N_LINES];
        static uint64_t addresses[N_ADDRESSES];
        _cleanup_(perf_map_freep) PerfMap *m = NULL;
        _cleanup_(closep) int fd = memfd_create("test", MFD_CLOEXEC);
        _cleanup_(fclosep) FILE *f = fdopen(dup(fd), "w");
        uint64_t x = 88172645463325252;

        cr_assert(f);
        for (unsigned i = 0; i < N_LINES; i++) {
                x ^= x << 13, x ^= x >> 7, x ^= x << 17;
                lines[i].start = x % 1000000;
                lines[i].size = 1 + (x >> 40) % (i % 100 == 0 ? 50000 : 60);
                fprintf(f, "%" PRIx64 " %" PRIx64 " %x\n", lines[i].start, lines[i].size, i);
        }
        cr_assert_eq(fflush(f), 0);

        for (unsigned i = 0; i < N_ADDRESSES; i++)
                addresses[i] = i * 517;
        m = load(fd, addresses, N_ADDRESSES);

        for (unsigned i = 0; i < N_ADDRESSES; i++) {
                char name[PERF_MAP_NAME_MAX + 1] = "";
                int expected = N_LINES - 1;

                while (expected >= 0 &&
                       (addresses[i] < lines[expected].start ||
                        addresses[i] - lines[expected].start >= lines[expected].size))
                        expected--;

                if (expected < 0)
                        cr_assert_eq(perf_map_name(m, i, name), -ENOENT);
                else {
                        cr_assert_eq(perf_map_name(m, i, name), 0);
                        cr_assert_eq(strtol(name, NULL, 16), expected);
                }
        }
}

Test(perf_map, file_that_is_written_anew_gives_no_wrong_name) {
        static const uint64_t addresses[] = { 0x1000 };
        _cleanup_(closep) int fd = file_of("1000 10 a\n", 10);
        _cleanup_(perf_map_freep) PerfMap *m = load(fd, addresses, 1);
        char name[PERF_MAP_NAME_MAX + 1];

        cr_assert_eq(pwrite(fd, "2000 10 b\n", 10, 0), 10);
        cr_expect_eq(perf_map_name(m, 0, name), -ENOENT);

        cr_assert_eq(ftruncate(fd, 0), 0);
        cr_expect_eq(perf_map_name(m, 0, name), -ENOENT);
}

Test(perf_map, long_name_is_cut_and_longer_line_is_skipped) {
        static const uint64_t addresses[] = { 0x1000, 0x2000, 0x3000 };
        _cleanup_(freep) char *text = malloc(100000);
        char name[PERF_MAP_NAME_MAX + 1];
        size_t n = 0;

        cr_assert(text);
        n += (size_t) sprintf(text + n, "1000 10 ");
        memset(text + n, 'n', 5000);
        n += 5000;
        n += (size_t) sprintf(text + n, "\n2000 10 ");
        memset(text + n, 'n', 70000);
        n += 70000;
        n += (size_t) sprintf(text + n, "\n3000 10 after\n");

        _cleanup_(closep) int fd = file_of(text, n);
        _cleanup_(perf_map_freep) PerfMap *m = load(fd, addresses, 3);

        cr_assert_eq(perf_map_name(m, 0, name), 0);
        cr_expect_eq(strlen(name), PERF_MAP_NAME_MAX);
        cr_expect_eq(perf_map_name(m, 1, name), -ENOENT);
        cr_assert_eq(perf_map_name(m, 2, name), 0);
        cr_expect_str_eq(name, "after");
}

Test(perf_map, end_of_a_huge_file_is_read) {
        static const uint64_t addresses[] = { 0x1000, 0x2000 };
        static const char last[] = "\n2000 10 newest\n";
        _cleanup_(closep) int fd = file_of("1000 10 oldest\n", 15);
        _cleanup_(perf_map_freep) PerfMap *m = NULL;
        char name[PERF_MAP_NAME_MAX + 1];

        /* A hole of zero bytes is between them. */
        cr_assert_eq(pwrite(fd, last, strlen(last), PERF_MAP_TEXT_MAX + 100), (ssize_t) strlen(last));

        m = load(fd, addresses, 2);
        cr_expect_eq(perf_map_name(m, 0, name), -ENOENT);
        cr_assert_eq(perf_map_name(m, 1, name), 0);
        cr_expect_str_eq(name, "newest");
}

Test(perf_map, what_is_kept_of_a_hostile_file_is_bounded) {
        static const uint64_t addresses[] = { 0x1000 };
        static const struct {
                const char *line; /* many of these */
                int result;
        } rows[] = { { "2000 10 other\n", 0 }, { "1000 10 again\n", -E2BIG } };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                size_t length = strlen(rows[i].line), size = (PERF_MAP_CODES_MAX + 1) * length;
                _cleanup_(freep) char *text = malloc(size);
                _cleanup_(perf_map_freep) PerfMap *m = NULL;
                _cleanup_(closep) int fd = -EBADF;
                int r;

                cr_assert_not_null(text);
                for (size_t at = 0; at < size; at += length)
                        memcpy(text + at, rows[i].line, length);
                fd = file_of(text, size);

                cr_assert_eq(perf_map_new(fd, addresses, 1, &m), 0);
                while ((r = perf_map_step(m)) > 0)
                        ;
                cr_expect_eq(r, rows[i].result, "%s", rows[i].line);
        }
}

Test(perf_map, pipe_is_refused) {
        int fds[2];
        PerfMap *m;

        cr_assert_eq(pipe(fds), 0);
        cr_expect_eq(perf_map_new(fds[0], NULL, 0, &m), -EBADMSG);
        (void) safe_close(fds[0]);
        (void) safe_close(fds[1]);
}
