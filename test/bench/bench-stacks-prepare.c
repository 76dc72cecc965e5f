/* SPDX-License-Identifier: Apache-2.0 */
/* From the decision to watch a process until the kernel can walk its stacks, with nothing known before. */
#include "bench-load.h"
#include "bench-programs.h"
#include "bench-stacks.h"

#include "basic/cleanup.h"
#include "daemon-unwind.h"
#include "host/clock.h"
#include "host/procfs-pid.h"
#include "target/module.h"
#include "target/process-maps.h"

#include <string.h>
#include <time.h>

#define ROUNDS 7U
#define SLICE_USEC (2 * USEC_PER_MSEC) /* the daemon works between its events for so long at once */
#define GOAL_MS 50.0

static double cpu_now_ms(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
        return (double) ts.tv_sec * 1e3 + (double) ts.tv_nsec / 1e6;
}

static ProcessKey read_key(const Host *host, pid_t pid) {
        ProcStat st;
        int r;

        r = procfs_read_stat(host, pid, &st);
        if (r < 0)
                bench_fail("/proc/PID/stat", r);

        return (ProcessKey){ .pid = pid, .start_ticks = st.start_ticks };
}

/* Returns the number of rows. */
static uint64_t prepare(const Host *host, Probe *probe, ProcessKey key, double *ret_ms, double *ret_cpu_ms) {
        _cleanup_(module_table_freep) ModuleTable *modules = NULL;
        _cleanup_(unwind_tables_freep) UnwindTables *tables = NULL;
        _cleanup_(process_maps_freep) ProcessMaps *maps = NULL;
        double start_ms, start_cpu_ms;
        UnwindCounters counters;
        int r;

        r = module_table_new(&modules);
        if (r >= 0)
                r = unwind_tables_new(probe, &daemon_unwind_source, &tables);
        if (r < 0)
                bench_fail("unwind tables", r);

        start_ms = bench_now_ms();
        start_cpu_ms = cpu_now_ms();
        r = process_maps_new(host, modules, key, &maps);
        if (r >= 0)
                r = unwind_tables_publish(tables, key.pid, maps);
        if (r < 0)
                bench_fail("mappings", r);
        while (unwind_tables_has_work(tables))
                unwind_tables_work(tables, SLICE_USEC);
        *ret_ms = bench_now_ms() - start_ms;
        *ret_cpu_ms = cpu_now_ms() - start_cpu_ms;

        unwind_tables_counters(tables, &counters);
        unwind_tables_unpublish(tables, key.pid);
        return counters.n_rows;
}

static const BenchProgram *find_program(const char *name) {
        for (size_t i = 0; i < bench_programs_n; i++)
                if (strcmp(bench_programs[i].name, name) == 0)
                        return bench_programs + i;

        return NULL;
}

static void measure(Bench *b, const Host *host, const char *name, const char *directory, double goal_ms) {
        const BenchProgram *p = find_program(name);
        double ms[ROUNDS], cpu_ms[ROUNDS];
        char inputs[192], figure[64];
        uint64_t n_rows = 0;
        pid_t pid;

        if (!p || access(p->exe, X_OK) < 0)
                return;

        pid = bench_program_start(p, directory);
        bench_sleep_until(clock_monotonic_usec() + USEC_PER_SEC); /* it has loaded its libraries */
        for (unsigned i = 0; i < ROUNDS; i++) {
                _cleanup_(probe_freep) Probe *probe = NULL;
                const ProbeConfig config = {};
                int r;

                r = probe_new(&config, &probe);
                if (r >= 0)
                        r = probe_arm(probe, PROBE_USE_ON_CPU);
                if (r < 0)
                        bench_fail("probe", r);
                n_rows = prepare(host, probe, read_key(host, pid), ms + i, cpu_ms + i);
                probe_disarm(probe, PROBE_USE_ON_CPU);
        }
        bench_program_stop(pid);

        (void) snprintf(inputs,
                        sizeof(inputs),
                        "%u rows of all files that it has mapped, from page cache; median of %u rounds, "
                        "%.1f ms of CPU; load average %.2f",
                        (unsigned) n_rows,
                        ROUNDS,
                        bench_median(cpu_ms, ROUNDS),
                        bench_load1());
        (void) snprintf(figure, sizeof(figure), "stacks.prepare-%s", name);
        bench_figure(b, figure, bench_median(ms, ROUNDS), "ms", goal_ms, true, inputs);
        (void) snprintf(figure, sizeof(figure), "stacks.prepare-%s-cpu", name);
        bench_figure(b, figure, bench_median(cpu_ms, ROUNDS), "ms of CPU", BENCH_NO_GOAL, true, inputs);
}

void bench_stacks_prepare(Bench *b, const char *directory) {
        _cleanup_(host_freep) Host *host = NULL;
        int r;

        r = host_new("/", &host);
        if (r < 0)
                bench_fail("/proc", r);

        measure(b, host, "python3", directory, GOAL_MS);
        measure(b, host, "node", directory, BENCH_NO_GOAL);
        measure(b, host, "cc1plus", directory, BENCH_NO_GOAL);
}
