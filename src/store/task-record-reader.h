/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "store/task-record.h"

#include <jansson.h>

/* Members of a task.json that is being read, and what is wrong with them. Internal to store/. */
typedef struct RecordReader {
        const char *json;
        size_t length;
        const char *list; /* the member of the whole that is being read, "causes"; NULL outside */
        size_t index;
        char **reterr_message; /* may be NULL */
} RecordReader;

/* Writes "task.json:LINE: MEMBER: …" and returns -EBADMSG. */
int record_bad(const RecordReader *reader, const char *name, const char *format, ...) _printf_(3, 4);
/* The same for what is no JSON; -ENOMEM if that is why. */
int record_bad_syntax(const RecordReader *reader, const json_error_t *error);

/* A missing member leaves @ret as it is. Return -EBADMSG with the message, -ENOMEM. */
int record_get_number(
                const RecordReader *reader,
                const json_t *object,
                const char *name,
                uint64_t max,
                uint64_t *ret);
int record_get_pid(const RecordReader *reader, const json_t *object, pid_t *ret);
int record_get_texts(
                const RecordReader *reader,
                const json_t *object,
                const TaskRecordField *f,
                size_t max,
                void *base);
int record_get_numbers(
                const RecordReader *reader, const json_t *object, const TaskRecordField *f, void *base);

/* A member that must be there; borrowed. */
int record_get_name(const RecordReader *reader, const json_t *object, const char *name, const char **ret);

/* Makes "" of a text that is not there. */
int record_fill_text(char **text);
