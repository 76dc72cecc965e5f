/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "oap/oap-messages.h"
#include "oap/oap-spool.h"
#include "oap/oap-transport.h"

#include <sys/types.h>

/* What is in a record of the spool: the messages of one call, and what has to be known to send them. Pure.
 * What is read was on a disk: foreign bytes.
 *
 * Format 1, in the byte order of the machine:
 *         u32 format, u32 flags, u32 size of the body
 *         the body, deflated (zlib) when flags say so:
 *                 i32 pid, u32 target, i64 start_ms, i64 now_ms
 *                 task, layer, service, instance, process: each u32 size with its NUL, bytes, NUL
 *                 u32 number of messages, each u32 size, bytes
 * Of METERS there are only the messages: texts are empty, numbers 0. */
#define OAP_RECORD_FORMAT 1U
#define OAP_RECORD_TEXT_MAX 2048U /* bytes with NUL */
#define OAP_RECORD_MESSAGES_MAX 65536U
#define OAP_RECORD_BODY_MAX (4U * 1024 * 1024) /* so that a call of it takes seconds, not minutes */

typedef struct OapRecord {
        bool is_ours;     /* @task is Task.id, else it is OAP's */
        const char *task; /* "" of METERS, as all texts */
        OapTarget target;
        OapEntity entity;
        pid_t pid;
        int64_t start_ms, now_ms; /* of PROFILE, see OapFlush */
} OapRecord;

/* @is_deflated: smaller on disk, for what is going to lie there. *ret is to be freed with oap_bytes_done().
 * -E2BIG beyond the limits above, -EINVAL without messages or for texts that cannot be, -ENOMEM. */
int oap_record_format(
                OapSpoolKind kind,
                const OapRecord *record,
                const OapBytes *messages,
                size_t n_messages,
                bool is_deflated,
                OapBytes *ret);
/* The bytes that a message adds to the body. */
size_t oap_record_message_size(const OapBytes *message);
/* The bytes of a body without messages. */
size_t oap_record_head_size(const OapRecord *record);

/* A record that was read; texts and messages are in @body. Zero-initialise. */
typedef struct OapRecordView {
        OapRecord record;
        OapSlice *messages;
        size_t n_messages;
        uint8_t *body; /* NULL: they are in what was parsed */
} OapRecordView;
void oap_record_view_done(OapRecordView *v);

/* @data outlives @ret. -EBADMSG: it is none, or of another format; -ENOMEM. */
int oap_record_parse(OapSpoolKind kind, const uint8_t *data, size_t size, OapRecordView *ret);
