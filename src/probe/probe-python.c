/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/probe-python.h"

#include "basic/hash.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

typedef struct User {
        pid_t pid; /* the key */
        unsigned slot;
        UT_hash_handle hh;
} User;

struct ProbePython {
        int fd; /* of the map; -EBADF: not made yet */
        struct {
                struct cprof_python_offsets offsets;
                unsigned n_users;
        } slots[PROBE_PYTHON_VERSIONS_MAX];
        User *users;
};

int probe_python_new(ProbePython **ret_python) {
        ProbePython *p;

        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;

        p->fd = -EBADF;
        *ret_python = p;
        return 0;
}

ProbePython *probe_python_free(ProbePython *p) {
        User *u, *next;

        if (!p)
                return NULL;

        HASH_ITER(hh, p->users, u, next) {
                HASH_DEL(p->users, u);
                free(u);
        }

        (void) safe_close(p->fd);
        free(p);
        return NULL;
}

static int make_map(ProbePython *p) {
        if (p->fd >= 0)
                return 0;

        p->fd =
                        bpf_map_create(BPF_MAP_TYPE_ARRAY,
                                       "python_offsets",
                                       sizeof(uint32_t),
                                       sizeof(struct cprof_python_offsets),
                                       PROBE_PYTHON_VERSIONS_MAX,
                                       NULL);
        return p->fd < 0 ? p->fd : 0;
}

int probe_python_share(ProbePython *p, struct bpf_map *offsets) {
        int r;

        r = make_map(p);
        return r < 0 ? r : bpf_map__reuse_fd(offsets, p->fd);
}

/* The slot that has @offsets, else a free one that is given them. */
static int find_slot(ProbePython *p, const struct cprof_python_offsets *offsets, unsigned *ret_slot) {
        unsigned found = PROBE_PYTHON_VERSIONS_MAX;

        for (unsigned i = 0; i < PROBE_PYTHON_VERSIONS_MAX; i++) {
                if (p->slots[i].n_users > 0 &&
                    memcmp(&p->slots[i].offsets, offsets, sizeof(*offsets)) == 0) {
                        *ret_slot = i;
                        return 0;
                }
                if (p->slots[i].n_users == 0 && found == PROBE_PYTHON_VERSIONS_MAX)
                        found = i;
        }

        if (found == PROBE_PYTHON_VERSIONS_MAX)
                return -ENOSPC;
        if (bpf_map_update_elem(p->fd, &(uint32_t){ found }, offsets, BPF_ANY) < 0)
                return -errno;

        p->slots[found].offsets = *offsets;
        *ret_slot = found;
        return 0;
}

static int add_user(ProbePython *p, pid_t pid, unsigned slot) {
        User *u;

        u = calloc(1, sizeof(*u));
        if (!u)
                return -ENOMEM;

        *u = (User){ .pid = pid, .slot = slot };
        HASH_ADD_INT(p->users, pid, u);
        if (!HASH_ADDED(u)) {
                free(u);
                return -ENOMEM;
        }

        p->slots[slot].n_users++;
        return 0;
}

void probe_python_unuse(ProbePython *p, pid_t pid) {
        User *u;

        HASH_FIND_INT(p->users, &pid, u);
        if (!u)
                return;

        p->slots[u->slot].n_users--;
        HASH_DEL(p->users, u);
        free(u);
}

int probe_python_use(
                ProbePython *p, pid_t pid, const struct cprof_python_offsets *offsets, uint32_t *ret_index) {
        unsigned slot = 0;
        int r;

        r = make_map(p);
        if (r < 0)
                return r;

        probe_python_unuse(p, pid);
        r = find_slot(p, offsets, &slot);
        if (r >= 0)
                r = add_user(p, pid, slot);
        if (r < 0)
                return r;

        *ret_index = slot + 1;
        return 0;
}
