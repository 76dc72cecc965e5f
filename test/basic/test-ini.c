/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/cleanup.h"
#include "basic/ini.h"
#include "basic/strbuf.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(ini, .timeout = 5);

/* "3[A] 4A.Key=Value …" */
static int on_entry(unsigned line, const char *section, const char *key, const char *value, void *userdata) {
        StrBuf *b = userdata;

        if (!key)
                strbuf_addf(b, "%u[%s] ", line, section);
        else
                strbuf_addf(b, "%u%s.%s=%s ", line, section, key, value);

        return key && strcmp(key, "Bad") == 0 ? -EDOM : 0;
}

Test(ini, well_formed_texts_give_their_entries) {
        static const char *const table[][2] = {
                { "", "" },
                { "\n\n# only a comment\n", "" },
                { "[A]\nKey=Value\n", "1[A] 2A.Key=Value " },
                { "[A]\nKey=Value", "1[A] 2A.Key=Value " },
                { "[A]\r\nKey=Value\r\n", "1[A] 2A.Key=Value " },
                { "  [A]  \n  Key  =  two words  \n", "1[A] 2A.Key=two words " },
                { "[A]\nKey=\n", "1[A] 2A.Key= " },
                { "[A]\nKey==b=c\n", "1[A] 2A.Key==b=c " },
                { "[A]\nKey=a # no comment\n", "1[A] 2A.Key=a # no comment " },
                { "[A]\n;x\n #y\nKey=1\n[B]\nKey=2\n[A]\nKey=3\n",
                  "1[A] 4A.Key=1 5[B] 6B.Key=2 7[A] 8A.Key=3 " },
                { "[A]\nKey=a\\\nb\\\n# skipped\nc\nNext=d\n", "1[A] 2A.Key=a b c 6A.Next=d " },
                { "[A]\nKey=a\\", "1[A] 2A.Key=a " },
                { "[A]\nKey=\xc3\xa4\n", "1[A] 2A.Key=\xc3\xa4 " },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(strbuf_done) StrBuf b = {};
                char *message = NULL;
                unsigned line = 77;

                cr_expect_eq(ini_parse(table[i][0], strlen(table[i][0]), on_entry, &b, &line, &message),
                             0,
                             "row %zu",
                             i);
                cr_expect_str_eq(b.text ?: "", table[i][1], "row %zu: %s", i, b.text ?: "");
                cr_expect_eq(line, 0u);
                cr_expect_null(message);
        }
}

Test(ini, errors_name_their_line) {
        static const struct {
                const char *text;
                int r;
                unsigned line;
                bool message;
        } table[] = {
                { "Key=before\n", -EINVAL, 1, true },
                { "[A]\n\nno assignment\n", -EINVAL, 3, true },
                { "[A]\n=no key\n", -EINVAL, 2, true },
                { "[A\nKey=1\n", -EINVAL, 1, true },
                { "[]\nKey=1\n", -EINVAL, 1, true },
                { "[A] x\n", -EINVAL, 1, true },
                { "[A]\nKey=\xff\n", -EINVAL, 2, true },
                { "[A]\nKey=\xc0\x80\n", -EINVAL, 2, true },
                { "[A]\nKey=1\\\n2\\\n3\nBad=x\n", -EDOM, 5, false }, /* the callback's own error */
                { "[A]\nGood=1\\\n\\\nBad\n[\n", -EINVAL, 5, true },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(strbuf_done) StrBuf b = {};
                _cleanup_(freep) char *message = NULL;
                unsigned line = 77;

                cr_expect_eq(ini_parse(table[i].text, strlen(table[i].text), on_entry, &b, &line, &message),
                             table[i].r,
                             "row %zu",
                             i);
                cr_expect_eq(line, table[i].line, "row %zu: line %u", i, line);
                cr_expect_eq(message != NULL, table[i].message, "row %zu", i);
        }
}

Test(ini, nul_bytes_are_no_text) {
        static const char text[] = "[A]\nKey=a\0b\n";
        _cleanup_(strbuf_done) StrBuf b = {};
        unsigned line;

        cr_expect_eq(ini_parse(text, sizeof(text) - 1, on_entry, &b, &line, NULL), -EINVAL);
        cr_expect_eq(line, 2u);
        cr_expect_eq(ini_parse("[A]\nBad=", 7, on_entry, &b, NULL, NULL),
                     -EINVAL,
                     "nothing behind the length is read");
}

Test(ini, files_and_lines_are_bounded) {
        _cleanup_(strbuf_done) StrBuf text = {}, told = {};
        unsigned line;

        strbuf_add(&text, "[A]\nKey=");
        for (unsigned i = 0; i < INI_LINE_LENGTH_MAX; i++)
                strbuf_add(&text, "x");
        cr_expect_eq(ini_parse(text.text, text.length, on_entry, &told, &line, NULL), -EFBIG);
        cr_expect_eq(line, 2u);

        /* the same, in pieces */
        strbuf_done(&text);
        strbuf_add(&text, "[A]\nKey=1\nKey=");
        for (unsigned i = 0; i < INI_LINE_LENGTH_MAX / 4; i++)
                strbuf_add(&text, "xxxx\\\n");
        cr_expect_eq(ini_parse(text.text, text.length, on_entry, &told, &line, NULL), -EFBIG);
        cr_expect_eq(line, 3u);

        strbuf_done(&text);
        for (unsigned i = 0; i < INI_FILE_SIZE_MAX / 2 + 1; i++)
                strbuf_add(&text, "#\n");
        cr_expect_eq(ini_parse(text.text, text.length, on_entry, &told, &line, NULL), -EFBIG);
        cr_expect_eq(line, 0u);
}
