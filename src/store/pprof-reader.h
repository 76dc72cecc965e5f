/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "store/pprof.h"

#include <sys/types.h>
#include <zlib.h>

/* One field of the outermost message. */
typedef struct PprofField {
        unsigned number;
        uint64_t value;            /* a varint; else 0 */
        const unsigned char *data; /* a message or text, valid until the next call; NULL for a number */
        size_t length;
} PprofField;

#define PPROF_FIELD_LENGTH_MAX (1024U * 1024)

/* Takes a compressed profile apart, one field at a time, so that memory does not grow with the file. Reads
 * with pread(2) from the beginning: the file can be walked several times. */
typedef struct PprofReader {
        int fd; /* borrowed */
        off_t offset;
        uint64_t n_compressed, n_unpacked;

        z_stream stream;
        bool ready; /* stream is to be ended */
        bool at_end;

        unsigned char in[32 * 1024];
        unsigned char out[64 * 1024];
        size_t out_begin, out_end;

        unsigned char *field;
        size_t field_allocated;
} PprofReader;

int pprof_reader_init(PprofReader *reader, int fd);
void pprof_reader_done(PprofReader *reader);

/* Returns 1 for a field, 0 at the end, -EBADMSG for what is neither gzip nor protobuf, -EFBIG beyond
 * PPROF_COMPRESSED_MAX and PPROF_UNPACKED_MAX, -ENOMEM, or what pread(2) says. */
int pprof_reader_next(PprofReader *reader, PprofField *ret);
