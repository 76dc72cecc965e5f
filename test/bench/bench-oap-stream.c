/* SPDX-License-Identifier: Apache-2.0 */
/* A long task of many processes, all of it told to OAP while it runs. */
#include "bench/bench-load.h"
#include "bench/bench-oap.h"

#define PROCESSES 20U
#define SECONDS 600U
#define SECONDS_WARM 60U
#define FLUSH_SEC 5U
#define HZ 99U
#define STACKS 3000U /* of each: more than OAP could show */
#define GROWTH_GOAL_KIB 1024

typedef struct Stream {
        BenchProgram *programs[PROCESSES];
        OapProfile *told[PROCESSES];
        size_t n_messages, n_bytes, n_bytes_max;
        double cpu_ms, max_ms;
} Stream;

static void stream_init(Stream *s) {
        *s = (Stream){};
        for (unsigned i = 0; i < PROCESSES; i++) {
                s->programs[i] = bench_program_new(STACKS, i + 1);
                if (oap_profile_new(OAP_TARGET_ON_CPU, NULL, s->told + i) < 0)
                        bench_fail("oap_profile_new", -ENOMEM);
                bench_program_run_all(s->programs[i]); /* the recording itself grows no more */
        }
}

static void stream_done(Stream *s) {
        for (unsigned i = 0; i < PROCESSES; i++) {
                oap_profile_free(s->told[i]);
                bench_program_free(s->programs[i]);
        }
}

static void flush_one(Stream *s, unsigned i) {
        _cleanup_(symbols_freep) Symbols *symbols = bench_program_symbols(s->programs[i]);
        _cleanup_(oap_messages_done) OapMessages m = {};
        double start = bench_oap_cpu_ms(), ms;

        if (oap_profile_flush(s->told[i], bench_program_profile(s->programs[i]), symbols, false, &m) < 0)
                bench_fail("oap_profile_flush", -ENOMEM);

        ms = bench_oap_cpu_ms() - start;
        s->cpu_ms += ms;
        s->max_ms = ms > s->max_ms ? ms : s->max_ms;
        s->n_messages += m.n;
        s->n_bytes += m.n_bytes;
        s->n_bytes_max = MAX_OF(s->n_bytes_max, m.n_bytes);
}

static void run_second(Stream *s, unsigned second) {
        for (unsigned i = 0; i < PROCESSES; i++) {
                bench_program_run(s->programs[i], HZ);
                if (second % FLUSH_SEC == 0)
                        flush_one(s, i);
        }
}

void bench_oap_stream(Bench *b) {
        uint64_t warm_kib = 0, end_kib;
        char inputs[256];
        Stream s;

        stream_init(&s);
        for (unsigned second = 1; second <= SECONDS; second++) {
                run_second(&s, second);
                if (second == SECONDS_WARM)
                        warm_kib = bench_read_number("/proc/self/status", "VmRSS");
        }
        end_kib = bench_read_number("/proc/self/status", "VmRSS");

        (void) snprintf(inputs,
                        sizeof(inputs),
                        "RSS after %u s less that after %u s; %u processes at %u Hz, %u stacks each, told each %u s: "
                        "%zu messages, %zu MiB, the largest flush %zu KiB",
                        SECONDS,
                        SECONDS_WARM,
                        PROCESSES,
                        HZ,
                        STACKS,
                        FLUSH_SEC,
                        s.n_messages,
                        s.n_bytes >> 20,
                        s.n_bytes_max >> 10);
        bench_figure(b,
                     "stream-growth",
                     (double) end_kib - (double) warm_kib,
                     "KiB",
                     GROWTH_GOAL_KIB,
                     true,
                     inputs);
        bench_figure(b,
                     "stream-loop-ms",
                     s.cpu_ms / SECONDS,
                     "ms/s",
                     BENCH_NO_GOAL,
                     true,
                     "time spent on it for each second of the task, with all of the processes");
        bench_figure(b,
                     "stream-flush-max-ms",
                     s.max_ms,
                     "ms",
                     BENCH_NO_GOAL,
                     true,
                     "the longest flush of one process");
        stream_done(&s);
}
