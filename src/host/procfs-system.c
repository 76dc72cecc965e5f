/* SPDX-License-Identifier: Apache-2.0 */
#include "host/procfs-system.h"

#include "basic/file-io.h"
#include "basic/parse.h"

#include <string.h>

#define LOAD_MAX 1e9 /* more runnable tasks than a kernel can have */

/* "0.20 0.18 0.12 1/80 11206\n", proc(5) */
int loadavg_parse(const char *text, double *ret) {
        char field[32];
        size_t n;

        assert(text);
        assert(ret);

        n = strcspn(text, " \n");
        if (n == 0 || n >= sizeof(field) || text[n] != ' ')
                return -EBADMSG;

        memcpy(field, text, n);
        field[n] = '\0';
        return parse_double(field, LOAD_MAX, ret) < 0 ? -EBADMSG : 0;
}

int procfs_read_load1(const Host *h, double *ret) {
        char text[128];
        ssize_t n;

        assert(h);

        n = read_small_file_at(h->proc_fd, "loadavg", text, sizeof(text));
        if (n < 0)
                return (int) n;

        return loadavg_parse(text, ret);
}
