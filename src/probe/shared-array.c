/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/shared-array.h"

#include "basic/cleanup.h"
#include "host/clock.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <unistd.h>

void shared_array_done(SharedArray *a) {
        extents_done(&a->extents);
        a->fd = safe_close(a->fd);
}

int shared_array_init(SharedArray *a, const char *name, uint32_t element_size, uint32_t n) {
        LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);

        assert(element_size % sizeof(uint64_t) == 0); /* else the kernel would leave gaps */

        a->fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, name, sizeof(uint32_t), element_size, n, &opts);
        if (a->fd < 0)
                return a->fd;

        a->element_size = element_size;
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

int shared_array_open(const SharedArray *a, const Place *place, SharedPart *ret_part) {
        size_t first = (size_t) place->first * a->element_size, size = (size_t) place->n * a->element_size;
        size_t offset = first % (size_t) sysconf(_SC_PAGESIZE);
        SharedPart part = { .size = offset + size };

        assert(size > 0);

        part.pages =
                        mmap(NULL,
                             part.size,
                             PROT_READ | PROT_WRITE,
                             MAP_SHARED,
                             a->fd,
                             (off_t) (first - offset));
        if (part.pages == MAP_FAILED)
                return -errno;

        part.data = (uint8_t *) part.pages + offset;
        *ret_part = part;
        return 0;
}

void shared_part_close(SharedPart *part) {
        if (part->pages)
                (void) munmap(part->pages, part->size);

        *part = (SharedPart){};
}
