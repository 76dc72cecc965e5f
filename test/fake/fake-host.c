/* SPDX-License-Identifier: Apache-2.0 */
#include "fake/fake-host.h"

#include "basic/file-io.h"

#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* A test bed that cannot be built says nothing about what is tested. */
#define must(condition)                                                                            \
        ({                                                                                         \
                if (!(condition)) {                                                                \
                        (void) fprintf(stderr, "%s:%i: %s: %m\n", __FILE__, __LINE__, #condition); \
                        abort();                                                                   \
                }                                                                                  \
        })

static void path_of(FakeHost *f, char path[static PATH_MAX], const char *format, va_list ap) {
        int n = snprintf(path, PATH_MAX, "%s/", f->root);

        must(vsnprintf(path + n, (size_t) (PATH_MAX - n), format, ap) < PATH_MAX - n);
}

static void make_directory(FakeHost *f, const char *format, ...) _printf_(2, 3);
static void make_directory(FakeHost *f, const char *format, ...) {
        char path[PATH_MAX];
        va_list ap;

        va_start(ap, format);
        path_of(f, path, format, ap);
        va_end(ap);

        must(mkdir_parents_at(AT_FDCWD, path, 0755) >= 0);
}

static void write_file(FakeHost *f, const char *text, const char *format, ...) _printf_(3, 4);
static void write_file(FakeHost *f, const char *text, const char *format, ...) {
        _cleanup_(closep) int fd = -EBADF;
        char path[PATH_MAX];
        va_list ap;

        va_start(ap, format);
        path_of(f, path, format, ap);
        va_end(ap);

        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        must(fd >= 0);
        must(write_full_fd(fd, text, strlen(text)) >= 0);
}

static void make_link(FakeHost *f, const char *target, const char *format, ...) _printf_(3, 4);
static void make_link(FakeHost *f, const char *target, const char *format, ...) {
        char path[PATH_MAX];
        va_list ap;

        va_start(ap, format);
        path_of(f, path, format, ap);
        va_end(ap);

        must(unlink(path) >= 0 || errno == ENOENT);
        must(symlink(target, path) >= 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

static void remove_tree(FakeHost *f, const char *format, ...) _printf_(2, 3);
static void remove_tree(FakeHost *f, const char *format, ...) {
        char path[PATH_MAX];
        va_list ap;

        va_start(ap, format);
        path_of(f, path, format, ap);
        va_end(ap);

        must(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) >= 0 || errno == ENOENT);
}

void fake_host_init(FakeHost *f) {
        const char *tmp = getenv("TMPDIR") ?: "/tmp";

        must((size_t) snprintf(f->root, sizeof(f->root), "%s/cprof-host-XXXXXX", tmp) < sizeof(f->root));
        must(mkdtemp(f->root));

        make_directory(f, "proc");
        make_directory(f, "files");
        make_directory(f, "sys/fs/cgroup");
        write_file(f, "cpu\n", "sys/fs/cgroup/cgroup.controllers");
        must(host_new(f->root, &f->host) >= 0);
}

void fake_host_done(FakeHost *f) {
        f->host = host_free(f->host);
        remove_tree(f, "%s", "");
}

void fake_host_set_process(
                FakeHost *f,
                pid_t pid,
                uint64_t start_ticks,
                const char *comm,
                const char *exe,
                const char *cgroup) {
        const FakeMapping none = { .start = 0x10000, .end = 0x11000 };
        char text[512];

        make_directory(f, "proc/%i/map_files", (int) pid);
        make_link(f, "../../files", "proc/%i/root", (int) pid);
        make_link(f, exe, "proc/%i/exe", (int) pid);

        (void) snprintf(text,
                        sizeof(text),
                        "%i (%s) S 1 1 1 0 -1 4194560 0 0 0 0 7 3 0 0 20 0 1 0 %" PRIu64 " 0 0\n",
                        (int) pid,
                        comm,
                        start_ticks);
        write_file(f, text, "proc/%i/stat", (int) pid);

        (void) snprintf(text,
                        sizeof(text),
                        "Name:\t%s\nUid:\t33\t33\t33\t33\nNSpid:\t%i\nThreads:\t1\n",
                        comm,
                        (int) pid);
        write_file(f, text, "proc/%i/status", (int) pid);

        (void) snprintf(text, sizeof(text), "%s\n", comm);
        write_file(f, text, "proc/%i/comm", (int) pid);

        (void) snprintf(text, sizeof(text), "0::%s\n", cgroup);
        write_file(f, text, "proc/%i/cgroup", (int) pid);

        make_directory(f, "sys/fs/cgroup%s", cgroup);
        fake_host_set_maps(f, pid, &none, 1);
}

void fake_host_remove_process(FakeHost *f, pid_t pid) {
        remove_tree(f, "proc/%i", (int) pid);
}

/* Makes the mapped file and the link to it. */
static void map_file(FakeHost *f, pid_t pid, const FakeMapping *m, struct stat *ret) {
        char path[PATH_MAX], directory[PATH_MAX];

        (void) snprintf(directory,
                        sizeof(directory),
                        "%.*s",
                        (int) (strrchr(m->path, '/') - m->path),
                        m->path);
        make_directory(f, "files%s", directory);

        must((size_t) snprintf(path, sizeof(path), "%s/files%s", f->root, m->path) < sizeof(path));
        if (stat(path, ret) < 0) {
                write_file(f, "\177ELF", "files%s", m->path);
                must(stat(path, ret) >= 0);
        }

        make_link(f, path, "proc/%i/map_files/%" PRIx64 "-%" PRIx64, (int) pid, m->start, m->end);
}

void fake_host_set_maps(FakeHost *f, pid_t pid, const FakeMapping *mappings, size_t n) {
        _cleanup_(freep) char *text = NULL;
        size_t size;
        FILE *out;

        out = open_memstream(&text, &size);
        must(out);

        for (size_t i = 0; i < n; i++) {
                const FakeMapping *m = mappings + i;
                struct stat st = {};

                if (m->path)
                        map_file(f, pid, m, &st);

                (void) fprintf(out,
                               "%" PRIx64 "-%" PRIx64 " r-xp %08" PRIx64 " %02x:%02x %llu      %s\n",
                               m->start,
                               m->end,
                               m->offset,
                               major(st.st_dev),
                               minor(st.st_dev),
                               (unsigned long long) st.st_ino,
                               m->path ?: "");
        }

        must(fclose(out) == 0);
        write_file(f, text, "proc/%i/maps", (int) pid);
}

void fake_host_remove_maps(FakeHost *f, pid_t pid) {
        write_file(f, "", "proc/%i/maps", (int) pid);
}
