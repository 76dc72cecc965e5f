/* SPDX-License-Identifier: Apache-2.0 */
/* How fast stacks become messages. */
#include "bench/bench-load.h"
#include "bench/bench-oap.h"

#include <string.h>

#define ROUNDS 15U
#define STACKS 1500U /* so that none is cut */
#define RECORDS_GOAL 200000

static double flush_ms(BenchProgram *g, const Symbols *symbols, size_t *ret_n, size_t *ret_bytes) {
        _cleanup_(oap_profile_freep) OapProfile *p = NULL;
        _cleanup_(oap_messages_done) OapMessages m = {};
        double start;

        if (oap_profile_new(OAP_TARGET_ON_CPU, NULL, &p) < 0)
                bench_fail("oap_profile_new", -ENOMEM);

        start = bench_oap_cpu_ms();
        if (oap_profile_flush(p, bench_program_profile(g), symbols, false, &m) < 0)
                bench_fail("oap_profile_flush", -ENOMEM);

        *ret_n = m.n;
        *ret_bytes = m.n_bytes;
        return bench_oap_cpu_ms() - start;
}

/* One message again and again: without what a flush does to find out what is new. */
static double encode_ms(unsigned n) {
        static const char *const kernel[] = {
                "do_syscall_64", "ksys_read", "vfs_read", "filemap_read", "copy_page_to_iter"
        };
        const char *user[30];
        const OapStack stack = {
                .kernel = kernel,
                .n_kernel = ELEMENTSOF(kernel),
                .kernel_id = 1,
                .user = user,
                .n_user = ELEMENTSOF(user),
                .user_id = 1,
                .count = 7,
        };
        double start;

        for (size_t i = 0; i < ELEMENTSOF(user); i++)
                user[i] = "shop::orders::handler::handle_request_of_customer";

        start = bench_oap_cpu_ms();
        for (unsigned i = 0; i < n; i++) {
                _cleanup_(oap_bytes_done) OapBytes bytes = {};

                if (oap_encode_stack(OAP_TARGET_ON_CPU, NULL, &stack, &bytes) < 0)
                        bench_fail("oap_encode_stack", -ENOMEM);
        }

        return bench_oap_cpu_ms() - start;
}

void bench_oap_encode(Bench *b) {
        _cleanup_(bench_program_freep) BenchProgram *g = bench_program_new(STACKS, 1);
        _cleanup_(symbols_freep) Symbols *symbols = NULL;
        double flushes_ms[ROUNDS], encodes_ms[ROUNDS];
        size_t n = 0, n_bytes = 0;
        char inputs[192];

        bench_program_run_all(g);
        symbols = bench_program_symbols(g);
        for (unsigned i = 0; i < ROUNDS; i++) {
                flushes_ms[i] = flush_ms(g, symbols, &n, &n_bytes);
                encodes_ms[i] = encode_ms(STACKS);
        }

        (void) snprintf(inputs,
                        sizeof(inputs),
                        "messages of 35 frames each, one core, median of %u",
                        ROUNDS);
        bench_figure(b,
                     "encode-records",
                     STACKS / bench_median(encodes_ms, ROUNDS) * 1000,
                     "1/s",
                     RECORDS_GOAL,
                     false,
                     inputs);
        (void) snprintf(inputs,
                        sizeof(inputs),
                        "a flush of %zu distinct stacks, %zu KiB of messages, all of them new, one core, median of %u",
                        n,
                        n_bytes / 1024,
                        ROUNDS);
        bench_figure(b,
                     "flush-records",
                     (double) n / bench_median(flushes_ms, ROUNDS) * 1000,
                     "1/s",
                     RECORDS_GOAL,
                     false,
                     inputs);
}
