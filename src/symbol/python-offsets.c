/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/python-offsets.h"

#include <stdbool.h>
#include <string.h>

/* The structures are those of x86-64 and aarch64, which lay them out alike. */
static const PythonLayout layouts[] = {
        {
                .walk = {
                        .version = 0x030b,
                        .runtime_interpreters_head = 40,
                        .runtime_gilstate_current = 576,
                        .interpreter_next = 0,
                        .interpreter_threads_head = 16,
                        .thread_next = 8,
                        .thread_thread_id = 152,
                        .thread_cframe = 56,
                        .cframe_current_frame = 8,
                        .frame_code = 32,
                        .frame_previous = 48,
                        .frame_instruction = 56,
                        .frame_entry = 68,
                        .frame_owner = 69,
                        .code_bytecode = 184,
                        .entry_kind = CPROF_PYTHON_ENTRY_FLAG,
                        .frame_size = 72,
                },
                .code_size = 184,
                .code_first_line = 72,
                .code_file = 112,
                .code_name = 128,
                .code_lines = 136,
                .object_type = 8,
                .bytes_length = 16,
                .bytes_data = 32,
                .text_length = 16,
                .text_state = 32,
                .text_ascii = 48,
                .text_other = 72,
        },
        {
                .walk = {
                        .version = 0x030c,
                        .runtime_interpreters_head = 40,
                        .interpreter_next = 0,
                        .interpreter_threads_head = 72,
                        .thread_next = 8,
                        .thread_thread_id = 136,
                        .thread_cframe = 56,
                        .cframe_current_frame = 0,
                        .frame_code = 0,
                        .frame_previous = 8,
                        .frame_instruction = 56,
                        .frame_owner = 70,
                        .code_bytecode = 192,
                        .entry_kind = CPROF_PYTHON_ENTRY_OWNER,
                        .frame_size = 72,
                },
                .code_size = 192,
                .code_first_line = 68,
                .code_file = 112,
                .code_name = 128,
                .code_lines = 136,
                .object_type = 8,
                .bytes_length = 16,
                .bytes_data = 32,
                .text_length = 16,
                .text_state = 32,
                .text_ascii = 40,
                .text_other = 56,
        },
};

int python_layout_for_version(unsigned version, PythonLayout *ret) {
        assert(ret);

        if (version == 0x030d)
                return -EAGAIN;

        for (size_t i = 0; i < ELEMENTSOF(layouts); i++)
                if (layouts[i].walk.version == version) {
                        *ret = layouts[i];
                        return 0;
                }

        return -ENOENT;
}

/* Words of struct _Py_DebugOffsets of 3.13, after the cookie. */
enum {
        WORD_VERSION = 1,
        WORD_INTERPRETERS_HEAD = 5,
        WORD_INTERPRETER_NEXT = 8,
        WORD_THREADS_HEAD = 9,
        WORD_THREAD_NEXT = 21,
        WORD_CURRENT_FRAME = 23,
        WORD_THREAD_ID = 24,
        WORD_FRAME_SIZE = 28,
        WORD_FRAME_PREVIOUS = 29,
        WORD_FRAME_EXECUTABLE = 30,
        WORD_FRAME_INSTRUCTION = 31,
        WORD_FRAME_LOCALS = 32,
        WORD_FRAME_OWNER = 33,
        WORD_CODE_FILE = 35,
        WORD_CODE_NAME = 37, /* the qualified one */
        WORD_CODE_LINES = 38,
        WORD_CODE_FIRST_LINE = 39,
        WORD_CODE_BYTECODE = 43,
        WORD_OBJECT_TYPE = 45,
        WORD_BYTES_LENGTH = 65,
        WORD_BYTES_DATA = 66,
        WORD_TEXT_STATE = 68,
        WORD_TEXT_LENGTH = 69,
        WORD_TEXT_ASCII = 70,
        _WORD_MAX,
};
_Static_assert(_WORD_MAX * sizeof(uint64_t) <= PYTHON_DEBUG_OFFSETS_SIZE,
               "the words are among the bytes read");

#define TEXT_OTHER_AFTER_ASCII 16U /* two words more: the text as UTF-8 and its length */

/* Interpreters' structures are large, others are not. */
#define STRUCT_OFFSET_MAX 65535U
#define OBJECT_OFFSET_MAX 1024U
#define FRAME_OFFSET_MAX_BYTES 120U /* what the BPF program reads of a frame */

