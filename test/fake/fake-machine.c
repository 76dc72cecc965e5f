/* SPDX-License-Identifier: Apache-2.0 */
#include "fake/fake-machine.h"

#include "basic/file-io.h"

#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
        return remove(path);
}

static void write_text(FakeMachine *m, const char *path, const char *text) {
        _cleanup_(closep) int fd = -EBADF;

        fd = openat(m->root_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0 || write_full_fd(fd, text, strlen(text)) < 0)
                abort();
}

int fake_machine_init(FakeMachine *m) {
        *m = (FakeMachine){ .root = "/tmp/fake-machine-XXXXXX", .root_fd = -EBADF };
        if (!mkdtemp(m->root))
                return -errno;

        m->root_fd = open(m->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (m->root_fd < 0)
                return -errno;

        (void) mkdir_parents_at(m->root_fd, "proc", 0700);
        (void) mkdir_parents_at(m->root_fd, "sys/fs/cgroup", 0700);
        write_text(m, "sys/fs/cgroup/cgroup.controllers", "cpu\n");
        return host_new(m->root, &m->host);
}

void fake_machine_done(FakeMachine *m) {
        m->host = host_free(m->host);
        m->root_fd = safe_close(m->root_fd);
        (void) nftw(m->root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

void fake_machine_put(FakeMachine *m, const FakeProcess *p) {
        const char *comm = p->comm ?: "sh", *exe = p->exe ?: "/bin/sh";
        char dir[32], path[64], text[1024];

        (void) snprintf(dir, sizeof(dir), "proc/%i", (int) p->pid);
        (void) mkdir_parents_at(m->root_fd, dir, 0700);

        (void) snprintf(text,
                        sizeof(text),
                        "%i (%s) S 1 1 1 0 -1 4194304 0 0 0 0 %" PRIu64 " 0 0 0 20 0 %u 0 %" PRIu64 " 0 0\n",
                        (int) p->pid,
                        comm,
                        p->cpu_ticks,
                        MAX_OF(p->n_threads, 1U),
                        p->start_ticks);
        (void) snprintf(path, sizeof(path), "%s/stat", dir);
        write_text(m, path, text);

        (void) snprintf(text,
                        sizeof(text),
                        "Name:\t%s\nUid:\t%u\t%u\t%u\t%u\n",
                        comm,
                        p->uid,
                        p->uid,
                        p->uid,
                        p->uid);
        (void) snprintf(path, sizeof(path), "%s/status", dir);
        write_text(m, path, text);

        (void) snprintf(text, sizeof(text), "%s\n", comm);
        (void) snprintf(path, sizeof(path), "%s/comm", dir);
        write_text(m, path, text);

        (void) snprintf(text,
                        sizeof(text),
                        "1:name=systemd:%s\n0::%s\n",
                        p->cgroup ?: "/",
                        p->cgroup ?: "/");
        (void) snprintf(path, sizeof(path), "%s/cgroup", dir);
        write_text(m, path, text);

        (void) snprintf(path, sizeof(path), "%s/exe", dir);
        (void) unlinkat(m->root_fd, path, 0);
        if (symlinkat(exe, m->root_fd, path) < 0)
                abort();
}

void fake_machine_drop(FakeMachine *m, pid_t pid) {
        char path[PATH_MAX + 32];

        (void) snprintf(path, sizeof(path), "%s/proc/%i", m->root, (int) pid);
        (void) nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

void fake_machine_cgroup_cpu(FakeMachine *m, const char *cgroup, uint64_t usec) {
        char path[512], text[64];

        (void) snprintf(path, sizeof(path), "sys/fs/cgroup%s", cgroup);
        (void) mkdir_parents_at(m->root_fd, path, 0700);
        (void) snprintf(path, sizeof(path), "sys/fs/cgroup%s/cpu.stat", cgroup);
        (void) snprintf(text, sizeof(text), "usage_usec %" PRIu64 "\nuser_usec 1\n", usec);
        write_text(m, path, text);
}

void fake_machine_cgroup_pressure(FakeMachine *m, const char *cgroup, const char *file, uint64_t usec) {
        char path[512], text[256];

        (void) snprintf(path, sizeof(path), "sys/fs/cgroup%s", cgroup);
        (void) mkdir_parents_at(m->root_fd, path, 0700);
        (void) snprintf(path, sizeof(path), "sys/fs/cgroup%s/%s", cgroup, file);
        (void) snprintf(text,
                        sizeof(text),
                        "some avg10=1.00 avg60=0.20 avg300=0.03 total=%" PRIu64
                        "\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n",
                        usec);
        write_text(m, path, text);
}
