/* SPDX-License-Identifier: Apache-2.0 */
/* Children of targets are targets, without us: attached while there are any. */
#include "probe/probe-bpf.h"

#include "bpf/fork.skel.h"

#include <bpf/bpf.h>

struct ProbeFork {
        struct cprof_fork *skel;
        bool is_attached;
};

ProbeFork *probe_fork_free(ProbeFork *f) {
        if (!f)
                return NULL;

        cprof_fork__destroy(f->skel);
        free(f);
        return NULL;
}

int probe_fork_new(const PidNamespace *ns, ProbeUnwind *unwind, ProbeFork **ret_fork) {
        _cleanup_(probe_fork_freep) ProbeFork *f = NULL;
        int r;

        f = calloc(1, sizeof(*f));
        if (!f)
                return -ENOMEM;

        f->skel = cprof_fork__open();
        if (!f->skel)
                return -errno;

        f->skel->rodata->our_pidns_inum = ns->inum;
        f->skel->rodata->our_pidns_is_first = ns->is_first;

        r = probe_unwind_share_targets(unwind, f->skel->maps.targets);
        if (r < 0)
                return r;

        r = cprof_fork__load(f->skel);
        if (r < 0)
                return r;

        *ret_fork = TAKE_PTR(f);
        return 0;
}

/* Children that the daemon did not take over in time are still listed. */
static void forget_inherited(ProbeFork *f) {
        int fd = bpf_map__fd(f->skel->maps.targets);
        struct cprof_target target;
        uint32_t key, next;
        bool has_next;

        has_next = bpf_map_get_next_key(fd, NULL, &next) == 0;
        while (has_next) {
                key = next;
                has_next = bpf_map_get_next_key(fd, &key, &next) == 0;
                if (bpf_map_lookup_elem(fd, &key, &target) == 0 && (target.uses & CPROF_TARGET_INHERITED))
                        (void) bpf_map_delete_elem(fd, &key);
        }
}

int probe_fork_attach(ProbeFork *f, bool on) {
        int r;

        if (f->is_attached == on)
                return 0;

        if (!on) {
                cprof_fork__detach(f->skel);
                forget_inherited(f);
                f->is_attached = false;
                return 0;
        }

        r = cprof_fork__attach(f->skel);
        if (r < 0) {
                cprof_fork__detach(f->skel);
                return r;
        }

        f->is_attached = true;
        return 0;
}
