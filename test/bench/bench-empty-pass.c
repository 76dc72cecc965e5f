/* SPDX-License-Identifier: Apache-2.0 */
#include "bench-empty-pass.h"

#include "basic/cleanup.h"
#include "bench.h"
#include "empty.skel.h"

#include <bpf/bpf.h>
#include <time.h>

#define PASSES_MAX 100U

static double cpu_now_us(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
        return (double) ts.tv_sec * 1e6 + (double) ts.tv_nsec / 1e3;
}

static double pass_us(const struct bpf_link *link) {
        double start = cpu_now_us();
        char buffer[64];
        int fd;

        fd = bpf_iter_create(bpf_link__fd(link));
        if (fd < 0)
                return -1;

        while (read(fd, buffer, sizeof(buffer)) > 0)
                ;
        (void) safe_close(fd);
        return cpu_now_us() - start;
}

double bench_empty_pass_us(unsigned n_passes, unsigned pause_usec) {
        struct cprof_empty *skel = cprof_empty__open_and_load();
        struct bpf_link *link = skel ? bpf_program__attach_iter(skel->progs.empty, NULL) : NULL;
        double us[PASSES_MAX], median = -1;

        n_passes = MIN_OF(n_passes, PASSES_MAX);
        for (unsigned i = 0; link && i < n_passes; i++) {
                (void) usleep(pause_usec);
                us[i] = pass_us(link);
        }

        if (link)
                median = bench_median(us, n_passes);
        (void) bpf_link__destroy(link);
        cprof_empty__destroy(skel);
        return median;
}
