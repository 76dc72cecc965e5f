/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads DWARF's little-endian numbers from bytes in memory. What is not there reads as 0 and sets @bad,
 * which stays, so that a run of reads is checked once. */
typedef struct DwarfReader {
        const uint8_t *at, *end; /* borrowed */
        uint64_t address;        /* of @end, for what is relative to itself */
        bool bad;
} DwarfReader;

/* Pointer encodings of .eh_frame (LSB core, "DWARF Exception Header Encoding"). */
enum {
        DWARF_POINTER_ABSOLUTE = 0x00, /* 8 bytes */
        DWARF_POINTER_ULEB128 = 0x01,
        DWARF_POINTER_U16 = 0x02,
        DWARF_POINTER_U32 = 0x03,
        DWARF_POINTER_U64 = 0x04,
        DWARF_POINTER_SLEB128 = 0x09,
        DWARF_POINTER_S16 = 0x0a,
        DWARF_POINTER_S32 = 0x0b,
        DWARF_POINTER_S64 = 0x0c,
        DWARF_POINTER_FORMAT = 0x0f,   /* mask of the above */
        DWARF_POINTER_RELATIVE = 0x10, /* to its own address */
        DWARF_POINTER_DATA_RELATIVE = 0x30,
        DWARF_POINTER_OMIT = 0xff,
};

/* @address is that of the first byte of @data. */
DwarfReader dwarf_reader(const uint8_t *data, size_t size, uint64_t address);

/* @size is 1, 2, 4 or 8. */
uint64_t dwarf_read_unsigned(DwarfReader *r, unsigned size);
int64_t dwarf_read_signed(DwarfReader *r, unsigned size);

/* More than 64 bits are bad. */
uint64_t dwarf_read_uleb128(DwarfReader *r);
int64_t dwarf_read_sleb128(DwarfReader *r);

/* Takes the next @size bytes off @r as a reader of their own; an empty, bad one if they are not there. */
DwarfReader dwarf_read_block(DwarfReader *r, uint64_t size);

/* Absolute and self-relative ones; any other encoding is bad. */
uint64_t dwarf_read_pointer(DwarfReader *r, uint8_t encoding);

static inline size_t dwarf_left(const DwarfReader *r) {
        return (size_t) (r->end - r->at);
}

static inline uint8_t dwarf_read_byte(DwarfReader *r) {
        if (r->at == r->end) {
                r->bad = true;
                return 0;
        }
        return *r->at++;
}
