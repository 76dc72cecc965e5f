/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "cprof-http.h"

#include "probe/shared-array.h"

#include <stdbool.h>

struct bpf_map;
struct bpf_object;

/* The maps that all HTTP programs share: one set, which their objects take in place of their own. */
typedef enum HttpMap {
        HTTP_MAP_PROCESSES,
        HTTP_MAP_CELLS,
        HTTP_MAP_COUNTERS,
        HTTP_MAP_CARRIES,
        HTTP_MAP_WORKS,
        _HTTP_MAP_MAX,
} HttpMap;

/* An element of http_next: the kernel lays elements out at multiples of eight bytes. */
typedef struct HttpTransition {
        uint32_t to, unused;
} HttpTransition;

typedef struct HttpMaps {
        bool is_made;
        unsigned n_cpus;
        uint32_t n_cells;  /* of all processes in one second */
        uint32_t n_copies; /* of each cell on each CPU: programs that may interrupt each other there */
        int fds[_HTTP_MAP_MAX];
        SharedArray next, accepts, classes; /* of the automata */
        SharedArray active;                 /* seconds, by copy * n_cells + cell */
        SharedPart active_part;             /* all of it, as long as it is there */
        Extents cells, slots;               /* which are whose */
} HttpMaps;

/* Unmade maps cost nothing. @model is an open object that declares all of them: keys and values are as it
 * has them. @rules_max is the number of cells, 0: by the memory that they take. After a failure
 * http_maps_done() is due, too. */
#define HTTP_MAPS_UNMADE                                                \
        ((HttpMaps){ .fds = { -EBADF, -EBADF, -EBADF, -EBADF, -EBADF }, \
                     .next.fd = -EBADF,                                 \
                     .accepts.fd = -EBADF,                              \
                     .classes.fd = -EBADF,                              \
                     .active.fd = -EBADF })
int http_maps_make(HttpMaps *m, const struct bpf_object *model, unsigned rules_max);
void http_maps_done(HttpMaps *m);

/* Before @object is loaded: makes it use these maps, as far as it declares them by name. */
int http_maps_share(const HttpMaps *m, const struct bpf_object *object);

/* Cells of a process and a slot of its counters, which are zero. -ENOSPC. */
int http_maps_take(HttpMaps *m, uint32_t n_cells, Place *ret_cells, Place *ret_slot);
void http_maps_give(HttpMaps *m, Place *cells, Place *slot);

/* The sums of a cell in a second that is over, of all CPUs. Returns 1 if there are any, else 0. @buffer has
 * a cell for each CPU. */
int http_maps_read(
                const HttpMaps *m,
                uint32_t cell,
                uint64_t second,
                struct cprof_http_cell *buffer,
                struct cprof_http_cell *ret);
int http_maps_read_counters(const HttpMaps *m, uint32_t slot, uint64_t ret[static CPROF_HTTP_COUNTERS_MAX]);
