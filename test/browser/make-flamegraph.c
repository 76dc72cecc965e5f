/* SPDX-License-Identifier: Apache-2.0 */
/* Folded stacks on standard input, the flame graph page on standard output: make-flamegraph TITLE SUBTITLE
 * SECONDS */
#include "basic/log.h"
#include "basic/parse.h"
#include "ctl/flamegraph.h"
#include "ctl/folded.h"

#define SECONDS_MAX 3600.0

int main(int argc, char **argv) {
        _cleanup_(folded_freep) Folded *f = NULL;
        FlamegraphInfo info = { .unit_label = "samples" };
        unsigned line;
        int r;

        if (argc != 4 || parse_double(argv[3], SECONDS_MAX, &info.seconds_per_sample) < 0) {
                log_error("Usage: %s TITLE SUBTITLE SECONDS-PER-SAMPLE", argv[0]);
                return EXIT_FAILURE;
        }
        info.title = argv[1];
        info.subtitle = argv[2];

        r = folded_read(STDIN_FILENO, &f, &line);
        if (r < 0) {
                log_error_errno(r, "Failed to read folded stacks, line %u: %m", line);
                return EXIT_FAILURE;
        }

        r = flamegraph_write_html(f, &info, STDOUT_FILENO);
        if (r < 0) {
                log_error_errno(r, "Failed to write the page: %m");
                return EXIT_FAILURE;
        }

        return EXIT_SUCCESS;
}
