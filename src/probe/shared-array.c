/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/shared-array.h"

#include "basic/cleanup.h"
#include "host/clock.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>

void shared_array_done(SharedArray *a) {
        if (a->data)
                (void) munmap(a->data, a->size);

        extents_done(&a->extents);
        a->fd = safe_close(a->fd);
        a->data = NULL;
}

int shared_array_init(SharedArray *a, const char *name, uint32_t element_size, uint32_t n) {
        LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
        void *data;

        a->fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, name, sizeof(uint32_t), element_size, n, &opts);
        if (a->fd < 0)
                return a->fd;

        a->size = (size_t) n * element_size;
        data = mmap(NULL, a->size, PROT_READ | PROT_WRITE, MAP_SHARED, a->fd, 0);
        if (data == MAP_FAILED)
                return -errno;

        a->data = data;
        return extents_init(&a->extents, n);
}

int shared_array_take(SharedArray *a, uint32_t n, Place *ret_place) {
        Place p = { .n = n };
        int r;

        if (n > 0) {
                r = extents_take(&a->extents, n, clock_monotonic_usec(), &p.first);
                if (r < 0)
                        return r;
        }

        *ret_place = p;
        return 0;
}

void shared_array_give(SharedArray *a, Place *place) {
        if (place->n > 0)
                extents_give(&a->extents, place->first, clock_monotonic_usec());

        *place = (Place){};
}
