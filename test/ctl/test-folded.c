/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/file-io.h"
#include "basic/strbuf.h"
#include "ctl/folded.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

TestSuite(folded, .timeout = 30);

static int memfd_new(const void *data, size_t length) {
        int fd = memfd_create("folded", MFD_CLOEXEC);

        cr_assert_geq(fd, 0);
        cr_assert_eq(write_full_fd(fd, data, length), 0);
        cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
        return fd;
}

static int read_bytes(const void *data, size_t length, Folded **ret_folded, unsigned *reterr_line) {
        _cleanup_(closep) int fd = memfd_new(data, length);

        return folded_read(fd, ret_folded, reterr_line);
}

static Folded *read_text(const char *text) {
        Folded *f = NULL;

        cr_assert_eq(read_bytes(text, strlen(text), &f, NULL), 0, "'%s' was refused", text);
        return f;
}

/* "depth:name self/total" for each node in order. */
static char *dump(const Folded *f) {
        const FoldedNode *nodes;
        StrBuf b = {};
        char *text;
        size_t n;

        nodes = folded_nodes(f, &n);
        for (size_t i = 0; i < n; i++)
                strbuf_addf(&b,
                            "%s%u:%s %llu/%llu",
                            i > 0 ? ", " : "",
                            nodes[i].depth,
                            folded_name(f, nodes[i].name),
                            (unsigned long long) nodes[i].self,
                            (unsigned long long) nodes[i].total);

        cr_assert_eq(strbuf_finish(&b, &text), 0);
        return text;
}

typedef struct TreeCase {
        const char *name, *input, *tree;
} TreeCase;

static const TreeCase tree_cases[] = {
        { "nothing", "", "" },
        { "one stack", "t;main 3\n", "0:t 0/3, 1:main 3/3" },
        { "no newline at the end", "t;main 3", "0:t 0/3, 1:main 3/3" },
        { "a thread without frames", "t 3\n", "0:t 3/3" },
        { "shared frames", "t;a;b 3\nt;a;c 4\nt;a 5\n", "0:t 0/12, 1:a 5/12, 2:b 3/3, 2:c 4/4" },
        { "the same stack twice", "t;a 3\nt;a 4\n", "0:t 0/7, 1:a 7/7" },
        { "children by name", "t;c 1\nt;a 1\nt;b 1\n", "0:t 0/3, 1:a 1/1, 1:b 1/1, 1:c 1/1" },
        { "threads by name", "u;a 1\nt;a 1\n", "0:t 0/1, 1:a 1/1, 0:u 0/1, 1:a 1/1" },
        { "the same name under two parents",
          "t;a;x 1\nt;b;x 2\n",
          "0:t 0/3, 1:a 0/1, 2:x 1/1, 1:b 0/2, 2:x 2/2" },
        { "recursion", "t;f;f;f 2\nt;f 1\n", "0:t 0/3, 1:f 1/3, 2:f 0/2, 3:f 2/2" },
        { "up more than one level",
          "t;a;b;c 1\nt;d 1\nu 1\n",
          "0:t 0/2, 1:a 0/1, 2:b 0/1, 3:c 1/1, 1:d 1/1, 0:u 1/1" },
        { "blanks in names", "log writer;f(int, char) 2\n", "0:log writer 0/2, 1:f(int, char) 2/2" },
        { "names without a letter", ";main;; 2\n", "0: 0/2, 1:main 0/2, 2: 0/2, 3: 2/2" },
        { "a thread without a name", " 2\n", "0: 2/2" },
        { "empty lines and counts of zero", "\nt;a 0\n\nt;b 1\n\n", "0:t 0/1, 1:b 1/1" },
        { "the largest sum", "t 9007199254740990\nt 1\n", "0:t 9007199254740991/9007199254740991" },
        { "control characters and no UTF-8",
          "t;\033[31m;\xff;\xc3\xa4 1\n",
          "0:t 0/1, 1:?[31m 0/1, 2:? 0/1, 3:\xc3\xa4 1/1" },
};

Test(folded, stacks_become_a_tree) {
        for (size_t i = 0; i < ELEMENTSOF(tree_cases); i++) {
                _cleanup_(folded_freep) Folded *f = read_text(tree_cases[i].input);
                _cleanup_(freep) char *tree = dump(f);

                cr_expect_str_eq(tree, tree_cases[i].tree, "%s: got '%s'", tree_cases[i].name, tree);
        }
}

