/* SPDX-License-Identifier: Apache-2.0 */
#include "http/http-bed.h"

#include "fake/bpf-native.h"

#include <assert.h>

#define HTTP_READ(work, to, n, from) bed_read(work, to, n, from)

struct http_work;
static long bed_read(struct http_work *w, void *to, __u64 n, __u64 from);

#include "http-parser.bpf.h"

#define BED_PID 1U
#define BED_CELL_FIRST 3U
#define BED_NSEC_PER_SEC 1000000000ULL

struct HttpBed {
        struct http_connection connection;
        unsigned n_rules, n_cells;
        BedSums sums;
};

static __u64 keys = 2;

/* As the kernel would: within the piece, and in the sizes that the verifier is told. */
static long bed_read(struct http_work *w, void *to, __u64 n, __u64 from) {
        assert(n >= 1 && n <= HTTP_WINDOW);
        assert(from <= w->length && n <= w->length - from);
        if (w->address == 0)
                return -EFAULT;
        memcpy(to, (const char *) w->address + from, n);
        return 0;
}

static void arena_put(void *map_element, const void *data, size_t n) {
        assert(map_element || n == 0);
        if (n > 0)
                memcpy(map_element, data, n);
}

/* Each automaton behind the one before it in the arenas. */
static void
bed_put_group(struct cprof_http_group *g, const HttpAutomaton *a, __u32 number, __u32 next, __u32 accepts) {
        *g = (struct cprof_http_group){
                .next = next,
                .n_next = a->n_states * a->n_classes,
                .accepts = accepts,
                .n_accepts = a->n_accepts,
                .start = a->start,
                .classes = number,
        };
        arena_put(bpf_map_lookup_elem(&http_classes, &g->classes), a->classes, sizeof(a->classes));
        arena_put(bpf_map_lookup_elem(&http_next, &g->next), a->next, g->n_next * sizeof(a->next[0]));
        arena_put(bpf_map_lookup_elem(&http_accepts, &g->accepts),
                  a->accepts,
                  a->n_accepts * sizeof(a->accepts[0]));
}

static void bed_put_rules(HttpBed *b, const HttpRules *rules) {
        struct cprof_http_process p = { .cell_first = BED_CELL_FIRST,
                                        .n_rules = rules->n_rules,
                                        .n_groups = rules->n_groups,
                                        .all = rules->all };
        __u32 pid = BED_PID, next = 7, accepts = 5;

        native_map_resize(&http_next, 1 << 20);
        native_map_resize(&http_accepts, 1 << 12);
        native_map_resize(&http_classes, CPROF_HTTP_GROUPS_MAX);
        for (unsigned i = 0; i < rules->n_groups; i++) {
                bed_put_group(&p.groups[i], &rules->groups[i], i, next, accepts);
                next += p.groups[i].n_next;
                accepts += p.groups[i].n_accepts;
        }
        assert(bpf_map_update_elem(&http_processes, &pid, &p, BPF_ANY) == 0);

        b->n_rules = rules->n_rules;
        b->n_cells = BED_CELL_FIRST + rules->n_rules;
        http_n_cells = b->n_cells;
        native_map_resize(&http_cells, HTTP_SLOTS * CPROF_HTTP_SECONDS * b->n_cells);
        native_map_resize(&http_active, HTTP_SLOTS * b->n_cells);
}

HttpBed *http_bed_new(const HttpRules *rules) {
        HttpBed *b = calloc(1, sizeof(*b));

        assert(b);
        bed_put_rules(b, rules);
        return b;
}

HttpBed *http_bed_free(HttpBed *b) {
        if (!b)
                return NULL;

        native_maps_free();
        free(b);
        return NULL;
}

bool http_bed_has_clock(void) {
        return true;
}

static void cell_move(struct cprof_http_cell *to, struct cprof_http_cell *from) {
        to->n_total += from->n_total;
        to->n_4xx += from->n_4xx;
        to->n_5xx += from->n_5xx;
        to->n_timed += from->n_timed;
        to->sum_ns += from->sum_ns;
        for (size_t i = 0; i < CPROF_HTTP_BUCKETS; i++)
                to->buckets[i] += from->buckets[i];
        memset(from, 0, sizeof(*from));
}

/* Adds up what the finished seconds have, as the daemon does. */
static void bed_harvest(HttpBed *b) {
        for (__u32 i = 0; i < HTTP_SLOTS * CPROF_HTTP_SECONDS * b->n_cells; i++) {
                struct cprof_http_cell *cell = bpf_map_lookup_elem(&http_cells, &i);
                __u32 number = i % b->n_cells, copy = i / b->n_cells;
                __u32 at = copy / CPROF_HTTP_SECONDS * b->n_cells + number;
                __u64 *active = bpf_map_lookup_elem(&http_active, &at);

                if (cell->second == 0)
                        continue;
                assert(number >= BED_CELL_FIRST &&
                       cell->second % CPROF_HTTP_SECONDS == copy % CPROF_HTTP_SECONDS);
                assert(*active >= cell->second);
                cell_move(&b->sums.cells[number - BED_CELL_FIRST], cell);
        }
}

static void bed_set_clock(HttpBed *b, uint64_t at_ns) {
        assert(at_ns >= native_now_ns);
        if (at_ns / BED_NSEC_PER_SEC != native_now_ns / BED_NSEC_PER_SEC)
                bed_harvest(b);
        native_now_ns = at_ns;
}

void http_bed_open(HttpBed *b) {
        b->connection = (struct http_connection){ .key = keys += 2, .pid = BED_PID };
}

void http_bed_feed(
                HttpBed *b, unsigned direction, const void *data, size_t n, bool continued, uint64_t at_ns) {
        struct http_work *w = http_claim();

        assert(w);
        bed_set_clock(b, at_ns);
        w->address = (__u64) data;
        w->length = n;
        w->direction = direction;
        w->continued = continued;
        http_feed(&b->connection, w);
        http_release(w);
}

void http_bed_skip(HttpBed *b, unsigned direction, size_t n, uint64_t at_ns) {
        struct http_work *w = http_claim();

        assert(w);
        bed_set_clock(b, at_ns);
        w->direction = direction;
        http_skip(&b->connection, w, n);
        http_release(w);
}

void http_bed_end(HttpBed *b, uint64_t at_ns) {
        struct http_work *w = http_claim();

        assert(w);
        bed_set_clock(b, at_ns);
        http_end(&b->connection, w);
        http_release(w);
        assert(native_map_count(&http_carries) == 0);
}

void http_bed_lose_carries(HttpBed *b) {
        native_map_resize(&http_carries, 16);
}

void http_bed_collect(HttpBed *b, BedSums *ret_sums) {
        bed_harvest(b);
        for (__u32 i = 0; i < CPROF_HTTP_COUNTERS_MAX; i++) {
                __u64 *value = bpf_map_lookup_elem(&http_counters, &i);

                b->sums.counters[i] += *value;
                *value = 0;
        }

        *ret_sums = b->sums;
        memset(&b->sums, 0, sizeof(b->sums));
}
