/* SPDX-License-Identifier: Apache-2.0 */
#include "bench-bpf.h"

#include "basic/cleanup.h"
#include "bench-load.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

int bench_bpf_statistics(void) {
        int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);

        if (fd < 0)
                bench_fail("BPF statistics", fd);

        return fd;
}

void bench_bpf_read(int fd, struct bpf_prog_info *ret_info) {
        uint32_t size = sizeof(*ret_info);

        memset(ret_info, 0, size);
        if (bpf_obj_get_info_by_fd(fd, ret_info, &size) < 0)
                bench_fail("BPF statistics", errno);
}

int bench_bpf_find(pid_t pid, const char *name) {
        struct bpf_prog_info info;
        int fd = -ENOENT;
        char path[300];
        DIR *dir;

        (void) snprintf(path, sizeof(path), "/proc/%i/fdinfo", (int) pid);
        dir = opendir(path);
        if (!dir)
                bench_fail(path, errno);

        for (const struct dirent *e = readdir(dir); e; e = readdir(dir)) {
                uint32_t id;

                (void) snprintf(path, sizeof(path), "/proc/%i/fdinfo/%s", (int) pid, e->d_name);
                id = (uint32_t) bench_read_number(path, "prog_id");
                if (id == 0)
                        continue;

                fd = bpf_prog_get_fd_by_id(id);
                if (fd < 0)
                        continue;

                bench_bpf_read(fd, &info);
                if (strcmp(info.name, name) == 0)
                        break;
                (void) close(fd);
                fd = -ENOENT;
        }

        (void) closedir(dir);
        return fd < 0 ? -ENOENT : fd;
}

int bench_bpf_open(pid_t pid, const char *name) {
        int fd = bench_bpf_find(pid, name);

        if (fd < 0)
                bench_fail("the daemon has no such program", ENOENT);

        return fd;
}
