/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "oap/oap-spool.h"

#include <sys/types.h>

/* One file of the spool, see oap-spool.h for its format. Private to oap-spool*.c. */

#define SEGMENT_NAME_MAX 32

typedef struct SegmentHeader {
        uint32_t magic, crc, kind, size;
        int64_t at_ms;
} SegmentHeader;
_Static_assert(sizeof(SegmentHeader) == 24, "a format on disk");

/* What is in it from some offset on. */
typedef struct Segment {
        uint64_t number;
        uint64_t size; /* of whole records, from the start of the file */
        uint64_t n_records[_OAP_SPOOL_KIND_MAX];
        int64_t first_ms; /* of its first record; 0 for none */
} Segment;

void segment_name(uint64_t number, char ret[static SEGMENT_NAME_MAX]);
int segment_number(const char *name, uint64_t *ret); /* -EINVAL: not the name of one */

/* Reads the record at @offset of @fd into @*data (reallocated to @*allocated). Returns 1, 0 at the end of
 * the file, -EBADMSG for anything that is not a whole record, -ENOMEM, or what pread(2) says. */
int segment_read(int fd, uint64_t offset, SegmentHeader *ret, uint8_t **data, size_t *allocated);

/* Counts the whole records from @offset on into @ret, whose number is set. Returns 1 when something that is
 * none follows them. */
int segment_scan(int fd, uint64_t offset, Segment *ret);

/* Appends at @offset, which is the end; whatever happens the file is not longer after a failure. */
int segment_append(int fd, uint64_t offset, OapSpoolKind kind, int64_t at_ms, const void *data, size_t size);