typedef struct BadCase {
        const char *name, *input;
        size_t length; /* 0: up to the NUL */
        unsigned line;
} BadCase;

static const BadCase bad_cases[] = {
        { .name = "no count", .input = "main\n", .line = 1 },
        { .name = "no count, with frames", .input = "t;a 1\nt;b\n", .line = 2 },
        { .name = "count alone", .input = "5\n", .line = 1 },
        { .name = "count without digits", .input = "t;a x\n", .line = 1 },
        { .name = "empty count", .input = "t;a \n", .line = 1 },
        { .name = "letters behind the count", .input = "t;a 1x\n", .line = 1 },
        { .name = "carriage return", .input = "t;a 1\r\n", .line = 1 },
        { .name = "blank behind the count", .input = "t;a 1 \n", .line = 1 },
        { .name = "negative", .input = "t;a -1\n", .line = 1 },
        { .name = "fraction", .input = "t;a 1.5\n", .line = 1 },
        { .name = "more than 64 bits", .input = "t;a 18446744073709551616\n", .line = 1 },
        { .name = "more than 53 bits", .input = "t;a 9007199254740992\n", .line = 1 },
        { .name = "sum of more than 53 bits", .input = "t;a 9007199254740991\n\nt;b 1\n", .line = 3 },
        { .name = "NUL", .input = "t;a 1\nt;a\0b 1\n", .length = 14, .line = 2 },
        { .name = "last line cut off", .input = "t;a 1\nt;b", .line = 2 },
};

Test(folded, bad_lines_are_refused_by_number) {
        for (size_t i = 0; i < ELEMENTSOF(bad_cases); i++) {
                const BadCase *c = bad_cases + i;
                Folded *f = NULL;
                unsigned line = 99;

                cr_expect_eq(read_bytes(c->input, c->length > 0 ? c->length : strlen(c->input), &f, &line),
                             -EBADMSG,
                             "%s was taken",
                             c->name);
                cr_expect_eq(line, c->line, "%s: line %u", c->name, line);
                cr_expect_null(f);
        }
}

Test(folded, subtrees_end_where_the_next_frame_begins) {
        _cleanup_(folded_freep) Folded *f = read_text("t;a;b;c 1\nt;d 1\nu;e 1\n");
        static const uint32_t ends[] = { 5, 4, 4, 4, 5, 7, 7 };
        const FoldedNode *nodes;
        size_t n;

        nodes = folded_nodes(f, &n);
        cr_assert_eq(n, ELEMENTSOF(ends));
        for (size_t i = 0; i < n; i++)
                cr_expect_eq(nodes[i].end, ends[i], "node %zu ends at %u", i, nodes[i].end);
}

Test(folded, many_lines_across_reads_are_all_counted) {
        _cleanup_(folded_freep) Folded *f = NULL;
        _cleanup_(freep) char *text = NULL;
        const FoldedNode *nodes;
        StrBuf b = {};
        size_t n;

        /* About 6 MB: several reads, each of which ends in the middle of a line. */
        for (unsigned i = 0; i < 100000; i++)
                strbuf_addf(&b,
                            "thread;some_function_of_a_library;a_%u;another_function_%u 2\n",
                            i % 1000,
                            i);
        cr_assert_eq(strbuf_finish(&b, &text), 0);

        f = read_text(text);
        nodes = folded_nodes(f, &n);
        cr_expect_eq(folded_total(f), 200000);
        cr_expect_eq(n, 1 + 1 + 1000 + 100000);
        cr_expect_eq(folded_n_names(f), 1 + 1 + 1000 + 100000);
        cr_expect_eq(nodes[2].total, 200);
}

/* Lets a child write @unit to a pipe, @n times or until nobody reads. */
static int pipe_from_child(const void *unit, size_t length, size_t n, pid_t *ret_pid) {
        int fds[2];

        cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);

        *ret_pid = fork();
        cr_assert_geq(*ret_pid, 0);
        if (*ret_pid == 0) {
                (void) close(fds[0]);
                for (size_t i = 0; i < n; i++)
                        if (write_full_fd(fds[1], unit, length) < 0)
                                break;
                _exit(0);
        }

        (void) close(fds[1]);
        return fds[0];
}

