/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "http/random-text.h"

/* One request and its answer, as text. */
typedef struct Exchange {
        Text request, request_body, answer, answer_body;
        bool is_last;    /* nothing of HTTP follows on this connection */
        bool is_upgrade; /* something else does */
        bool is_faulty_request;
        bool awaits_100;
        bool is_counted; /* the answer's body is what its length says */
} Exchange;

/* @may_end: it may be one after which the connection is no more. @is_plain: a GET with a length. */
void exchange_random(Random *r, bool may_end, bool is_plain, Exchange *e);
