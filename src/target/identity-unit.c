/* SPDX-License-Identifier: Apache-2.0 */
/* Units that are one process to SkyWalking. */
#include "target/identity-internal.h"

#include "target/target-pattern.h"

Unit *identity_rule_unit(const ServiceRule *rule, const Process *p) {
        const TargetPattern t = { .units = rule->units, .slices = rule->slices };

        for (Unit *u = p->unit; u; u = u->slice)
                if (target_pattern_names_unit(&t, u))
                        return u;

        return NULL;
}

/* The main process wins, then the oldest. */
static bool is_better(const ProcessKey *a, const ProcessKey *b, pid_t main_pid) {
        if (a->pid == main_pid || b->pid == main_pid)
                return b->pid != main_pid;

        return a->start_ticks != b->start_ticks ? a->start_ticks < b->start_ticks : a->pid < b->pid;
}

/* Never @gone. */
static Process *pick(const Unit *u, pid_t main_pid, const Process *gone, Process *best) {
        for (Process *p = u->processes; p; p = p->unit_next)
                if (p != gone && (!best || is_better(&p->key, &best->key, main_pid)))
                        best = p;

        for (const Unit *child = u->children; child; child = child->child_next)
                best = pick(child, main_pid, gone, best); /* as deep as cgroups of units nest */

        return best;
}

static Entry *find_pid(IdentitySet *s, pid_t pid) {
        Entry *first = NULL;

        HASH_FIND(hh_pid, s->units_by_pid, &pid, sizeof(pid), first);
        return first;
}

void identity_unindex_pid(IdentitySet *s, Entry *e) {
        Entry *first, *next = e->pid_next;

        if (!e->in_pids)
                return;

        e->in_pids = false;
        e->pid_next = NULL;
        first = find_pid(s, e->identity.pid);
        if (first == e) {
                HASH_DELETE(hh_pid, s->units_by_pid, e);
                if (next)
                        HASH_ADD(hh_pid, s->units_by_pid, identity.pid, sizeof(pid_t), next);
                return;
        }

        while (first->pid_next != e)
                first = first->pid_next;
        first->pid_next = next;
}

static void index_pid(IdentitySet *s, Entry *e) {
        Entry *first = find_pid(s, e->identity.pid);

        if (first) {
                e->pid_next = first->pid_next;
                first->pid_next = e;
                e->in_pids = true;
                return;
        }

        HASH_ADD(hh_pid, s->units_by_pid, identity.pid, sizeof(pid_t), e);
        e->in_pids = e->hh_pid.tbl != NULL; /* out of memory: it is told of no successor */
}

static void set_pid(IdentitySet *s, Entry *e, const Process *p) {
        identity_unindex_pid(s, e);
        e->key = p ? p->key : (ProcessKey){};
        e->identity.pid = e->key.pid;
        if (p)
                index_pid(s, e);
}

static void change_pid(IdentitySet *s, Entry *e, const Process *p) {
        set_pid(s, e, p);
        if (p && s->events.changed)
                s->events.changed(&e->identity, s->events.userdata);
}

int identity_add_unit(IdentitySet *s, const ServiceRule *rule, Unit *u, const Process *p) {
        Entry *e = (Entry *) u->identity;
        Process *best;
        int r;

        if (e) {
                if (e->key.pid == 0 || is_better(&p->key, &e->key, u->main_pid))
                        change_pid(s, e, p);
                return 1;
        }

        best = pick(u, u->main_pid, NULL, NULL);
        r = identity_add(s, rule, best, u);
        if (r > 0)
                set_pid(s, (Entry *) u->identity, best);
        return r;
}

void identity_process_left(IdentitySet *s, const Process *p, bool is_gone) {
        Entry *e = find_pid(s, p->key.pid), *next;

        for (; e; e = next) {
                Unit *u = e->identity.target_unit;

                next = e->pid_next;
                if (is_gone || !process_in_unit(p, u))
                        change_pid(s, e, pick(u, u->main_pid, is_gone ? p : NULL, NULL));
        }
}
