/* SPDX-License-Identifier: Apache-2.0 */
/* What it costs to have an OAP. */
#include "bench/bench-oap.h"

int main(int argc, char **argv) {
        Bench *b = bench_open(argc > 1 ? argv[1] : NULL);

        bench_oap_encode(b);
        bench_oap_stream(b);

        return bench_close(b);
}
