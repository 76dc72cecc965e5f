/* SPDX-License-Identifier: Apache-2.0 */
/* From an address in a process to the module that holds it. */
#include "target/process-maps.h"

#include "host/procfs-pid.h"
#include "target/module-open.h"

typedef struct Mapping {
        uint64_t start, end, offset;
        uint64_t inode;
        uint32_t dev_major, dev_minor;
        Module *module; /* a reference */
        bool vanished;  /* not in the last reading: kept for samples that were taken before */
} Mapping;

typedef struct MappingList {
        Mapping *items; /* ascending, without overlap */
        size_t n, allocated;
} MappingList;

struct ProcessMaps {
        const Host *host;   /* borrowed, outlives us */
        ModuleTable *table; /* ditto */
        ProcessKey key;
        MappingList list;
        size_t n_over_cap;
};

static void list_done(MappingList *l) {
        for (size_t i = 0; i < l->n; i++)
                (void) module_unref(l->items[i].module);
        free(l->items);
        *l = (MappingList){};
}

/* Takes the reference of @m over on success. */
static int list_append(MappingList *l, const Mapping *m) {
        if (l->n == l->allocated) {
                size_t n = l->allocated > 0 ? l->allocated * 2 : 32;
                Mapping *items;

                items = realloc(l->items, n * sizeof(items[0]));
                if (!items)
                        return -ENOMEM;

                l->items = items;
                l->allocated = n;
        }

        l->items[l->n++] = *m;
        return 0;
}

typedef struct Reading {
        ProcessMaps *maps;
        MappingList list;
        size_t n_over_cap;
        size_t next_old; /* the first old mapping that does not end before the current line */
} Reading;

/* Old mappings below @start and not under @end of the last new one survive one reading. */
static int keep_vanished(Reading *rd, uint64_t start) {
        MappingList *old = &rd->maps->list;
        int r;

        for (; rd->next_old < old->n && old->items[rd->next_old].start < start; rd->next_old++) {
                Mapping m = old->items[rd->next_old];
                uint64_t last_end = rd->list.n > 0 ? rd->list.items[rd->list.n - 1].end : 0;

                if (m.vanished || m.start < last_end || m.end > start)
                        continue;
                if (rd->list.n >= PROCESS_MAPPINGS_MAX)
                        return 0;

                m.vanished = true;
                r = list_append(&rd->list, &m);
                if (r < 0)
                        return r;
                (void) module_ref(m.module);
        }

        return 0;
}

/* The old mapping with the same pages: its module need not be looked for, and stays the same one even if the
 * file has been deleted since, which changes its change time. */
static const Mapping *find_old(Reading *rd, const MapsLine *l) {
        const MappingList *old = &rd->maps->list;
        const Mapping *m;

        if (rd->next_old >= old->n)
                return NULL;

        m = old->items + rd->next_old;
        if (m->start != l->start || m->end != l->end || m->offset != l->offset || m->inode != l->inode ||
            m->dev_major != l->dev_major || m->dev_minor != l->dev_minor)
                return NULL;

        return m;
}

static int on_line(const MapsLine *l, void *userdata) {
        Reading *rd = userdata;
        ProcessMaps *maps = rd->maps;
        Mapping m = {
                .start = l->start,
                .end = l->end,
                .offset = l->offset,
                .inode = l->inode,
                .dev_major = l->dev_major,
                .dev_minor = l->dev_minor,
        };
        const Mapping *old;
        int r;

        r = keep_vanished(rd, l->start);
        if (r < 0)
                return r;
        if (rd->list.n >= PROCESS_MAPPINGS_MAX) {
                rd->n_over_cap++;
                return 0;
        }
        if (rd->list.n > 0 && l->start < rd->list.items[rd->list.n - 1].end)
                return 0; /* the text is read in pieces; what moved in between is seen next time */

        old = find_old(rd, l);
        if (old) {
                m.module = module_ref(old->module);
                rd->next_old++;
        } else {
                r = module_open_mapping(maps->host, maps->table, maps->key, l, &m.module);
                if (r < 0)
                        return r == -ENOMEM ? r : 0; /* unknown code */
        }

        r = list_append(&rd->list, &m);
        if (r < 0)
                (void) module_unref(m.module);

        return r;
}

static bool is_same_process(const ProcessMaps *m) {
        ProcStat st;

        return procfs_read_stat(m->host, m->key.pid, &st) >= 0 && st.start_ticks == m->key.start_ticks;
}

/* The process's one module without a file, if it has such code. */
static Module *find_anon(const MappingList *l) {
        for (size_t i = 0; i < l->n; i++)
                if (l->items[i].module->type == MODULE_ANON)
                        return l->items[i].module;

        return NULL;
}

