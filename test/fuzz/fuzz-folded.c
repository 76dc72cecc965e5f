/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/file-io.h"
#include "ctl/flamegraph.h"
#include "ctl/folded.h"

#include <fcntl.h>
#include <sys/mman.h>

#define INPUT_BYTES_MAX (1U << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The sums of a tree that was accepted hold, whatever it was read from. */
static void check_tree(const Folded *f) {
        const FoldedNode *nodes;
        uint64_t self = 0;
        size_t n;

        nodes = folded_nodes(f, &n);
        for (size_t i = 0; i < n; i++) {
                if (nodes[i].end <= i || nodes[i].end > n || nodes[i].total < nodes[i].self)
                        abort();
                self += nodes[i].self;
        }
        if (self != folded_total(f))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const FlamegraphInfo info = { .title = "fuzz", .unit_label = "samples", .seconds_per_sample = 0.01 };
        _cleanup_(closep) int in_fd = -EBADF, out_fd = -EBADF;
        _cleanup_(folded_freep) Folded *f = NULL;
        _cleanup_(freep) FoldedTop *rows = NULL;
        size_t n_rows;

        if (size > INPUT_BYTES_MAX)
                return 0;

        in_fd = memfd_create("folded", MFD_CLOEXEC);
        if (in_fd < 0 || write_full_fd(in_fd, data, size) < 0 || lseek(in_fd, 0, SEEK_SET) < 0)
                return 0;

        if (folded_read(in_fd, &f, /* reterr_line= */ NULL) < 0)
                return 0;

        check_tree(f);
        (void) folded_top(f, 10, &rows, &n_rows);

        out_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
        if (out_fd >= 0)
                (void) flamegraph_write_html(f, &info, out_fd);

        return 0;
}
