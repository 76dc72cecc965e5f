/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps processes and units in step with the machine, one pass at a time. */
#include "target/target-set.h"

#include "target/target-set-internal.h"

int target_set_new(const Host *host, Probe *probe, const TargetEvents *events, TargetSet **ret_set) {
        TargetSet *s;

        assert(host);
        assert(probe);
        assert(ret_set);

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;

        s->host = host;
        s->probe = probe;
        if (events)
                s->events = *events;

        *ret_set = s;
        return 0;
}

TargetSet *target_set_free(TargetSet *s) {
        if (!s)
                return NULL;

        process_free_all(s);
        unit_free_all(s);
        free(s);
        return NULL;
}

/* Reads what is new; what is gone again is forgotten. */
static void read_appeared(TargetSet *s) {
        Process *p, *next;
        int r;

        HASH_ITER(hh, s->appeared, p, next) {
                r = process_read(s, p);
                if (r < 0) {
                        s->n_dropped += r == -ENOMEM;
                        process_drop(s, p);
                }
        }
}

static void remove_unseen(TargetSet *s) {
        Process *p, *next;

        if (s->n_known_seen == HASH_COUNT(s->processes))
                return;

        HASH_ITER(hh, s->processes, p, next)
        if (p->pass != s->pass)
                process_remove(s, p);
}

static void reread_changed(TargetSet *s) {
        while (s->changed) {
                Process *p = s->changed;

                s->changed = p->changed_next;
                p->changed_queued = false;
                process_reread(s, p);
        }
}

static void add_appeared(TargetSet *s) {
        Process *p, *next;

        HASH_ITER(hh, s->appeared, p, next)
        if (process_add(s, p) < 0) {
                s->n_dropped++;
                process_drop(s, p);
        }
}

int target_set_refresh(TargetSet *s, usec_t now_usec) {
        int r;

        assert(s);

        s->now_usec = now_usec;
        r = discover_processes(s);
        if (r < 0)
                return r;

        read_appeared(s);
        remove_unseen(s);
        unit_sweep(s, /* final= */ false);
        reread_changed(s);
        add_appeared(s);
        unit_sweep(s, /* final= */ true);
        unit_sample_all(s);
        unit_pressure_sample_all(s);
        return 0;
}

const char *target_set_source(const TargetSet *s) {
        assert(s);

        return s->from_bpf ? "bpf" : "proc";
}

Unit *target_set_units(TargetSet *s) {
        assert(s);

        return s->units;
}

Process *target_set_processes(TargetSet *s) {
        assert(s);

        return s->processes;
}

Unit *target_set_find_unit(TargetSet *s, const char *name) {
        Unit *u;

        assert(s);
        assert(name);

        HASH_FIND_STR(s->units, name, u);
        return u;
}

Process *target_set_find_process(TargetSet *s, pid_t pid) {
        Process *p;

        assert(s);

        HASH_FIND(hh, s->processes, &pid, sizeof(pid), p);
        return p;
}

unsigned target_set_n_units(const TargetSet *s) {
        assert(s);

        return HASH_COUNT(s->units);
}

unsigned target_set_n_processes(const TargetSet *s) {
        assert(s);

        return HASH_COUNT(s->processes);
}

uint64_t target_set_n_dropped(const TargetSet *s) {
        assert(s);

        return s->n_dropped;
}