Test(folded, a_pipe_is_read_to_its_end) {
        static const char unit[] = "t;main;loop 1\n";
        _cleanup_(folded_freep) Folded *f = NULL;
        _cleanup_(closep) int fd = -EBADF;
        pid_t pid;

        fd = pipe_from_child(unit, strlen(unit), 20000, &pid);
        cr_assert_eq(folded_read(fd, &f, NULL), 0);
        cr_expect_eq(folded_total(f), 20000);
        cr_expect_eq(waitpid(pid, NULL, 0), pid);
}

Test(folded, endless_input_is_refused) {
        _cleanup_(freep) char *unit = NULL;
        _cleanup_(closep) int fd = -EBADF;
        const size_t length = 1U << 20;
        unsigned line = 99;
        Folded *f = NULL;
        pid_t pid;

        /* Lines of 1 MiB that add nothing to the tree. */
        unit = malloc(length);
        cr_assert_not_null(unit);
        memset(unit, 'a', length);
        memcpy(unit + length - 3, " 0\n", 3);

        fd = pipe_from_child(unit, length, SIZE_MAX, &pid);
        cr_expect_eq(folded_read(fd, &f, &line), -EFBIG);
        cr_expect_eq(line, 0);
        cr_expect_null(f);

        fd = safe_close(fd);
        cr_expect_eq(waitpid(pid, NULL, 0), pid);
}

Test(folded, more_frames_than_the_limit_are_refused) {
        _cleanup_(freep) char *text = NULL;
        _cleanup_(folded_freep) Folded *f = NULL;
        const size_t length = 2 * (size_t) FOLDED_NODES_MAX + 3;
        unsigned line = 99;
        size_t n;

        /* One stack of a frame more than there may be: "x;x;…;x 1". */
        text = malloc(length + 1);
        cr_assert_not_null(text);
        for (size_t i = 0; i < length; i += 2)
                memcpy(text + i, "x;", 2);
        memcpy(text + length - 2, " 1", 2);
        cr_expect_eq(read_bytes(text, length, &f, &line), -EFBIG);
        cr_expect_eq(line, 0);

        /* Without the first it is as many as there may be. */
        cr_assert_eq(read_bytes(text + 2, length - 2, &f, &line), 0);
        (void) folded_nodes(f, &n);
        cr_expect_eq(n, FOLDED_NODES_MAX);
}

Test(folded, what_read_says_is_returned) {
        _cleanup_(closep) int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        unsigned line = 99;
        Folded *f = NULL;

        cr_assert_geq(fd, 0);
        cr_expect_eq(folded_read(fd, &f, &line), -EISDIR);
        cr_expect_eq(line, 0);
}

Test(folded, top_is_by_self_then_total_then_name) {
        _cleanup_(folded_freep) Folded *f =
                        read_text("t;main;b 5\nt;main;a 5\nt;main;c;d 5\nt;main;c 5\nt;main 1\n");
        _cleanup_(freep) FoldedTop *rows = NULL;
        static const FoldedTop wanted[] = {
                { "c", 5, 10 }, { "a", 5, 5 }, { "b", 5, 5 }, { "d", 5, 5 }, { "main", 1, 21 },
        };
        size_t n;

        cr_assert_eq(folded_top(f, 10, &rows, &n), 0);
        cr_assert_eq(n, ELEMENTSOF(wanted));
        for (size_t i = 0; i < n; i++) {
                cr_expect_str_eq(rows[i].name, wanted[i].name);
                cr_expect_eq(rows[i].self, wanted[i].self, "self of %s", wanted[i].name);
                cr_expect_eq(rows[i].total, wanted[i].total, "total of %s", wanted[i].name);
        }
}

Test(folded, top_gives_no_more_than_was_asked_for) {
        _cleanup_(folded_freep) Folded *f = read_text("t;a 3\nt;b 2\nt;c 1\n");
        _cleanup_(freep) FoldedTop *rows = NULL;
        size_t n;

        cr_assert_eq(folded_top(f, 2, &rows, &n), 0);
        cr_assert_eq(n, 2);
        cr_expect_str_eq(rows[0].name, "a");
        cr_expect_str_eq(rows[1].name, "b");
}

