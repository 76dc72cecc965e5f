// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* XDP: drops three packets of a hundred, for kernels without netem. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int drop(struct xdp_md *context) {
        return bpf_get_prandom_u32() % 100 < 3 ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
