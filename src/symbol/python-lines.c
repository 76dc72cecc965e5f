/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/python-lines.h"

#include "basic/cleanup.h"

#include <stdbool.h>

#define CODE_UNIT_BYTES 2U
#define NUMBER_BITS_MAX 30U /* what is longer is no line number */

/* Kinds of entries, bits 3…6 of their first byte; those before have columns only, in one more byte. */
enum {
        KIND_SAME_LINE_MAX = 9,
        KIND_NEAR = 10, /* this, one and two lines on; two columns, a byte each */
        KIND_NEAR_MAX = 12,
        KIND_NO_COLUMNS = 13,
        KIND_LONG = 14,
        KIND_NONE = 15,
};

typedef struct Cursor {
        const uint8_t *p, *end;
} Cursor;

/* Six bits a byte, the lowest first; bit 6: more follow. */
static int read_number(Cursor *c, uint32_t *ret) {
        uint32_t value = 0;
        unsigned shift = 0;
        uint8_t byte;

        do {
                if (c->p == c->end || shift >= NUMBER_BITS_MAX)
                        return -EBADMSG;

                byte = *c->p++;
                if (byte & 0x80)
                        return -EBADMSG; /* the start of the next entry */

                value |= (uint32_t) (byte & 0x3f) << shift;
                shift += 6;
        } while (byte & 0x40);

        *ret = value;
        return 0;
}

/* The sign is in the lowest bit. */
static int read_signed(Cursor *c, int64_t *ret) {
        uint32_t value;
        int r;

        r = read_number(c, &value);
        if (r < 0)
                return r;

        *ret = value & 1 ? -(int64_t) (value >> 1) : (int64_t) (value >> 1);
        return 0;
}

static int skip_bytes(Cursor *c, size_t n) {
        if ((size_t) (c->end - c->p) < n)
                return -EBADMSG;

        c->p += n;
        return 0;
}

/* Reads the rest of an entry. *ret_delta: lines from the entry before. */
static int read_entry(Cursor *c, unsigned kind, int64_t *ret_delta) {
        uint32_t ignored;
        int r;

        *ret_delta = 0;
        if (kind == KIND_NONE)
                return 0;
        if (kind <= KIND_SAME_LINE_MAX)
                return skip_bytes(c, 1);
        if (kind <= KIND_NEAR_MAX) {
                *ret_delta = kind - KIND_NEAR;
                return skip_bytes(c, 2);
        }

        r = read_signed(c, ret_delta);
        for (unsigned i = 0; i < 3 && kind == KIND_LONG && r >= 0; i++) /* end line and columns */
                r = read_number(c, &ignored);

        return r;
}

int python_line_find(
                const uint8_t *table,
                size_t size,
                uint32_t first_line,
                uint32_t instruction,
                uint32_t *ret_line) {
        Cursor c = { .p = table, .end = table + size };
        int64_t line = first_line, delta;
        uint64_t at = 0;
        int r;

        assert(table || size == 0);
        assert(ret_line);

        while (c.p < c.end) {
                uint8_t head = *c.p++;
                unsigned kind = head >> 3 & 15;

                if (!(head & 0x80))
                        return -EBADMSG;

                r = read_entry(&c, kind, &delta);
                if (r < 0)
                        return r;

                line += delta;
                at += ((head & 7) + 1U) * CODE_UNIT_BYTES;
                if (instruction >= at)
                        continue;

                if (kind == KIND_NONE)
                        return -ENOENT;
                if (line < 0 || line > PYTHON_LINE_MAX)
                        return -EBADMSG;

                *ret_line = (uint32_t) line;
                return 0;
        }

        return -ENOENT;
}
