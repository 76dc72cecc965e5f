/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/python-code.h"
#include "symbol/python-image.h"
#include "symbol/python-lines.h"
#include "symbol/python-memory.h"

#include <criterion/criterion.h>

TestSuite(python_code, .timeout = 10);

static const unsigned versions[] = { 0x030b, 0x030c };

static PythonReader prepare(PythonMemory *m, PythonLayout *l, unsigned version) {
        *m = (PythonMemory){};
        cr_assert_eq(python_layout_for_version(version, l), 0);
        memory_put_code(m, l);

        return (PythonReader){ .layout = l, .code_type = MEMORY_TYPE, .fn = memory_read, .userdata = m };
}

Test(python_code, a_code_object_gives_its_name_file_and_lines) {
        for (size_t i = 0; i < ELEMENTSOF(versions); i++) {
                PythonReader reader;
                PythonCode code = {};
                PythonLayout l;
                PythonMemory m;
                uint32_t line = 0;

                reader = prepare(&m, &l, versions[i]);
                cr_assert_eq(python_code_read(&reader, MEMORY_CODE, &code), 0);
                cr_expect_str_eq(code.name, "Cart.total");
                cr_expect_str_eq(code.file, "/srv/shop/cart.py");
                cr_expect_eq(code.id.first_line, 17);
                cr_expect_eq(python_line_find(code.lines, code.n_lines, 17, 2, &line), 0);
                cr_expect_eq(line, 18);
                python_code_done(&code);
        }
}