Test(folded, a_recursive_function_counts_once_in_total) {
        _cleanup_(folded_freep) Folded *f =
                        read_text("t;walk;walk;visit;walk 4\nt;walk;visit 2\nu;walk 1\n");
        _cleanup_(freep) FoldedTop *rows = NULL;
        size_t n;

        cr_assert_eq(folded_top(f, 10, &rows, &n), 0);
        cr_assert_eq(n, 2);
        cr_expect_str_eq(rows[0].name, "walk");
        cr_expect_eq(rows[0].self, 5);
        cr_expect_eq(rows[0].total, 7);
        cr_expect_eq(rows[1].self, 2);
        cr_expect_eq(rows[1].total, 6);
}

Test(folded, threads_are_no_functions_in_top) {
        _cleanup_(folded_freep) Folded *f = read_text("bash;bash;read 2\nidle 7\n");
        _cleanup_(freep) FoldedTop *rows = NULL;
        size_t n;

        cr_assert_eq(folded_top(f, 10, &rows, &n), 0);
        cr_assert_eq(n, 2);
        cr_expect_str_eq(rows[0].name, "read");
        cr_expect_str_eq(rows[1].name, "bash", "a function may be called as its thread is");
        cr_expect_eq(rows[1].total, 2);
}

Test(folded, top_of_nothing_is_empty) {
        _cleanup_(folded_freep) Folded *f = read_text("");
        _cleanup_(freep) FoldedTop *rows = NULL;
        size_t n = 99;

        cr_assert_eq(folded_top(f, 10, &rows, &n), 0);
        cr_expect_eq(n, 0);
        cr_expect_eq(folded_total(f), 0);
}

Test(folded, waits_are_by_function_of_the_program_and_state) {
        static const struct {
                const char *stacks, *function, *caller, *state;
        } rows[] = {
                { "t;main;loop;epoll_wait;ep_poll_[k];[sleep] 5", "epoll_wait", "loop", "sleep" },
                { "t;main;get;__lock_wait;__futex;futex_[k];[sleep] 5", "__futex", "get", "sleep" },
                { "t;main;libc.so.6+0x12;[disk] 5", "main", "", "disk" },
                { "t;_start;__lock;[sleep] 5", "__lock", "_start", "sleep" },
                { "t;libx.so+0x9;liby.so+0x12;[other] 5", "liby.so+0x12", "", "other" },
                { "t;kthread_[k];[disk] 5", "kthread_[k]", "", "disk" },
                { "t;[stack not taken];[sleep] 5", "[stack not taken]", "", "sleep" },
                { "t;[sleep] 5", "t", "", "sleep" },
                { "t;f;[a state of an odd length] 5", "f", "", "a state of an o" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(folded_freep) Folded *f = read_text(rows[i].stacks);
                _cleanup_(freep) FoldedWait *waits = NULL;
                size_t n;

                cr_assert_eq(folded_waits(f, 10, &waits, &n), 0);
                cr_assert_eq(n, 1, "row %zu", i);
                cr_expect_str_eq(waits[0].function, rows[i].function, "row %zu", i);
                cr_expect_str_eq(waits[0].caller, rows[i].caller, "row %zu", i);
                cr_expect_str_eq(waits[0].state, rows[i].state, "row %zu: '%s'", i, waits[0].state);
                cr_expect_eq(waits[0].total, 5, "row %zu", i);
        }
}

Test(folded, waits_of_all_threads_are_added_and_the_longest_come_first) {
        _cleanup_(folded_freep) Folded *f = read_text("a;main;read;x_[k];[sleep] 3\n"
                                                      "b;main;read;y_[k];[sleep] 4\n"
                                                      "b;main;read;y_[k];[disk] 9\n"
                                                      "b;main;poll;[sleep] 7\n"
                                                      "b;main;write;[sleep] 1\n");
        _cleanup_(freep) FoldedWait *waits = NULL;
        size_t n;

        cr_assert_eq(folded_waits(f, 3, &waits, &n), 0);
        cr_assert_eq(n, 3);
        cr_expect_str_eq(waits[0].state, "disk");
        cr_expect_str_eq(waits[1].function, "poll", "by name where the time is the same");
        cr_expect_str_eq(waits[2].function, "read");
        cr_expect_eq(waits[2].total, 7);
}
