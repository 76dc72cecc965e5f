/* SPDX-License-Identifier: Apache-2.0 */
/* Reads task.json: foreign bytes, since anything may have happened to the disk. */
#include "store/task-record-reader.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

#define OAP_TASKS_MAX 16U /* of one task; there is one for each kind */

static int get_cause_values(const RecordReader *reader, const json_t *object, TaskCause *c) {
        int r;

        for (const TaskRecordField *f = task_record_cause_reals; f->name; f++) {
                const json_t *value = json_object_get(object, f->name);
                double v;

                if (!json_is_number(value))
                        return record_bad(reader, f->name, value ? "not a number" : "missing");

                v = json_number_value(value);
                if (!(v >= 0 && v <= TASK_RECORD_CAUSE_VALUE_MAX))
                        return record_bad(reader, f->name, "%g is out of range", v);

                *(double *) ((char *) c + f->offset) = v;
        }

        for (const TaskRecordField *f = task_record_cause_numbers; f->name; f++) {
                uint64_t n = 0;

                r = record_get_number(reader, object, f->name, UINT_MAX, &n);
                if (r < 0)
                        return r;

                *(unsigned *) ((char *) c + f->offset) = (unsigned) n;
        }

        return record_get_pid(reader, object, &c->pid);
}

static int get_cause(const RecordReader *reader, const json_t *object, TaskCause *c) {
        int r;

        r = record_get_texts(reader, object, task_record_cause_texts, TASK_RECORD_CAUSE_TEXT_MAX, c);
        if (r >= 0)
                r = record_get_texts(reader, object, task_record_cause_uris, TASK_RECORD_CAUSE_TEXT_MAX, c);
        if (r < 0)
                return r;

        for (const TaskRecordField *f = task_record_cause_texts; f->name; f++) {
                r = record_fill_text((char **) ((char *) c + f->offset));
                if (r < 0)
                        return r;
        }

        return get_cause_values(reader, object, c);
}

