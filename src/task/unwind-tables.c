/* SPDX-License-Identifier: Apache-2.0 */
/* Which process has which table where. */
#include "task/unwind-tables.h"

#include "host/clock.h"
#include "task/unwind-private.h"

#include <utlist.h>

int unwind_tables_new(Probe *probe, const UnwindSource *source, UnwindTables **ret_tables) {
        _cleanup_(unwind_tables_freep) UnwindTables *t = NULL;
        int r;

        assert(probe);
        assert(source);
        assert(ret_tables);

        r = probe_feature(probe, PROBE_FEATURE_UNWIND, NULL);
        if (r < 0)
                return r;

        t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;

        t->probe = probe;
        t->source = *source;
        t->buffer = calloc(UNWIND_MAPPINGS_MAX, sizeof(t->buffer[0]));
        if (!t->buffer)
                return -ENOMEM;

        *ret_tables = TAKE_PTR(t);
        return 0;
}

static void process_unlist(UnwindProcess *p) {
        if (!p->list)
                return;

        DL_DELETE(*p->list, p);
        p->list = NULL;
}

static void process_list(UnwindProcess *p, UnwindProcess **list) {
        if (p->list == list)
                return;

        process_unlist(p);
        DL_APPEND(*list, p);
        p->list = list;
}

static void modules_unuse(UnwindTables *t, UnwindModule **modules, size_t n) {
        for (size_t i = 0; i < n; i++)
                unwind_module_unuse(t, modules[i]);
        free(modules);
}

static void process_unmap(UnwindTables *t, UnwindProcess *p) {
        if (p->published == 0)
                return;

        probe_unwind_unmap(t->probe, p->pid);
        p->published = 0;
        t->freed = true;
}

/* The probe is told first: no table goes while it may be in use there. */
static void process_drop(UnwindTables *t, UnwindProcess *p) {
        process_unlist(p);
        process_unmap(t, p);

        HASH_DEL(t->processes, p);
        modules_unuse(t, p->modules, p->n_modules);
        free(p);
}

UnwindTables *unwind_tables_free(UnwindTables *t) {
        UnwindProcess *p, *next;

        if (!t)
                return NULL;

        HASH_ITER(hh, t->processes, p, next)
        process_drop(t, p);

        unwind_build_done(t);
        free(t->buffer);
        free(t);
        return NULL;
}

/* One look at the mappings of a process. */
typedef struct Publication {
        UnwindTables *tables;
        UnwindModule **modules;
        size_t n_modules, n_allocated;
        size_t n_mappings;
} Publication;

static int note_module(Publication *pub, UnwindModule *um) {
        if (um->mark == pub->tables->mark)
                return 0;

        if (pub->n_modules == pub->n_allocated) {
                size_t n = MAX_OF(2 * pub->n_allocated, (size_t) 16);
                UnwindModule **modules = realloc(pub->modules, n * sizeof(modules[0]));

                if (!modules)
                        return -ENOMEM;

                pub->modules = modules;
                pub->n_allocated = n;
        }

        um->mark = pub->tables->mark;
        um->n_processes++;
        pub->modules[pub->n_modules++] = um;
        return 0;
}

/* Where the mapping of code at that place of the file puts pc 0 of the table. Mappings begin at whole pages,
 * so a little before the segment. */
static bool find_base(const UnwindModule *um, const ProcessMapping *m, uint64_t *ret_base) {
        uint64_t length = m->end - m->start;

        for (size_t i = 0; i < um->n_segments; i++) {
                const UnwindSegment *s = um->segments + i;

                /* differences, not sums: what a file says may overflow */
                if (m->offset >= s->offset ? m->offset - s->offset >= s->size
                                           : s->offset - m->offset >= length)
                        continue;

                *ret_base = m->start - (s->address + (m->offset - s->offset)) + um->table->base;
                return true;
        }

        return false;
}

