/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/python-code.h"

#include "basic/utf8.h"

#include <string.h>

#define CHARACTERS_MAX PYTHON_TEXT_MAX /* read of a text: each takes a byte at least */
#define CHARACTER_BYTES_MAX 4U
#define TEXT_HEAD_SIZE 128U

/* Bits of the state of a str. */
#define STATE_KIND(state) ((state) >> 2 & 7) /* bytes of a character: 1, 2, 4 */
#define STATE_COMPACT (1U << 5)              /* the characters follow the head */
#define STATE_ASCII (1U << 6)

void python_code_done(PythonCode *c) {
        free(c->name);
        free(c->file);
        free(c->lines);
        *c = (PythonCode){};
}

static uint64_t word_at(const uint8_t *object, uint16_t offset) {
        uint64_t word;

        memcpy(&word, object + offset, sizeof(word));
        return word;
}

static uint32_t half_at(const uint8_t *object, uint16_t offset) {
        uint32_t half;

        memcpy(&half, object + offset, sizeof(half));
        return half;
}

int python_code_identify(const PythonReader *reader, uint64_t address, PythonCodeId *ret) {
        const PythonLayout *l = reader->layout;
        uint8_t code[PYTHON_CODE_SIZE_MAX];
        PythonCodeId id;
        int r;

        assert(l->code_size <= sizeof(code));
        assert(ret);

        r = reader->fn(address, code, l->code_size, reader->userdata);
        if (r < 0)
                return r;

        if (reader->code_type != 0 && word_at(code, l->object_type) != reader->code_type)
                return -EBADMSG;

        id = (PythonCodeId){
                .file = word_at(code, l->code_file),
                .name = word_at(code, l->code_name),
                .lines = word_at(code, l->code_lines),
                .first_line = half_at(code, l->code_first_line),
        };
        if (id.file == 0 || id.name == 0 || id.lines == 0 || id.first_line > INT32_MAX)
                return -EBADMSG;

        *ret = id;
        return 0;
}

static size_t put_utf8(char *to, uint32_t c) {
        if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000) || c == 0)
                c = '?'; /* lone surrogates are how Python keeps bytes of paths that are no text */

        if (c < 0x80) {
                to[0] = (char) c;
                return 1;
        }
        if (c < 0x800) {
                to[0] = (char) (0xc0 | c >> 6);
                to[1] = (char) (0x80 | (c & 0x3f));
                return 2;
        }
        if (c < 0x10000) {
                to[0] = (char) (0xe0 | c >> 12);
                to[1] = (char) (0x80 | (c >> 6 & 0x3f));
                to[2] = (char) (0x80 | (c & 0x3f));
                return 3;
        }

        to[0] = (char) (0xf0 | c >> 18);
        to[1] = (char) (0x80 | (c >> 12 & 0x3f));
        to[2] = (char) (0x80 | (c >> 6 & 0x3f));
        to[3] = (char) (0x80 | (c & 0x3f));
        return 4;
}

static uint32_t character_at(const uint8_t *data, size_t i, unsigned kind) {
        uint32_t c = 0;

        memcpy(&c, data + i * kind, kind); /* little endian, as all machines with offsets known */
        return c;
}

static int text_encode(const uint8_t *data, size_t n, unsigned kind, char **ret_text) {
        char text[PYTHON_TEXT_MAX];
        size_t length = 0;

        for (size_t i = 0; i < n && length + CHARACTER_BYTES_MAX <= sizeof(text); i++)
                length += put_utf8(text + length, character_at(data, i, kind));

        *ret_text = utf8_sanitize(text, length);
        return *ret_text ? 0 : -ENOMEM;
}

int python_text_read(const PythonReader *reader, uint64_t address, char **ret_text) {
        const PythonLayout *l = reader->layout;
        uint8_t head[TEXT_HEAD_SIZE], data[CHARACTERS_MAX * CHARACTER_BYTES_MAX];
        uint64_t length;
        uint32_t state;
        unsigned kind;
        int r;

        assert(ret_text);

        if (l->text_state + sizeof(state) > l->text_ascii ||
            l->text_length + sizeof(length) > l->text_ascii || l->text_ascii > sizeof(head))
                return -EBADMSG;

        r = reader->fn(address, head, l->text_ascii, reader->userdata);
        if (r < 0)
                return r;

        length = word_at(head, l->text_length);
        state = half_at(head, l->text_state);
        kind = STATE_KIND(state);
        if (!(state & STATE_COMPACT) || (kind != 1 && kind != 2 && kind != 4) || length > INT64_MAX)
                return -EBADMSG;

        if (length > CHARACTERS_MAX)
                length = CHARACTERS_MAX;
        if (length > 0) {
                address += state & STATE_ASCII ? l->text_ascii : l->text_other;
                r = reader->fn(address, data, length * kind, reader->userdata);
                if (r < 0)
                        return r;
        }

        return text_encode(data, length, kind, ret_text);
}

/* Without a table there are no lines; the names are of use all the same. */
static int lines_read(const PythonReader *reader, uint64_t address, PythonCode *c) {
        const PythonLayout *l = reader->layout;
        uint64_t length;
        int r;

        r = reader->fn(address + l->bytes_length, &length, sizeof(length), reader->userdata);
        if (r < 0)
                return r;
        if (length == 0 || length > PYTHON_LINES_MAX)
                return 0;

        c->lines = malloc(length);
        if (!c->lines)
                return -ENOMEM;

        r = reader->fn(address + l->bytes_data, c->lines, length, reader->userdata);
        if (r < 0)
                return r;

        c->n_lines = length;
        return 0;
}

int python_code_read(const PythonReader *reader, uint64_t address, PythonCode *ret) {
        _cleanup_(python_code_done) PythonCode c = {};
        PythonCodeId again;
        int r;

        assert(reader);
        assert(ret);

        r = python_code_identify(reader, address, &c.id);
        if (r < 0)
                return r;

        r = python_text_read(reader, c.id.name, &c.name);
        if (r < 0)
                return r;
        r = python_text_read(reader, c.id.file, &c.file);
        if (r < 0)
                return r;
        r = lines_read(reader, c.id.lines, &c);
        if (r < 0)
                return r;

        /* freed or made anew meanwhile: what was read may be of two */
        r = python_code_identify(reader, address, &again);
        if (r < 0)
                return r;
        if (!python_code_id_equal(&c.id, &again))
                return -EBADMSG;

        *ret = c;
        c = (PythonCode){};
        return 0;
}
