/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "oap/oap-spool-segment.h"

/* Private to oap-spool*.c. */
struct OapSpool {
        int directory_fd; /* borrowed, outlives us */
        OapSpoolLimits limits;

        Segment *segments; /* ascending; the last one is written, the first one read */
        size_t n_segments;
        uint64_t next_number;
        int tail_fd, head_fd;   /* -EBADF: not open now */
        uint64_t head_offset;   /* how far the first one is acknowledged */
        uint64_t head_size;     /* of the record that was looked at last, 0: none since the last advance */
        OapSpoolKind head_kind; /* of that record */
        bool head_changed, tail_changed; /* since the last sync */

        uint8_t *data; /* of the record that was looked at last */
        size_t allocated;

        uint64_t n_dropped[_OAP_SPOOL_KIND_MAX], n_damaged_bytes;
};

int oap_spool_write_acknowledged(OapSpool *s, bool with_sync);
