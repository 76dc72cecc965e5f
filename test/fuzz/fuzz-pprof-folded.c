/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/file-io.h"
#include "store/pprof.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Around bytes that are not gzip already: else the sum at the end of a file would stop each change of it. */
static int write_packed(int fd, const uint8_t *data, size_t size) {
        size_t allocated = size + 1024;
        _cleanup_(freep) unsigned char *packed = malloc(allocated);
        z_stream z = {};

        if (!packed ||
            deflateInit2(&z, Z_NO_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
                abort();

        z.next_in = (unsigned char *) data;
        z.avail_in = (unsigned) size;
        z.next_out = packed;
        z.avail_out = (unsigned) allocated;
        if (deflate(&z, Z_FINISH) != Z_STREAM_END || deflateEnd(&z) != Z_OK)
                abort();

        return write_full_fd(fd, packed, z.total_out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(closep) int in = -EBADF, out = -EBADF;
        int r;

        if (size > 1024U * 1024) /* stored blocks fit the allowance above */
                return 0;

        in = memfd_create("fuzz", MFD_CLOEXEC);
        out = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (in < 0 || out < 0)
                abort();

        if (size >= 2 && data[0] == 0x1f && data[1] == 0x8b)
                r = write_full_fd(in, data, size);
        else
                r = write_packed(in, data, size);
        if (r < 0)
                abort();

        for (PprofValue v = 0; v < _PPROF_VALUE_MAX; v++)
                (void) pprof_convert_folded(in, out, v);
        return 0;
}
