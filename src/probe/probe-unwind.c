/* SPDX-License-Identifier: Apache-2.0 */
/* The user-space side of the unwinder: which rows and mappings are where in the shared maps. Programs may
 * look at any time, so what is referred to is written before what refers to it: rows, mappings, target. */
#include "probe/probe-unwind.h"

#include "basic/hash.h"
#include "probe/row-index.h"
#include "probe/shared-array.h"
#include "probe/table-list.h"
#include "probe/unwind-arrays.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

_Static_assert(1 << PROBE_USE_ON_CPU == CPROF_USE_ON_CPU && 1 << PROBE_USE_RECORDER == CPROF_USE_RECORDER &&
                               1 << PROBE_USE_OFF_CPU == CPROF_USE_OFF_CPU,
               "a use is a bit in the target");

typedef struct Target {
        pid_t pid;
        unsigned n_uses[_PROBE_USE_MAX];
        Place mappings;
        uint32_t generation; /* of the mappings */
        uint32_t python;
        uint64_t python_runtime;
        UT_hash_handle hh;
} Target;

struct ProbeUnwind {
        ProbeConfig config;

        SharedArray rows, mappings; /* fd -EBADF: not made yet */
        int targets_fd;

        TableList tables;
        uint32_t generation; /* the last one given */

        Target *targets; /* of those that have anything, watched or not */
        unsigned n_listed;
        unsigned n_watched[_PROBE_USE_MAX];
        uint64_t n_refused;
};

static void destroy_maps(ProbeUnwind *u) {
        shared_array_done(&u->rows);
        shared_array_done(&u->mappings);
        u->targets_fd = safe_close(u->targets_fd);
}

static int create_maps(ProbeUnwind *u) {
        uint32_t n_rows = (uint32_t) (u->config.unwind_bytes / sizeof(struct cprof_unwind_row));
        int r;

        if (u->targets_fd >= 0)
                return 0;

        r = shared_array_init(&u->rows, "unwind_rows", sizeof(struct cprof_unwind_row), MAX_OF(n_rows, 1U));
        if (r >= 0)
                r = shared_array_init(
                                &u->mappings,
                                "unwind_mappings",
                                sizeof(struct cprof_unwind_mapping),
                                PROBE_MAPPINGS_MAX);
        if (r >= 0)
                r = u->targets_fd =
                                bpf_map_create(BPF_MAP_TYPE_HASH,
                                               "targets",
                                               sizeof(uint32_t),
                                               sizeof(struct cprof_target),
                                               u->config.watched_max,
                                               NULL);
        if (r >= 0)
                return 0;

        u->targets_fd = -EBADF;
        destroy_maps(u);
        return r;
}

int probe_unwind_new(const ProbeConfig *config, ProbeUnwind **ret_unwind) {
        ProbeUnwind *u;

        assert(config->watched_max > 0);
        assert(config->unwind_bytes > 0);

        u = calloc(1, sizeof(*u));
        if (!u)
                return -ENOMEM;

        *u = (ProbeUnwind){
                .config = *config,
                .rows.fd = -EBADF,
                .mappings.fd = -EBADF,
                .targets_fd = -EBADF,
        };
        *ret_unwind = u;
        return 0;
}

ProbeUnwind *probe_unwind_free(ProbeUnwind *u) {
        Target *t, *next;

        if (!u)
                return NULL;

        HASH_ITER(hh, u->targets, t, next) {
                HASH_DEL(u->targets, t);
                free(t);
        }

        destroy_maps(u);
        table_list_done(&u->tables);
        free(u);
        return NULL;
}

int probe_unwind_share(
                ProbeUnwind *u, struct bpf_map *rows, struct bpf_map *mappings, struct bpf_map *targets) {
        int r;

        r = create_maps(u);
        if (r >= 0)
                r = bpf_map__reuse_fd(rows, u->rows.fd);
        if (r >= 0)
                r = bpf_map__reuse_fd(mappings, u->mappings.fd);
        if (r >= 0)
                r = bpf_map__reuse_fd(targets, u->targets_fd);

        return r;
}

int probe_unwind_share_targets(ProbeUnwind *u, struct bpf_map *targets) {
        int r;

        r = create_maps(u);
        if (r < 0)
                return r;

        return bpf_map__reuse_fd(targets, u->targets_fd);
}

void probe_unwind_release(ProbeUnwind *u) {
        if (u->targets || u->rows.extents.n_taken > 0)
                return;

        destroy_maps(u);
}

static unsigned uses_of(const Target *t) {
        unsigned uses = 0;

        for (ProbeUse use = 0; use < _PROBE_USE_MAX; use++)
                if (t->n_uses[use] > 0)
                        uses |= 1U << use;

        return uses;
}

/* One update of one element: a program sees the target as it was or as it is. */
static int publish(ProbeUnwind *u, const Target *t) {
        uint32_t key = (uint32_t) t->pid;
        const struct cprof_target value = {
                .uses = uses_of(t),
                .mapping_first = t->mappings.first,
                .mapping_end = t->mappings.first + t->mappings.n,
                .python = t->python,
                .python_runtime = t->python_runtime,
                .generation = t->generation,
        };

        if (value.uses == 0) {
                (void) bpf_map_delete_elem(u->targets_fd, &key);
                return 0;
        }

        if (bpf_map_update_elem(u->targets_fd, &key, &value, BPF_ANY) < 0)
                return errno == E2BIG ? -ENOSPC : -errno;

        return 0;
}