/* Adds it, or makes the one before it longer: what lies between two pieces of code is no code. */
static void append_mapping(Publication *pub, const ProbeMapping *m) {
        UnwindTables *t = pub->tables;
        ProbeMapping *last = pub->n_mappings > 0 ? t->buffer + pub->n_mappings - 1 : NULL;

        if (last && last->table == m->table && last->rule == m->rule && last->cfa == m->cfa &&
            (m->table == UNWIND_TABLE_NONE || last->base == m->base)) {
                last->end = m->end;
                return;
        }

        if (pub->n_mappings == UNWIND_MAPPINGS_MAX) {
                t->counters.n_mappings_dropped++;
                return;
        }

        t->buffer[pub->n_mappings++] = *m;
}

static int on_mapping(const ProcessMapping *m, void *userdata) {
        Publication *pub = userdata;
        ProbeMapping mapping = { .start = m->start, .end = m->end, .table = UNWIND_TABLE_NONE };
        bool has_file = m->module->type == MODULE_FILE && m->module->fd >= 0;
        UnwindModule *um;
        int r;

        if (has_file || m->module->type == MODULE_VDSO) {
                r = unwind_module_get(pub->tables, m->module, &um);
                if (r < 0)
                        return r;

                r = note_module(pub, um);
                if (r < 0) {
                        if (um->n_processes == 0)
                                unwind_module_unuse(pub->tables, um);
                        return r;
                }

                if (um->state == UNWIND_STATE_READY && find_base(um, m, &mapping.base))
                        mapping.table = um->table->id;
                else if (um->state != UNWIND_STATE_NONE)
                        mapping.rule = CPROF_RULE_UNSUPPORTED; /* frame pointers are a guess there */
        }

        append_mapping(pub, &mapping);
        return 0;
}

static uint64_t hash_mappings(const ProbeMapping *m, size_t n) {
        uint64_t h = n + 1;

        for (size_t i = 0; i < n; i++) {
                h = hash_u64(h, m[i].start);
                h = hash_u64(h, m[i].end);
                h = hash_u64(h, m[i].base);
                h = hash_u64(h, (uint64_t) m[i].table << 32 | m[i].rule);
                h = hash_u64(h, (uint64_t) m[i].cfa);
        }

        return h | 1; /* not 0 */
}

/* Puts the process among those that wait for a table, if it does. */
static void process_update_waiting(UnwindTables *t, UnwindProcess *p, UnwindProcess **otherwise) {
        while (p->next_waiting < p->n_modules && p->modules[p->next_waiting]->state != UNWIND_STATE_WAITING)
                p->next_waiting++;

        if (p->next_waiting < p->n_modules)
                process_list(p, &t->waiting);
        else if (otherwise)
                process_list(p, otherwise);
        else
                process_unlist(p);
}

static int process_send(UnwindTables *t, UnwindProcess *p, size_t n_mappings) {
        uint64_t hash = hash_mappings(t->buffer, n_mappings);
        int r;

        p->is_refused = false;
        if (p->published == hash)
                return 0;

        r = probe_unwind_map(t->probe, p->pid, t->buffer, n_mappings);
        if (r == -ENOSPC)
                p->is_refused = t->wants_space = true;
        if (r < 0)
                return r;

        p->published = hash;
        t->counters.n_published++;
        return 0;
}

static int process_publish(UnwindTables *t, UnwindProcess *p) {
        Publication pub = { .tables = t };
        UnwindModule **old;
        size_t n_old;
        int r;

        t->mark++;
        r = process_maps_for_each(p->maps, on_mapping, &pub);
        if (r < 0) {
                modules_unuse(t, pub.modules, pub.n_modules);
                return r;
        }

        r = process_send(t, p, pub.n_mappings);

        /* Only now may tables go that it used before. If the probe kept the old mappings they go with it: it
         * must not find other rows there. */
        if (r < 0)
                process_unmap(t, p);

        old = p->modules;
        n_old = p->n_modules;
        p->modules = pub.modules;
        p->n_modules = pub.n_modules;
        p->next_waiting = 0;
        modules_unuse(t, old, n_old);

        process_update_waiting(t, p, NULL);
        return r;
}

