/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "oap/oap-encode.h"

/* The messages of one stream, in order. */
typedef struct OapMessages {
        OapBytes *items;
        size_t n, n_allocated;
        size_t n_bytes; /* of all */
} OapMessages;

void oap_messages_done(OapMessages *m);
/* Takes @bytes over, on failure too (-ENOMEM). */
int oap_messages_push(OapMessages *m, OapBytes *bytes);
