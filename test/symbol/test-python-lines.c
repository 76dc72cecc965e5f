/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/python-lines.h"

#include "basic/cleanup.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(python_lines, .timeout = 10);

#define TABLE_MAX 1024

static size_t read_hex(const char *text, uint8_t *ret) {
        unsigned byte;
        size_t n = 0;

        for (; sscanf(text, "%2x", &byte) == 1 && n < TABLE_MAX; text += 2)
                ret[n++] = (uint8_t) byte;

        return n;
}

/* One line of test/fixtures/python-lines.txt. Returns the number of instructions looked at. */
static unsigned check_line(char *text) {
        char *version = strtok(text, " "), *first = strtok(NULL, " "), *hex = strtok(NULL, " ");
        uint32_t first_line = (uint32_t) atoi(first), line, at = 0;
        uint8_t table[TABLE_MAX];
        size_t size = read_hex(hex, table);

        for (char *p = strtok(NULL, ",\n"); p; p = strtok(NULL, ",\n"), at += 2) {
                int r = python_line_find(table, size, first_line, at, &line);

                if (strcmp(p, "-") == 0)
                        cr_assert_eq(r, -ENOENT, "%s line %u at %u", version, first_line, at);
                else {
                        cr_assert_eq(r, 0, "%s line %u at %u: %i", version, first_line, at, r);
                        cr_assert_eq(line, (uint32_t) atoi(p), "%s line %u at %u", version, first_line, at);
                }
        }

        cr_assert_eq(python_line_find(table, size, first_line, at, &line), -ENOENT);
        return at / 2;
}

Test(python_lines, every_instruction_has_the_line_that_python_says) {
        char path[512], *text = NULL;
        unsigned n_tables = 0, n_instructions = 0;
        size_t allocated = 0;
        FILE *f;

        (void) snprintf(path, sizeof(path), "%s/python-lines.txt", getenv("CPROF_FIXTURES"));
        f = fopen(path, "re");
        cr_assert_not_null(f);

        while (getline(&text, &allocated, f) > 0) {
                n_instructions += check_line(text);
                n_tables++;
        }

        cr_expect_gt(n_tables, 100);
        cr_expect_gt(n_instructions, 5000);
        free(text);
        (void) fclose(f);
}

Test(python_lines, tables_that_are_none_are_refused) {
        static const struct {
                const char *table;
                uint32_t instruction;
                int error;
        } rows[] = {
                { "", 0, -ENOENT },
                { "00", 0, -EBADMSG },             /* no start of an entry */
                { "80", 0, -EBADMSG },             /* columns are missing */
                { "d000", 0, -EBADMSG },           /* one of two */
                { "e8", 0, -EBADMSG },             /* a number is missing */
                { "e840", 0, -EBADMSG },           /* its end is missing */
                { "e880", 0, -EBADMSG },           /* the next entry in its place */
                { "e8404040404040", 0, -EBADMSG }, /* too long */
                { "f002", 0, -EBADMSG },           /* end line and columns are missing */
                { "f8", 0, -ENOENT },              /* no line */
                { "f8", 2, -ENOENT },              /* behind the end */
                { "e80b", 0, -EBADMSG },           /* five lines before the first */
                { "8000", 0xfffffffe, -ENOENT },   /* not begun: an instruction before the first */
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                uint8_t table[TABLE_MAX];
                uint32_t line = 77;
                size_t size = read_hex(rows[i].table, table);

                cr_expect_eq(python_line_find(table, size, 3, rows[i].instruction, &line),
                             rows[i].error,
                             "row %zu",
                             i);
                cr_expect_eq(line, 77, "row %zu", i);
        }
}
