/* SPDX-License-Identifier: Apache-2.0 */
/* Which ways to see HTTP a kernel has: a look at its type information, as cheap as it gets. */
#include "probe/probe-http.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>

static bool has_tracepoint(const struct btf *btf, const char *name) {
        return btf__find_by_name_kind(btf, name, BTF_KIND_TYPEDEF) > 0;
}

/* Arguments that the programs of a tracepoint get: those of its prototype but the first. */
static unsigned count_arguments(const struct btf *btf, const char *name) {
        const struct btf_type *t;
        int id;

        id = btf__find_by_name_kind(btf, name, BTF_KIND_TYPEDEF);
        if (id < 0)
                return 0;

        t = btf__type_by_id(btf, btf__type_by_id(btf, (uint32_t) id)->type); /* a pointer */
        if (t && btf_is_ptr(t))
                t = btf__type_by_id(btf, t->type);
        if (!t || !btf_is_func_proto(t) || btf_vlen(t) == 0)
                return 0;

        return btf_vlen(t) - 1U;
}

/* The registers of the running system call, which all hooks but that of cgroups need, came in 5.15. */
static bool has_helper(const struct btf *btf, const char *name) {
        const struct btf_type *t;
        int id;

        id = btf__find_by_name_kind(btf, "bpf_func_id", BTF_KIND_ENUM);
        if (id < 0)
                return false;

        t = btf__type_by_id(btf, (uint32_t) id);
        for (unsigned i = 0; i < btf_vlen(t); i++) {
                const char *value = btf__name_by_offset(btf, btf_enum(t)[i].name_off);

                if (value && strcmp(value, name) == 0)
                        return true;
        }

        return false;
}

int http_kernel_read(HttpKernel *ret) {
        struct btf *btf;

        btf = btf__load_vmlinux_btf();
        if (!btf)
                return -errno;

        *ret = (HttpKernel){
                .is_new_enough = has_helper(btf, "BPF_FUNC_task_pt_regs"),
                .has_socket_hook = has_tracepoint(btf, "btf_trace_sock_send_length") &&
                                has_tracepoint(btf, "btf_trace_sock_recv_length"),
                .n_uring_args = count_arguments(btf, "btf_trace_io_uring_complete"),
        };
        btf__free(btf);
        return 0;
}

bool http_kernel_choose_uring(
                const HttpKernel *k,
                struct bpf_program *with_cqe,
                struct bpf_program *with_request,
                struct bpf_program *without_request) {
        /* (ring, request, cqe); (ring, request, user_data, res, flags, extra1, extra2); (ring, user_data,
         * res, flags) */
        (void) bpf_program__set_autoload(with_cqe, k->n_uring_args == 3);
        (void) bpf_program__set_autoload(with_request, k->n_uring_args == 7);
        (void) bpf_program__set_autoload(without_request, k->n_uring_args == 4);
        return k->n_uring_args == 3 || k->n_uring_args == 7;
}
