/* SPDX-License-Identifier: Apache-2.0 */
/* Folded stacks on standard input, the flame graph page on standard output: make-flamegraph TITLE SUBTITLE
 * SECONDS [BEFORE]. With a file of earlier stacks the page is the difference; "time" for seconds means that
 * counts are microseconds. */
#include "basic/log.h"
#include "basic/parse.h"
#include "ctl/flamegraph.h"
#include "ctl/folded-diff.h"

#include <fcntl.h>
#include <string.h>

#define SECONDS_MAX 3600.0

static int write_diff(const char *path, const Folded *after, FlamegraphInfo *info) {
        _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
        _cleanup_(folded_freep) Folded *before = NULL;
        _cleanup_(folded_diff_freep) FoldedDiff *d = NULL;
        int r;

        if (fd < 0)
                return -errno;

        r = folded_read(fd, &before, NULL);
        if (r >= 0)
                r = folded_diff_new(before, after, &d);
        if (r < 0)
                return r;

        info->before_label = "before";
        info->after_label = "during";
        return flamegraph_write_diff_html(d, info, STDOUT_FILENO);
}

int main(int argc, char **argv) {
        _cleanup_(folded_freep) Folded *f = NULL;
        FlamegraphInfo info = { .unit_label = "samples" };
        unsigned line;
        int r;

        if (argc == 4 && strcmp(argv[3], "time") == 0) {
                info.seconds_per_sample = 1e-6;
                info.counts_time = true;
                info.unit_label = "blocked";
        } else if (argc < 4 || argc > 5 ||
                   parse_double(argv[3], SECONDS_MAX, &info.seconds_per_sample) < 0) {
                log_error("Usage: %s TITLE SUBTITLE SECONDS-PER-SAMPLE|time [BEFORE]", argv[0]);
                return EXIT_FAILURE;
        }
        info.title = argv[1];
        info.subtitle = argv[2];

        r = folded_read(STDIN_FILENO, &f, &line);
        if (r < 0) {
                log_error_errno(r, "Failed to read folded stacks, line %u: %m", line);
                return EXIT_FAILURE;
        }

        r = argc == 5 ? write_diff(argv[4], f, &info) : flamegraph_write_html(f, &info, STDOUT_FILENO);
        if (r < 0) {
                log_error_errno(r, "Failed to write the page: %m");
                return EXIT_FAILURE;
        }

        return EXIT_SUCCESS;
}
