/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One HTTP/1.x message cut out of a stream, the straightforward way. Positions are offsets in the stream;
 * MESSAGE_NEVER: the stream ends before. */
#define MESSAGE_NEVER SIZE_MAX

typedef enum MessageBody {
        MESSAGE_BODY_NONE,
        MESSAGE_BODY_LENGTH,
        MESSAGE_BODY_CHUNKED,
        MESSAGE_BODY_CLOSE,
        MESSAGE_BODY_FAULTY, /* nobody can tell */
} MessageBody;

typedef struct Message {
        size_t begin;    /* first byte of the start line */
        size_t line_end; /* its line feed */
        size_t head_end; /* the last line feed of the head */
        size_t end;      /* its last byte; NEVER also for those that the end of the connection ends */

        const char *method, *target;
        size_t method_length, target_length;
        unsigned status;
        bool is_old; /* HTTP/1.0 */

        MessageBody body;
        bool is_ambiguous; /* there was more than one way to find the end */
} Message;

/* The request that begins at or after @from; false: there is none. */
bool message_request(const char *stream, size_t n, size_t from, Message *ret);
/* An answer to a HEAD request has no body, whatever it says; one to CONNECT neither, if it succeeds. */
bool message_answer(const char *stream, size_t n, size_t from, Message *ret);
void message_answer_ends(const char *stream, size_t n, bool to_head, bool to_connect, Message *m);
