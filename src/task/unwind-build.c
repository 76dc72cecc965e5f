/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of rows: made in slices, shared by what has the same code, kept until their place is needed. */
#include "task/unwind-private.h"

#include <utlist.h>

static void table_drop(UnwindTables *t, UnwindTable *table) {
        assert(table->n_modules == 0);

        HASH_DEL(t->tables, table);
        probe_unwind_remove(t->probe, table->id);
        free(table);
        t->freed = true;
}

/* Makes room: the one that has been of no use for the longest time goes. Returns its rows, 0 if there is
 * none. */
static size_t evict_one(UnwindTables *t) {
        UnwindTable *table = t->idle;
        size_t n_rows;

        if (!table)
                return 0;

        n_rows = table->n_rows;
        DL_DELETE(t->idle, table);
        t->n_idle--;
        table_drop(t, table);
        t->counters.n_evicted++;
        return n_rows;
}

static void table_use(UnwindTables *t, UnwindTable *table) {
        if (table->n_modules++ == 0) {
                DL_DELETE(t->idle, table);
                t->n_idle--;
        }
}

static void table_unuse(UnwindTables *t, UnwindTable *table) {
        assert(table->n_modules > 0);

        if (--table->n_modules > 0)
                return;

        DL_APPEND(t->idle, table);
        t->freed = true; /* as good as */
        if (++t->n_idle > UNWIND_TABLES_IDLE_MAX)
                (void) evict_one(t);
}

static void job_drop(UnwindTables *t) {
        if (t->job)
                t->source.free(t->job);
        t->job = NULL;
        t->building = NULL;
        free(t->job_file.segments);
        t->job_file = (UnwindFile){};
}

static bool is_queued(const UnwindModule *um) {
        return um->prev != NULL;
}

static void dequeue(UnwindTables *t, UnwindModule *um) {
        if (!is_queued(um))
                return;

        DL_DELETE(t->queue, um);
        um->prev = um->next = NULL;
}

void unwind_module_enqueue(UnwindTables *t, UnwindModule *um) {
        um->state = UNWIND_STATE_WAITING;
        um->error = 0;
        if (!is_queued(um))
                DL_APPEND(t->queue, um);
}

int unwind_module_get(UnwindTables *t, Module *m, UnwindModule **ret_module) {
        UnwindModule *um;

        HASH_FIND_PTR(t->modules, &m, um);
        if (!um) {
                um = calloc(1, sizeof(*um));
                if (!um)
                        return -ENOMEM;

                um->module = m;
                HASH_ADD_PTR(t->modules, module, um);
                if (!HASH_ADDED(um)) {
                        free(um);
                        return -ENOMEM;
                }

                (void) module_ref(m);
                unwind_module_enqueue(t, um);
        }

        *ret_module = um;
        return 0;
}

void unwind_module_unuse(UnwindTables *t, UnwindModule *um) {
        if (um->n_processes > 0 && --um->n_processes > 0)
                return;

        dequeue(t, um);
        if (t->building == um)
                job_drop(t);
        if (um->table)
                table_unuse(t, um->table);

        HASH_DEL(t->modules, um);
        (void) module_unref(um->module);
        free(um->segments);
        free(um);
}

static void set_state(UnwindModule *um, UnwindState state, int error) {
        um->state = state;
        um->error = error;
}

/* Files with the same build id hold the same code, wherever they lie. Anybody can write that of another file
 * into his own and spoil the stacks of others, so that only those of the system are asked; else it is the
 * file itself. That the segments agree as well is no proof, but keeps a copy with other addresses apart. */
static UnwindIdentity identity_of(UnwindTables *t, const UnwindModule *um, const UnwindFile *f) {
        UnwindIdentity identity = { .layout = um->module->type };
        const Module *m = um->module;
        const uint64_t file[] = { m->dev, m->inode, (uint64_t) m->change_sec, (uint64_t) m->change_nsec };

        for (size_t i = 0; i < f->n_segments; i++) {
                identity.layout = hash_u64(identity.layout, f->segments[i].address);
                identity.layout = hash_u64(identity.layout, f->segments[i].size);
        }

        identity.layout = hash_u64(identity.layout, m->is_system ? f->build_id_size : 0);
        _Static_assert(sizeof(file) <= sizeof(identity.id), "either fits");
        if (f->build_id_size > 0 && m->is_system)
                memcpy(identity.id, f->build_id, MIN_OF(f->build_id_size, sizeof(identity.id)));
        else if (m->type == MODULE_FILE)
                memcpy(identity.id, file, sizeof(file));
        else { /* an image like no other */
                t->serial++;
                memcpy(identity.id, &t->serial, sizeof(t->serial));
        }

        return identity;
}

static UnwindTable *find_table(UnwindTables *t, const UnwindIdentity *identity) {
        UnwindTable *table;

        HASH_FIND(hh, t->tables, identity, sizeof(*identity), table);
        return table;
}

static void module_adopt(UnwindModule *um, UnwindTable *table) {
        um->table = table;
        set_state(um, UNWIND_STATE_READY, 0);
}

