/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/file-io.h"

#include "basic/cleanup.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

int read_full_fd(int fd, size_t max, char **ret_data, size_t *ret_length) {
        _cleanup_(freep) char *data = NULL;
        size_t length = 0, allocated = 0;

        assert(fd >= 0);
        assert(ret_data);

        for (;;) {
                ssize_t n;

                if (allocated - length < 2) {
                        size_t size = allocated > 0 ? allocated * 2 : 4096;
                        char *p;

                        p = realloc(data, size);
                        if (!p)
                                return -ENOMEM;
                        data = p;
                        allocated = size;
                }

                n = read(fd, data + length, allocated - length - 1);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;

                length += (size_t) n;
                if (length > max)
                        return -EFBIG;
        }

        data[length] = '\0';
        *ret_data = TAKE_PTR(data);
        if (ret_length)
                *ret_length = length;
        return 0;
}

int read_full_file_at(int dir_fd, const char *path, size_t max, char **ret_data, size_t *ret_length) {
        _cleanup_(closep) int fd = -EBADF;
        struct stat st;

        fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return -errno;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode))
                return -EISDIR;
        if (!S_ISREG(st.st_mode))
                return -ENOTSUP;

        return read_full_fd(fd, max, ret_data, ret_length);
}

ssize_t read_small_file_at(int dir_fd, const char *path, char *buf, size_t size) {
        _cleanup_(closep) int fd = -EBADF;
        size_t length = 0;

        fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return -errno;

        while (length < size - 1) {
                ssize_t n = read(fd, buf + length, size - 1 - length);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                length += (size_t) n;
        }

        buf[length] = '\0';
        return (ssize_t) length;
}

int write_full_fd(int fd, const void *data, size_t length) {
        const char *p = data;

        while (length > 0) {
                ssize_t n = write(fd, p, length);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;

                p += n;
                length -= (size_t) n;
        }

        return 0;
}

int write_file_atomic_at(
                int dir_fd, const char *name, const void *data, size_t length, mode_t mode, FileSync sync) {
        _cleanup_(closep) int fd = -EBADF;
        char temporary[NAME_MAX + 1];
        int r;

        r = snprintf(temporary, sizeof(temporary), ".#%s.tmp", name);
        if (r < 0 || (size_t) r >= sizeof(temporary))
                return -ENAMETOOLONG;

        fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;

        r = write_full_fd(fd, data, length);
        if (r >= 0 && fchmod(fd, mode) < 0)
                r = -errno;
        if (r >= 0 && sync == FILE_SYNC_YES && fsync(fd) < 0)
                r = -errno;
        if (r >= 0 && renameat(dir_fd, temporary, dir_fd, name) < 0)
                r = -errno;
        if (r < 0) {
                (void) unlinkat(dir_fd, temporary, 0);
                return r;
        }

        if (sync == FILE_SYNC_YES)
                (void) fsync(dir_fd); /* not all file systems can; the rename is atomic without it */
        return 0;
}

int mkdir_parents_at(int dir_fd, const char *path, mode_t mode) {
        char part[PATH_MAX];
        size_t n = strlen(path);

        if (n >= sizeof(part))
                return -ENAMETOOLONG;

        memcpy(part, path, n + 1);
        for (size_t i = 1; i <= n; i++) {
                if (part[i] != '/' && part[i] != '\0')
                        continue;

                char saved = part[i];
                part[i] = '\0';
                if (mkdirat(dir_fd, part, mode) < 0 && errno != EEXIST)
                        return -errno;
                part[i] = saved;
        }

        return 0;
}
