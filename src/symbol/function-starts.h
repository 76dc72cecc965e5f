/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "symbol/elf-image.h"

/* Where the functions of one file are by its .eh_frame, to tell those apart that have no name. */
typedef struct FunctionStarts FunctionStarts;

FunctionStarts *function_starts_free(FunctionStarts *f);
DEFINE_CLEANUP(FunctionStarts *, function_starts_free)

size_t function_starts_size(const FunctionStarts *f);  /* functions */
size_t function_starts_bytes(const FunctionStarts *f); /* memory */

/* Start of the function that holds @address, both as in the file's program headers; -ENOENT. A part of a
 * function that was moved elsewhere (".cold") counts as one. */
int function_starts_find(const FunctionStarts *f, uint64_t address, uint64_t *ret_start);

/* Finds them, slice by slice. */
typedef struct FunctionStartsLoad FunctionStartsLoad;

/* @image is borrowed until function_starts_load_free(). -ENODATA: it has no table, -EFBIG, -EBADMSG,
 * -ENOMEM. */
int function_starts_load_new(const ElfImage *image, FunctionStartsLoad **ret_load);
FunctionStartsLoad *function_starts_load_free(FunctionStartsLoad *l);
DEFINE_CLEANUP(FunctionStartsLoad *, function_starts_load_free)

/* Returns 1 while there is more to do, 0 when done, -ENOMEM. */
int function_starts_load_step(FunctionStartsLoad *l);

/* After 0. */
FunctionStarts *function_starts_load_take(FunctionStartsLoad *l);
