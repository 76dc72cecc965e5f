/* SPDX-License-Identifier: Apache-2.0 */
/* Units and the tree they form. */
#include "target/target-set-internal.h"

#include <utlist.h>

static Unit *unit_free(Unit *u) {
        if (!u)
                return NULL;

        free(u->invocation_id);
        free(u->active_state);
        free(u->description);
        free(u->cgroup_path);
        free(u->name);
        free(u);
        return NULL;
}
DEFINE_CLEANUP(Unit *, unit_free)

static void unit_queue_if_empty(TargetSet *s, Unit *u) {
        if (u->processes || u->children || u->emptied_queued)
                return;

        u->emptied_queued = true;
        u->emptied_next = s->emptied;
        s->emptied = u;
}

static int
unit_new(TargetSet *s, const char *name, const char *path, size_t path_length, Unit *slice, Unit **ret) {
        _cleanup_(unit_freep) Unit *u = NULL;

        u = calloc(1, sizeof(*u));
        if (!u)
                return -ENOMEM;

        u->name = strdup(name);
        u->cgroup_path = strndup(path, path_length);
        if (!u->name || !u->cgroup_path)
                return -ENOMEM;

        HASH_ADD_KEYPTR(hh, s->units, u->name, strlen(u->name), u);
        if (!HASH_ADDED(u))
                return -ENOMEM;

        u->slice = slice;
        if (slice) {
                DL_APPEND2(slice->children, u, child_prev, child_next);
                slice->n_children++;
        }

        /* Until a process or a unit below it arrives: the next sweep finds it if none does. */
        unit_queue_if_empty(s, u);
        if (s->events.unit_added)
                s->events.unit_added(u, s->events.userdata);

        *ret = TAKE_PTR(u);
        return 0;
}

static void unit_remove(TargetSet *s, Unit *u) {
        Unit *slice = u->slice;

        if (s->events.unit_removed)
                s->events.unit_removed(u, s->events.userdata);

        HASH_DEL(s->units, u);
        if (slice) {
                DL_DELETE2(slice->children, u, child_prev, child_next);
                slice->n_children--;
                unit_queue_if_empty(s, slice);
        }

        (void) unit_free(u);
}

typedef struct Chain {
        char *names[UNIT_CHAIN_MAX];
        size_t path_lengths[UNIT_CHAIN_MAX];
        int n;
} Chain;

static void chain_done(Chain *c) {
        while (c->n > 0)
                free(c->names[--c->n]);
}

static int chain_init(Chain *c, const char *cgroup_path) {
        int r;

        r = cgroup_path_to_units(cgroup_path, UNIT_CHAIN_MAX, c->names, c->path_lengths);
        if (r < 0)
                return r;

        c->n = r;
        return 0;
}

static bool path_is(const Unit *u, const char *path, size_t length) {
        return strncmp(u->cgroup_path, path, length) == 0 && u->cgroup_path[length] == '\0';
}

int unit_get(TargetSet *s, const char *cgroup_path, Unit **ret_unit) {
        _cleanup_(chain_done) Chain c = {};
        Unit *unit = NULL;
        int r;

        r = chain_init(&c, cgroup_path);
        if (r < 0)
                return r;

        for (int i = 0; i < c.n; i++) {
                size_t length = c.path_lengths[i];
                Unit *next;

                HASH_FIND_STR(s->units, c.names[i], next);
                if (!next && unit && HASH_COUNT(s->units) >= TARGETS_UNITS_MAX) {
                        s->n_dropped++; /* its processes count for the slice */
                        break;
                }

                if (!next) {
                        r = unit_new(s, c.names[i], cgroup_path, length, unit, &next);
                        if (r < 0)
                                return r;
                } else if (!path_is(next, cgroup_path, length))
                        next->path_ambiguous = true;

                unit = next;
        }

        *ret_unit = unit;
        return 0;
}

void unit_keep(TargetSet *s, const char *cgroup_path) {
        _cleanup_(chain_done) Chain c = {};

        if (!s->emptied && s->n_known_seen == HASH_COUNT(s->processes))
                return; /* nothing can be removed in this pass */
        if (chain_init(&c, cgroup_path) < 0)
                return;

        for (int i = 0; i < c.n; i++) {
                Unit *u;

                HASH_FIND_STR(s->units, c.names[i], u);
                /* A unit that comes back in another slice is told as another one. */
                if (u && path_is(u, cgroup_path, c.path_lengths[i]))
                        u->keep_pass = s->pass;
        }
}

void unit_attach(Unit *u, Process *p) {
        p->unit = u;
        DL_APPEND2(u->processes, p, unit_prev, unit_next);
}

void unit_detach(TargetSet *s, Process *p) {
        Unit *u = p->unit;

        DL_DELETE2(u->processes, p, unit_prev, unit_next);
        unit_queue_if_empty(s, u);
}

void unit_sweep(TargetSet *s, bool final) {
        Unit *kept = NULL;

        while (s->emptied) {
                Unit *u = s->emptied;

                s->emptied = u->emptied_next;
                if (!final && u->keep_pass == s->pass) {
                        u->emptied_next = kept;
                        kept = u;
                        continue;
                }

                u->emptied_queued = false;
                if (!u->processes && !u->children)
                        unit_remove(s, u); /* may queue the slice above */
        }

        s->emptied = kept;
}

void unit_free_all(TargetSet *s) {
        Unit *u, *next;

        HASH_ITER(hh, s->units, u, next) {
                HASH_DEL(s->units, u);
                (void) unit_free(u);
        }
        s->emptied = NULL;
}

void unit_for_each_process(TargetSet *s, Unit *u, void (*fn)(Process *p, void *userdata), void *userdata) {
        Process *p, *next;
        Unit *child;

        assert(u);
        assert(fn);

        DL_FOREACH_SAFE2(u->processes, p, next, unit_next)
        fn(p, userdata);
        DL_FOREACH2(u->children, child, child_next)
        unit_for_each_process(s, child, fn, userdata);
}

bool process_in_unit(const Process *p, const Unit *u) {
        assert(p);

        for (const Unit *i = p->unit; i; i = i->slice)
                if (i == u)
                        return true;

        return false;
}

static void add_threads(Process *p, void *userdata) {
        unsigned *n = userdata;

        *n += p->n_threads;
}

unsigned unit_n_threads(TargetSet *s, Unit *u) {
        unsigned n = 0;

        unit_for_each_process(s, u, add_threads, &n);
        return n;
}
