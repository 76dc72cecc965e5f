/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of the HTTP programs: made when measuring begins, given back when it ends. */
#include "probe/probe-http-maps.h"

#include "basic/cleanup.h"
#include "host/clock.h"
#include "probe/probe.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <string.h>

/* Transitions, rule sets and class maps of all processes: 4 MiB, 256 KiB, 256 KiB. */
#define NEXT_MAX (512U * 1024U)
#define ACCEPTS_MAX (32U * 1024U)
#define CLASSES_MAX 1024U

/* Rules of all processes, unless told; the cells of all CPUs take no more memory than this. */
#define RULES_DEFAULT PROBE_HTTP_RULES_DEFAULT
#define RULES_MIN 64U
#define CELLS_BYTES_MAX (128U * 1024 * 1024)

static const char *const map_names[_HTTP_MAP_MAX] = {
        [HTTP_MAP_PROCESSES] = "http_processes", [HTTP_MAP_CELLS] = "http_cells",
        [HTTP_MAP_COUNTERS] = "http_counters",   [HTTP_MAP_CARRIES] = "http_carries",
        [HTTP_MAP_WORKS] = "http_works",
};

static uint32_t rules_by_memory(const HttpMaps *m) {
        size_t bytes = (size_t) m->n_cpus * m->n_copies * CPROF_HTTP_SECONDS *
                        sizeof(struct cprof_http_cell);
        size_t n = MIN_OF((size_t) CELLS_BYTES_MAX / bytes, (size_t) RULES_DEFAULT);

        return (uint32_t) MAX_OF(n, (size_t) RULES_MIN);
}

static uint32_t n_entries(const HttpMaps *m, HttpMap map, const struct bpf_map *model) {
        switch (map) {
        case HTTP_MAP_PROCESSES:
                return m->n_cells;
        case HTTP_MAP_CELLS:
                return m->n_copies * CPROF_HTTP_SECONDS * m->n_cells;
        case HTTP_MAP_COUNTERS:
                return m->n_cells * CPROF_HTTP_COUNTERS_MAX;
        default:
                return bpf_map__max_entries(model);
        }
}

static int make_map(HttpMaps *m, HttpMap map, const struct bpf_object *object) {
        const struct bpf_map *model = bpf_object__find_map_by_name(object, map_names[map]);
        LIBBPF_OPTS(bpf_map_create_opts, opts);

        if (!model)
                return -ENOENT;

        opts.map_flags = bpf_map__map_flags(model);
        m->fds[map] =
                        bpf_map_create(bpf_map__type(model),
                                       map_names[map],
                                       bpf_map__key_size(model),
                                       bpf_map__value_size(model),
                                       n_entries(m, map, model),
                                       &opts);
        return m->fds[map] < 0 ? m->fds[map] : 0;
}

static int make_arrays(HttpMaps *m) {
        int r;

        r = shared_array_init(&m->next, "http_next", sizeof(HttpTransition), NEXT_MAX);
        if (r >= 0)
                r = shared_array_init(&m->accepts, "http_accepts", sizeof(uint64_t), ACCEPTS_MAX);
        if (r >= 0)
                r = shared_array_init(&m->classes, "http_classes", 256, CLASSES_MAX);
        if (r >= 0)
                r = shared_array_init(&m->active, "http_active", sizeof(uint64_t), m->n_copies * m->n_cells);
        if (r >= 0)
                r = shared_array_open(
                                &m->active,
                                &(const Place){ .n = m->n_copies * m->n_cells },
                                &m->active_part);
        if (r >= 0)
                r = extents_init(&m->cells, m->n_cells);
        if (r >= 0)
                r = extents_init(&m->slots, m->n_cells);

        return r;
}

int http_maps_make(HttpMaps *m, const struct bpf_object *model, unsigned rules_max) {
        const struct bpf_map *works = bpf_object__find_map_by_name(model, map_names[HTTP_MAP_WORKS]);
        int n_cpus, r;

        if (m->is_made)
                return 0;

        n_cpus = libbpf_num_possible_cpus();
        if (n_cpus < 0)
                return n_cpus;
        if (!works)
                return -ENOENT;

        m->n_cpus = (unsigned) n_cpus;
        m->n_copies = bpf_map__max_entries(works);
        m->n_cells = rules_max > 0 ? rules_max : rules_by_memory(m);

        for (HttpMap map = 0; map < _HTTP_MAP_MAX; map++) {
                r = make_map(m, map, model);
                if (r < 0)
                        return r;
        }

        r = make_arrays(m);
        if (r < 0)
                return r;

        m->is_made = true;
        return 0;
}

void http_maps_done(HttpMaps *m) {
        for (HttpMap map = 0; map < _HTTP_MAP_MAX; map++)
                (void) safe_close(m->fds[map]);

        shared_array_done(&m->next);
        shared_array_done(&m->accepts);
        shared_array_done(&m->classes);
        shared_part_close(&m->active_part);
        shared_array_done(&m->active);
        extents_done(&m->cells);
        extents_done(&m->slots);
        *m = HTTP_MAPS_UNMADE;
}

static int share_map(const struct bpf_object *object, const char *name, int fd) {
        struct bpf_map *map = bpf_object__find_map_by_name(object, name);

        return map ? bpf_map__reuse_fd(map, fd) : 0;
}

