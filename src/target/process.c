/* SPDX-License-Identifier: Apache-2.0 */
/* What one process is, and when that changes. */
#include "host/procfs-pid.h"
#include "target/target-set-internal.h"

#define RECHECK_YOUNG_PASSES 2U   /* a service is forked first, then moved, renamed and given its user */
#define RECHECK_CGROUP_PASSES 10U /* where nothing says that a process has moved to another unit */
/* With v1 hierarchies the iterator says so by an address, which a process that moves twice within a second
 * can meet again. */
#define RECHECK_TOLD_PASSES 300U
#define UID_UNKNOWN ((uid_t) -1)

typedef struct Facts {
        char *comm, *exe;
        uid_t uid;
} Facts;

static void facts_done(Facts *f) {
        free(f->comm);
        free(f->exe);
}

static int facts_read(const Host *h, pid_t pid, Facts *f) {
        int r;

        f->uid = UID_UNKNOWN;
        r = procfs_read_uid(h, pid, &f->uid);
        if (r == -ESRCH || r == -ENOMEM)
                return r;

        r = procfs_read_exe(h, pid, &f->exe);
        if (r == -ENOENT)
                return -ESRCH; /* a zombie: its program has gone before it */
        if (r == -ESRCH || r == -ENOMEM)
                return r;

        r = procfs_read_comm(h, pid, &f->comm);
        if (r < 0 || f->comm[0])
                return r;

        /* prctl(2) takes an empty name; names of ours are never empty. */
        free(f->comm);
        f->comm = strdup("?");
        return f->comm ? 0 : -ENOMEM;
}

static void set_recheck(TargetSet *s, Process *p, bool is_new) {
        unsigned every = s->from_bpf ? RECHECK_TOLD_PASSES : RECHECK_CGROUP_PASSES;

        if (is_new && s->pass > 1)
                p->recheck_pass = s->pass + RECHECK_YOUNG_PASSES;
        else if (s->from_bpf && s->host->cgroup_layout == CGROUP_LAYOUT_UNIFIED)
                p->recheck_pass = UINT64_MAX;
        else /* spread, so that no pass reads all of them */
                p->recheck_pass = s->pass + every - (s->pass + (unsigned) p->key.pid) % every;
}

int process_new(TargetSet *s, ProcessKey key, Process **ret_process) {
        Process *p;

        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;

        p->key = key;
        HASH_ADD(hh, s->appeared, key.pid, sizeof(p->key.pid), p);
        if (!HASH_ADDED(p)) {
                free(p);
                return -ENOMEM;
        }

        *ret_process = p;
        return 0;
}

static void process_free(TargetSet *s, Process *p) {
        (void) cgroup_unref(s, p->cgroup);
        free(p->comm);
        free(p->exe);
        free(p->name);
        free(p);
}

int process_read(TargetSet *s, Process *p) {
        _cleanup_(facts_done) Facts f = {};
        int r;

        r = cgroup_get(s, p->key.pid, p->cgroup_id, &p->cgroup);
        if (r < 0)
                return r;

        r = facts_read(s->host, p->key.pid, &f);
        if (r < 0)
                return r;

        p->comm = TAKE_PTR(f.comm);
        p->exe = TAKE_PTR(f.exe);
        p->uid = f.uid;
        p->fresh = true;
        set_recheck(s, p, /* is_new= */ true);
        unit_keep(s, p->cgroup->path);
        return 0;
}

int process_add(TargetSet *s, Process *p) {
        Unit *u;
        int r;

        r = unit_get(s, p->cgroup->path, &u);
        if (r < 0)
                return r;

        r = process_name_take(u, p);
        if (r < 0)
                return r;

        HASH_DEL(s->appeared, p);
        HASH_ADD(hh, s->processes, key.pid, sizeof(p->key.pid), p);
        if (!HASH_ADDED(p)) {
                process_name_release(u, p);
                process_free(s, p);
                s->n_dropped++;
                return 0;
        }

        unit_attach(u, p);
        if (s->events.process_added)
                s->events.process_added(p, s->events.userdata);

        return 0;
}

void process_drop(TargetSet *s, Process *p) {
        HASH_DEL(s->appeared, p);
        process_free(s, p);
}

void process_remove(TargetSet *s, Process *p) {
        if (s->events.process_removed)
                s->events.process_removed(p, s->events.userdata);

        process_name_release(p->unit, p);
        unit_detach(s, p);
        HASH_DEL(s->processes, p);
        process_free(s, p);
}

/* Lists @p in @u under the name @comm, which it takes over if it is another one. */
static void process_relist(TargetSet *s, Process *p, Unit *u, char **comm) {
        process_name_release(p->unit, p);
        if (p->unit != u) {
                unit_detach(s, p);
                unit_attach(u, p);
        }

        free(p->comm);
        p->comm = TAKE_PTR(*comm);
        (void) process_name_take(u, p); /* out of memory: the old name stays */
}

static bool text_equal(const char *a, const char *b) {
        return a == b || (a && b && strcmp(a, b) == 0);
}

/* Takes over what differs. Returns whether anything did. */
static bool process_apply(TargetSet *s, Process *p, Facts *f, Unit *u) {
        bool changed = f->uid != p->uid || !text_equal(f->exe, p->exe);

        p->uid = f->uid;
        free(p->exe);
        p->exe = TAKE_PTR(f->exe);

        if (u != p->unit || strcmp(f->comm, p->comm) != 0) {
                process_relist(s, p, u, &f->comm);
                changed = true;
        }

        return changed;
}

void process_reread(TargetSet *s, Process *p) {
        _cleanup_(facts_done) Facts f = {};
        Cgroup *c = NULL, *old = p->cgroup;
        Unit *u;
        int r;

        set_recheck(s, p, /* is_new= */ false);

        r = facts_read(s->host, p->key.pid, &f);
        if (r >= 0)
                r = cgroup_get(s, p->key.pid, p->cgroup_id, &c);
        if (r >= 0)
                r = unit_get(s, c->path, &u);
        if (r < 0) {
                /* It ends just now, or there is no memory: the next pass knows more. */
                (void) cgroup_unref(s, c);
                p->recheck_pass = s->pass + 1;
                return;
        }

        p->cgroup = c;
        (void) cgroup_unref(s, old);
        if (process_apply(s, p, &f, u) && s->events.process_changed)
                s->events.process_changed(p, s->events.userdata);
}

void process_free_all(TargetSet *s) {
        Process *p, *next;

        HASH_ITER(hh, s->appeared, p, next) {
                process_drop(s, p);
        }
        HASH_ITER(hh, s->processes, p, next) {
                process_name_release(p->unit, p);
                HASH_DEL(s->processes, p);
                process_free(s, p);
        }
}
