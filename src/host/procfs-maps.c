/* SPDX-License-Identifier: Apache-2.0 */
#include "host/procfs-maps.h"

#include "basic/parse.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

/* The longest line: a path in which each byte may be escaped as four, plus the columns before it. */
#define LINE_LENGTH_MAX (4U * PATH_MAX + 128U)

static bool skip_char(const char **p, const char *end, char c) {
        if (*p >= end || **p != c)
                return false;

        (*p)++;
        return true;
}

static bool is_permissions(const char *p) {
        return (p[0] == 'r' || p[0] == '-') && (p[1] == 'w' || p[1] == '-') &&
                        (p[2] == 'x' || p[2] == '-') && (p[3] == 'p' || p[3] == 's');
}

/* "55d8cabbd000-55d8cabc3000 r-xp 00002000 fe:00 247278                     /usr/bin/head", proc(5) */
int maps_line_parse(const char *line, size_t length, MapsLine *ret) {
        const char *p = line, *end = line + length;
        uint64_t major, minor;
        MapsLine m = {};

        assert(line || length == 0);
        assert(ret);

        if (parse_field(&p, end, 16, &m.start) < 0 || !skip_char(&p, end, '-') ||
            parse_field(&p, end, 16, &m.end) < 0 || !skip_char(&p, end, ' '))
                return -EBADMSG;
        if (m.start >= m.end || end - p < 5 || !is_permissions(p) || p[4] != ' ')
                return -EBADMSG;

        m.executable = p[2] == 'x';
        p += 5;

        if (parse_field(&p, end, 16, &m.offset) < 0 || !skip_char(&p, end, ' ') ||
            parse_field(&p, end, 16, &major) < 0 || !skip_char(&p, end, ':') ||
            parse_field(&p, end, 16, &minor) < 0 || !skip_char(&p, end, ' ') ||
            parse_field(&p, end, 10, &m.inode) < 0)
                return -EBADMSG;
        if (major > UINT32_MAX || minor > UINT32_MAX || (p < end && *p != ' '))
                return -EBADMSG;

        while (p < end && *p == ' ')
                p++;

        m.dev_major = (uint32_t) major;
        m.dev_minor = (uint32_t) minor;
        m.path = p;
        m.path_length = (size_t) (end - p);
        *ret = m;
        return 0;
}

typedef struct Reader {
        int (*fn)(const MapsLine *line, void *userdata);
        void *userdata;
        unsigned n_lines;
} Reader;

/* Hands over the whole lines of @buf. Returns how many bytes they were, or the callback's error. */
static ssize_t read_lines(Reader *rd, const char *buf, size_t length) {
        const char *p = buf, *end = buf + length;
        int r;

        for (;;) {
                const char *nl = memchr(p, '\n', (size_t) (end - p));
                MapsLine line;

                if (!nl)
                        return p - buf;
                if (++rd->n_lines > MAPS_LINES_MAX)
                        return -E2BIG;

                /* A line that is none can only be one of a future kernel: the others still count. */
                if (maps_line_parse(p, (size_t) (nl - p), &line) >= 0 && line.executable) {
                        r = rd->fn(&line, rd->userdata);
                        if (r < 0)
                                return r;
                }

                p = nl + 1;
        }
}

static int read_maps(int fd, Reader *rd) {
        _cleanup_(freep) char *buf = NULL;
        size_t length = 0, total = 0;

        buf = malloc(2 * LINE_LENGTH_MAX);
        if (!buf)
                return -ENOMEM;

        for (;;) {
                ssize_t n, used;

                n = read(fd, buf + length, 2 * LINE_LENGTH_MAX - length);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;

                total += (size_t) n;
                length += (size_t) n;
                if (total > MAPS_TEXT_MAX)
                        return -E2BIG;

                used = read_lines(rd, buf, length);
                if (used < 0)
                        return (int) used;

                length -= (size_t) used;
                memmove(buf, buf + used, length);
                if (length > LINE_LENGTH_MAX)
                        return -EBADMSG;
        }

        return total > 0 ? 0 : -ESRCH;
}

int procfs_for_each_exec_mapping(
                const Host *h, pid_t pid, int (*fn)(const MapsLine *line, void *userdata), void *userdata) {
        _cleanup_(closep) int fd = -EBADF;
        Reader rd = { .fn = fn, .userdata = userdata };
        char path[32];

        assert(h);
        assert(fn);

        (void) snprintf(path, sizeof(path), "%i/maps", (int) pid);
        fd = openat(h->proc_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return errno == ENOENT ? -ESRCH : -errno;

        return read_maps(fd, &rd);
}
