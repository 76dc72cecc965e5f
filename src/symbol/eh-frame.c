/* SPDX-License-Identifier: Apache-2.0 */
#include "symbol/eh-frame.h"

#include "host/clock.h"
#include "symbol/cfa-row.h"
#include "symbol/fde-list.h"

/* About half a millisecond each. */
#define FDES_SLICE 256U
#define WORK_SLICE (64U * 1024U)
#define ROWS_SLICE 32768U

#define GAP_IGNORED 16U /* bytes of padding between functions that need no row */

/* Bytes of call frame instructions run in all, and what each FDE costs besides; some nanoseconds each. Large
 * programs have 20 MB. */
#define WORK_MAX (256U * 1000U * 1000U)
#define WORK_PER_FDE 32U

typedef enum BuildState {
        BUILD_READ,
        BUILD_SORT,
        BUILD_MERGE,
        BUILD_DONE,
        _BUILD_STATE_MAX,
} BuildState;

struct EhFrameBuild {
        const ElfImage *image; /* borrowed */
        BuildState state;
        EhReader *reader; /* owned; while BUILD_READ */
        FdeList fdes;
        CfaRows found; /* rows of each FDE, in the order of the file */
        CfaRows merged;
        EhFrameStats stats;
        uint64_t work;
        bool is_full; /* of rows: an FDE without room for all of its own was given up */

        size_t next;      /* FDE to merge */
        uint32_t covered; /* code up to here is merged */
};

int eh_frame_build_new(const ElfImage *image, EhFrameBuild **ret_build) {
        _cleanup_(eh_frame_build_freep) EhFrameBuild *b = NULL;
        int r;

        assert(image);
        assert(ret_build);

        b = calloc(1, sizeof(*b));
        if (!b)
                return -ENOMEM;
        b->image = image;

        r = fde_list_init(&b->fdes, image);
        if (r < 0)
                return r;

        r = eh_reader_new(image, &b->reader);
        if (r < 0)
                return r;

        *ret_build = TAKE_PTR(b);
        return 0;
}

EhFrameBuild *eh_frame_build_free(EhFrameBuild *b) {
        if (!b)
                return NULL;

        eh_reader_free(b->reader);
        fde_list_done(&b->fdes);
        free(b->found.rows);
        free(b->merged.rows);
        free(b);
        return NULL;
}

/* Rows of one FDE. -ENOENT, -EBADMSG: it has none; -E2BIG, -ERANGE: it may have none; -ENOMEM. */
static int add_fde(EhFrameBuild *b, const EhFde *fde) {
        size_t before = b->found.n;
        FdeSpan span;
        int r;

        b->work += WORK_PER_FDE + b->image->n_segments + dwarf_left(&fde->program);
        if (b->work > WORK_MAX || b->is_full)
                return -E2BIG;

        r = fde_list_span(&b->fdes, b->image, fde, &span);
        if (r < 0)
                return r;

        /* So that there is a row for each gap, and the last. */
        b->found.n_max = EH_FRAME_ROWS_MAX - MIN_OF(b->fdes.n + 2, (size_t) EH_FRAME_ROWS_MAX);
        r = cfa_run(fde->cie,
                    fde->program,
                    b->fdes.base + span.start,
                    b->fdes.base + span.end,
                    b->fdes.base,
                    &b->found);
        if (r == -E2BIG)
                b->is_full = true;
        if (r < 0)
                return r;

        span.first_row = (uint32_t) before;
        span.n_rows = (uint32_t) (b->found.n - before);
        b->work += span.n_rows; /* linkage tables have many by few instructions */
        r = fde_list_add(&b->fdes, span);
        if (r < 0)
                b->found.n = before;
        return r;
}

static int step_read(EhFrameBuild *b) {
        uint64_t work_end = b->work + WORK_SLICE;
        EhFde fde;
        int r;

        for (unsigned i = 0; i < FDES_SLICE && b->work < work_end; i++) {
                r = eh_reader_next(b->reader, &fde);
                if (r == -ENODATA) {
                        b->reader = eh_reader_free(b->reader);
                        b->state = BUILD_SORT;
                        return 1;
                }

                if (r > 0) {
                        b->stats.n_fdes++;
                        r = add_fde(b, &fde);
                }
                if (r == -ENOMEM)
                        return r;
                if (r == -E2BIG || r == -ERANGE)
                        b->stats.n_over_cap++;
                else if (r < 0)
                        b->stats.n_bad_entries++;
        }

        return 1;
}

