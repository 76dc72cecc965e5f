/* SPDX-License-Identifier: Apache-2.0 */
/* Opens what a mapping shows. The process is not trusted: only regular files are opened, nothing blocks, and
 * paths are looked up below its own root. */
#include "target/module-open.h"

#include "host/procfs-pid.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#define VDSO_SIZE_MAX (64U * 1024U) /* two pages so far */

static bool path_begins(const MapsLine *l, const char *prefix) {
        size_t n = strlen(prefix);

        return l->path_length >= n && memcmp(l->path, prefix, n) == 0;
}

static bool path_equals(const MapsLine *l, const char *text) {
        return l->path_length == strlen(text) && path_begins(l, text);
}

/* Memory without a file, also where the kernel gives it a pseudo file: proc(5), memfd_create(2), shmget(2).
 */
static bool is_anonymous(const MapsLine *l) {
        static const char *const prefixes[] = { "[",     "//anon",    "/memfd:",
                                                "/SYSV", "/dev/zero", "/anon_hugepage" };

        if (l->inode == 0 || l->path_length == 0)
                return true;

        for (size_t i = 0; i < ELEMENTSOF(prefixes); i++)
                if (path_begins(l, prefixes[i]))
                        return true;

        return false;
}

static size_t path_length_undeleted(const MapsLine *l) {
        static const char deleted[] = " (deleted)";
        size_t n = strlen(deleted);

        if (l->path_length > n && memcmp(l->path + l->path_length - n, deleted, n) == 0)
                return l->path_length - n;

        return l->path_length;
}

/* Opens what @path_fd (O_PATH) stands for, now that it is known to be a regular file: opening anything else
 * could have an effect. */
static int reopen(int path_fd) {
        char path[64];
        int fd;

        (void) snprintf(path, sizeof(path), "/proc/self/fd/%i", path_fd);
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        return fd < 0 ? -errno : fd;
}

