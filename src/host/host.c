/* SPDX-License-Identifier: Apache-2.0 */
/* Opens the machine's /proc and the cgroup hierarchy that holds systemd's units. */
#include "host/host.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

/* Clock ids of other processes as the kernel builds them: the complement of the PID above three bits of
 * type, 2 being CPUCLOCK_SCHED, the scheduler's run time of the whole group. clock_getcpuclockid(3) builds
 * the same, at the price of one more system call. Source: linux/posix-timers.h, make_process_cpuclock(). */
static int clock_process_cpu_ns(pid_t pid, uint64_t *ret_ns) {
        clockid_t id = (clockid_t) ((~(unsigned) pid << 3) | 2U);
        struct timespec ts;

        if (clock_gettime(id, &ts) < 0)
                return errno == EINVAL ? -ESRCH : -errno;

        *ret_ns = (uint64_t) ts.tv_sec * UINT64_C(1000000000) + (uint64_t) ts.tv_nsec;
        return 0;
}

static bool is_cgroup2(int fd, bool real_root) {
        struct statfs fs;

        if (!real_root)
                return faccessat(fd, "cgroup.controllers", F_OK, 0) >= 0;

        return fstatfs(fd, &fs) >= 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

static void open_v1(Host *h, int top_fd, bool real_root) {
        static const char *const cpuacct_names[] = { "cpuacct", "cpu,cpuacct", "cpuacct,cpu" };
        _cleanup_(closep) int unified_fd = -EBADF;

        h->cgroup_layout = CGROUP_LAYOUT_LEGACY;
        h->cgroup_fd = openat(top_fd, "systemd", DIR_FLAGS);

        for (size_t i = 0; i < ELEMENTSOF(cpuacct_names) && h->cpuacct_fd < 0; i++)
                h->cpuacct_fd = openat(top_fd, cpuacct_names[i], DIR_FLAGS);

        unified_fd = openat(top_fd, "unified", DIR_FLAGS);
        if (unified_fd < 0 || !is_cgroup2(unified_fd, real_root))
                return;

        h->cgroup_layout = CGROUP_LAYOUT_HYBRID;
        if (h->cgroup_fd < 0)
                h->cgroup_fd = fcntl(unified_fd, F_DUPFD_CLOEXEC, 3);
        h->unified_fd = TAKE_FD(unified_fd);
}

static void open_cgroups(Host *h, int root_fd, bool real_root) {
        _cleanup_(closep) int top_fd = -EBADF;

        top_fd = openat(root_fd, "sys/fs/cgroup", DIR_FLAGS);
        if (top_fd < 0)
                return;

        if (!is_cgroup2(top_fd, real_root)) {
                open_v1(h, top_fd, real_root);
                return;
        }

        h->cgroup_layout = CGROUP_LAYOUT_UNIFIED;
        h->cgroup_fd = TAKE_FD(top_fd);
}

int host_new(const char *root, Host **ret_host) {
        _cleanup_(host_freep) Host *h = NULL;
        _cleanup_(closep) int root_fd = -EBADF;
        bool real_root;

        assert(root);
        assert(ret_host);

        h = malloc(sizeof(*h));
        if (!h)
                return -ENOMEM;

        *h = (Host){
                .proc_fd = -EBADF,
                .cgroup_fd = -EBADF,
                .cpuacct_fd = -EBADF,
                .unified_fd = -EBADF,
                .cgroup_layout = CGROUP_LAYOUT_UNIFIED,
        };

        root_fd = open(root, DIR_FLAGS);
        if (root_fd < 0)
                return -errno;

        h->proc_fd = openat(root_fd, "proc", DIR_FLAGS);
        if (h->proc_fd < 0)
                return -errno;

        real_root = strcmp(root, "/") == 0;
        open_cgroups(h, root_fd, real_root);
        if (real_root)
                h->process_cpu_ns = clock_process_cpu_ns;

        *ret_host = TAKE_PTR(h);
        return 0;
}

Host *host_free(Host *h) {
        if (!h)
                return NULL;

        (void) safe_close(h->unified_fd);
        (void) safe_close(h->cpuacct_fd);
        (void) safe_close(h->cgroup_fd);
        (void) safe_close(h->proc_fd);
        free(h);
        return NULL;
}
