/* SPDX-License-Identifier: Apache-2.0 */
#include "store/pprof-reader.h"

#include <string.h>

#define WINDOW_BITS_GZIP (15 + 16) /* inflateInit2(): nothing but gzip */

/* Wire types of the protobuf encoding */
enum {
        WIRE_VARINT = 0,
        WIRE_FIXED64 = 1,
        WIRE_LENGTH_DELIMITED = 2,
        WIRE_FIXED32 = 5,
};

#define FIELD_NUMBER_MAX 536870911U /* 2^29 - 1, protobuf language guide */

int pprof_reader_init(PprofReader *reader, int fd) {
        memset(reader, 0, sizeof(*reader));
        reader->fd = fd;

        if (inflateInit2(&reader->stream, WINDOW_BITS_GZIP) != Z_OK)
                return -ENOMEM;

        reader->ready = true;
        return 0;
}

void pprof_reader_done(PprofReader *reader) {
        if (reader->ready)
                (void) inflateEnd(&reader->stream);
        free(reader->field);
        reader->ready = false;
        reader->field = NULL;
}

static int read_input(PprofReader *reader) {
        ssize_t n;

        do
                n = pread(reader->fd, reader->in, sizeof(reader->in), reader->offset);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        if (n == 0)
                return -EBADMSG; /* gzip knows its end: this is a part of a file */

        reader->offset += n;
        reader->n_compressed += (uint64_t) n;
        if (reader->n_compressed > PPROF_COMPRESSED_MAX)
                return -EFBIG;

        reader->stream.next_in = reader->in;
        reader->stream.avail_in = (unsigned) n;
        return 0;
}

/* Unpacks the next bytes into reader->out, which was used up. Returns 0 at the end, 1 otherwise. */
static int fill(PprofReader *reader) {
        reader->out_begin = reader->out_end = 0;

        while (!reader->at_end && reader->out_end == 0) {
                int r, z;

                if (reader->stream.avail_in == 0) {
                        r = read_input(reader);
                        if (r < 0)
                                return r;
                }

                reader->stream.next_out = reader->out;
                reader->stream.avail_out = sizeof(reader->out);
                z = inflate(&reader->stream, Z_NO_FLUSH);
                if (z == Z_MEM_ERROR)
                        return -ENOMEM;
                if (z != Z_OK && z != Z_STREAM_END && z != Z_BUF_ERROR)
                        return -EBADMSG;

                reader->out_end = sizeof(reader->out) - reader->stream.avail_out;
                reader->at_end = z == Z_STREAM_END;
        }

        reader->n_unpacked += reader->out_end;
        if (reader->n_unpacked > PPROF_UNPACKED_MAX)
                return -EFBIG;

        return reader->out_end > 0;
}

/* Copies @length bytes. */
static int read_bytes(PprofReader *reader, unsigned char *data, size_t length) {
        int r;

        while (length > 0) {
                size_t n = MIN_OF(length, reader->out_end - reader->out_begin);

                if (n == 0) {
                        r = fill(reader);
                        if (r < 0)
                                return r;
                        if (r == 0)
                                return -EBADMSG;
                        continue;
                }

                memcpy(data, reader->out + reader->out_begin, n);
                reader->out_begin += n;
                data += n;
                length -= n;
        }

        return 0;
}

static int read_varint(PprofReader *reader, uint64_t *ret) {
        uint64_t value = 0;
        unsigned char c;
        int r;

        for (unsigned shift = 0; shift < 70; shift += 7) {
                r = read_bytes(reader, &c, 1);
                if (r < 0)
                        return r;
                if (shift == 63 && c > 1) /* more than 64 bits */
                        return -EBADMSG;

                value |= (uint64_t) (c & 0x7f) << shift;
                if (c < 0x80) {
                        *ret = value;
                        return 0;
                }
        }

        return -EBADMSG;
}

static int read_data(PprofReader *reader, PprofField *field) {
        uint64_t length;
        int r;

        r = read_varint(reader, &length);
        if (r < 0)
                return r;
        if (length > PPROF_FIELD_LENGTH_MAX)
                return -EBADMSG;

        if (length > reader->field_allocated || !reader->field) {
                size_t size = MAX_OF((size_t) length, reader->field_allocated * 2);
                unsigned char *p = realloc(reader->field, MAX_OF(size, (size_t) 1024));

                if (!p)
                        return -ENOMEM;
                reader->field = p;
                reader->field_allocated = MAX_OF(size, (size_t) 1024);
        }

        r = read_bytes(reader, reader->field, length);
        if (r < 0)
                return r;

        field->data = reader->field;
        field->length = length;
        return 0;
}

int pprof_reader_next(PprofReader *reader, PprofField *ret) {
        PprofField field = {};
        unsigned char fixed[8];
        uint64_t tag;
        int r;

        if (reader->out_begin == reader->out_end) {
                r = fill(reader);
                if (r <= 0)
                        return r;
        }

        r = read_varint(reader, &tag);
        if (r < 0)
                return r;
        if (tag >> 3 == 0 || tag >> 3 > FIELD_NUMBER_MAX)
                return -EBADMSG;
        field.number = (unsigned) (tag >> 3);

        switch (tag & 7) {
        case WIRE_VARINT:
                r = read_varint(reader, &field.value);
                break;
        case WIRE_LENGTH_DELIMITED:
                r = read_data(reader, &field);
                break;
        case WIRE_FIXED64: /* none in this format: skipped as unknown ones are */
                r = read_bytes(reader, fixed, 8);
                break;
        case WIRE_FIXED32:
                r = read_bytes(reader, fixed, 4);
                break;
        default:
                r = -EBADMSG;
        }
        if (r < 0)
                return r;

        *ret = field;
        return 1;
}
