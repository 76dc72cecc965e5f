/* SPDX-License-Identifier: Apache-2.0 */
/* What it costs to have an OAP. */
#include "bench/bench-oap.h"

#include "bench/bench-load.h"

#include <string.h>
#include <time.h>

#define HOSTS 10000U
#define HOSTS_QUICK 500U

double bench_oap_cpu_ms(void) {
        struct timespec ts;

        if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts) < 0)
                abort();

        return (double) ts.tv_sec * 1e3 + (double) ts.tv_nsec / 1e6;
}

int main(int argc, char **argv) {
        char directory[] = "/dev/shm/bench-oap-XXXXXX";
        bool is_quick = argc > 2 && strcmp(argv[2], "--quick") == 0;
        Bench *b = bench_open(argc > 1 ? argv[1] : NULL);
        _cleanup_(host_freep) Host *host = NULL;
        int r;

        r = host_new("/", &host);
        if (r < 0)
                bench_fail("host_new", r);
        if (!mkdtemp(directory))
                bench_fail(directory, -errno);

        bench_oap_connection(b);
        bench_oap_encode(b);
        bench_oap_stream(b);
        bench_oap_loop(b, host, directory);
        bench_oap_fleet(b, host, directory, is_quick ? HOSTS_QUICK : HOSTS);
        bench_oap_outage(b);

        (void) rmdir(directory);
        return bench_close(b);
}