/* Whether the members of a code object lie within the bytes that are read of it. */
static bool python_layout_is_valid(const PythonLayout *l) {
        const uint16_t members[] = {
                l->code_first_line, l->code_file, l->code_name, l->code_lines, l->object_type
        };

        for (size_t i = 0; i < ELEMENTSOF(members); i++)
                if ((size_t) members[i] + sizeof(uint64_t) > l->code_size)
                        return false;

        return l->code_size <= PYTHON_CODE_SIZE_MAX;
}

typedef struct Word {
        unsigned index;
        uint64_t max;
        uint16_t *to;
} Word;

int python_layout_parse(const void *data, size_t size, PythonLayout *ret) {
        static const char cookie[8] = { 'x', 'd', 'e', 'b', 'u', 'g', 'p', 'y' };
        PythonLayout l = {
                .walk = { .version = 0x030d, .entry_kind = CPROF_PYTHON_ENTRY_OWNER, .frame_size = 72 }
        };
        const Word table[] = {
                { WORD_INTERPRETERS_HEAD, STRUCT_OFFSET_MAX, &l.walk.runtime_interpreters_head },
                { WORD_INTERPRETER_NEXT, STRUCT_OFFSET_MAX, &l.walk.interpreter_next },
                { WORD_THREADS_HEAD, STRUCT_OFFSET_MAX, &l.walk.interpreter_threads_head },
                { WORD_THREAD_NEXT, OBJECT_OFFSET_MAX, &l.walk.thread_next },
                { WORD_CURRENT_FRAME, OBJECT_OFFSET_MAX, &l.walk.thread_current_frame },
                { WORD_THREAD_ID, OBJECT_OFFSET_MAX, &l.walk.thread_thread_id },
                { WORD_FRAME_PREVIOUS, FRAME_OFFSET_MAX_BYTES, &l.walk.frame_previous },
                { WORD_FRAME_EXECUTABLE, FRAME_OFFSET_MAX_BYTES, &l.walk.frame_code },
                { WORD_FRAME_INSTRUCTION, FRAME_OFFSET_MAX_BYTES, &l.walk.frame_instruction },
                { WORD_FRAME_OWNER, FRAME_OFFSET_MAX_BYTES, &l.walk.frame_owner },
                { WORD_CODE_BYTECODE, OBJECT_OFFSET_MAX, &l.walk.code_bytecode },
                { WORD_CODE_FILE, OBJECT_OFFSET_MAX, &l.code_file },
                { WORD_CODE_NAME, OBJECT_OFFSET_MAX, &l.code_name },
                { WORD_CODE_LINES, OBJECT_OFFSET_MAX, &l.code_lines },
                { WORD_CODE_FIRST_LINE, OBJECT_OFFSET_MAX, &l.code_first_line },
                { WORD_OBJECT_TYPE, OBJECT_OFFSET_MAX, &l.object_type },
                { WORD_BYTES_LENGTH, OBJECT_OFFSET_MAX, &l.bytes_length },
                { WORD_BYTES_DATA, OBJECT_OFFSET_MAX, &l.bytes_data },
                { WORD_TEXT_STATE, OBJECT_OFFSET_MAX, &l.text_state },
                { WORD_TEXT_LENGTH, OBJECT_OFFSET_MAX, &l.text_length },
                { WORD_TEXT_ASCII, OBJECT_OFFSET_MAX, &l.text_ascii },
        };
        uint64_t words[_WORD_MAX];

        assert(data);
        assert(ret);

        if (size < sizeof(words) || memcmp(data, cookie, sizeof(cookie)) != 0)
                return -EBADMSG;

        memcpy(words, data, sizeof(words));
        if (words[WORD_VERSION] >> 16 != l.walk.version)
                return -EBADMSG;

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                if (words[table[i].index] > table[i].max)
                        return -EBADMSG;
                *table[i].to = (uint16_t) words[table[i].index];
        }

        if (l.walk.thread_current_frame == 0 || l.walk.frame_previous % 8 != 0 ||
            l.walk.frame_code % 8 != 0 || l.walk.frame_instruction % 8 != 0)
                return -EBADMSG;

        l.code_size = l.walk.code_bytecode;
        l.text_other = (uint16_t) (l.text_ascii + TEXT_OTHER_AFTER_ASCII);
        if (!python_layout_is_valid(&l))
                return -EBADMSG;

        *ret = l;
        return 0;
}
