/* SPDX-License-Identifier: Apache-2.0 */
/* Which TCP ports a process listens on: the sockets among its descriptors that its network namespace lists
 * as listening. */
#include "host/procfs-sockets.h"

#include "basic/parse.h"

#include <fcntl.h>
#include <string.h>

#define TCP_STATE_LISTEN 0x0A /* include/net/tcp_states.h */
#define TEXT_SIZE (16U * 1024U)

typedef struct Listeners {
        TcpLine lines[PROCFS_LISTENERS_MAX];
        size_t n;
} Listeners;

/* Blanks, then a hexadecimal or decimal number and the character behind it. */
static int skip_number(const char **p, const char *end, unsigned base, char behind, uint64_t *ret) {
        while (*p < end && **p == ' ')
                (*p)++;

        if (parse_field(p, end, base, ret) < 0 || *p >= end || **p != behind)
                return -EBADMSG;

        (*p)++;
        return 0;
}

/* "00000000:1F90" or the same with 32 digits before the colon. */
static int skip_address(const char **p, const char *end, uint64_t *ret_port) {
        while (*p < end && **p == ' ')
                (*p)++;
        while (*p < end && **p != ':' && **p != ' ')
                (*p)++;
        if (*p >= end || *(*p)++ != ':')
                return -EBADMSG;

        return skip_number(p, end, 16, ' ', ret_port);
}

/* "   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 33160 1 …" */
int proc_tcp_line_parse(const char *line, size_t length, TcpLine *ret) {
        const char *p = line, *end = line + length;
        uint64_t ignored, port, state, inode;

        assert(line || length == 0);
        assert(ret);

        if (skip_number(&p, end, 10, ':', &ignored) < 0 || skip_address(&p, end, &port) < 0 ||
            skip_address(&p, end, &ignored) < 0 || skip_number(&p, end, 16, ' ', &state) < 0 ||
            skip_number(&p, end, 16, ':', &ignored) < 0 || skip_number(&p, end, 16, ' ', &ignored) < 0 ||
            skip_number(&p, end, 16, ':', &ignored) < 0 || skip_number(&p, end, 16, ' ', &ignored) < 0 ||
            skip_number(&p, end, 16, ' ', &ignored) < 0 || skip_number(&p, end, 10, ' ', &ignored) < 0 ||
            skip_number(&p, end, 10, ' ', &ignored) < 0 || skip_number(&p, end, 10, ' ', &inode) < 0)
                return -EBADMSG;
        if (port > UINT16_MAX)
                return -EBADMSG;

        *ret = (TcpLine){
                .local_port = (uint16_t) port,
                .is_listening = state == TCP_STATE_LISTEN,
                .inode = inode,
        };
        return 0;
}

/* The whole lines of @text. Returns how many bytes they are, 0 when there is nothing more to look for. */
static size_t take_lines(Listeners *l, const char *text, size_t length) {
        const char *p = text, *end = text + length, *nl;

        for (; (nl = memchr(p, '\n', (size_t) (end - p))); p = nl + 1) {
                TcpLine line;

                if (proc_tcp_line_parse(p, (size_t) (nl - p), &line) < 0)
                        continue; /* the heading */
                if (!line.is_listening || l->n == PROCFS_LISTENERS_MAX)
                        return 0;

                l->lines[l->n++] = line;
        }

        return (size_t) (p - text);
}

static int read_listeners(const Host *h, pid_t pid, const char *file, Listeners *l) {
        _cleanup_(closep) int fd = -EBADF;
        char path[64], text[TEXT_SIZE];
        size_t n = 0;

        (void) snprintf(path, sizeof(path), "%i/net/%s", (int) pid, file);
        fd = openat(h->proc_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno; /* without IPv6, or gone: its descriptors tell */

        for (;;) {
                ssize_t more = read(fd, text + n, sizeof(text) - n);
                size_t taken;

                if (more < 0)
                        return errno == ESRCH || errno == EINVAL ? -ESRCH : -errno;
                if (more == 0)
                        return 0;

                n += (size_t) more;
                taken = take_lines(l, text, n);
                if (taken == 0)
                        return 0;

                n -= taken;
                memmove(text, text + taken, n);
        }
}

static int add_port(uint16_t *ports, int n, size_t max, uint16_t port) {
        int i = n;

        while (i > 0 && ports[i - 1] > port)
                i--;
        if ((i > 0 && ports[i - 1] == port) || (size_t) n == max)
                return n;

        memmove(ports + i + 1, ports + i, (size_t) (n - i) * sizeof(ports[0]));
        ports[i] = port;
        return n + 1;
}

/* The inode in "socket:[33160]". */
static bool is_socket(int dir_fd, const char *name, uint64_t *ret_inode) {
        static const char prefix[] = "socket:[";
        const char *p;
        char target[64];
        ssize_t n;

        n = readlinkat(dir_fd, name, target, sizeof(target));
        if (n <= (ssize_t) strlen(prefix) || memcmp(target, prefix, strlen(prefix)) != 0)
                return false;

        p = target + strlen(prefix);
        return parse_field(&p, target + n, 10, ret_inode) >= 0;
}

static int match_descriptors(DIR *d, const Listeners *l, uint16_t *ports, size_t max) {
        unsigned n_seen = 0;
        struct dirent *entry;
        int n = 0;

        while (n_seen++ < PROCFS_DESCRIPTORS_MAX && (entry = readdir(d))) {
                uint64_t inode;

                if (!is_socket(dirfd(d), entry->d_name, &inode))
                        continue;

                for (size_t i = 0; i < l->n; i++)
                        if (l->lines[i].inode == inode)
                                n = add_port(ports, n, max, l->lines[i].local_port);
        }

        return n;
}

int procfs_read_listening_ports(const Host *h, pid_t pid, uint16_t *ports, size_t max) {
        _cleanup_(freep) Listeners *l = NULL;
        _cleanup_(closedirp) DIR *d = NULL;
        char path[64];
        int fd, r;

        assert(h);
        assert(ports);

        l = calloc(1, sizeof(*l));
        if (!l)
                return -ENOMEM;

        (void) snprintf(path, sizeof(path), "%i/fd", (int) pid);
        fd = openat(h->proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? -ESRCH : -errno;

        d = fdopendir(fd);
        if (!d) {
                r = -errno;
                (void) safe_close(fd);
                return r;
        }

        r = read_listeners(h, pid, "tcp", l);
        if (r >= 0)
                r = read_listeners(h, pid, "tcp6", l);
        if (r < 0)
                return r;

        return match_descriptors(d, l, ports, max);
}
