/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/sched-text.h"

#include "basic/cleanup.h"

#include <fcntl.h>
#include <string.h>

#define BUFFER_BYTES 65536U
#define LINE_BYTES_MAX 1024U /* the longest symbol has 512 */

typedef struct Wanted {
        const char *name; /* as the end of a line */
        uint64_t address; /* 0 = not seen */
} Wanted;

static int hex_digit(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;

        return -1;
}

/* "ffffffff81e00000 T __sched_text_start\n": the address, when the name is found at @name of @text. */
static uint64_t address_before(const char *text, const char *name) {
        const char *line = memrchr(text, '\n', (size_t) (name - text));
        uint64_t address = 0;

        line = line ? line + 1 : text;
        for (; line < name && hex_digit(*line) >= 0; line++)
                address = address << 4 | (unsigned) hex_digit(*line);

        return address;
}

static void look_for(const char *text, size_t size, Wanted *wanted) {
        const char *found;

        if (wanted->address > 0)
                return;

        found = memmem(text, size, wanted->name, strlen(wanted->name));
        if (found)
                wanted->address = address_before(text, found);
}

int sched_text_read(SchedText *ret) {
        _cleanup_(freep) char *buffer = malloc(BUFFER_BYTES);
        _cleanup_(closep) int fd = -EBADF;
        Wanted start = { .name = " __sched_text_start\n" }, end = { .name = " __sched_text_end\n" };
        size_t kept = 0;

        if (!buffer)
                return -ENOMEM;

        fd = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;

        while (start.address == 0 || end.address == 0) {
                ssize_t n = read(fd, buffer + kept, BUFFER_BYTES - kept);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -ENOENT;

                kept += (size_t) n;
                look_for(buffer, kept, &start);
                look_for(buffer, kept, &end);

                /* a line may be cut */
                if (kept > LINE_BYTES_MAX) {
                        memmove(buffer, buffer + kept - LINE_BYTES_MAX, LINE_BYTES_MAX);
                        kept = LINE_BYTES_MAX;
                }
        }

        if (end.address <= start.address)
                return -ENOENT;

        *ret = (SchedText){ .start = start.address, .size = end.address - start.address };
        return 0;
}