static UnwindProcess *find_process(const UnwindTables *t, pid_t pid) {
        UnwindProcess *p;

        HASH_FIND(hh, t->processes, &pid, sizeof(pid), p);
        return p;
}

bool unwind_tables_is_waiting(const UnwindTables *t, pid_t pid) {
        const UnwindProcess *p = find_process(t, pid);

        return p && p->list;
}

int unwind_tables_publish(UnwindTables *t, pid_t pid, const ProcessMaps *maps) {
        UnwindProcess *p;

        assert(t);
        assert(maps);

        p = find_process(t, pid);
        if (!p) {
                p = calloc(1, sizeof(*p));
                if (!p)
                        return -ENOMEM;

                p->pid = pid;
                HASH_ADD(hh, t->processes, pid, sizeof(pid), p);
                if (!HASH_ADDED(p)) {
                        free(p);
                        return -ENOMEM;
                }
        }

        p->maps = maps;
        return process_publish(t, p);
}

void unwind_tables_unpublish(UnwindTables *t, pid_t pid) {
        UnwindProcess *p;

        assert(t);

        p = find_process(t, pid);
        if (p)
                process_drop(t, p);
}

/* A module stopped waiting: those that waited for it alone can be published. */
static void look_at_waiting(UnwindTables *t) {
        UnwindProcess *p, *next;

        DL_FOREACH_SAFE(t->waiting, p, next)
        process_update_waiting(t, p, &t->ready);
}

void unwind_tables_work(UnwindTables *t, usec_t budget_usec) {
        usec_t begin_usec = clock_monotonic_usec(), used_usec = 0;

        assert(t);

        while (unwind_tables_has_work(t) && used_usec <= budget_usec) {
                UnwindProcess *p = t->ready;

                if (p) {
                        process_unlist(p);
                        (void) process_publish(t, p); /* remembered there */
                } else if (unwind_build_step(t, budget_usec - used_usec) > 0)
                        look_at_waiting(t);

                used_usec = clock_monotonic_usec() - begin_usec;
                if (used_usec == budget_usec)
                        break;
        }
}

bool unwind_tables_has_work(const UnwindTables *t) {
        assert(t);

        return t->ready || unwind_build_has_work(t);
}

static void retry_modules(UnwindTables *t) {
        UnwindModule *um, *next;
        UnwindTable *idle;
        uint64_t n_free;
        ProbeCounters c;

        probe_counters(t->probe, &c);
        n_free = c.unwind_rows_max - MIN_OF(c.unwind_rows, c.unwind_rows_max);
        DL_FOREACH(t->idle, idle)
        n_free += idle->n_rows;

        HASH_ITER(hh, t->modules, um, next) {
                if (um->state != UNWIND_STATE_NO_SPACE)
                        continue;
                if (um->n_rows > n_free) {
                        t->wants_space = true;
                        continue;
                }

                n_free -= um->n_rows;
                unwind_module_enqueue(t, um);
        }
}

void unwind_tables_tick(UnwindTables *t, usec_t now_usec) {
        UnwindProcess *p, *next;

        assert(t);

        if (!t->wants_space || !t->freed)
                return;
        if (t->retry_usec == 0) /* what was freed just now can't be used yet */
                t->retry_usec = now_usec + UNWIND_RETRY_USEC;
        if (now_usec < t->retry_usec)
                return;

        t->wants_space = t->freed = false;
        t->retry_usec = 0;
        retry_modules(t);

        HASH_ITER(hh, t->processes, p, next) {
                p->next_waiting = 0;
                process_update_waiting(t, p, p->is_refused ? &t->ready : p->list);
        }
}
