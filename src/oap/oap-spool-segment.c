/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/oap-spool-segment.h"

#include "basic/parse.h"

#include <inttypes.h>
#include <string.h>
#include <sys/uio.h>
#include <zlib.h>

#define MAGIC 0x70534f41U /* "AOSp" */
#define SUFFIX ".spool"
#define DIGITS 16

void segment_name(uint64_t number, char ret[static SEGMENT_NAME_MAX]) {
        (void) snprintf(ret, SEGMENT_NAME_MAX, "%016" PRIx64 SUFFIX, number);
}

int segment_number(const char *name, uint64_t *ret) {
        const char *p = name;
        int r;

        if (strlen(name) != DIGITS + strlen(SUFFIX) || strcmp(name + DIGITS, SUFFIX) != 0)
                return -EINVAL;

        r = parse_field(&p, name + DIGITS, 16, ret);
        return r < 0 || p != name + DIGITS ? -EINVAL : 0;
}

static uint32_t checksum(const SegmentHeader *h, const void *data) {
        const uint8_t *begin = (const uint8_t *) &h->kind;
        uLong crc = crc32(0, begin, (uInt) (sizeof(*h) - offsetof(SegmentHeader, kind)));

        return (uint32_t) crc32(crc, data, h->size);
}

static ssize_t pread_full(int fd, void *data, size_t size, uint64_t offset) {
        size_t done = 0;

        while (done < size) {
                ssize_t n = pread(fd, (char *) data + done, size - done, (off_t) (offset + done));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                done += (size_t) n;
        }

        return (ssize_t) done;
}

int segment_read(int fd, uint64_t offset, SegmentHeader *ret, uint8_t **data, size_t *allocated) {
        SegmentHeader h;
        ssize_t n;

        n = pread_full(fd, &h, sizeof(h), offset);
        if (n <= 0)
                return (int) n;
        if ((size_t) n < sizeof(h) || h.magic != MAGIC || h.size > OAP_SPOOL_RECORD_MAX ||
            h.kind >= _OAP_SPOOL_KIND_MAX)
                return -EBADMSG;

        if (h.size + 1U > *allocated) {
                uint8_t *grown = realloc(*data, h.size + 1U);

                if (!grown)
                        return -ENOMEM;
                *data = grown;
                *allocated = h.size + 1U;
        }

        n = pread_full(fd, *data, h.size, offset + sizeof(h));
        if (n < 0)
                return (int) n;
        if ((size_t) n < h.size || checksum(&h, *data) != h.crc)
                return -EBADMSG;

        *ret = h;
        return 1;
}

int segment_scan(int fd, uint64_t offset, Segment *ret) {
        _cleanup_(freep) uint8_t *data = NULL;
        size_t allocated = 0;
        SegmentHeader h;
        int r;

        ret->size = offset;
        while ((r = segment_read(fd, ret->size, &h, &data, &allocated)) > 0) {
                if (ret->first_ms == 0)
                        ret->first_ms = h.at_ms;
                ret->n_records[h.kind]++;
                ret->size += sizeof(h) + h.size;
        }

        return r == -EBADMSG ? 1 : r;
}

int segment_append(
                int fd, uint64_t offset, OapSpoolKind kind, int64_t at_ms, const void *data, size_t size) {
        SegmentHeader h = { .magic = MAGIC, .kind = kind, .size = (uint32_t) size, .at_ms = at_ms };
        struct iovec parts[] = { { &h, sizeof(h) }, { (void *) data, size } };
        ssize_t n;
        int r;

        h.crc = checksum(&h, data);
        do
                n = pwritev(fd, parts, 2, (off_t) offset);
        while (n < 0 && errno == EINTR);

        if (n == (ssize_t) (sizeof(h) + size))
                return 0;

        r = n < 0 ? -errno : -ENOSPC; /* a short write to a file: the disk is full */
        (void) !ftruncate(fd, (off_t) offset);
        return r;
}
