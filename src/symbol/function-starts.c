/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/function-starts.h"

#include "symbol/fde-list.h"

#define ENTRIES_SLICE 256U
#define PACK_SLICE 65536U

typedef struct Span {
        uint32_t start, size; /* start from the base */
} Span;

struct FunctionStarts {
        uint64_t base;
        size_t n;
        Span spans[]; /* ascending, apart */
};

typedef enum LoadState {
        LOAD_READ,
        LOAD_SORT,
        LOAD_PACK,
        LOAD_DONE,
        _LOAD_STATE_MAX,
} LoadState;

struct FunctionStartsLoad {
        const ElfImage *image; /* borrowed */
        LoadState state;
        EhReader *reader; /* owned; while LOAD_READ */
        FdeList fdes;
        size_t next; /* to pack */
        FunctionStarts *starts;
};

FunctionStarts *function_starts_free(FunctionStarts *f) {
        free(f);
        return NULL;
}

size_t function_starts_size(const FunctionStarts *f) {
        return f->n;
}

size_t function_starts_bytes(const FunctionStarts *f) {
        return sizeof(*f) + f->n * sizeof(f->spans[0]);
}

int function_starts_find(const FunctionStarts *f, uint64_t address, uint64_t *ret_start) {
        size_t low = 0, high = f->n;

        assert(f);
        assert(ret_start);

        if (address < f->base)
                return -ENOENT;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (f->spans[middle].start <= address - f->base)
                        low = middle + 1;
                else
                        high = middle;
        }

        if (low == 0 || address - f->base - f->spans[low - 1].start >= f->spans[low - 1].size)
                return -ENOENT;

        *ret_start = f->base + f->spans[low - 1].start;
        return 0;
}

int function_starts_load_new(const ElfImage *image, FunctionStartsLoad **ret_load) {
        _cleanup_(function_starts_load_freep) FunctionStartsLoad *l = NULL;
        int r;

        assert(image);
        assert(ret_load);

        l = calloc(1, sizeof(*l));
        if (!l)
                return -ENOMEM;
        l->image = image;

        r = fde_list_init(&l->fdes, image);
        if (r < 0)
                return r;

        r = eh_reader_new(image, &l->reader);
        if (r < 0)
                return r;

        *ret_load = TAKE_PTR(l);
        return 0;
}

FunctionStartsLoad *function_starts_load_free(FunctionStartsLoad *l) {
        if (!l)
                return NULL;

        eh_reader_free(l->reader);
        fde_list_done(&l->fdes);
        function_starts_free(l->starts);
        free(l);
        return NULL;
}

static int step_read(FunctionStartsLoad *l) {
        FdeSpan span;
        EhFde fde;
        int r;

        for (unsigned i = 0; i < ENTRIES_SLICE; i++) {
                r = eh_reader_next(l->reader, &fde);
                if (r == -ENODATA) {
                        l->reader = eh_reader_free(l->reader);
                        l->state = LOAD_SORT;
                        return 1;
                }

                /* What is malformed, or too much, gets no name of its own. */
                if (r <= 0 || fde_list_span(&l->fdes, l->image, &fde, &span) < 0)
                        continue;

                r = fde_list_add(&l->fdes, span);
                if (r == -ENOMEM)
                        return r;
        }

        return 1;
}

static int step_sort(FunctionStartsLoad *l) {
        int r;

        r = fde_list_sort_step(&l->fdes);
        if (r != 0)
                return r;

        l->starts = malloc(sizeof(*l->starts) + l->fdes.n * sizeof(l->starts->spans[0]));
        if (!l->starts)
                return -ENOMEM;

        l->starts->base = l->fdes.base;
        l->starts->n = 0;
        l->state = LOAD_PACK;
        return 1;
}

static int step_pack(FunctionStartsLoad *l) {
        FunctionStarts *f = l->starts;

        for (unsigned i = 0; i < PACK_SLICE && l->next < l->fdes.n; i++, l->next++) {
                uint32_t start = l->fdes.spans[l->next].start, end = fde_list_end(&l->fdes, l->next);

                if (end > start)
                        f->spans[f->n++] = (Span){ start, end - start };
        }
        if (l->next < l->fdes.n)
                return 1;

        fde_list_done(&l->fdes);
        l->state = LOAD_DONE;
        return 0;
}

int function_starts_load_step(FunctionStartsLoad *l) {
        static int (*const steps[_LOAD_STATE_MAX])(FunctionStartsLoad *) = {
                [LOAD_READ] = step_read,
                [LOAD_SORT] = step_sort,
                [LOAD_PACK] = step_pack,
        };

        assert(l);

        return l->state == LOAD_DONE ? 0 : steps[l->state](l);
}

FunctionStarts *function_starts_load_take(FunctionStartsLoad *l) {
        assert(l);
        assert(l->state == LOAD_DONE);

        return TAKE_PTR(l->starts);
}
