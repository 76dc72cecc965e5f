/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "symbol/python-code.h"

#include <string.h>

/* A process's memory with one code object of a given layout in it. */
#define MEMORY_BASE UINT64_C(0x7f0000000000)
#define MEMORY_SIZE 16384
#define MEMORY_CODE (MEMORY_BASE)
#define MEMORY_NAME (MEMORY_BASE + 1024)
#define MEMORY_FILE (MEMORY_BASE + 8192)
#define MEMORY_LINES (MEMORY_BASE + 12288)
#define MEMORY_TYPE UINT64_C(0x555500001000)

typedef struct PythonMemory {
        uint8_t bytes[MEMORY_SIZE];
        unsigned n_reads,
                        break_at; /* the number of a read before which the code object changes; 0 = never */
} PythonMemory;

static inline void memory_put(PythonMemory *m, uint64_t address, const void *data, size_t size) {
        memcpy(m->bytes + (address - MEMORY_BASE), data, size);
}

static inline void memory_put_word(PythonMemory *m, uint64_t address, uint64_t word) {
        memory_put(m, address, &word, sizeof(word));
}

static inline int memory_read(uint64_t address, void *buffer, size_t size, void *userdata) {
        PythonMemory *m = userdata;

        if (++m->n_reads == m->break_at)
                memory_put_word(m, MEMORY_CODE + 128, MEMORY_FILE); /* another name */
        if (address < MEMORY_BASE || address - MEMORY_BASE > MEMORY_SIZE ||
            size > MEMORY_SIZE - (address - MEMORY_BASE))
                return -EFAULT;

        memcpy(buffer, m->bytes + (address - MEMORY_BASE), size);
        return 0;
}

/* @kind is bytes per character. */
static inline void
memory_put_text(PythonMemory *m,
                const PythonLayout *l,
                uint64_t address,
                const void *data,
                size_t n,
                unsigned kind,
                bool ascii) {
        uint32_t state = kind << 2 | 1U << 5 | (ascii ? 1U << 6 : 0);

        memory_put_word(m, address + l->text_length, n);
        memory_put(m, address + l->text_state, &state, sizeof(state));
        memory_put(m, address + (ascii ? l->text_ascii : l->text_other), data, n * kind);
}

static inline void memory_put_code(PythonMemory *m, const PythonLayout *l) {
        static const uint8_t lines[] = { 0x80, 0x00, 0xd8, 0x04, 0x05 };
        uint32_t first_line = 17;

        memory_put_word(m, MEMORY_CODE + l->object_type, MEMORY_TYPE);
        memory_put_word(m, MEMORY_CODE + l->code_name, MEMORY_NAME);
        memory_put_word(m, MEMORY_CODE + l->code_file, MEMORY_FILE);
        memory_put_word(m, MEMORY_CODE + l->code_lines, MEMORY_LINES);
        memory_put(m, MEMORY_CODE + l->code_first_line, &first_line, sizeof(first_line));
        memory_put_text(m, l, MEMORY_NAME, "Cart.total", 10, 1, true);
        memory_put_text(m, l, MEMORY_FILE, "/srv/shop/cart.py", 17, 1, true);
        memory_put_word(m, MEMORY_LINES + l->bytes_length, sizeof(lines));
        memory_put(m, MEMORY_LINES + l->bytes_data, lines, sizeof(lines));
}
