/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "store/pprof.h"

#include <protobuf-c/protobuf-c.h>
#include <zlib.h>

/* A gzip file in memory, written field by field of one protobuf message, so that the message itself is never
 * in memory as a whole: the fields of a message may be concatenated. */
typedef struct PprofWriter {
        z_stream stream;
        bool ready; /* stream is to be ended */

        unsigned char *data; /* compressed so far */
        size_t length, allocated;

        unsigned char *scratch; /* one packed field */
        size_t scratch_size;
} PprofWriter;

int pprof_writer_init(PprofWriter *w);
void pprof_writer_done(PprofWriter *w);

/* All return -ENOMEM, or -EFBIG above PPROF_COMPRESSED_MAX or PPROF_UNPACKED_MAX. */
int pprof_writer_message(PprofWriter *w, unsigned field, const ProtobufCMessage *message);
int pprof_writer_text(PprofWriter *w, unsigned field, const char *text);
/* The fields of @message themselves, for the scalars of the outermost one. */
int pprof_writer_fields(PprofWriter *w, const ProtobufCMessage *message);

/* Hands the file over, to be freed; nothing can be added afterwards. */
int pprof_writer_finish(PprofWriter *w, void **ret_data, size_t *ret_length);
