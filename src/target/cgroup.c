/* SPDX-License-Identifier: Apache-2.0 */
/* Directories that hold processes, so that the path of each is read once and not per process. */
#include "host/procfs-pid.h"
#include "target/target-set-internal.h"

static Cgroup *cgroup_free(TargetSet *s, Cgroup *c) {
        HASH_DELETE(hh, s->cgroups, c);
        if (c->id != 0)
                HASH_DELETE(hh_id, s->cgroups_by_id, c);
        free(c->path);
        free(c);
        return NULL;
}

Cgroup *cgroup_unref(TargetSet *s, Cgroup *c) {
        if (!c)
                return NULL;

        assert(c->n_ref > 0);
        return --c->n_ref == 0 ? cgroup_free(s, c) : NULL;
}

/* Takes @path over. */
static int cgroup_new(TargetSet *s, char *path, Cgroup **ret) {
        Cgroup *c;

        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;

        c->path = path;
        HASH_ADD_KEYPTR(hh, s->cgroups, c->path, strlen(c->path), c);
        if (!HASH_ADDED(c)) {
                free(c);
                return -ENOMEM;
        }

        *ret = c;
        return 0;
}

/* A directory that was removed and made again (a unit that restarts) has another id. */
static void cgroup_set_id(TargetSet *s, Cgroup *c, uint64_t id) {
        if (c->id == id)
                return;

        if (c->id != 0)
                HASH_DELETE(hh_id, s->cgroups_by_id, c);
        c->id = id;
        if (id == 0)
                return;

        HASH_ADD(hh_id, s->cgroups_by_id, id, sizeof(c->id), c);
        if (!c->hh_id.tbl)
                c->id = 0; /* out of memory: found by its path only */
}

int cgroup_get(TargetSet *s, pid_t pid, uint64_t id, Cgroup **ret) {
        _cleanup_(freep) char *path = NULL;
        Cgroup *c = NULL;
        int r;

        /* The id says nothing about where a process is in the name=systemd hierarchy. */
        if (s->host->cgroup_layout != CGROUP_LAYOUT_UNIFIED)
                id = 0;
        if (id != 0)
                HASH_FIND(hh_id, s->cgroups_by_id, &id, sizeof(id), c);

        if (!c) {
                r = procfs_read_cgroup(s->host, pid, &path);
                if (r == -ESRCH || r == -ENOMEM)
                        return r;
                if (r < 0)
                        path = strdup("/"); /* no hierarchy of systemd's on this machine */
                if (!path)
                        return -ENOMEM;

                HASH_FIND_STR(s->cgroups, path, c);
                if (!c) {
                        r = cgroup_new(s, path, &c);
                        if (r < 0)
                                return r;
                        (void) TAKE_PTR(path);
                }
                if (id != 0)
                        cgroup_set_id(s, c, id);
        }

        c->n_ref++;
        *ret = c;
        return 0;
}
