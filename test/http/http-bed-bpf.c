/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http-bed.h"

#include "bpf/http-fed.h"
#include "http-fed.skel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#define BED_PID 1U
#define BED_CELL_FIRST 2U
#define BED_SLOTS 3U /* HTTP_SLOTS */
#define BED_HARVEST_NSEC 1000000000ULL
#define BED_CONNECTION_SIZE 256U

struct HttpBed {
        struct cprof_http_fed *object;
        unsigned n_rules, n_cells;
        int n_cpus;
        struct cprof_http_cell *cells; /* one element of the map: one of each CPU */
        uint64_t key, harvested_ns;
        BedSums sums;
};

static uint64_t now_ns(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static int fd(const struct bpf_map *map) {
        return bpf_map__fd(map);
}

static void put(const struct bpf_map *map, uint32_t index, const void *value) {
        int r = bpf_map_update_elem(fd(map), &index, value, BPF_ANY);

        assert(r == 0);
        (void) r;
}

static void bed_put_group(HttpBed *b, struct cprof_http_group *g, const HttpAutomaton *a) {
        for (uint32_t i = 0; i < a->n_states * a->n_classes; i++)
                put(b->object->maps.http_next, g->next + i, &a->next[i]);
        for (uint32_t i = 0; i < a->n_accepts; i++)
                put(b->object->maps.http_accepts, g->accepts + i, &a->accepts[i]);
        put(b->object->maps.http_classes, g->classes, a->classes);
}

static void bed_put_rules(HttpBed *b, const HttpRules *rules) {
        struct cprof_http_process p = { .cell_first = BED_CELL_FIRST,
                                        .n_rules = rules->n_rules,
                                        .n_groups = rules->n_groups,
                                        .all = rules->all };
        uint32_t next = 3, accepts = 1;

        for (unsigned i = 0; i < rules->n_groups; i++) {
                const HttpAutomaton *a = &rules->groups[i];

                p.groups[i] = (struct cprof_http_group){
                        .next = next, .accepts = accepts, .start = a->start, .classes = i
                };
                p.groups[i].n_next = a->n_states * a->n_classes;
                p.groups[i].n_accepts = a->n_accepts;
                bed_put_group(b, &p.groups[i], a);
                next += p.groups[i].n_next;
                accepts += a->n_accepts;
        }
        put(b->object->maps.http_processes, BED_PID, &p);
}

/* Global functions that take pointers: 5.13; what the daemon asks for: 5.15. */
static void skip_on_old_kernels(void) {
        unsigned major = 0, minor = 0;
        struct utsname u;

        assert(uname(&u) == 0);
        (void) sscanf(u.release, "%u.%u", &major, &minor);
        if (major < 5 || (major == 5 && minor < 15))
                cr_skip_test("kernel %s cannot measure HTTP, 5.15 can", u.release);
}

HttpBed *http_bed_new(const HttpRules *rules) {
        HttpBed *b = calloc(1, sizeof(*b));
        int r;

        skip_on_old_kernels();
        assert(b);
        b->n_rules = rules->n_rules;
        b->n_cells = BED_CELL_FIRST + rules->n_rules;
        b->n_cpus = libbpf_num_possible_cpus();
        b->cells = calloc(b->n_cpus, sizeof(*b->cells));
        b->object = cprof_http_fed__open();
        assert(b->cells && b->object && b->n_cpus > 0);

        b->object->rodata->http_n_cells = b->n_cells;
        (void) bpf_map__set_max_entries(
                        b->object->maps.http_cells, BED_SLOTS * CPROF_HTTP_SECONDS * b->n_cells);
        (void) bpf_map__set_max_entries(b->object->maps.http_active, BED_SLOTS * b->n_cells);
        (void) bpf_map__set_max_entries(b->object->maps.http_next, 1 << 17);
        (void) bpf_map__set_max_entries(b->object->maps.http_accepts, 1 << 12);
        (void) bpf_map__set_max_entries(b->object->maps.http_classes, CPROF_HTTP_GROUPS_MAX);
        r = cprof_http_fed__load(b->object);
        assert(r == 0);
        (void) r;
        bed_put_rules(b, rules);
        b->harvested_ns = now_ns();
        return b;
}

HttpBed *http_bed_free(HttpBed *b) {
        if (!b)
                return NULL;

        cprof_http_fed__destroy(b->object);
        free(b->cells);
        free(b);
        return NULL;
}

bool http_bed_has_clock(void) {
        return false;
}

static bool cell_add(struct cprof_http_cell *to, const struct cprof_http_cell *from) {
        to->n_total += from->n_total;
        to->n_4xx += from->n_4xx;
        to->n_5xx += from->n_5xx;
        to->n_timed += from->n_timed;
        to->sum_ns += from->sum_ns;
        for (size_t i = 0; i < CPROF_HTTP_BUCKETS; i++)
                to->buckets[i] += from->buckets[i];
        return from->second != 0;
}

/* Before a second's memory is used again; nothing runs meanwhile. */
static void bed_harvest(HttpBed *b) {
        for (uint32_t i = 0; i < BED_SLOTS * CPROF_HTTP_SECONDS * b->n_cells; i++) {
                uint32_t number = i % b->n_cells;
                bool is_used = false;

                if (number < BED_CELL_FIRST ||
                    bpf_map_lookup_elem(fd(b->object->maps.http_cells), &i, b->cells) < 0)
                        continue;
                for (int cpu = 0; cpu < b->n_cpus; cpu++)
                        is_used |= cell_add(&b->sums.cells[number - BED_CELL_FIRST], &b->cells[cpu]);
                memset(b->cells, 0, b->n_cpus * sizeof(*b->cells));
                if (is_used)
                        put(b->object->maps.http_cells, i, b->cells);
        }
        b->harvested_ns = now_ns();
}

static void bed_run(HttpBed *b, const uint64_t arguments[HTTP_FED_ARGUMENTS]) {
        LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = arguments, .ctx_size_in = 12 * sizeof(uint64_t));
        int r;

        r = bpf_prog_test_run_opts(bpf_program__fd(b->object->progs.http_fed), &options);
        assert(r == 0);
        (void) r;
}

