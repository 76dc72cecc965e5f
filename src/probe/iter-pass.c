/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/iter-pass.h"

#include "basic/cleanup.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdbool.h>

/* A link for the threads of @pid only, if the kernel knows how (6.1), else for all of the namespace. */
static struct bpf_link *attach_pass(const struct bpf_program *program, pid_t pid) {
        union bpf_iter_link_info info = { .task.pid = (uint32_t) pid };
        DECLARE_LIBBPF_OPTS(
                        bpf_iter_attach_opts, options, .link_info = &info, .link_info_len = sizeof(info));
        struct bpf_link *link;

        link = bpf_program__attach_iter(program, &options);
        if (link || errno == ESRCH)
                return link;

        return bpf_program__attach_iter(program, NULL);
}

int iter_pass(const struct bpf_program *program, pid_t pid, uint32_t *ret_number) {
        _cleanup_(closep) int fd = -EBADF;
        struct bpf_link *link;
        uint32_t number[64];
        bool found = false;
        ssize_t n;

        link = attach_pass(program, pid);
        if (!link)
                return -errno;

        fd = bpf_iter_create(bpf_link__fd(link));
        (void) bpf_link__destroy(link); /* the descriptor keeps it */
        if (fd < 0)
                return fd;

        do {
                n = read(fd, number, sizeof(number));
                if (n >= (ssize_t) sizeof(number[0])) {
                        *ret_number = number[0];
                        found = true;
                }
        } while (n > 0 || (n < 0 && (errno == EINTR || errno == EAGAIN)));

        if (n < 0)
                return -errno;

        return found ? 0 : -ENOENT;
}
