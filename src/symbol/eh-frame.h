/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/time-util.h"
#include "probe/unwind-rows.h"
#include "symbol/elf-image.h"

/* Unwind rows from .eh_frame: a bounded interpreter of DWARF call frame information (DWARF 5, section 6.4;
 * System V ABI AMD64 supplement, section 3.7; LSB core, "Exception Frames"). x86-64. */

/* Of one file; beyond it code has no row. What is being made of it takes 16 bytes a row and 32 an FDE. */
#define EH_FRAME_ROWS_MAX (2U * 1024U * 1024U)
#define EH_FRAME_BYTES_MAX (256U * 1024U * 1024U) /* of one .eh_frame; a larger one is not read */

typedef struct EhFrameStats {
        uint64_t n_fdes;
        uint64_t n_bad_entries;     /* malformed CIEs and FDEs, skipped */
        uint64_t n_over_cap;        /* FDEs without rows: beyond EH_FRAME_ROWS_MAX or 4 GiB from the base */
        uint64_t unsupported_bytes; /* of code whose rule no row can hold */
        uint64_t covered_bytes;
} EhFrameStats;

/* Makes the rows in slices. @image is borrowed until eh_frame_build_free(). -ENODATA: no .eh_frame (nor
 * PT_GNU_EH_FRAME to find it by), -EFBIG, -EBADMSG, -ENOMEM. */
typedef struct EhFrameBuild EhFrameBuild;
int eh_frame_build_new(const ElfImage *image, EhFrameBuild **ret_build);
EhFrameBuild *eh_frame_build_free(EhFrameBuild *b);
DEFINE_CLEANUP(EhFrameBuild *, eh_frame_build_free)

/* Works for about @budget_usec of CLOCK_MONOTONIC (USEC_INFINITY: to the end). Returns 1 while there is more
 * to do, 0 when done, -ENOMEM. */
int eh_frame_build_step(EhFrameBuild *b, usec_t budget_usec);

/* After 0: hands the rows over; the caller frees ret_rows->rows. @ret_stats may be NULL. */
void eh_frame_build_take(EhFrameBuild *b, UnwindRows *ret_rows, EhFrameStats *ret_stats);

/* The row that holds @pc, relative to the base; NULL before the first. */
const struct cprof_unwind_row *unwind_rows_find(const UnwindRows *rows, uint32_t pc);
