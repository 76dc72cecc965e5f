/* SPDX-License-Identifier: Apache-2.0 */
/* A segment of the spool as it comes from a disk. The first byte says whether the records are made to look
 * right first (magic and checksum), so that what is behind those is reached, too. */
#include "oap/oap-spool-segment.h"

#include <string.h>
#include <sys/mman.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAGIC 0x70534f41U
#define SIZE_MAX_BYTES 65536U

static void make_right(uint8_t *data, size_t size) {
        SegmentHeader h;

        for (size_t offset = 0; offset + sizeof(h) <= size;) {
                memcpy(&h, data + offset, sizeof(h));
                h.magic = MAGIC;
                h.size %= 257;
                if (offset + sizeof(h) + h.size > size)
                        return;

                memcpy(data + offset, &h, sizeof(h));
                h.crc = (uint32_t) crc32(
                                0,
                                data + offset + offsetof(SegmentHeader, kind),
                                (uInt) (sizeof(h) - offsetof(SegmentHeader, kind) + h.size));
                memcpy(data + offset, &h, sizeof(h));
                offset += sizeof(h) + h.size;
        }
}

/* Each whole record is read, and as many as the scan counted. */
static void read_all(int fd, size_t size) {
        _cleanup_(freep) uint8_t *record = NULL;
        uint64_t offset = 0, n = 0, n_scanned = 0;
        size_t allocated = 0;
        SegmentHeader h;
        Segment g = {};
        int r, is_torn;

        is_torn = segment_scan(fd, 0, &g);
        assert(is_torn >= 0);
        assert(g.size <= size);
        assert(is_torn > 0 || g.size == size);
        for (size_t k = 0; k < _OAP_SPOOL_KIND_MAX; k++)
                n_scanned += g.n_records[k];

        while ((r = segment_read(fd, offset, &h, &record, &allocated)) > 0) {
                assert(h.kind < _OAP_SPOOL_KIND_MAX && h.size <= OAP_SPOOL_RECORD_MAX);
                offset += sizeof(h) + h.size;
                n++;
        }
        assert(r == (is_torn ? -EBADMSG : 0));
        assert(offset == g.size);
        assert(n == n_scanned);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(freep) uint8_t *copy = NULL;
        _cleanup_(closep) int fd = -EBADF;
        bool is_right;

        if (size == 0 || size > SIZE_MAX_BYTES)
                return 0;

        is_right = data[0] & 1;
        copy = malloc(size);
        fd = memfd_create("segment", MFD_CLOEXEC);
        if (!copy || fd < 0)
                abort();

        size--;
        memcpy(copy, data + 1, size);
        if (is_right)
                make_right(copy, size);
        if (write(fd, copy, size) != (ssize_t) size)
                abort();

        read_all(fd, size);
        return 0;
}