static Target *find_target(const ProbeUnwind *u, pid_t pid) {
        Target *t;

        HASH_FIND_INT(u->targets, &pid, t);
        return t;
}

static int get_target(ProbeUnwind *u, pid_t pid, Target **ret_target) {
        Target *t;
        int r;

        r = create_maps(u);
        if (r < 0)
                return r;

        t = find_target(u, pid);
        if (!t) {
                t = calloc(1, sizeof(*t));
                if (!t)
                        return -ENOMEM;

                t->pid = pid;
                HASH_ADD_INT(u->targets, pid, t);
                if (!HASH_ADDED(t)) {
                        free(t);
                        return -ENOMEM;
                }
        }

        *ret_target = t;
        return 0;
}

static void drop_unused(ProbeUnwind *u, Target *t) {
        if (uses_of(t) != 0 || t->mappings.n > 0 || t->python != 0)
                return;

        HASH_DEL(u->targets, t);
        free(t);
}

int probe_unwind_watch(ProbeUnwind *u, pid_t pid, ProbeUse use) {
        bool listed;
        Target *t;
        int r;

        r = get_target(u, pid, &t);
        if (r < 0)
                return r;

        if (t->n_uses[use]++ > 0)
                return 0;

        /* on kernels with per-CPU free lists a full preallocated table may take a few more: keep to what was
         * promised */
        listed = (uses_of(t) & ~(1U << use)) != 0;
        if (!listed && u->n_listed >= u->config.watched_max)
                r = -ENOSPC;
        else
                r = publish(u, t);
        if (r < 0) {
                t->n_uses[use]--;
                drop_unused(u, t);
                return r;
        }

        u->n_listed += !listed;
        u->n_watched[use]++;
        return 0;
}

void probe_unwind_unwatch(ProbeUnwind *u, pid_t pid, ProbeUse use) {
        Target *t = find_target(u, pid);

        if (!t || t->n_uses[use] == 0 || --t->n_uses[use] > 0)
                return;

        u->n_watched[use]--;
        u->n_listed -= uses_of(t) == 0;
        (void) publish(u, t);
        drop_unused(u, t);
}

unsigned probe_unwind_n_watched(const ProbeUnwind *u, ProbeUse use) {
        return u->n_watched[use];
}

static int refused(ProbeUnwind *u, int r) {
        u->n_refused += r == -ENOSPC;
        return r;
}

int probe_unwind_table_add(ProbeUnwind *u, const UnwindRows *rows, uint32_t *ret_table) {
        RowIndex index = row_index_plan(rows);
        TablePlace place = { .n_index = index.n, .index_shift = index.shift };
        uint32_t table;
        int r;

        r = create_maps(u);
        if (r < 0)
                return r;

        r = table_list_get(&u->tables, &table);
        if (r < 0)
                return refused(u, r);

        r = rows->n > UINT32_MAX / 2 ? -ENOSPC
                                     : shared_array_take(&u->rows, index.n + (uint32_t) rows->n, &place.all);
        if (r < 0)
                return refused(u, r);

        r = unwind_write_table(&u->rows, &place.all, &index, rows);
        if (r < 0) {
                shared_array_give(&u->rows, &place.all);
                return r;
        }

        table_list_set(&u->tables, table, &place);
        *ret_table = table;
        return 0;
}

void probe_unwind_table_remove(ProbeUnwind *u, uint32_t table) {
        TablePlace place = table_list_place(&u->tables, table);

        shared_array_give(&u->rows, &place.all);
        table_list_put(&u->tables, table);
}

int probe_unwind_process_map(ProbeUnwind *u, pid_t pid, const ProbeMapping *mappings, size_t n) {
        uint32_t generation_before;
        Place place, before;
        Target *t;
        int r;

        r = get_target(u, pid, &t);
        if (r < 0)
                return r;

        r = n > UINT32_MAX ? -ENOSPC : shared_array_take(&u->mappings, (uint32_t) n, &place);
        if (r < 0) {
                drop_unused(u, t);
                return refused(u, r);
        }

        before = t->mappings;
        generation_before = t->generation;
        t->mappings = place;
        /* never the same twice, as programs keep what they found by it; after the last one they keep nothing
         */
        t->generation = u->generation == UINT32_MAX ? 0 : ++u->generation;
        r = unwind_write_mappings(&u->mappings, &place, &u->tables, mappings, t->generation);
        if (r >= 0)
                r = publish(u, t);
        if (r < 0) {
                t->mappings = before;
                t->generation = generation_before;
                shared_array_give(&u->mappings, &place);
                return r;
        }

        shared_array_give(&u->mappings, &before);
        drop_unused(u, t);
        return 0;
}

void probe_unwind_process_unmap(ProbeUnwind *u, pid_t pid) {
        Target *t = find_target(u, pid);

        if (t)
                (void) probe_unwind_process_map(u, pid, NULL, 0);
}

int probe_unwind_process_python(ProbeUnwind *u, pid_t pid, uint32_t python, uint64_t runtime) {
        Target *t;
        int r;

        r = get_target(u, pid, &t);
        if (r < 0)
                return r;

        t->python = python;
        t->python_runtime = runtime;
        r = publish(u, t);
        drop_unused(u, t);
        return r;
}

void probe_unwind_counters(const ProbeUnwind *u, ProbeCounters *ret) {
        ret->unwind_rows = u->rows.extents.n_taken;
        ret->unwind_rows_max = u->config.unwind_bytes / sizeof(struct cprof_unwind_row);
        ret->n_tables_refused = u->n_refused;
}
