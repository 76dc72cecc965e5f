/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/utf8.h"
#include "oap/oap-encode.h"

#include "skywalking.pb-c.h"

/* Private to oap-encode*.c. */

typedef Skywalking__V3__KeyStringValuePair Pair;
typedef Skywalking__V3__EBPFProcessEntityMetadata EntityMetadata;
typedef Skywalking__V3__EBPFProcessProperties ProcessProperties;

/* Memory that lives as long as a message is built. A failure is remembered until packing. Zero-initialise.
 */
typedef struct OapScratch {
        struct OapScratchBlock {
                struct OapScratchBlock *next;
                _Alignas(16) char data[];
        } * blocks;
        bool failed;
} OapScratch;

void oap_scratch_done(OapScratch *s);
void *oap_scratch_alloc(OapScratch *s, size_t n, size_t size); /* zeroed; NULL: out of memory */
char *oap_scratch_text(OapScratch *s, const char *text);       /* a clean copy; NULL is "" */
int oap_scratch_pack(const OapScratch *s, const ProtobufCMessage *message, OapBytes *ret);
