/* SPDX-License-Identifier: Apache-2.0 */
#include "http/message.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FIELDS_MAX 512U
#define LINE_KEPT 1280U /* a request line longer than this counts by its beginning */

/* The header fields of a head, unfolded: "name\0value\0". */
typedef struct Fields {
        char *names[FIELDS_MAX], *values[FIELDS_MAX];
        size_t n;
} Fields;

static size_t line_feed(const char *s, size_t n, size_t from) {
        const char *p = from < n ? memchr(s + from, '\n', n - from) : NULL;

        return p ? (size_t) (p - s) : MESSAGE_NEVER;
}

/* The line's text without its end. */
static char *line_text(const char *s, size_t from, size_t feed) {
        size_t length = feed - from;

        if (length > 0 && s[feed - 1] == '\r')
                length--;
        return strndup(s + from, length);
}

static void field_add(Fields *f, char *line) {
        char *colon = strchr(line, ':'), *joined;

        if ((line[0] == ' ' || line[0] == '\t') && f->n > 0) {
                size_t i = f->n - 1;

                joined = malloc(strlen(f->values[i]) + 1 + strlen(line) + 1);
                assert(joined);
                strcpy(joined, f->values[i]);
                strcat(strcat(joined, " "), line);
                free(f->values[i]);
                f->values[i] = joined;
        } else if (colon) {
                assert(f->n < FIELDS_MAX);
                f->names[f->n] = strndup(line, colon - line);
                f->values[f->n++] = strdup(colon + 1);
        }
        free(line);
}

static void fields_done(Fields *f) {
        for (size_t i = 0; i < f->n; i++) {
                free(f->names[i]);
                free(f->values[i]);
        }
}

/* Reads the fields after the start line and sets head_end. */
static bool read_fields(const char *s, size_t n, Message *m, Fields *f) {
        size_t from = m->line_end + 1, feed;

        for (;;) {
                feed = line_feed(s, n, from);
                if (feed == MESSAGE_NEVER)
                        return false;
                if (feed == from || (feed == from + 1 && s[from] == '\r')) {
                        m->head_end = feed;
                        return true;
                }
                field_add(f, line_text(s, from, feed));
                from = feed + 1;
        }
}

static char *trim(char *s) {
        size_t n;

        s += strspn(s, " \t");
        n = strlen(s);
        while (n > 0 && strchr(" \t", s[n - 1]))
                s[--n] = 0;
        return s;
}

/* All values of @name as one list, freed by the caller; NULL: there is none. */
static char *list_of(const Fields *f, const char *name) {
        char *list = NULL;

        for (size_t i = 0; i < f->n; i++) {
                char *more;

                if (strcasecmp(f->names[i], name) != 0)
                        continue;
                more = malloc((list ? strlen(list) : 0) + strlen(f->values[i]) + 2);
                assert(more);
                strcpy(more, list ? list : "");
                strcat(strcat(more, list ? "," : ""), f->values[i]);
                free(list);
                list = more;
        }
        return list;
}

static bool is_last_chunked(char *list) {
        bool is_chunked = false;

        for (char *item; (item = strsep(&list, ","));) {
                item = trim(item);
                if (*item)
                        is_chunked = strcasecmp(item, "chunked") == 0;
        }
        return is_chunked;
}

static bool one_number(char *list, uint64_t *ret) {
        bool is_first = true;

        for (char *item; (item = strsep(&list, ","));) {
                uint64_t value = 0;

                item = trim(item);
                if (!*item || strspn(item, "0123456789") != strlen(item))
                        return false;
                for (; *item; item++)
                        if (__builtin_mul_overflow(value, 10, &value) ||
                            __builtin_add_overflow(value, (uint64_t) (*item - '0'), &value) || value >> 63)
                                return false;
                if (!is_first && value != *ret)
                        return false;
                *ret = value;
                is_first = false;
        }
        return true;
}

/* RFC 9112, 6.3, from its item 3 on. */
static void find_framing(Fields *f, bool is_request, Message *m, uint64_t *ret_length) {
        char *codings = list_of(f, "Transfer-Encoding"), *lengths = list_of(f, "Content-Length");
        bool has_length = lengths;

        if (codings) {
                m->is_ambiguous = has_length || m->is_old;
                m->body = is_last_chunked(codings) ? MESSAGE_BODY_CHUNKED
                                : is_request       ? MESSAGE_BODY_FAULTY
                                                   : MESSAGE_BODY_CLOSE;
        } else if (has_length) {
                m->body = one_number(lengths, ret_length) ? MESSAGE_BODY_LENGTH : MESSAGE_BODY_FAULTY;
        } else {
                m->body = is_request ? MESSAGE_BODY_NONE : MESSAGE_BODY_CLOSE;
        }
        free(codings);
        free(lengths);
}

