/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"

#include <stdbool.h>
#include <stdint.h>

/* What OAP has not acknowledged yet, in order, on disk: an append-only log in segments. A record is one call
 * with all of its messages, sent again byte for byte until it is acknowledged.
 *
 * A segment is "NUMBER.spool" (16 hex digits): records one behind the other, each
 *         u32 magic, u32 crc32 of all that follows, u32 kind, u32 size, u64 at_ms, size bytes
 * in the byte order of the machine. A torn or damaged tail is cut off when the segment is opened: everything
 * before it is whole. "acknowledged" says how far OAP has it: u64 segment, u64 offset, u32 crc32. */
typedef struct OapSpool OapSpool;

typedef enum OapSpoolKind {
        OAP_SPOOL_REPORT, /* a task that was triggered */
        OAP_SPOOL_METERS,
        OAP_SPOOL_PROFILE, /* one flush */
        _OAP_SPOOL_KIND_MAX,
} OapSpoolKind;
const char *oap_spool_kind_to_string(OapSpoolKind k);

#define OAP_SPOOL_RECORD_MAX (8U * 1024 * 1024)

typedef struct OapSpoolLimits {
        uint64_t bytes_max;     /* of all segments */
        uint64_t age_max_ms;    /* of a record */
        uint32_t segment_bytes; /* a new one begins beyond; at most an eighth of bytes_max is sensible */
} OapSpoolLimits;

typedef struct OapSpoolRecord {
        OapSpoolKind kind;
        int64_t at_ms; /* since 1970: when it happened */
        const uint8_t *data;
        uint32_t size;
} OapSpoolRecord;

typedef struct OapSpoolStatus {
        uint64_t n_records, bytes;               /* waiting */
        int64_t oldest_ms;                       /* of the first one waiting, 0 for none */
        uint64_t n_dropped[_OAP_SPOOL_KIND_MAX]; /* for want of room or for their age, since opened */
        uint64_t n_damaged_bytes;                /* cut off, since opened */
} OapSpoolStatus;

/* @directory_fd is borrowed and outlives us. Reads what is there. Errors of the file system. */
int oap_spool_new(int directory_fd, const OapSpoolLimits *limits, OapSpool **ret_spool);
OapSpool *oap_spool_free(OapSpool *s); /* with oap_spool_sync() */
DEFINE_CLEANUP(OapSpool *, oap_spool_free)

/* In the page cache when it returns: kill -9 does not lose it, oap_spool_sync() keeps it from a power cut.
 * Makes room by dropping the oldest segment. -E2BIG: larger than a record may be, or than all there is room
 * for. Errors of the file system: the record is not in it, and the log is as before. */
int oap_spool_append(OapSpool *s, OapSpoolKind kind, int64_t at_ms, const void *data, size_t size);
int oap_spool_sync(OapSpool *s);

/* The oldest record: valid until the next call of anything here. -ENODATA: there is none. */
int oap_spool_peek(OapSpool *s, OapSpoolRecord *ret);
/* It is OAP's now: the next one is the oldest. -ENODATA: it was dropped since it was looked at. */
int oap_spool_acknowledge(OapSpool *s);
/* It will never be taken: as acknowledged, but counted as dropped. */
int oap_spool_refuse(OapSpool *s);
/* Drops what is older than the limit, from the oldest on. */
int oap_spool_expire(OapSpool *s, int64_t now_ms);

void oap_spool_status(const OapSpool *s, OapSpoolStatus *ret);
