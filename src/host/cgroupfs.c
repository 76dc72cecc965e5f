/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cgroupfs.h"

#include "basic/file-io.h"
#include "basic/parse.h"
#include "basic/time-util.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

/* Reads @name in the cgroup @path below @dir_fd. What the kernel does not keep, or just removed (ENODEV), is
 * -ENOENT. */
static int read_attribute(int dir_fd, const char *path, const char *name, char *buf, size_t size) {
        char file[PATH_MAX];
        ssize_t n;
        int k;

        if (dir_fd < 0)
                return -ENOENT;

        k = snprintf(file, sizeof(file), ".%s/%s", path, name);
        if (k < 0 || (size_t) k >= sizeof(file))
                return -ENAMETOOLONG;

        n = read_small_file_at(dir_fd, file, buf, size);
        if (n == -ENODEV || n == -ENOTDIR || n == -EOPNOTSUPP)
                return -ENOENT;

        return n < 0 ? (int) n : 0;
}

/* "usage_usec 123\nuser_usec 100\n…", the order is not promised */
static int parse_cpu_stat(const char *text, uint64_t *ret_ns) {
        static const char key[] = "usage_usec ";
        const char *end = text + strlen(text);
        uint64_t usec;

        for (const char *line = text; line; line = strchr(line, '\n')) {
                line += *line == '\n';
                if (strncmp(line, key, strlen(key)) != 0)
                        continue;

                line += strlen(key);
                if (parse_field(&line, end, 10, &usec) < 0 ||
                    __builtin_mul_overflow(usec, NSEC_PER_USEC, ret_ns))
                        return -EBADMSG;

                return 0;
        }

        return -ENOENT;
}

static int read_cpu_stat(int dir_fd, const char *path, uint64_t *ret_ns) {
        char text[1024]; /* with the cpu controller and bandwidth limits about 250 bytes */
        int r;

        r = read_attribute(dir_fd, path, "cpu.stat", text, sizeof(text));
        if (r < 0)
                return r;

        return parse_cpu_stat(text, ret_ns);
}

int cgroupfs_read_cpu_ns(const Host *h, const char *path, uint64_t *ret_ns) {
        char text[64];
        const char *p = text;
        int r;

        assert(h);
        assert(path && path[0] == '/');
        assert(ret_ns);

        if (h->cgroup_layout == CGROUP_LAYOUT_UNIFIED)
                return read_cpu_stat(h->cgroup_fd, path, ret_ns);

        /* On v1 systemd makes cpuacct directories only for units with accounting, while the cgroup2 beside
         * it has them all. */
        r = read_attribute(h->cpuacct_fd, path, "cpuacct.usage", text, sizeof(text));
        if (r == -ENOENT)
                return read_cpu_stat(h->unified_fd, path, ret_ns);
        if (r < 0)
                return r;

        return parse_field(&p, text + strlen(text), 10, ret_ns) < 0 ? -EBADMSG : 0;
}

/* "some avg10=0.00 avg60=0.12 avg300=0.31 total=1234567\nfull avg10=…"; linux
 * Documentation/accounting/psi.rst */
int pressure_parse(const char *text, uint64_t *ret_usec) {
        static const char start[] = "some ", key[] = " total=";
        const char *end, *field;
        uint64_t usec;
        int r;

        assert(text);
        assert(ret_usec);

        if (strncmp(text, start, strlen(start)) != 0)
                return -EBADMSG;

        end = text + strcspn(text, "\n");
        field = memmem(text, (size_t) (end - text), key, strlen(key));
        if (!field)
                return -EBADMSG;

        field += strlen(key);
        r = parse_field(&field, end, 10, &usec);
        if (r < 0 || field != end)
                return -EBADMSG;

        *ret_usec = usec;
        return 0;
}

int cgroupfs_read_pressure(const Host *h, const char *path, Pressure pressure, uint64_t *ret_usec) {
        static const char *const names[] = {
                [PRESSURE_CPU] = "cpu.pressure",
                [PRESSURE_IO] = "io.pressure",
                [PRESSURE_MEMORY] = "memory.pressure",
        };
        char text[256]; /* two lines of less than 80 bytes */
        int fd, r;

        assert(h);
        assert(path && path[0] == '/');
        assert(pressure >= 0 && pressure < _PRESSURE_MAX);
        assert(ret_usec);

        fd = h->cgroup_layout == CGROUP_LAYOUT_UNIFIED ? h->cgroup_fd : h->unified_fd;
        if (fd < 0)
                return -EOPNOTSUPP;

        r = read_attribute(fd, path, names[pressure], text, sizeof(text));
        if (r == -ENOENT && faccessat(h->proc_fd, "pressure/cpu", F_OK, 0) >= 0)
                return -ENODATA;

        return r < 0 ? r : pressure_parse(text, ret_usec);
}