static size_t chunks_end(const char *s, size_t n, size_t at, Message *m) {
        for (;;) {
                size_t feed = line_feed(s, n, at), size, digits;

                if (feed == MESSAGE_NEVER)
                        return MESSAGE_NEVER;
                size = strtoull(s + at, NULL, 16);
                digits = strspn(s + at, "0123456789abcdefABCDEF");
                if (digits == 0 || digits > 12)
                        m->body = MESSAGE_BODY_FAULTY;
                if (m->body == MESSAGE_BODY_FAULTY)
                        return MESSAGE_NEVER;
                at = feed + 1;
                if (size == 0)
                        break;
                if (n - at < size)
                        return MESSAGE_NEVER;
                at = line_feed(s, n, at + size);
                if (at++ == MESSAGE_NEVER)
                        return MESSAGE_NEVER;
        }

        for (;;) { /* trailers */
                size_t feed = line_feed(s, n, at);

                if (feed == MESSAGE_NEVER || feed == at || (feed == at + 1 && s[at] == '\r'))
                        return feed;
                at = feed + 1;
        }
}

static void find_end(const char *s, size_t n, uint64_t length, Message *m) {
        size_t body = m->head_end + 1;

        m->end = MESSAGE_NEVER;
        if (m->body == MESSAGE_BODY_NONE)
                m->end = m->head_end;
        else if (m->body == MESSAGE_BODY_CHUNKED)
                m->end = chunks_end(s, n, body, m);
        else if (m->body == MESSAGE_BODY_LENGTH && n - body >= length)
                m->end = body + length - 1; /* for 0: the head's end */
}

static void read_rest(const char *s, size_t n, bool is_request, Message *m) {
        Fields f = {};
        uint64_t length = 0;

        if (read_fields(s, n, m, &f)) {
                find_framing(&f, is_request, m, &length);
                find_end(s, n, length, m);
        }
        fields_done(&f);
}

static size_t skip_line_ends(const char *s, size_t n, size_t at) {
        while (at < n && (s[at] == '\r' || s[at] == '\n'))
                at++;
        return at;
}

bool message_request(const char *s, size_t n, size_t from, Message *ret) {
        Message m = { .head_end = MESSAGE_NEVER, .end = MESSAGE_NEVER };
        size_t length, end;
        char *space;

        m.begin = skip_line_ends(s, n, from);
        if (m.begin >= n)
                return false;
        m.line_end = line_feed(s, n, m.begin);
        end = m.line_end == MESSAGE_NEVER ? n : m.line_end;
        length = end - m.begin;
        if (m.line_end == MESSAGE_NEVER && length <= LINE_KEPT)
                return false;
        space = memchr(s + m.begin, ' ', length);
        if (!space)
                return false;

        m.method = s + m.begin;
        m.method_length = space - m.method;
        m.target = space + 1;
        m.target_length = s + end - m.target;
        if (m.line_end != MESSAGE_NEVER) {
                m.target_length = (const char *) memrchr(m.target, ' ', m.target_length) - m.target;
                m.is_old = memcmp(m.target + m.target_length, " HTTP/1.0", 9) == 0;
                read_rest(s, n, /* is_request= */ true, &m);
        }

        *ret = m;
        return true;
}

bool message_answer(const char *s, size_t n, size_t from, Message *ret) {
        Message m = { .head_end = MESSAGE_NEVER, .end = MESSAGE_NEVER };

        m.begin = skip_line_ends(s, n, from);
        if (n - m.begin < strlen("HTTP/1.1 200\n"))
                return false;

        m.status = strtoul(s + m.begin + strlen("HTTP/1.1 "), NULL, 10);
        m.is_old = s[m.begin + strlen("HTTP/1.")] == '0';
        m.line_end = line_feed(s, n, m.begin);
        *ret = m;
        return true;
}

void message_answer_ends(const char *s, size_t n, bool to_head, bool to_connect, Message *m) {
        bool is_without = to_head || m->status < 200 || m->status == 204 || m->status == 304 ||
                        (to_connect && m->status < 300);

        if (m->line_end == MESSAGE_NEVER)
                return;
        read_rest(s, n, /* is_request= */ false, m);
        if (is_without) {
                m->end = m->head_end;
                m->body = MESSAGE_BODY_NONE;
                m->is_ambiguous = false;
        }
}
