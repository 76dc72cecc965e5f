/* SPDX-License-Identifier: Apache-2.0 */
/* Writes what is known of a task as task.json. */
#include "store/task-record.h"

#include "basic/utf8.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

/* A new value, or NULL when out of memory. */
static json_t *text_to_json(const char *text, size_t max) {
        _cleanup_(freep) char *clean = NULL;
        size_t n;

        clean = utf8_sanitize(text, strlen(text));
        if (!clean)
                return NULL;

        n = strlen(clean);
        if (n > max) {
                n = max;
                while (n > 0 && ((unsigned char) clean[n] & 0xc0) == 0x80) /* not inside a character */
                        n--;
        }

        return json_stringn(clean, n);
}

static json_t *number_to_json(uint64_t n) {
        return json_integer((json_int_t) MIN_OF(n, (uint64_t) INT64_MAX));
}

/* json_object_set_new() fails for a NULL value and consumes it otherwise: one check does for both. */
static int set(json_t *object, const char *name, json_t *value) {
        return json_object_set_new(object, name, value) < 0 ? -ENOMEM : 0;
}

static int set_texts(json_t *object, const TaskRecordField *f, const void *base, size_t max) {
        int r;

        for (; f->name; f++) {
                const char *text = *(char *const *) ((const char *) base + f->offset);

                if (!text)
                        continue;

                r = set(object, f->name, text_to_json(text, max));
                if (r < 0)
                        return r;
        }

        return 0;
}

static int set_numbers(json_t *object, const TaskRecordField *f, const void *base) {
        int r;

        for (; f->name; f++) {
                r = set(object,
                        f->name,
                        number_to_json(*(const uint64_t *) ((const char *) base + f->offset)));
                if (r < 0)
                        return r;
        }

        return 0;
}

static int set_cause(json_t *object, const TaskCause *c) {
        int r;

        r = set_texts(object, task_record_cause_texts, c, TASK_RECORD_CAUSE_TEXT_MAX);
        if (r >= 0)
                r = set_texts(object, task_record_cause_uris, c, TASK_RECORD_CAUSE_TEXT_MAX);
        if (r < 0)
                return r;

        for (const TaskRecordField *f = task_record_cause_reals; f->name; f++) {
                double v = *(const double *) ((const char *) c + f->offset);

                r = set(object,
                        f->name,
                        json_real(isfinite(v) ? fmin(fmax(v, 0), TASK_RECORD_CAUSE_VALUE_MAX) : 0));
                if (r < 0)
                        return r;
        }

        for (const TaskRecordField *f = task_record_cause_numbers; f->name; f++) {
                r = set(object, f->name, json_integer(*(const unsigned *) ((const char *) c + f->offset)));
                if (r < 0)
                        return r;
        }

        return set(object, "pid", json_integer(MAX_OF(c->pid, 0)));
}

static int set_causes(json_t *object, const Task *t) {
        json_t *list;
        int r;

        list = json_array();
        r = set(object, "causes", list);
        if (r < 0)
                return r;

        for (size_t i = 0; i < t->n_causes && i < TASK_RECORD_CAUSES_MAX; i++) {
                json_t *cause = json_object();

                if (json_array_append_new(list, cause) < 0)
                        return -ENOMEM;

                r = set_cause(cause, t->causes + i);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int set_groups(json_t *object, const Task *t) {
        int r;

        for (const TaskRecordGroup *g = task_record_groups; g->name; g++) {
                json_t *group = json_object();

                r = set(object, g->name, group);
                if (r >= 0)
                        r = set_numbers(group, g->fields, t);
                if (r < 0)
                        return r;
        }

        return 0;
}

static bool is_known_to_oap(const Task *t, ProfileKind k) {
        return t->oap[k].id || t->oap[k].refused;
}

static int set_oap_tasks(json_t *object, const Task *t) {
        json_t *list = NULL;
        int r;

        for (ProfileKind k = 0; k < _PROFILE_KIND_MAX; k++) {
                json_t *one;

                if (!is_known_to_oap(t, k))
                        continue;

                if (!list) {
                        list = json_array();
                        r = set(object, "oap_tasks", list);
                        if (r < 0)
                                return r;
                }

                one = json_object();
                if (json_array_append_new(list, one) < 0)
                        return -ENOMEM;

                r = set(one, "kind", json_string(profile_kind_to_string(k)));
                if (r >= 0)
                        r = set_texts(one, task_record_oap_texts, t->oap + k, TASK_RECORD_TEXT_MAX);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int set_kinds(json_t *object, const Task *t) {
        json_t *list = json_array();
        int r;

        r = set(object, "kinds", list);
        if (r < 0)
                return r;

        for (ProfileKind k = 0; k < _PROFILE_KIND_MAX; k++)
                if ((t->kinds & PROFILE_KIND_BIT(k)) &&
                    json_array_append_new(list, json_string(profile_kind_to_string(k))) < 0)
                        return -ENOMEM;

        return 0;
}

static int set_head(json_t *object, const Task *t) {
        char started[TIMESTAMP_TEXT_MAX];
        int r;

        r = set(object, "format", json_integer(TASK_RECORD_FORMAT));
        if (r >= 0)
                r = set(object, "id", json_string(t->id));
        if (r >= 0)
                r = set_kinds(object, t);
        if (r >= 0)
                r = set(object, "state", json_string(task_state_to_string(t->state)));
        if (r >= 0 && t->started.realtime_usec > 0)
                r = set(object, "started", json_string(timestamp_format(t->started.realtime_usec, started)));

        return r;
}

static int set_task(json_t *object, const Task *t) {
        int r;

        r = set_head(object, t);
        if (r >= 0)
                r = set_texts(object, task_record_texts, t, TASK_RECORD_TEXT_MAX);
        if (r >= 0)
                r = set(object, "pid", json_integer(MAX_OF(t->key.pid, 0)));
        if (r >= 0)
                r = set_numbers(object, task_record_numbers, t);
        if (r >= 0)
                r = set_causes(object, t);
        if (r >= 0)
                r = set_oap_tasks(object, t);
        if (r >= 0)
                r = set_groups(object, t);

        return r;
}

int task_record_format(const Task *t, char **ret_json) {
        _cleanup_(freep) char *text = NULL;
        json_t *object;
        char *line;
        size_t n;
        int r;

        assert(t);
        assert(ret_json);

        object = json_object();
        if (!object)
                return -ENOMEM;

        r = set_task(object, t);
        if (r >= 0) {
                text = json_dumps(object, JSON_INDENT(2));
                if (!text)
                        r = -ENOMEM;
        }
        json_decref(object);
        if (r < 0)
                return r;

        n = strlen(text);
        line = realloc(text, n + 2); /* a text file ends in a newline */
        if (!line)
                return -ENOMEM;

        text = NULL;
        memcpy(line + n, "\n", 2);
        *ret_json = line;
        return 0;
}
