/* SPDX-License-Identifier: Apache-2.0 */
#include "task/process-cache.h"

#include "host/clock.h"

#include <utlist.h>

struct ProcessCache {
        const Host *host;      /* borrowed, outlives us */
        ModuleTable *modules;  /* borrowed, outlives us */
        ProcessEntry *entries; /* by PID */
        ProcessEntry *queue;
        ProcessEntry *changed;
        UnwindTables *unwind; /* borrowed, outlives us; may be NULL */
        ProcessCacheCounters counters;
        const PythonSource *python; /* borrowed, outlives us; may be NULL */
};

int process_cache_new(const Host *host, ModuleTable *modules, ProcessCache **ret_cache) {
        ProcessCache *c;

        assert(host);
        assert(modules);
        assert(ret_cache);

        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;

        *c = (ProcessCache){ .host = host, .modules = modules };

        *ret_cache = c;
        return 0;
}

void process_cache_set_unwind(ProcessCache *c, UnwindTables *unwind) {
        assert(c);

        c->unwind = unwind;
}

static void process_cache_dequeue(ProcessCache *c, ProcessEntry *e) {
        if (!e->queued)
                return;

        DL_DELETE2(c->queue, e, queue_prev, queue_next);
        e->queued = false;
}

static void process_cache_unchange(ProcessCache *c, ProcessEntry *e) {
        if (!e->changed)
                return;

        DL_DELETE2(c->changed, e, changed_prev, changed_next);
        e->changed = false;
}

static void process_cache_unpublish(ProcessCache *c, ProcessEntry *e) {
        if (c->unwind)
                unwind_tables_unpublish(c->unwind, e->key.pid);
        e->maps = process_maps_free(e->maps);
}

static void process_cache_drop(ProcessCache *c, ProcessEntry *e) {
        process_cache_dequeue(c, e);
        process_cache_unchange(c, e);
        process_cache_unpublish(c, e);
        HASH_DEL(c->entries, e);
        if (c->python)
                c->python->forget(e->key, c->python->userdata);
        (void) module_unref(e->python);
        free(e);
}

ProcessCache *process_cache_free(ProcessCache *c) {
        ProcessEntry *e, *next;

        if (!c)
                return NULL;

        HASH_ITER(hh, c->entries, e, next) {
                assert(e->n_users == 0);
                process_cache_drop(c, e);
        }

        free(c);
        return NULL;
}

ProcessEntry *process_cache_find(ProcessCache *c, pid_t pid) {
        ProcessEntry *e;

        HASH_FIND(hh, c->entries, &pid, sizeof(pid), e);
        return e;
}

int process_cache_get(ProcessCache *c, ProcessKey key, ProcessEntry **ret_entry) {
        ProcessEntry *e;

        e = process_cache_find(c, key.pid);
        if (e) {
                if (e->key.start_ticks != key.start_ticks)
                        return -EEXIST;

                *ret_entry = e;
                return 0;
        }

        if (HASH_COUNT(c->entries) >= PROCESS_CACHE_MAX)
                return -EUSERS;

        e = calloc(1, sizeof(*e));
        if (!e)
                return -ENOMEM;

        e->key = key;
        e->pause_usec = PROCESS_REFRESH_USEC;
        HASH_ADD(hh, c->entries, key.pid, sizeof(key.pid), e);
        if (!HASH_ADDED(e)) {
                free(e);
                return -ENOMEM;
        }

        *ret_entry = e;
        return 0;
}

void process_cache_put(ProcessCache *c, ProcessEntry *e) {
        if (e->n_users == 0 && !e->wanted)
                process_cache_drop(c, e);
}

void process_cache_enqueue(ProcessCache *c, ProcessEntry *e) {
        if (e->queued || (e->maps && !e->stale) || e->maps_error < 0)
                return;

        DL_APPEND2(c->queue, e, queue_prev, queue_next);
        e->queued = true;
}

ProcessEntry *process_cache_next_queued(ProcessCache *c) {
        ProcessEntry *e = c->queue;

        if (e)
                process_cache_dequeue(c, e);

        return e;
}

bool process_cache_has_queued(const ProcessCache *c) {
        return c->queue != NULL;
}

/* Others depend on what is mapped. */
static void process_cache_publish(ProcessCache *c, ProcessEntry *e) {
        /* Without it its stacks are short, as is counted there. */
        if (c->unwind)
                (void) unwind_tables_publish(c->unwind, e->key.pid, e->maps);
        if (c->python)
                c->python->detect(e->key, e->maps, c->python->userdata);
}

/* Reads, or reads again, whatever was known. */
static int process_cache_refresh(ProcessCache *c, ProcessEntry *e) {
        uint64_t begin_nsec = clock_thread_cpu_nsec();
        bool ran_exec = e->ran_exec;
        int r;

        c->counters.n_read++;
        process_cache_unchange(c, e);
        e->stale = e->ran_exec = false;

        r = e->maps ? process_maps_refresh(e->maps)
                    : process_maps_new(c->host, c->modules, e->key, &e->maps);
        if (r < 0 && ran_exec)
                process_cache_unpublish(c, e); /* of another program: no name is better than a wrong one */

        if (r >= 0)
                process_cache_publish(c, e);

        e->cost_usec = (clock_thread_cpu_nsec() - begin_nsec) / NSEC_PER_USEC;
        return MIN_OF(r, 0);
}

