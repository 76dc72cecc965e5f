/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/maps, line by line. */
#include "host/procfs-maps.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *p = (const char *) data, *end = p + size;

        while (p < end) {
                const char *nl = memchr(p, '\n', (size_t) (end - p)) ?: end;
                MapsLine m;

                if (maps_line_parse(p, (size_t) (nl - p), &m) >= 0 &&
                    (m.start >= m.end || m.path < p || m.path + m.path_length != nl))
                        abort();

                p = nl + 1;
        }

        return 0;
}
