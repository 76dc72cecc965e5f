/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/line-reader.h"

#include "basic/cleanup.h"

#include <string.h>

/* Calls @fn for the lines in the buffer and moves what is left to its start. */
static int for_each_line(LineReader *reader, LineFn fn, void *userdata) {
        uint64_t buffer_offset = reader->offset - reader->n_buffer;
        char *line = reader->buffer, *end = reader->buffer + reader->n_buffer, *newline;
        int r;

        while ((newline = memchr(line, '\n', (size_t) (end - line)))) {
                r = fn(line,
                       (size_t) (newline - line),
                       buffer_offset + (uint64_t) (line - reader->buffer),
                       userdata);
                if (r < 0)
                        return r;
                line = newline + 1;
        }

        reader->n_buffer = (size_t) (end - line);
        memmove(reader->buffer, line, reader->n_buffer);
        return 0;
}

int line_reader_step(LineReader *reader, LineFn fn, void *userdata) {
        size_t room;
        ssize_t n;
        int r;

        assert(reader);
        assert(fn);

        if (reader->n_buffer == sizeof(reader->buffer)) {
                /* No line has this length. What follows is taken for a line of its own, and is no valid
                 * one unless made so on purpose. */
                reader->n_buffer = 0;
        }

        room = sizeof(reader->buffer) - reader->n_buffer;
        if (reader->offset >= reader->end)
                return 0;
        room = (size_t) MIN_OF((uint64_t) room, reader->end - reader->offset);

        n = pread(reader->fd, reader->buffer + reader->n_buffer, room, (off_t) reader->offset);
        if (n < 0)
                return errno == EINTR ? 1 : -errno;
        if (n == 0)
                return 0;

        reader->offset += (uint64_t) n;
        reader->n_buffer += (size_t) n;

        r = for_each_line(reader, fn, userdata);
        return r < 0 ? r : 1;
}
