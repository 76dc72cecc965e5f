/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* Reads all of @fd, at most @max bytes, into one NUL-terminated allocation. Returns -EFBIG for more,
 * -ENOMEM, or what read(2) says. */
int read_full_fd(int fd, size_t max, char **ret_data, size_t *ret_length);

/* Opens @path below @dir_fd (AT_FDCWD works) read-only, O_NONBLOCK, refuses what is no regular file or /proc
 * file
 * (-ENOTSUP), and reads it as read_full_fd() does. */
int read_full_file_at(int dir_fd, const char *path, size_t max, char **ret_data, size_t *ret_length);

/* Reads at most @size - 1 bytes of a small /proc file into @buf and terminates it. Returns the length or
 * -errno. */
ssize_t read_small_file_at(int dir_fd, const char *path, char *buf, size_t size);

/* Writes all of it. */
int write_full_fd(int fd, const void *data, size_t length);

/* Whether a file has to survive a power failure right after it was written. Waiting for the disk can take
 * seconds when the machine is in trouble, which is when evidence is written: that uses FILE_SYNC_NO. */
typedef enum FileSync {
        FILE_SYNC_NO,
        FILE_SYNC_YES,
} FileSync;

/* Replaces @name in @dir_fd atomically: temporary file beside it, rename; both synced if asked. On
 * failure the old file is untouched and nothing is left behind. Returns -errno of the step that failed. */
int write_file_atomic_at(
                int dir_fd, const char *name, const void *data, size_t length, mode_t mode, FileSync sync);

/* mkdir -p below @dir_fd; existing directories are fine. */
int mkdir_parents_at(int dir_fd, const char *path, mode_t mode);
