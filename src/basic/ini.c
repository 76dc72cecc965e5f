/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/ini.h"

#include "basic/cleanup.h"
#include "basic/strbuf.h"
#include "basic/utf8.h"

#include <stdbool.h>
#include <string.h>

typedef struct Reader {
        const char *next, *end;
        unsigned line; /* of the last physical line read */
        char *section;
        IniFn fn;
        void *userdata;
        unsigned *reterr_line;
        char **reterr_message;
} Reader;

static int fail(Reader *rd, int error, unsigned line, const char *message) {
        if (rd->reterr_line)
                *rd->reterr_line = line;
        if (rd->reterr_message)
                *rd->reterr_message = strdup(message);

        return error;
}

/* The next physical line without its end; false at the end of the file. */
static bool next_line(Reader *rd, const char **ret_line, size_t *ret_length) {
        const char *end;

        if (rd->next >= rd->end)
                return false;

        end = memchr(rd->next, '\n', (size_t) (rd->end - rd->next));
        if (!end)
                end = rd->end;

        *ret_line = rd->next;
        *ret_length = (size_t) (end - rd->next);
        if (*ret_length > 0 && end[-1] == '\r')
                (*ret_length)--;

        rd->next = end + 1;
        rd->line++;
        return true;
}

static bool is_comment(const char *line, size_t length) {
        while (length > 0 && (*line == ' ' || *line == '\t')) {
                line++;
                length--;
        }

        return length > 0 && (*line == '#' || *line == ';');
}

/* Joins continued lines; *ret_first_line is where the logical line began. */
static int read_logical(Reader *rd, StrBuf *b, unsigned *ret_first_line) {
        bool continued = false;
        const char *line;
        size_t length;

        for (;;) {
                if (!next_line(rd, &line, &length))
                        return continued; /* the file ends in a continuation: what there is counts */

                if (is_comment(line, length))
                        continue;

                if (!continued)
                        *ret_first_line = rd->line;
                else
                        strbuf_add(b, " ");

                if (length > INI_LINE_LENGTH_MAX || b->length + length > INI_LINE_LENGTH_MAX)
                        return fail(rd, -EFBIG, *ret_first_line, "line is longer than 16 KiB");

                continued = length > 0 && line[length - 1] == '\\';
                strbuf_add_n(b, line, length - continued);
                if (!continued)
                        return 1;
        }
}

static char *strip(char *s) {
        size_t n;

        s += strspn(s, " \t");
        for (n = strlen(s); n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t'); n--)
                s[n - 1] = '\0';

        return s;
}

static int handle_section(Reader *rd, unsigned line, char *text) {
        size_t n = strlen(text);
        char *name;
        int r;

        if (n < 3 || text[n - 1] != ']')
                return fail(rd, -EINVAL, line, "section header does not end with ']'");

        text[n - 1] = '\0';
        name = strdup(text + 1);
        if (!name)
                return -ENOMEM;

        free(rd->section);
        rd->section = name;

        r = rd->fn(line, name, NULL, NULL, rd->userdata);
        if (r < 0 && rd->reterr_line)
                *rd->reterr_line = line;

        return r;
}

static int handle_line(Reader *rd, unsigned line, char *text) {
        char *value;
        int r;

        text = strip(text);
        if (*text == '\0')
                return 0;
        if (*text == '[')
                return handle_section(rd, line, text);

        value = strchr(text, '=');
        if (!value || value == text)
                return fail(rd, -EINVAL, line, "expected 'Key=Value' or '[Section]'");
        if (!rd->section)
                return fail(rd, -EINVAL, line, "assignment before the first section header");

        *value++ = '\0';

        r = rd->fn(line, rd->section, strip(text), strip(value), rd->userdata);
        if (r < 0 && rd->reterr_line)
                *rd->reterr_line = line;

        return r;
}

static int check_text(Reader *rd, const char *text, size_t length) {
        unsigned line = 1;

        if (length > INI_FILE_SIZE_MAX)
                return fail(rd, -EFBIG, 0, "file is larger than 256 KiB");

        for (const char *p = text, *end = text + length; p < end; line++) {
                const char *nl = memchr(p, '\n', (size_t) (end - p));
                size_t n = (size_t) ((nl ?: end) - p);

                if (memchr(p, '\0', n))
                        return fail(rd, -EINVAL, line, "NUL byte, expected text");
                if (!utf8_is_valid(p, n))
                        return fail(rd, -EINVAL, line, "not valid UTF-8");
                p += n + 1;
        }

        return 0;
}

int ini_parse(const char *text,
              size_t length,
              IniFn fn,
              void *userdata,
              unsigned *reterr_line,
              char **reterr_message) {
        Reader rd = {
                .next = text,
                .end = text + length,
                .fn = fn,
                .userdata = userdata,
                .reterr_line = reterr_line,
                .reterr_message = reterr_message,
        };
        int r;

        assert(text || length == 0);
        assert(fn);

        if (reterr_line)
                *reterr_line = 0;
        if (reterr_message)
                *reterr_message = NULL;

        r = check_text(&rd, text, length);
        while (r >= 0) {
                _cleanup_(strbuf_done) StrBuf b = {};
                unsigned first_line = 0;

                r = read_logical(&rd, &b, &first_line);
                if (r <= 0)
                        break;

                r = b.error < 0 ? b.error : b.text ? handle_line(&rd, first_line, b.text) : 0;
        }

        free(rd.section);
        return r < 0 ? r : 0;
}
