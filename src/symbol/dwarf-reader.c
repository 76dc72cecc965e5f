/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/dwarf-reader.h"

#include <assert.h>

DwarfReader dwarf_reader(const uint8_t *data, size_t size, uint64_t address) {
        return (DwarfReader){ .at = data, .end = data + size, .address = address + size };
}

uint64_t dwarf_read_unsigned(DwarfReader *r, unsigned size) {
        uint64_t value = 0;

        assert(size <= 8);

        if (dwarf_left(r) < size) {
                r->bad = true;
                return 0;
        }

        for (unsigned i = 0; i < size; i++)
                value |= (uint64_t) r->at[i] << (8 * i);
        r->at += size;
        return value;
}

int64_t dwarf_read_signed(DwarfReader *r, unsigned size) {
        uint64_t value = dwarf_read_unsigned(r, size);

        if (size < 8 && size > 0 && value >> (8 * size - 1))
                value |= UINT64_MAX << (8 * size);
        return (int64_t) value;
}

uint64_t dwarf_read_uleb128(DwarfReader *r) {
        uint64_t value = 0;

        for (unsigned shift = 0;; shift += 7) {
                uint8_t byte = dwarf_read_byte(r);
                uint64_t bits = byte & 0x7f;

                if (shift < 64 && bits << shift >> shift == bits)
                        value |= bits << shift;
                else if (bits != 0) /* padded with zeros is allowed */
                        r->bad = true;
                if (!(byte & 0x80))
                        return value;
        }
}

int64_t dwarf_read_sleb128(DwarfReader *r) {
        uint64_t value = 0;

        for (unsigned shift = 0;; shift += 7) {
                uint8_t byte = dwarf_read_byte(r);

                if (shift < 64)
                        value |= (uint64_t) (byte & 0x7f) << shift;
                else
                        r->bad = true;
                if (byte & 0x80)
                        continue;
                if (byte & 0x40 && shift < 57)
                        value |= UINT64_MAX << (shift + 7);
                return (int64_t) value;
        }
}

DwarfReader dwarf_read_block(DwarfReader *r, uint64_t size) {
        DwarfReader block = *r;

        if (size > dwarf_left(r)) {
                r->bad = true;
                block.bad = true;
                size = 0;
        }

        r->at += size;
        block.end = r->at;
        block.address = r->address - dwarf_left(r);
        return block;
}

static uint64_t read_format(DwarfReader *r, uint8_t format) {
        switch (format) {
        case DWARF_POINTER_ABSOLUTE:
        case DWARF_POINTER_U64:
        case DWARF_POINTER_S64:
                return dwarf_read_unsigned(r, 8);
        case DWARF_POINTER_ULEB128:
                return dwarf_read_uleb128(r);
        case DWARF_POINTER_U16:
                return dwarf_read_unsigned(r, 2);
        case DWARF_POINTER_U32:
                return dwarf_read_unsigned(r, 4);
        case DWARF_POINTER_SLEB128:
                return (uint64_t) dwarf_read_sleb128(r);
        case DWARF_POINTER_S16:
                return (uint64_t) dwarf_read_signed(r, 2);
        case DWARF_POINTER_S32:
                return (uint64_t) dwarf_read_signed(r, 4);
        default:
                r->bad = true;
                return 0;
        }
}

uint64_t dwarf_read_pointer(DwarfReader *r, uint8_t encoding) {
        uint64_t own = r->address - dwarf_left(r);
        uint64_t value = read_format(r, encoding & DWARF_POINTER_FORMAT);

        switch (encoding & ~DWARF_POINTER_FORMAT) {
        case 0:
                return value;
        case DWARF_POINTER_RELATIVE:
                return own + value;
        default:
                r->bad = true;
                return 0;
        }
}
