/* SPDX-License-Identifier: Apache-2.0 */
#include "store/pprof-writer.h"

#include <limits.h>
#include <string.h>

/* The fastest level: encoding runs on the loop, and the files are a few hundred kilobytes at any level. */
#define COMPRESSION_LEVEL 1

/* deflateInit2(): a gzip header around the largest window. Without name and time in it, so that equal
 * profiles give equal files. */
#define WINDOW_BITS_GZIP (15 + 16)

#define WIRE_TYPE_LENGTH_DELIMITED 2U /* protobuf encoding: tag = field << 3 | wire type */

int pprof_writer_init(PprofWriter *w) {
        int z;

        *w = (PprofWriter){};

        z =
                        deflateInit2(&w->stream,
                                     COMPRESSION_LEVEL,
                                     Z_DEFLATED,
                                     WINDOW_BITS_GZIP,
                                     /* memLevel, the default: */ 8,
                                     Z_DEFAULT_STRATEGY);
        if (z != Z_OK)
                return -ENOMEM;

        w->ready = true;
        return 0;
}

void pprof_writer_done(PprofWriter *w) {
        if (w->ready)
                (void) deflateEnd(&w->stream);
        free(w->data);
        free(w->scratch);
        *w = (PprofWriter){};
}

static int reserve_output(PprofWriter *w) {
        size_t size = w->allocated > 0 ? w->allocated * 2 : 64U * 1024;
        unsigned char *p;

        if (w->length < w->allocated)
                return 0;
        if (w->length >= PPROF_COMPRESSED_MAX)
                return -EFBIG;

        size = MIN_OF(size, (size_t) PPROF_COMPRESSED_MAX);
        p = realloc(w->data, size);
        if (!p)
                return -ENOMEM;

        w->data = p;
        w->allocated = size;
        return 0;
}

/* Compresses @length bytes, or what is left when @flush is Z_FINISH. */
static int compress_bytes(PprofWriter *w, const void *data, size_t length, int flush) {
        int r, z;

        if (length > PPROF_UNPACKED_MAX || w->stream.total_in > PPROF_UNPACKED_MAX - length)
                return -EFBIG;

        w->stream.next_in = (unsigned char *) data; /* zlib only reads it */
        w->stream.avail_in = (unsigned) length;

        do {
                size_t room;

                r = reserve_output(w);
                if (r < 0)
                        return r;

                room = w->allocated - w->length;
                w->stream.next_out = w->data + w->length;
                w->stream.avail_out = (unsigned) room;
                z = deflate(&w->stream, flush);
                assert(z != Z_STREAM_ERROR);
                w->length += room - w->stream.avail_out;
        } while (flush == Z_FINISH ? z != Z_STREAM_END : w->stream.avail_in > 0);

        return 0;
}

static size_t put_varint(unsigned char *p, uint64_t v) {
        size_t n = 0;

        for (; v >= 0x80; v >>= 7)
                p[n++] = (unsigned char) (v | 0x80);
        p[n++] = (unsigned char) v;

        return n;
}

static int write_field(PprofWriter *w, unsigned field, const void *data, size_t length) {
        unsigned char head[2 * 10]; /* two varints of at most 64 bits */
        size_t n;
        int r;

        n = put_varint(head, field << 3 | WIRE_TYPE_LENGTH_DELIMITED);
        n += put_varint(head + n, length);

        r = compress_bytes(w, head, n, Z_NO_FLUSH);
        if (r < 0)
                return r;

        return length > 0 ? compress_bytes(w, data, length, Z_NO_FLUSH) : 0;
}

/* Packs @message into the scratch space. */
static int pack(PprofWriter *w, const ProtobufCMessage *message, size_t *ret_length) {
        size_t n = protobuf_c_message_get_packed_size(message);

        if (n > w->scratch_size) {
                size_t size = MAX_OF(n, (size_t) 4096);
                unsigned char *p = realloc(w->scratch, size);

                if (!p)
                        return -ENOMEM;
                w->scratch = p;
                w->scratch_size = size;
        }

        *ret_length = n > 0 ? protobuf_c_message_pack(message, w->scratch) : 0;
        return 0;
}

int pprof_writer_message(PprofWriter *w, unsigned field, const ProtobufCMessage *message) {
        size_t n;
        int r;

        r = pack(w, message, &n);
        if (r < 0)
                return r;

        return write_field(w, field, w->scratch, n);
}

int pprof_writer_text(PprofWriter *w, unsigned field, const char *text) {
        return write_field(w, field, text, strlen(text));
}

int pprof_writer_fields(PprofWriter *w, const ProtobufCMessage *message) {
        size_t n;
        int r;

        r = pack(w, message, &n);
        if (r < 0)
                return r;

        return n > 0 ? compress_bytes(w, w->scratch, n, Z_NO_FLUSH) : 0;
}

int pprof_writer_finish(PprofWriter *w, void **ret_data, size_t *ret_length) {
        int r;

        r = compress_bytes(w, NULL, 0, Z_FINISH);
        if (r < 0)
                return r;

        *ret_data = TAKE_PTR(w->data);
        *ret_length = w->length;
        return 0;
}