int process_maps_refresh(ProcessMaps *m) {
        Reading rd = { .maps = m };
        Module *anon;
        int r;

        assert(m);

        r = procfs_for_each_exec_mapping(m->host, m->key.pid, on_line, &rd);
        if (r >= 0)
                r = keep_vanished(&rd, UINT64_MAX);
        /* Afterwards: what lives under this PID now has lived there all the time. */
        if (r >= 0 && !is_same_process(m))
                r = -ESRCH;
        if (r < 0) {
                list_done(&rd.list);
                return r;
        }

        anon = find_anon(&rd.list);
        if (anon)
                module_open_perf_map(m->host, anon);

        list_done(&m->list);
        m->list = rd.list;
        m->n_over_cap = rd.n_over_cap;
        return 0;
}

size_t process_maps_n_over_cap(const ProcessMaps *m) {
        assert(m);

        return m->n_over_cap;
}

int process_maps_new(const Host *host, ModuleTable *table, ProcessKey key, ProcessMaps **ret_maps) {
        _cleanup_(process_maps_freep) ProcessMaps *m = NULL;
        int r;

        assert(host);
        assert(table);
        assert(ret_maps);

        m = calloc(1, sizeof(*m));
        if (!m)
                return -ENOMEM;

        m->host = host;
        m->table = table;
        m->key = key;

        r = process_maps_refresh(m);
        if (r < 0)
                return r;

        *ret_maps = TAKE_PTR(m);
        return 0;
}

ProcessMaps *process_maps_free(ProcessMaps *m) {
        if (!m)
                return NULL;

        list_done(&m->list);
        free(m);
        return NULL;
}

int process_maps_find(ProcessMaps *m, uint64_t address, Module **ret_module, uint64_t *ret_offset) {
        size_t low = 0, high;
        const Mapping *found;

        assert(m);
        assert(ret_module);
        assert(ret_offset);

        for (high = m->list.n; low < high;) {
                size_t middle = low + (high - low) / 2;

                if (m->list.items[middle].end <= address)
                        low = middle + 1;
                else
                        high = middle;
        }

        if (low >= m->list.n || address < m->list.items[low].start)
                return -ENOENT;

        found = m->list.items + low;

        *ret_module = found->module;
        *ret_offset = found->module->type == MODULE_ANON ? address : address - found->start + found->offset;
        return 0;
}

int process_maps_for_each(const ProcessMaps *m, ProcessMappingFn fn, void *userdata) {
        assert(m);
        assert(fn);

        for (size_t i = 0; i < m->list.n; i++) {
                const Mapping *item = m->list.items + i;
                const ProcessMapping mapping = {
                        .start = item->start,
                        .end = item->end,
                        .offset = item->offset,
                        .module = item->module,
                };
                int r;

                if (item->vanished)
                        continue;

                r = fn(&mapping, userdata);
                if (r != 0)
                        return r;
        }

        return 0;
}

int process_maps_copy(const ProcessMaps *m, ProcessKey key, ProcessMaps **ret_copy) {
        _cleanup_(process_maps_freep) ProcessMaps *copy = NULL;
        int r;

        assert(m);
        assert(ret_copy);

        copy = calloc(1, sizeof(*copy));
        if (!copy)
                return -ENOMEM;

        copy->host = m->host;
        copy->table = m->table;
        copy->key = key;

        for (size_t i = 0; i < m->list.n; i++) {
                r = list_append(&copy->list, m->list.items + i);
                if (r < 0)
                        return r;
                (void) module_ref(m->list.items[i].module);
        }

        *ret_copy = TAKE_PTR(copy);
        return 0;
}

void process_maps_clear(ProcessMaps *m) {
        assert(m);

        list_done(&m->list);
}

/* Takes out what @line covers. Returns where it belongs. */
static size_t make_room(MappingList *l, const MapsLine *line) {
        size_t n = 0, at = 0;

        for (size_t i = 0; i < l->n; i++) {
                Mapping *item = l->items + i;

                if (item->start < line->end && item->end > line->start) {
                        (void) module_unref(item->module);
                        continue;
                }

                if (item->start < line->start)
                        at = n + 1;
                l->items[n++] = *item;
        }

        l->n = n;
        return at;
}

int process_maps_add(ProcessMaps *m, pid_t root_pid, const MapsLine *line) {
        Mapping mapping = {
                .start = line->start,
                .end = line->end,
                .offset = line->offset,
                .inode = line->inode,
                .dev_major = line->dev_major,
                .dev_minor = line->dev_minor,
        };
        size_t at;
        int r;

        assert(m);
        assert(line->start < line->end);

        if (m->list.n >= PROCESS_MAPPINGS_MAX)
                return -E2BIG;

        r = module_open_path(m->host, m->table, root_pid, line, &mapping.module);
        if (r < 0)
                return r;

        at = make_room(&m->list, line);
        r = list_append(&m->list, &mapping);
        if (r < 0) {
                (void) module_unref(mapping.module);
                return r;
        }

        memmove(m->list.items + at + 1, m->list.items + at, (m->list.n - 1 - at) * sizeof(m->list.items[0]));
        m->list.items[at] = mapping;
        return 0;
}
