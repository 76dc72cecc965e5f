/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/net/tcp and tcp6, line by line. */
#include "host/procfs-sockets.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *p = (const char *) data, *end = p + size;

        while (p < end) {
                const char *nl = memchr(p, '\n', (size_t) (end - p)) ?: end;
                TcpLine line;

                (void) proc_tcp_line_parse(p, (size_t) (nl - p), &line);
                p = nl + 1;
        }

        return 0;
}