Test(python_code, texts_of_all_kinds_become_utf8) {
        static const uint8_t latin[] = { 'n', 0xe4, 'h', 0xff };
        static const uint16_t two[] = {
                0x4e2d, 0x6587, '_', 0xdc80
        }; /* the last: a byte that was no text */
        static const uint32_t four[] = { 0x1f40d, 'x', 0x110000, 0x0a };
        static const struct {
                const void *data;
                size_t n;
                unsigned kind;
                const char *text;
        } rows[] = {
                { latin, 4, 1, "n\u00e4h\u00ff" },
                { two, 4, 2, "\u4e2d\u6587_?" },
                { four, 4, 4, "\U0001f40dx??" },
                { "", 0, 1, "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(freep) char *text = NULL;
                PythonReader reader;
                PythonLayout l;
                PythonMemory m;

                reader = prepare(&m, &l, 0x030b);
                memory_put_text(&m, &l, MEMORY_NAME, rows[i].data, rows[i].n, rows[i].kind, false);
                cr_assert_eq(python_text_read(&reader, MEMORY_NAME, &text), 0, "row %zu", i);
                cr_expect_str_eq(text, rows[i].text, "row %zu: %s", i, text);
        }
}

Test(python_code, a_long_text_is_cut_between_characters) {
        static uint16_t data[2000];
        _cleanup_(freep) char *text = NULL;
        PythonReader reader;
        PythonLayout l;
        PythonMemory m;

        for (size_t i = 0; i < ELEMENTSOF(data); i++)
                data[i] = 0x20ac;

        reader = prepare(&m, &l, 0x030b);
        memory_put_text(&m, &l, MEMORY_NAME, data, ELEMENTSOF(data), 2, false);
        cr_assert_eq(python_text_read(&reader, MEMORY_NAME, &text), 0);
        cr_expect_leq(strlen(text), PYTHON_TEXT_MAX);
        cr_expect_eq(strlen(text) % 3, 0);
        cr_expect_gt(strlen(text), PYTHON_TEXT_MAX - 8);
}

Test(python_code, what_is_no_code_object_is_refused) {
        static const struct {
                const char *what;
                uint64_t address, word;
                int error;
        } rows[] = {
                { "another type", MEMORY_CODE + 8, MEMORY_TYPE + 8, -EBADMSG },
                { "no name", MEMORY_CODE + 128, 0, -EBADMSG },
                { "a name elsewhere", MEMORY_CODE + 128, 4096, -EFAULT },
                { "a negative line", MEMORY_CODE + 72, UINT64_C(0xfffffff0), -EBADMSG },
                { "a text of no kind", MEMORY_NAME + 32, 0x60, -EBADMSG },
                { "a text that is elsewhere", MEMORY_NAME + 32, 1 << 2, -EBADMSG },
                { "a negative length", MEMORY_NAME + 16, UINT64_MAX, -EBADMSG },
                { "lines beyond the memory", MEMORY_LINES + 16, 100000, -EFAULT },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                PythonCode code = { .name = (char *) "untouched" };
                PythonReader reader;
                PythonLayout l;
                PythonMemory m;

                reader = prepare(&m, &l, 0x030b);
                memory_put_word(&m, rows[i].address, rows[i].word);
                cr_expect_eq(python_code_read(&reader, MEMORY_CODE, &code),
                             rows[i].error,
                             "%s",
                             rows[i].what);
                cr_expect_str_eq(code.name, "untouched");
        }
}

Test(python_code, without_usable_lines_names_are_still_known) {
        PythonReader reader;
        PythonCode code = {};
        PythonLayout l;
        PythonMemory m;

        reader = prepare(&m, &l, 0x030b);
        memory_put_word(&m, MEMORY_LINES + l.bytes_length, PYTHON_LINES_MAX + 1);
        cr_assert_eq(python_code_read(&reader, MEMORY_CODE, &code), 0);
        cr_expect_null(code.lines);
        cr_expect_str_eq(code.name, "Cart.total");
        python_code_done(&code);
}

Test(python_code, an_object_that_changes_meanwhile_is_refused) {
        for (unsigned read = 2; read <= 7; read++) {
                PythonReader reader;
                PythonCode code = {};
                PythonLayout l;
                PythonMemory m;

                reader = prepare(&m, &l, 0x030b);
                m.break_at = read;
                cr_expect_eq(python_code_read(&reader, MEMORY_CODE, &code),
                             -EBADMSG,
                             "before read %u",
                             read);
        }
}

Test(python_code, only_known_versions_have_a_layout) {
        static const struct {
                unsigned version;
                int result;
        } rows[] = {
                { 0x030a, -ENOENT }, { 0x030b, 0 }, { 0x030c, 0 }, { 0x030d, -EAGAIN }, { 0x030e, -ENOENT }
        };
        PythonLayout l;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                cr_expect_eq(python_layout_for_version(rows[i].version, &l), rows[i].result);
}

/* The words of a 3.13.0 that matter: index, value. */
static void fill_words(uint64_t words[static PYTHON_DEBUG_OFFSETS_SIZE / 8]) {
        static const struct {
                unsigned index;
                uint64_t value;
        } known[] = {
                { 1, 0x030d00f0 }, { 5, 632 },  { 8, 7264 }, { 9, 7344 }, { 21, 8 },  { 23, 72 },
                { 24, 152 },       { 28, 88 },  { 29, 8 },   { 30, 0 },   { 31, 56 }, { 32, 72 },
                { 33, 70 },        { 35, 112 }, { 37, 128 }, { 38, 136 }, { 39, 68 }, { 43, 200 },
                { 45, 8 },         { 65, 16 },  { 66, 32 },  { 68, 32 },  { 69, 16 }, { 70, 40 },
        };

        memset(words, 0, PYTHON_DEBUG_OFFSETS_SIZE);
        memcpy(words, "xdebugpy", 8);
        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                words[known[i].index] = known[i].value;
}

Test(python_code, an_interpreter_that_describes_itself_is_believed_within_bounds) {
        uint64_t words[PYTHON_DEBUG_OFFSETS_SIZE / 8];
        PythonLayout l;

        fill_words(words);
        cr_assert_eq(python_layout_parse(words, sizeof(words), &l), 0);
        cr_expect_eq(l.walk.version, 0x030d);
        cr_expect_eq(l.walk.interpreter_threads_head, 7344);
        cr_expect_eq(l.walk.thread_current_frame, 72);
        cr_expect_eq(l.walk.thread_cframe, 0);
        cr_expect_eq(l.walk.entry_kind, CPROF_PYTHON_ENTRY_OWNER);
        cr_expect_eq(l.code_name, 128);
        cr_expect_eq(l.text_other, 56);
}

Test(python_code, descriptions_out_of_bounds_are_refused) {
        static const struct {
                unsigned index;
                uint64_t value;
        } rows[] = {
                { 0, 0 },   { 1, 0x030e00f0 }, { 5, 1 << 16 }, { 23, 0 },  { 23, 1 << 12 },    { 29, 121 },
                { 31, 57 }, { 37, 1000 },      { 43, 2000 },   { 43, 64 }, { 70, UINT64_MAX },
        };
        PythonLayout l;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                uint64_t words[PYTHON_DEBUG_OFFSETS_SIZE / 8];

                fill_words(words);
                words[rows[i].index] = rows[i].value;
                cr_expect_eq(python_layout_parse(words, sizeof(words), &l), -EBADMSG, "row %zu", i);
        }

        cr_expect_eq(python_layout_parse("xdebugpy", 8, &l), -EBADMSG, "too short");
}

Test(python_code, files_that_may_be_interpreters_are_known_by_name) {
        static const struct {
                const char *path;
                bool candidate;
        } rows[] = {
                { "/usr/bin/python3.11", true },
                { "/opt/py/lib/libpython3.12.so.1.0", true },
                { "python3", true },
                { "/usr/lib/python3/dist-packages/x.so", false },
                { "/usr/lib/python3.11/lib-dynload/_json.so", false },
                { "/usr/bin/python2.7", false },
                { "", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                cr_expect_eq(python_image_is_candidate(rows[i].path, strlen(rows[i].path)),
                             rows[i].candidate,
                             "%s",
                             rows[i].path);
}