int process_cache_read(ProcessCache *c, ProcessEntry *e) {
        int r;

        process_cache_dequeue(c, e);

        if (e->maps && !e->stale)
                return 0;
        if (!e->maps && e->maps_error < 0)
                return e->maps_error;

        r = process_cache_refresh(c, e);
        if (r < 0 && !e->maps)
                e->maps_error = r;

        return r;
}

void process_cache_invalidate(ProcessEntry *e) {
        e->stale = true;
        e->maps_error = 0; /* another program may be readable */
        e->pause_usec = PROCESS_REFRESH_USEC;
        e->refreshed_usec = 0;
}

void process_cache_note_change(ProcessCache *c, ProcessEntry *e) {
        if (e->changed || (!e->maps && e->maps_error == 0))
                return; /* what was never read is read as it is then */

        DL_APPEND2(c->changed, e, changed_prev, changed_next);
        e->changed = true;
}

void process_cache_note_all_changed(ProcessCache *c) {
        for (ProcessEntry *e = c->entries; e; e = e->hh.next)
                process_cache_note_change(c, e);
}

/* Nearly all are cheap. */
static usec_t cost_pause(const ProcessEntry *e) {
        if (e->cost_usec <= PROCESS_REFRESH_CHEAP_USEC)
                return 0;

        return MIN_OF(PROCESS_REFRESH_COST_FACTOR * e->cost_usec, PROCESS_REFRESH_COST_MAX_USEC);
}

void process_cache_read_changed(ProcessCache *c, usec_t now_usec) {
        ProcessEntry *e, *next;

        DL_FOREACH_SAFE2(c->changed, e, next, changed_next) {
                usec_t pause_usec = MAX_OF(
                                e->n_users > 0 ? PROCESS_REFRESH_USEC : PROCESS_CHANGED_USEC, cost_pause(e));

                if (e->refreshed_usec > 0 && now_usec < e->refreshed_usec + pause_usec) {
                        c->counters.n_delayed++;
                        continue;
                }

                e->refreshed_usec = now_usec;
                e->maps_error = 0;
                if (e->n_users > 0)
                        (void) process_cache_refresh(c, e);
                else { /* no hurry: by and by, as those that were never read */
                        process_cache_unchange(c, e);
                        e->stale = true;
                        process_cache_enqueue(c, e);
                }
        }
}

int process_cache_inherit(ProcessCache *c, const ProcessEntry *parent, ProcessEntry *child) {
        int r;

        if (!parent->maps || child->maps)
                return 0;

        r = process_maps_copy(parent->maps, child->key, &child->maps);
        if (r >= 0)
                process_cache_publish(c, child);

        return r;
}

void process_cache_counters(const ProcessCache *c, ProcessCacheCounters *ret) {
        *ret = c->counters;
        for (const ProcessEntry *e = c->entries; e; e = e->hh.next)
                if (e->maps)
                        ret->n_mappings_over_cap += process_maps_n_over_cap(e->maps);
}

/* Whether the mappings may be read again for this miss. */
static bool refresh_is_due(const ProcessEntry *e, const FrameQuery *q) {
        usec_t pause = MAX_OF(q->innermost ? PROCESS_REFRESH_USEC : e->pause_usec, cost_pause(e));

        if (e->refreshed_usec == 0)
                return true;

        return q->now_usec >= e->refreshed_usec + pause;
}

int process_cache_resolve(
                ProcessCache *c,
                ProcessEntry *e,
                const FrameQuery *q,
                Module **ret_module,
                uint64_t *ret_offset) {
        int r;

        r = process_cache_read(c, e);
        if (!e->maps)
                return -ENOENT;

        r = process_maps_find(e->maps, q->address, ret_module, ret_offset);
        if (r != -ENOENT || !refresh_is_due(e, q))
                return r;

        e->refreshed_usec = q->now_usec;

        r = process_cache_refresh(c, e);
        if (r >= 0)
                r = process_maps_find(e->maps, q->address, ret_module, ret_offset);
        if (r >= 0)
                e->pause_usec = PROCESS_REFRESH_USEC;
        else
                e->pause_usec = MIN_OF(2 * e->pause_usec, PROCESS_REFRESH_MAX_USEC);

        return r < 0 ? -ENOENT : 0;
}

unsigned process_cache_size(const ProcessCache *c) {
        return HASH_COUNT(c->entries);
}

void process_cache_set_python(ProcessCache *c, const PythonSource *source) {
        assert(!c->entries);

        c->python = source;
}

unsigned process_cache_resolve_python(
                ProcessCache *c,
                ProcessEntry *e,
                const struct cprof_sample *sample,
                usec_t now_usec,
                ResolvedFrame *frames,
                unsigned n,
                bool *ret_misfit) {
        bool consistent;

        if (!c->python)
                return n;

        if (!e->python &&
            module_table_get_python(c->modules, e->key.pid, e->key.start_ticks, &e->python) < 0)
                return n;

        n = python_resolve(c->python, e->key, e->python, sample, now_usec, frames, n, &consistent);
        *ret_misfit = !consistent;
        return n;
}

ProcessEntry *process_cache_entries(const ProcessCache *c) {
        return c->entries;
}