static int step_sort(EhFrameBuild *b) {
        int r;

        r = fde_list_sort_step(&b->fdes);
        if (r != 0)
                return r;

        if (b->fdes.n == 0) {
                b->state = BUILD_DONE;
                return 0;
        }

        b->merged.n_max = b->merged.n_allocated = b->found.n + b->fdes.n + 1;
        b->merged.rows = reallocarray(NULL, b->merged.n_allocated, sizeof(b->merged.rows[0]));
        if (!b->merged.rows)
                return -ENOMEM;

        b->state = BUILD_MERGE;
        return 1;
}

/* There is room: for the rows of all FDEs, and one more each. */
static void merge_row(EhFrameBuild *b, struct cprof_unwind_row row) {
        if (b->merged.n > 0) {
                const struct cprof_unwind_row *last = &b->merged.rows[b->merged.n - 1];

                if (last->rule == row.rule && last->cfa == row.cfa && last->rbp == row.rbp)
                        return;
        }

        b->merged.rows[b->merged.n++] = row;
}

static void end_code(EhFrameBuild *b) {
        merge_row(b, (struct cprof_unwind_row){ .pc = b->covered, .rule = CPROF_RULE_NONE });
}

static void merge_fde(EhFrameBuild *b, size_t i) {
        const FdeSpan *span = &b->fdes.spans[i];
        const struct cprof_unwind_row *rows = b->found.rows + span->first_row;
        uint32_t end = fde_list_end(&b->fdes, i);

        if (end == span->start)
                return;

        if (b->merged.n > 0 && span->start - b->covered > GAP_IGNORED)
                end_code(b);

        for (uint32_t k = 0; k < span->n_rows && rows[k].pc < end; k++) {
                uint32_t next = k + 1 < span->n_rows ? MIN_OF(rows[k + 1].pc, end) : end;

                if (rows[k].rule == CPROF_RULE_UNSUPPORTED)
                        b->stats.unsupported_bytes += next - rows[k].pc;
                merge_row(b, rows[k]);
        }

        b->stats.covered_bytes += end - span->start;
        b->covered = end;
}

static int step_merge(EhFrameBuild *b) {
        size_t slice_end = b->next + FDES_SLICE, rows_end = b->merged.n + ROWS_SLICE;
        struct cprof_unwind_row *shrunk;

        while (b->next < b->fdes.n && b->next < slice_end && b->merged.n < rows_end)
                merge_fde(b, b->next++);
        if (b->next < b->fdes.n)
                return 1;

        end_code(b);
        shrunk = reallocarray(b->merged.rows, b->merged.n, sizeof(b->merged.rows[0]));
        if (shrunk)
                b->merged.rows = shrunk;

        b->state = BUILD_DONE;
        return 0;
}

int eh_frame_build_step(EhFrameBuild *b, usec_t budget_usec) {
        static int (*const steps[_BUILD_STATE_MAX])(EhFrameBuild *) = {
                [BUILD_READ] = step_read,
                [BUILD_SORT] = step_sort,
                [BUILD_MERGE] = step_merge,
        };
        usec_t begin_usec = clock_monotonic_usec();
        int r;

        assert(b);

        do {
                if (b->state == BUILD_DONE)
                        return 0;

                r = steps[b->state](b);
                if (r <= 0)
                        return r;
        } while (clock_monotonic_usec() - begin_usec < budget_usec);

        return 1;
}

void eh_frame_build_take(EhFrameBuild *b, UnwindRows *ret_rows, EhFrameStats *ret_stats) {
        assert(b);
        assert(b->state == BUILD_DONE);
        assert(ret_rows);

        *ret_rows = (UnwindRows){
                .rows = TAKE_PTR(b->merged.rows),
                .n = b->merged.n,
                .base = b->fdes.base,
        };
        b->merged.n = 0;

        if (ret_stats)
                *ret_stats = b->stats;
}

const struct cprof_unwind_row *unwind_rows_find(const UnwindRows *rows, uint32_t pc) {
        size_t low = 0, high = rows->n; /* the row is before @high, and not before @low - 1 */

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (rows->rows[middle].pc <= pc)
                        low = middle + 1;
                else
                        high = middle;
        }

        return low > 0 ? &rows->rows[low - 1] : NULL;
}
