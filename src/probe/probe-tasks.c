/* SPDX-License-Identifier: Apache-2.0 */
/* One pass per second over all tasks through the kernel's task iterator. */
#include "probe/probe-bpf.h"

#include "bpf/tasks.skel.h"

#include <bpf/bpf.h>

/* seq_file hands over at most this much per read(2); whole records, because bpf_seq_write() never splits
 * one. */
#define PASS_BUFFER_BYTES (32U * 1024)

struct ProbeTasks {
        struct cprof_tasks *skel;
        struct bpf_link *link;
        uint64_t buffer[PASS_BUFFER_BYTES / sizeof(uint64_t)];
};

ProbeTasks *probe_tasks_free(ProbeTasks *t) {
        if (!t)
                return NULL;

        (void) bpf_link__destroy(t->link);
        cprof_tasks__destroy(t->skel);
        free(t);
        return NULL;
}

int probe_tasks_new(const PidNamespace *ns, ProbeTasks **ret_tasks) {
        _cleanup_(probe_tasks_freep) ProbeTasks *t = NULL;
        int r;

        t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;

        t->skel = cprof_tasks__open();
        if (!t->skel)
                return -errno;

        t->skel->rodata->our_pidns_inum = ns->inum;
        t->skel->rodata->our_pidns_is_first = ns->is_first;

        r = cprof_tasks__load(t->skel);
        if (r < 0)
                return r;

        t->link = bpf_program__attach_iter(t->skel->progs.tasks, NULL);
        if (!t->link)
                return -errno;

        *ret_tasks = TAKE_PTR(t);
        return 0;
}

int probe_tasks_pass(ProbeTasks *t, ProbeTaskFn fn, void *userdata) {
        _cleanup_(closep) int fd = -EBADF;

        fd = bpf_iter_create(bpf_link__fd(t->link));
        if (fd < 0)
                return fd;

        for (;;) {
                ssize_t n = read(fd, t->buffer, sizeof(t->buffer));
                const struct cprof_task *task = (const struct cprof_task *) t->buffer;

                if (n < 0 && (errno == EINTR || errno == EAGAIN))
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return 0;

                for (size_t left = (size_t) n / sizeof(*task); left > 0; left--, task++)
                        if (task->pid > 0) /* 0: went away while its number was read */
                                fn(task, userdata);
        }
}