/* Takes the next one from the queue. Returns 1 if it needs no more work. */
static int begin_next(UnwindTables *t) {
        UnwindModule *um = t->queue;
        UnwindTable *table;
        int r;

        dequeue(t, um);

        r = t->source.begin(um->module, &t->job, t->source.userdata);
        if (r >= 0)
                r = t->source.describe(t->job, &t->job_file);
        if (r < 0) {
                set_state(um, r == -ENODATA ? UNWIND_STATE_NONE : UNWIND_STATE_FAILED, r);
                job_drop(t);
                return 1;
        }

        t->job_identity = identity_of(t, um, &t->job_file);
        free(um->segments);
        um->segments = TAKE_PTR(t->job_file.segments);
        um->n_segments = t->job_file.n_segments;

        table = find_table(t, &t->job_identity);
        if (table) {
                table_use(t, table);
                module_adopt(um, table);
                job_drop(t);
                return 1;
        }

        t->building = um;
        return 0;
}

/* Hands rows to the probe, at the cost of tables that nobody uses; their place may be of use only a moment
 * later, so no more of them go than it takes. */
static int add_rows(UnwindTables *t, const UnwindRows *rows, uint32_t *ret_id) {
        size_t n_evicted = 0;
        int r;

        r = probe_unwind_add(t->probe, rows, ret_id);
        if (r != -ENOSPC || !t->idle)
                return r;

        while (n_evicted < rows->n && t->idle)
                n_evicted += evict_one(t);

        return probe_unwind_add(t->probe, rows, ret_id);
}

static int table_new(UnwindTables *t, const UnwindRows *rows, UnwindTable **ret_table) {
        _cleanup_(freep) UnwindTable *table = NULL;
        int r;

        table = malloc(sizeof(*table));
        if (!table)
                return -ENOMEM;

        *table = (UnwindTable){ .n_rows = rows->n, .base = rows->base, .n_modules = 1 };
        table->identity = t->job_identity;

        r = add_rows(t, rows, &table->id);
        if (r < 0)
                return r;

        HASH_ADD(hh, t->tables, identity, sizeof(table->identity), table);
        if (!HASH_ADDED(table)) {
                probe_unwind_remove(t->probe, table->id);
                return -ENOMEM;
        }

        *ret_table = TAKE_PTR(table);
        return 0;
}

static void finish(UnwindTables *t) {
        UnwindModule *um = t->building;
        UnwindRows rows = {};
        UnwindGaps gaps = {};
        UnwindTable *table;
        int r;

        t->source.take(t->job, &rows, &gaps);
        t->counters.gaps.n_malformed += gaps.n_malformed;
        t->counters.gaps.n_over_cap += gaps.n_over_cap;
        job_drop(t);

        r = rows.n > 0 ? table_new(t, &rows, &table) : -ENODATA;
        if (r >= 0)
                module_adopt(um, table);
        else if (r == -ENOSPC) {
                set_state(um, UNWIND_STATE_NO_SPACE, r);
                t->wants_space = true;
        } else
                set_state(um, r == -ENODATA ? UNWIND_STATE_NONE : UNWIND_STATE_FAILED, r);

        um->n_rows = rows.n;
        free(rows.rows);
}

int unwind_build_step(UnwindTables *t, usec_t budget_usec) {
        UnwindModule *um;
        int r;

        if (!t->building) {
                if (!t->queue)
                        return 0;

                return begin_next(t);
        }

        r = t->source.step(t->job, budget_usec);
        if (r > 0)
                return 0;

        um = t->building;
        if (r == 0)
                finish(t);
        else {
                job_drop(t);
                set_state(um, r == -ENODATA ? UNWIND_STATE_NONE : UNWIND_STATE_FAILED, r);
        }

        return 1;
}

bool unwind_build_has_work(const UnwindTables *t) {
        return t->building || t->queue;
}

void unwind_build_done(UnwindTables *t) {
        job_drop(t);
        while (evict_one(t) > 0)
                ;
        assert(!t->tables);
}

void unwind_tables_counters(const UnwindTables *t, UnwindCounters *ret) {
        UnwindCounters c = t->counters;

        assert(ret);

        for (const UnwindTable *table = t->tables; table; table = table->hh.next)
                c.n_rows += table->n_rows;
        c.n_tables = HASH_COUNT(t->tables);
        c.n_tables_idle = t->n_idle;
        c.n_processes = HASH_COUNT(t->processes);

        for (const UnwindModule *um = t->modules; um; um = um->hh.next) {
                c.n_modules_waiting += um->state == UNWIND_STATE_WAITING;
                c.n_modules_no_table += um->state == UNWIND_STATE_NONE;
                c.n_modules_no_space += um->state == UNWIND_STATE_NO_SPACE;
                c.n_modules_failed += um->state == UNWIND_STATE_FAILED;
        }
        for (const UnwindProcess *p = t->processes; p; p = p->hh.next)
                c.n_processes_refused += p->is_refused;

        *ret = c;
}

int unwind_tables_module_error(const UnwindTables *t, const Module *m) {
        UnwindModule *um;

        HASH_FIND_PTR(t->modules, &m, um);
        return um ? um->error : -ENOENT;
}