int http_maps_share(const HttpMaps *m, const struct bpf_object *object) {
        int r;

        assert(m->is_made);

        for (HttpMap map = 0; map < _HTTP_MAP_MAX; map++) {
                r = share_map(object, map_names[map], m->fds[map]);
                if (r < 0)
                        return r;
        }

        r = share_map(object, "http_next", m->next.fd);
        if (r >= 0)
                r = share_map(object, "http_accepts", m->accepts.fd);
        if (r >= 0)
                r = share_map(object, "http_classes", m->classes.fd);
        if (r >= 0)
                r = share_map(object, "http_active", m->active.fd);

        return r;
}

/* Those of whoever had the slot before. */
static int clear_counters(const HttpMaps *m, uint32_t slot) {
        _cleanup_(freep) uint64_t *zeros = NULL;

        zeros = calloc(m->n_cpus, sizeof(zeros[0]));
        if (!zeros)
                return -ENOMEM;

        for (uint32_t i = 0; i < CPROF_HTTP_COUNTERS_MAX; i++) {
                uint32_t index = slot * CPROF_HTTP_COUNTERS_MAX + i;

                if (bpf_map_update_elem(m->fds[HTTP_MAP_COUNTERS], &index, zeros, BPF_ANY) < 0)
                        return -errno;
        }

        return 0;
}

int http_maps_take(HttpMaps *m, uint32_t n_cells, Place *ret_cells, Place *ret_slot) {
        Place cells = { .n = n_cells }, slot = { .n = 1 };
        usec_t now_usec = clock_monotonic_usec();
        int r;

        r = extents_take(&m->cells, cells.n, now_usec, &cells.first);
        if (r < 0)
                return r;

        r = extents_take(&m->slots, slot.n, now_usec, &slot.first);
        if (r < 0) {
                extents_give(&m->cells, cells.first, now_usec);
                return r;
        }

        *ret_cells = cells;
        *ret_slot = slot;
        r = clear_counters(m, slot.first);
        if (r < 0)
                http_maps_give(m, ret_cells, ret_slot);

        return r;
}

void http_maps_give(HttpMaps *m, Place *cells, Place *slot) {
        usec_t now_usec = clock_monotonic_usec();

        extents_give(&m->cells, cells->first, now_usec);
        extents_give(&m->slots, slot->first, now_usec);
        *cells = *slot = (Place){};
}

static void add_cell(struct cprof_http_cell *sum, const struct cprof_http_cell *more) {
        sum->n_total += more->n_total;
        sum->n_4xx += more->n_4xx;
        sum->n_5xx += more->n_5xx;
        sum->n_timed += more->n_timed;
        sum->sum_ns += more->sum_ns;
        for (unsigned i = 0; i < CPROF_HTTP_BUCKETS; i++)
                sum->buckets[i] += more->buckets[i];
}

int http_maps_read(
                const HttpMaps *m,
                uint32_t cell,
                uint64_t second,
                struct cprof_http_cell *buffer,
                struct cprof_http_cell *ret) {
        const volatile uint64_t *active = m->active_part.data;
        uint32_t part = (uint32_t) (second % CPROF_HTTP_SECONDS);

        *ret = (struct cprof_http_cell){ .second = second };
        for (uint32_t copy = 0; copy < m->n_copies; copy++) {
                uint32_t index = (copy * CPROF_HTTP_SECONDS + part) * m->n_cells + cell;

                /* used since; whether in that second, the cell says */
                if (active[copy * m->n_cells + cell] < second)
                        continue;
                if (bpf_map_lookup_elem(m->fds[HTTP_MAP_CELLS], &index, buffer) < 0)
                        return -errno;

                for (unsigned cpu = 0; cpu < m->n_cpus; cpu++)
                        if (buffer[cpu].second == second)
                                add_cell(ret, buffer + cpu);
        }

        return ret->n_total > 0;
}

/* All counters of a slot with one call where the kernel can (5.13 for arrays per CPU), else one by one. */
static int read_slot(const HttpMaps *m, uint32_t slot, uint64_t *values) {
        uint32_t first = slot * CPROF_HTTP_COUNTERS_MAX, keys[CPROF_HTTP_COUNTERS_MAX], position,
                 n = CPROF_HTTP_COUNTERS_MAX;
        int fd = m->fds[HTTP_MAP_COUNTERS], r;

        /* it begins behind the key that it is given */
        r = bpf_map_lookup_batch(
                        fd, first > 0 ? &(uint32_t){ first - 1 } : NULL, &position, keys, values, &n, NULL);
        if ((r >= 0 || errno == ENOENT) && n == CPROF_HTTP_COUNTERS_MAX && keys[0] == first)
                return 0;

        for (uint32_t i = 0; i < CPROF_HTTP_COUNTERS_MAX; i++)
                if (bpf_map_lookup_elem(fd, &(uint32_t){ first + i }, values + (size_t) i * m->n_cpus) < 0)
                        return -errno;

        return 0;
}

int http_maps_read_counters(const HttpMaps *m, uint32_t slot, uint64_t ret[static CPROF_HTTP_COUNTERS_MAX]) {
        _cleanup_(freep) uint64_t *values = NULL;
        int r;

        values = calloc((size_t) m->n_cpus * CPROF_HTTP_COUNTERS_MAX, sizeof(values[0]));
        if (!values)
                return -ENOMEM;

        r = read_slot(m, slot, values);
        if (r < 0)
                return r;

        for (uint32_t i = 0; i < CPROF_HTTP_COUNTERS_MAX; i++) {
                ret[i] = 0;
                for (unsigned cpu = 0; cpu < m->n_cpus; cpu++)
                        ret[i] += values[(size_t) i * m->n_cpus + cpu];
        }

        return 0;
}
