/* SPDX-License-Identifier: Apache-2.0 */
/* The hook at the exits of system calls, for kernels without the tracepoints of sockets. */
#include "probe/probe-http.h"

#include "bpf/http-syscall.skel.h"

static const char *const calls[] = {
        "sys_exit_read",   "sys_exit_recvfrom", "sys_exit_readv",   "sys_exit_recvmsg",    "sys_exit_write",
        "sys_exit_sendto", "sys_exit_writev",   "sys_exit_sendmsg", "sys_exit_sendfile64",
};

typedef struct SyscallLinks {
        struct bpf_link *calls[ELEMENTSOF(calls)];
} SyscallLinks;

static int syscall_open(HttpHook *hook, const ProbeHttp *h) {
        struct cprof_http_syscall *skel;

        hook->more = calloc(1, sizeof(SyscallLinks));
        if (!hook->more)
                return -ENOMEM;

        skel = cprof_http_syscall__open();
        if (!skel)
                return -errno;

        http_set_constants(skel, h);
        http_set_uring(skel, h);
        bpf_program__set_autoattach(skel->progs.http_any_call_left, false);
        http_hook_take(hook, skel);
        return 0;
}

static struct cprof_http_marks *syscall_marks(HttpHook *hook) {
        return &((struct cprof_http_syscall *) hook->skel)->bss->http_marks;
}

static int attach_calls(struct cprof_http_syscall *skel, SyscallLinks *links) {
        for (size_t i = 0; i < ELEMENTSOF(calls); i++) {
                links->calls[i] = bpf_program__attach_tracepoint(
                                skel->progs.http_call_left, "syscalls", calls[i]);
                if (!links->calls[i])
                        return -errno;
        }

        return 0;
}

static void detach_calls(SyscallLinks *links) {
        for (size_t i = 0; i < ELEMENTSOF(calls); i++) {
                (void) bpf_link__destroy(links->calls[i]);
                links->calls[i] = NULL;
        }
}

static int syscall_attach(HttpHook *hook) {
        struct cprof_http_syscall *skel = hook->skel;
        int r;

        r = bpf_object__attach_skeleton(hook->skeleton);
        if (r < 0)
                return r;

        r = attach_calls(skel, hook->more);
        if (r >= 0)
                return 0;

        /* without tracefs single calls have no name: then at all of them, which costs more */
        detach_calls(hook->more);
        skel->links.http_any_call_left = bpf_program__attach(skel->progs.http_any_call_left);
        return skel->links.http_any_call_left ? 0 : -errno;
}

static void syscall_detach(HttpHook *hook) {
        detach_calls(hook->more);
        bpf_object__detach_skeleton(hook->skeleton);
}

static void syscall_destroy(HttpHook *hook) {
        if (hook->more)
                detach_calls(hook->more);
        cprof_http_syscall__destroy(hook->skel);
        free(hook->more);
}

const HttpHookType http_hook_syscall = {
        .step = "loading the HTTP programs for system calls",
        .open = syscall_open,
        .marks = syscall_marks,
        .destroy = syscall_destroy,
        .attach = syscall_attach,
        .detach = syscall_detach,
};