/* @path below the root directory that the process sees, as O_PATH. Links in it can't lead out of there. */
static int open_in_root(const Host *h, pid_t pid, const char *path, uint64_t flags) {
        _cleanup_(closep) int root_fd = -EBADF;
        struct open_how how = { .flags = O_PATH | O_CLOEXEC | flags,
                                .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
        char root[32];
        long fd;

        (void) snprintf(root, sizeof(root), "%i/root", (int) pid);
        root_fd = openat(h->proc_fd, root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root_fd < 0)
                return -errno;

        fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
        return fd < 0 ? -errno : (int) fd;
}

/* The file itself, also when it has been deleted or replaced. Returns 1 with a module the table already had,
 * 0 with an open file. Needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN. */
static int
open_map_file(const Host *h,
              ModuleTable *t,
              pid_t pid,
              const MapsLine *l,
              struct stat *st,
              int *ret_fd,
              Module **ret) {
        _cleanup_(closep) int fd = -EBADF;
        char path[96];

        (void) snprintf(path,
                        sizeof(path),
                        "%i/map_files/%" PRIx64 "-%" PRIx64,
                        (int) pid,
                        l->start,
                        l->end);
        if (fstatat(h->proc_fd, path, st, 0) < 0)
                return -errno;
        if (!S_ISREG(st->st_mode))
                return -ENOTSUP;

        *ret = module_table_find_file(t, st);
        if (*ret)
                return 1;

        fd = openat(h->proc_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 || fstat(fd, st) < 0)
                return -errno;
        if (!S_ISREG(st->st_mode))
                return -ENOTSUP;

        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* Whether it is the file that is mapped and not one that took its place. File systems without a block device
 * (btrfs, overlayfs) give stat(2) another device than maps. */
static bool is_mapped_file(const struct stat *st, const MapsLine *l) {
        if (st->st_ino != l->inode)
                return false;

        return st->st_dev == makedev(l->dev_major, l->dev_minor) || l->dev_major == 0 ||
                        major(st->st_dev) == 0;
}

/* By its path, for daemons without the capability. */
static int open_by_path(const Host *h, pid_t pid, const MapsLine *l, struct stat *st) {
        _cleanup_(closep) int path_fd = -EBADF;
        char path[PATH_MAX];
        size_t n = path_length_undeleted(l);

        if (n >= sizeof(path))
                return -ENAMETOOLONG;

        memcpy(path, l->path, n);
        path[n] = '\0';
        path_fd = open_in_root(h, pid, path, 0);
        if (path_fd < 0)
                return path_fd == -ENOENT ? -ESTALE : path_fd;

        if (fstat(path_fd, st) < 0)
                return -errno;
        if (!S_ISREG(st->st_mode) || !is_mapped_file(st, l))
                return -ESTALE;

        return reopen(path_fd);
}

static int open_file(const Host *h, ModuleTable *t, pid_t pid, const MapsLine *l, Module **ret) {
        _cleanup_(closep) int fd = -EBADF;
        int r, open_error = 0;
        struct stat st;

        r = open_map_file(h, t, pid, l, &st, &fd, ret);
        if (r > 0)
                return 0;
        if (r == -ENOTSUP)
                return -ENOENT; /* a device */
        if (r < 0) {
                fd = open_by_path(h, pid, l, &st);
                if (fd < 0) {
                        open_error = fd;
                        fd = -EBADF;
                        st = (struct stat){ .st_dev = makedev(l->dev_major, l->dev_minor),
                                            .st_ino = l->inode };
                }
        }

        r = module_table_get_file(t, &st, fd, open_error, l->path, path_length_undeleted(l), ret);
        if (r >= 0)
                (void) TAKE_FD(fd);

        return r;
}

int module_open_path(
                const Host *host, ModuleTable *table, pid_t root_pid, const MapsLine *line, Module **ret) {
        _cleanup_(closep) int fd = -EBADF;
        struct stat st;
        int r;

        assert(host);
        assert(table);
        assert(line);
        assert(ret);

        fd = open_by_path(host, root_pid, line, &st);
        if (fd < 0)
                return fd;

        r = module_table_get_file(table, &st, fd, 0, line->path, path_length_undeleted(line), ret);
        if (r >= 0)
                (void) TAKE_FD(fd);

        return r;
}

static int open_vdso(const Host *h, ModuleTable *t, pid_t pid, const MapsLine *l, Module **ret) {
        _cleanup_(closep) int fd = -EBADF;
        _cleanup_(freep) void *image = NULL;
        uint64_t size = l->end - l->start;
        char path[32];
        ssize_t n;
        int r;

        if (size > VDSO_SIZE_MAX || l->start > INT64_MAX)
                return -EFBIG;

        (void) snprintf(path, sizeof(path), "%i/mem", (int) pid);
        fd = openat(h->proc_fd, path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;

        image = malloc(size);
        if (!image)
                return -ENOMEM;

        n = pread(fd, image, size, (off_t) l->start);
        if (n < 0)
                return -errno;
        if ((uint64_t) n != size)
                return -EIO;

        r = module_table_get_vdso(t, image, size, ret);
        if (r >= 0)
                (void) TAKE_PTR(image);

        return r;
}

int module_open_mapping(
                const Host *host, ModuleTable *table, ProcessKey key, const MapsLine *line, Module **ret) {
        assert(host);
        assert(table);
        assert(line);
        assert(ret);

        if (path_equals(line, "[vsyscall]"))
                return -ENOENT;
        if (path_equals(line, "[vdso]"))
                return open_vdso(host, table, key.pid, line, ret);
        if (is_anonymous(line))
                return module_table_get_anon(table, key.pid, key.start_ticks, ret);

        return open_file(host, table, key.pid, line, ret);
}

/* A map is believed only if the process itself or root has written it: /tmp is everyone's. */
void module_open_perf_map(const Host *host, Module *m) {
        _cleanup_(closep) int path_fd = -EBADF;
        struct stat st;
        char path[64];
        uid_t uid;
        int fd;

        assert(host);
        assert(m && m->type == MODULE_ANON);

        if (m->perf_map_fd >= 0)
                return;

        if (m->ns_pid == 0 && procfs_read_ns_pid(host, m->pid, &m->ns_pid) < 0)
                m->ns_pid = m->pid; /* kernels without the line have it in no namespace that differs */

        (void) snprintf(path, sizeof(path), "/tmp/perf-%i.map", (int) m->ns_pid);
        path_fd = open_in_root(host, m->pid, path, O_NOFOLLOW);
        if (path_fd < 0 || fstat(path_fd, &st) < 0 || !S_ISREG(st.st_mode))
                return;
        if (st.st_uid != 0 && (procfs_read_uid(host, m->pid, &uid) < 0 || uid != st.st_uid))
                return;

        fd = reopen(path_fd);
        if (fd >= 0)
                m->perf_map_fd = fd;
}