static void
bed_tell(HttpBed *b, unsigned what, unsigned direction, const void *data, size_t n, bool continued) {
        uint64_t arguments[12] = {
                [HTTP_FED_ADDRESS] = (uint64_t) data,
                [HTTP_FED_LENGTH] = n,
                [HTTP_FED_DIRECTION] = direction,
                [HTTP_FED_CONTINUED] = continued,
                [HTTP_FED_WHAT] = what,
        };

        if (now_ns() - b->harvested_ns > BED_HARVEST_NSEC)
                bed_harvest(b);
        bed_run(b, arguments);
}

/* A zeroed connection: its first members are key and pid. */
void http_bed_open(HttpBed *b) {
        char zeroed[BED_CONNECTION_SIZE] = {};
        uint32_t pid = BED_PID;

        assert(bpf_map__value_size(b->object->maps.connection) <= sizeof(zeroed));
        b->key += 2;
        memcpy(zeroed, &b->key, sizeof(b->key));
        memcpy(zeroed + sizeof(b->key), &pid, sizeof(pid));
        put(b->object->maps.connection, 0, zeroed);
}

void http_bed_feed(
                HttpBed *b, unsigned direction, const void *data, size_t n, bool continued, uint64_t at_ns) {
        bed_tell(b, HTTP_FED_FEED, direction, data, n, continued);
}

void http_bed_skip(HttpBed *b, unsigned direction, size_t n, uint64_t at_ns) {
        bed_tell(b, HTTP_FED_SKIP, direction, NULL, n, false);
}

void http_bed_end(HttpBed *b, uint64_t at_ns) {
        bed_tell(b, HTTP_FED_END, BED_IN, NULL, 0, false);
}

void http_bed_lose_carries(HttpBed *b) {
        for (unsigned direction = BED_IN; direction <= BED_OUT; direction++) {
                uint64_t key = b->key | direction;

                (void) bpf_map_delete_elem(fd(b->object->maps.http_carries), &key);
        }
}

void http_bed_collect(HttpBed *b, BedSums *ret_sums) {
        uint64_t values[1024], zero[1024] = {};

        assert((size_t) b->n_cpus <= ELEMENTSOF(values));
        bed_harvest(b);
        for (uint32_t i = 0; i < CPROF_HTTP_COUNTERS_MAX; i++) {
                if (bpf_map_lookup_elem(fd(b->object->maps.http_counters), &i, values) < 0)
                        continue;
                for (int cpu = 0; cpu < b->n_cpus; cpu++)
                        b->sums.counters[i] += values[cpu];
                put(b->object->maps.http_counters, i, zero);
        }

        *ret_sums = b->sums;
        memset(&b->sums, 0, sizeof(b->sums));
}