static int get_causes(RecordReader *reader, const json_t *object, Task *t) {
        const json_t *list = json_object_get(object, "causes"), *cause;
        size_t n, i;
        int r;

        if (!list)
                return 0;
        if (!json_is_array(list))
                return record_bad(reader, "causes", "not a list");

        n = json_array_size(list);
        if (n > TASK_RECORD_CAUSES_MAX)
                return record_bad(reader, "causes", "more than %u", TASK_RECORD_CAUSES_MAX);
        if (n == 0)
                return 0;

        t->causes = calloc(n, sizeof(*t->causes));
        if (!t->causes)
                return -ENOMEM;

        json_array_foreach(list, i, cause) {
                if (!json_is_object(cause))
                        return record_bad(reader, "causes", "entry %zu is not an object", i);

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

/* A kind of a later version is left out. */
static int get_oap_task(const RecordReader *reader, const json_t *object, Task *t) {
        const char *name;
        int kind, r;

        r = record_get_name(reader, object, "kind", &name);
        if (r < 0)
                return r;

        kind = profile_kind_from_string(name);
        if (kind < 0)
                return 0;

        return record_get_texts(reader, object, task_record_oap_texts, TASK_RECORD_TEXT_MAX, t->oap + kind);
}

static int get_oap_tasks(RecordReader *reader, const json_t *object, Task *t) {
        const json_t *list = json_object_get(object, "oap_tasks"), *one;
        size_t i;
        int r;

        if (!list)
                return 0;
        if (!json_is_array(list) || json_array_size(list) > OAP_TASKS_MAX)
                return record_bad(reader, "oap_tasks", "not a list of at most %u", OAP_TASKS_MAX);

        json_array_foreach(list, i, one) {
                if (!json_is_object(one))
                        return record_bad(reader, "oap_tasks", "entry %zu is not an object", i);

                reader->list = "oap_tasks";
                reader->index = i;
                r = get_oap_task(reader, one, t);
                reader->list = NULL;
                if (r < 0)
                        return r;
        }

        return 0;
}

static int add_kind(const RecordReader *reader, const char *name, const json_t *value, ProfileKinds *kinds) {
        int r;

        if (!json_is_string(value))
                return record_bad(reader, name, "not a string");

        r = profile_kind_from_string(json_string_value(value));
        if (r < 0)
                return record_bad(reader, name, "not a kind of profile of this version");

        *kinds |= PROFILE_KIND_BIT(r);
        return 0;
}

static int get_kinds(const RecordReader *reader, const json_t *object, ProfileKinds *ret) {
        const json_t *list = json_object_get(object, "kinds"), *kind;
        ProfileKinds kinds = 0;
        size_t i;
        int r;

        if (!list) {
                kind = json_object_get(object, "kind"); /* of earlier versions, which had one per task */
                if (!kind)
                        return record_bad(reader, "kinds", "missing");

                return add_kind(reader, "kind", kind, ret);
        }

        if (!json_is_array(list))
                return record_bad(reader, "kinds", "not a list");
        if (json_array_size(list) == 0 || json_array_size(list) > _PROFILE_KIND_MAX)
                return record_bad(reader, "kinds", "none or too many");

        json_array_foreach(list, i, kind) {
                r = add_kind(reader, "kinds", kind, &kinds);
                if (r < 0)
                        return r;
        }

        *ret = kinds;
        return 0;
}

/* What a record cannot do without. */
static int get_head(const RecordReader *reader, const json_t *object, Task *t) {
        uint64_t format = 0;
        const char *text;
        int r;

        r = record_get_number(reader, object, "format", INT64_MAX, &format);
        if (r < 0)
                return r;
        if (format != TASK_RECORD_FORMAT)
                return record_bad(reader, "format", "%" PRIu64 " is not known", format);

        r = record_get_name(reader, object, "id", &text);
        if (r < 0)
                return r;
        if (!task_id_is_valid(text))
                return record_bad(reader, "id", "not the id of a task");
        strcpy(t->id, text);

        r = get_kinds(reader, object, &t->kinds);
        if (r < 0)
                return r;

        r = record_get_name(reader, object, "state", &text);
        if (r < 0)
                return r;
        r = task_state_from_string(text);
        if (r < 0)
                return record_bad(reader, "state", "not the state of a task");
        t->state = r;

        return 0;
}

static int get_groups(const RecordReader *reader, const json_t *object, Task *t) {
        int r;

        for (const TaskRecordGroup *g = task_record_groups; g->name; g++) {
                const json_t *group = json_object_get(object, g->name);

                if (!group)
                        continue;
                if (!json_is_object(group))
                        return record_bad(reader, g->name, "not an object");

                r = record_get_numbers(reader, group, g->fields, t);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int get_task(RecordReader *reader, const json_t *object, Task *t) {
        int r;

        if (!json_is_object(object))
                return record_bad(reader, "task", "not an object");

        r = get_head(reader, object, t);
        if (r >= 0)
                r = record_get_texts(reader, object, task_record_texts, TASK_RECORD_TEXT_MAX, t);
        if (r >= 0)
                r = record_fill_text(&t->unit);
        if (r >= 0)
                r = record_fill_text(&t->process);
        if (r >= 0)
                r = record_get_pid(reader, object, &t->key.pid);
        if (r >= 0)
                r = record_get_numbers(reader, object, task_record_numbers, t);
        if (r >= 0)
                r = get_causes(reader, object, t);
        if (r >= 0)
                r = get_oap_tasks(reader, object, t);
        if (r >= 0)
                r = get_groups(reader, object, t);

        return r;
}

int task_record_parse(const char *json, size_t length, Task **ret_task, char **reterr_message) {
        _cleanup_(task_freep) Task *t = NULL;
        RecordReader reader = { .json = json, .length = length, .reterr_message = reterr_message };
        json_error_t error;
        json_t *object;
        int r;

        assert(json || length == 0);
        assert(ret_task);

        if (length > TASK_RECORD_SIZE_MAX)
                return record_bad(&reader, "task", "larger than %u bytes", TASK_RECORD_SIZE_MAX);

        t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;

        object = json_loadb(length > 0 ? json : "", length, JSON_REJECT_DUPLICATES, &error);
        if (!object)
                return record_bad_syntax(&reader, &error);

        r = get_task(&reader, object, t);
        json_decref(object);
        if (r < 0)
                return r;

        *ret_task = TAKE_PTR(t);
        return 0;
}
