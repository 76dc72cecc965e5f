/* SPDX-License-Identifier: Apache-2.0 */
#include "store/task-record-reader.h"

#include "basic/strbuf.h"
#include "basic/utf8.h"

#include <limits.h>
#include <string.h>

/* Line of the member @name. jansson keeps no places, but a name in quotes before a colon stands for itself:
 * quotes within texts are escaped. 1 when there is no such member. */
static unsigned line_of_member(const RecordReader *reader, const char *name) {
        const char *end = reader->json + reader->length, *p = reader->json;
        char quoted[64];
        int n;

        n = snprintf(quoted, sizeof(quoted), "\"%s\"", name);
        assert(n > 0 && (size_t) n < sizeof(quoted));

        for (;;) {
                const char *found = memmem(p, (size_t) (end - p), quoted, (size_t) n);
                unsigned line = 1;

                if (!found)
                        return 1;

                p = found + n;
                while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
                        p++;
                if (p >= end || *p != ':')
                        continue;

                for (const char *q = reader->json; q < found; q++)
                        line += *q == '\n';
                return line;
        }
}

/* The message is a courtesy: without memory for it the error stays. */
static void set_message(const RecordReader *reader, StrBuf *b) {
        char *message;

        if (!reader->reterr_message)
                strbuf_done(b);
        else if (strbuf_finish(b, &message) >= 0)
                *reader->reterr_message = message;
}

int record_bad(const RecordReader *reader, const char *name, const char *format, ...) {
        StrBuf b = {};
        va_list ap;

        strbuf_addf(&b, "task.json:%u: ", line_of_member(reader, reader->list ? reader->list : name));
        if (reader->list)
                strbuf_addf(&b, "%s[%zu].", reader->list, reader->index);
        strbuf_addf(&b, "%s: ", name);

        va_start(ap, format);
        strbuf_addv(&b, format, ap);
        va_end(ap);

        set_message(reader, &b);
        return -EBADMSG;
}

int record_bad_syntax(const RecordReader *reader, const json_error_t *error) {
        _cleanup_(freep) char *what = NULL;
        StrBuf b = {};

        if (json_error_code(error) == json_error_out_of_memory)
                return -ENOMEM;

        what = utf8_sanitize(
                        error->text, strnlen(error->text, sizeof(error->text))); /* may quote the input */
        strbuf_addf(&b, "task.json:%i: %s", error->line > 0 ? error->line : 1, what ? what : "no JSON");
        set_message(reader, &b);
        return -EBADMSG;
}

/* A missing member leaves @ret as it is. */
int record_get_number(
                const RecordReader *reader,
                const json_t *object,
                const char *name,
                uint64_t max,
                uint64_t *ret) {
        const json_t *value = json_object_get(object, name);
        json_int_t n;

        if (!value)
                return 0;
        if (!json_is_integer(value))
                return record_bad(reader, name, "not a whole number");

        n = json_integer_value(value);
        if (n < 0 || (uint64_t) n > max)
                return record_bad(reader, name, "%" JSON_INTEGER_FORMAT " is out of range", n);

        *ret = (uint64_t) n;
        return 0;
}

int record_get_pid(const RecordReader *reader, const json_t *object, pid_t *ret) {
        uint64_t pid = 0;
        int r;

        r = record_get_number(reader, object, "pid", INT_MAX, &pid);
        if (r < 0)
                return r;

        *ret = (pid_t) pid;
        return 0;
}

/* A missing member leaves @ret as it is. The text was checked to be UTF-8 by jansson, but it may be meant
 * for a terminal. */
static int
get_text(const RecordReader *reader, const json_t *object, const char *name, size_t max, char **ret) {
        const json_t *value = json_object_get(object, name);
        size_t n;
        char *text;

        if (!value)
                return 0;
        if (!json_is_string(value))
                return record_bad(reader, name, "not a string");

        n = json_string_length(value);
        if (n > max)
                return record_bad(reader, name, "longer than %zu bytes", max);

        text = utf8_sanitize(json_string_value(value), n);
        if (!text)
                return -ENOMEM;

        free(*ret);
        *ret = text;
        return 0;
}

int record_get_texts(
                const RecordReader *reader,
                const json_t *object,
                const TaskRecordField *f,
                size_t max,
                void *base) {
        int r;

        for (; f->name; f++) {
                r = get_text(reader, object, f->name, max, (char **) ((char *) base + f->offset));
                if (r < 0)
                        return r;
        }

        return 0;
}

int record_get_numbers(
                const RecordReader *reader, const json_t *object, const TaskRecordField *f, void *base) {
        int r;

        for (; f->name; f++) {
                r = record_get_number(
                                reader,
                                object,
                                f->name,
                                INT64_MAX,
                                (uint64_t *) ((char *) base + f->offset));
                if (r < 0)
                        return r;
        }

        return 0;
}

int record_fill_text(char **text) {
        if (!*text)
                *text = strdup("");

        return *text ? 0 : -ENOMEM;
}

int record_get_name(const RecordReader *reader, const json_t *object, const char *name, const char **ret) {
        const json_t *value = json_object_get(object, name);

        if (!value)
                return record_bad(reader, name, "missing");
        if (!json_is_string(value))
                return record_bad(reader, name, "not a string");

        *ret = json_string_value(value);
        return 0;
}
