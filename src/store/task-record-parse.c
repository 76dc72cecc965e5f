/* SPDX-License-Identifier: Apache-2.0 */
/* Reads task.json: foreign bytes, since anything may have happened to the disk. */
#include "basic/strbuf.h"
#include "basic/utf8.h"
#include "store/task-record.h"

#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <string.h>

typedef struct Reader {
        const char *json;
        size_t length;
        const char *list; /* the member of the whole that is being read, "causes"; NULL outside */
        size_t index;
        char **reterr_message; /* may be NULL */
} Reader;

/* Line of the member @name. jansson keeps no places, but a name in quotes before a colon stands for itself:
 * quotes within texts are escaped. 1 when there is no such member. */
static unsigned line_of_member(const Reader *reader, const char *name) {
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
static void set_message(const Reader *reader, StrBuf *b) {
        char *message;

        if (!reader->reterr_message)
                strbuf_done(b);
        else if (strbuf_finish(b, &message) >= 0)
                *reader->reterr_message = message;
}

static int _printf_(3, 4) bad(const Reader *reader, const char *name, const char *format, ...) {
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

static int bad_syntax(const Reader *reader, const json_error_t *error) {
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
static int
get_number(const Reader *reader, const json_t *object, const char *name, uint64_t max, uint64_t *ret) {
        const json_t *value = json_object_get(object, name);
        json_int_t n;

        if (!value)
                return 0;
        if (!json_is_integer(value))
                return bad(reader, name, "not a whole number");

        n = json_integer_value(value);
        if (n < 0 || (uint64_t) n > max)
                return bad(reader, name, "%" JSON_INTEGER_FORMAT " is out of range", n);

        *ret = (uint64_t) n;
        return 0;
}

static int get_pid(const Reader *reader, const json_t *object, pid_t *ret) {
        uint64_t pid = 0;
        int r;

        r = get_number(reader, object, "pid", INT_MAX, &pid);
        if (r < 0)
                return r;

        *ret = (pid_t) pid;
        return 0;
}

/* A missing member leaves @ret as it is. The text was checked to be UTF-8 by jansson, but it may be meant
 * for a terminal. */
static int get_text(const Reader *reader, const json_t *object, const char *name, size_t max, char **ret) {
        const json_t *value = json_object_get(object, name);
        size_t n;
        char *text;

        if (!value)
                return 0;
        if (!json_is_string(value))
                return bad(reader, name, "not a string");

        n = json_string_length(value);
        if (n > max)
                return bad(reader, name, "longer than %zu bytes", max);

        text = utf8_sanitize(json_string_value(value), n);
        if (!text)
                return -ENOMEM;

        free(*ret);
        *ret = text;
        return 0;
}

static int
get_texts(const Reader *reader, const json_t *object, const TaskRecordField *f, size_t max, void *base) {
        int r;

        for (; f->name; f++) {
                r = get_text(reader, object, f->name, max, (char **) ((char *) base + f->offset));
                if (r < 0)
                        return r;
        }

        return 0;
}

static int get_numbers(const Reader *reader, const json_t *object, const TaskRecordField *f, void *base) {
        int r;

        for (; f->name; f++) {
                r = get_number(reader, object, f->name, INT64_MAX, (uint64_t *) ((char *) base + f->offset));
                if (r < 0)
                        return r;
        }

        return 0;
}

/* Makes "" of a text that is not there. */
static int fill_text(char **text) {
        if (!*text)
                *text = strdup("");

        return *text ? 0 : -ENOMEM;
}

static int get_cause_values(const Reader *reader, const json_t *object, TaskCause *c) {
        int r;

        for (const TaskRecordField *f = task_record_cause_reals; f->name; f++) {
                const json_t *value = json_object_get(object, f->name);
                double v;

                if (!json_is_number(value))
                        return bad(reader, f->name, value ? "not a number" : "missing");

                v = json_number_value(value);
                if (!(v >= 0 && v <= TASK_RECORD_CAUSE_VALUE_MAX))
                        return bad(reader, f->name, "%g is out of range", v);

                *(double *) ((char *) c + f->offset) = v;
        }

        for (const TaskRecordField *f = task_record_cause_numbers; f->name; f++) {
                uint64_t n = 0;

                r = get_number(reader, object, f->name, UINT_MAX, &n);
                if (r < 0)
                        return r;

                *(unsigned *) ((char *) c + f->offset) = (unsigned) n;
        }

        return get_pid(reader, object, &c->pid);
}

static int get_cause(const Reader *reader, const json_t *object, TaskCause *c) {
        int r;

        r = get_texts(reader, object, task_record_cause_texts, TASK_RECORD_CAUSE_TEXT_MAX, c);
        if (r < 0)
                return r;

        for (const TaskRecordField *f = task_record_cause_texts; f->name; f++) {
                r = fill_text((char **) ((char *) c + f->offset));
                if (r < 0)
                        return r;
        }

        return get_cause_values(reader, object, c);
}

static int get_causes(Reader *reader, const json_t *object, Task *t) {
        const json_t *list = json_object_get(object, "causes"), *cause;
        size_t n, i;
        int r;

        if (!list)
                return 0;
        if (!json_is_array(list))
                return bad(reader, "causes", "not a list");

        n = json_array_size(list);
        if (n > TASK_RECORD_CAUSES_MAX)
                return bad(reader, "causes", "more than %u", TASK_RECORD_CAUSES_MAX);
        if (n == 0)
                return 0;

        t->causes = calloc(n, sizeof(*t->causes));
        if (!t->causes)
                return -ENOMEM;

        json_array_foreach(list, i, cause) {
                if (!json_is_object(cause))
                        return bad(reader, "causes", "entry %zu is not an object", i);

                t->n_causes = i + 1; /* first, so that what is read of it is freed */
                reader->list = "causes";
                reader->index = i;
                r = get_cause(reader, cause, t->causes + i);
                reader->list = NULL;
                if (r < 0)
                        return r;
        }

        return 0;
}

static int get_name(const Reader *reader, const json_t *object, const char *name, const char **ret) {
        const json_t *value = json_object_get(object, name);

        if (!value)
                return bad(reader, name, "missing");
        if (!json_is_string(value))
                return bad(reader, name, "not a string");

        *ret = json_string_value(value);
        return 0;
}

static int add_kind(const Reader *reader, const char *name, const json_t *value, ProfileKinds *kinds) {
        int r;

        if (!json_is_string(value))
                return bad(reader, name, "not a string");

        r = profile_kind_from_string(json_string_value(value));
        if (r < 0)
                return bad(reader, name, "not a kind of profile of this version");

        *kinds |= PROFILE_KIND_BIT(r);
        return 0;
}

static int get_kinds(const Reader *reader, const json_t *object, ProfileKinds *ret) {
        const json_t *list = json_object_get(object, "kinds"), *kind;
        ProfileKinds kinds = 0;
        size_t i;
        int r;

        if (!list) {
                kind = json_object_get(object, "kind"); /* of earlier versions, which had one per task */
                if (!kind)
                        return bad(reader, "kinds", "missing");

                return add_kind(reader, "kind", kind, ret);
        }

        if (!json_is_array(list))
                return bad(reader, "kinds", "not a list");
        if (json_array_size(list) == 0 || json_array_size(list) > _PROFILE_KIND_MAX)
                return bad(reader, "kinds", "none or too many");

        json_array_foreach(list, i, kind) {
                r = add_kind(reader, "kinds", kind, &kinds);
                if (r < 0)
                        return r;
        }

        *ret = kinds;
        return 0;
}

/* What a record cannot do without. */
static int get_head(const Reader *reader, const json_t *object, Task *t) {
        uint64_t format = 0;
        const char *text;
        int r;

        r = get_number(reader, object, "format", INT64_MAX, &format);
        if (r < 0)
                return r;
        if (format != TASK_RECORD_FORMAT)
                return bad(reader, "format", "%" PRIu64 " is not known", format);

        r = get_name(reader, object, "id", &text);
        if (r < 0)
                return r;
        if (!task_id_is_valid(text))
                return bad(reader, "id", "not the id of a task");
        strcpy(t->id, text);

        r = get_kinds(reader, object, &t->kinds);
        if (r < 0)
                return r;

        r = get_name(reader, object, "state", &text);
        if (r < 0)
                return r;
        r = task_state_from_string(text);
        if (r < 0)
                return bad(reader, "state", "not the state of a task");
        t->state = r;

        return 0;
}

static int get_groups(const Reader *reader, const json_t *object, Task *t) {
        int r;

        for (const TaskRecordGroup *g = task_record_groups; g->name; g++) {
                const json_t *group = json_object_get(object, g->name);

                if (!group)
                        continue;
                if (!json_is_object(group))
                        return bad(reader, g->name, "not an object");

                r = get_numbers(reader, group, g->fields, t);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int get_task(Reader *reader, const json_t *object, Task *t) {
        int r;

        if (!json_is_object(object))
                return bad(reader, "task", "not an object");

        r = get_head(reader, object, t);
        if (r >= 0)
                r = get_texts(reader, object, task_record_texts, TASK_RECORD_TEXT_MAX, t);
        if (r >= 0)
                r = fill_text(&t->unit);
        if (r >= 0)
                r = fill_text(&t->process);
        if (r >= 0)
                r = get_pid(reader, object, &t->key.pid);
        if (r >= 0)
                r = get_numbers(reader, object, task_record_numbers, t);
        if (r >= 0)
                r = get_causes(reader, object, t);
        if (r >= 0)
                r = get_groups(reader, object, t);

        return r;
}

int task_record_parse(const char *json, size_t length, Task **ret_task, char **reterr_message) {
        _cleanup_(task_freep) Task *t = NULL;
        Reader reader = { .json = json, .length = length, .reterr_message = reterr_message };
        json_error_t error;
        json_t *object;
        int r;

        assert(json || length == 0);
        assert(ret_task);

        if (length > TASK_RECORD_SIZE_MAX)
                return bad(&reader, "task", "larger than %u bytes", TASK_RECORD_SIZE_MAX);

        t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;

        object = json_loadb(length > 0 ? json : "", length, JSON_REJECT_DUPLICATES, &error);
        if (!object)
                return bad_syntax(&reader, &error);

        r = get_task(&reader, object, t);
        json_decref(object);
        if (r < 0)
                return r;

        *ret_task = TAKE_PTR(t);
        return 0;
}
