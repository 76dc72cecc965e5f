/* SPDX-License-Identifier: Apache-2.0 */
/* How fast the files of a process become tables: unwind rows of its code, and names of addresses in it. */
#include "basic/cleanup.h"
#include "basic/file-io.h"
#include "bench.h"
#include "symbol/eh-frame.h"
#include "symbol/elf-load.h"

#include <fcntl.h>
#include <time.h>

#define ROUNDS 5U
#define LOOKUPS 400000U
#define GOAL_ROWS 10e6 /* per second */
#define GOAL_NAMES 5e6 /* ditto */
#define FILE_BYTES_MAX (512U << 20)

/* A shell's library, hand-written assembly, an interpreter, and some of the largest there are. */
static const char *const paths[] = {
        "/usr/lib/x86_64-linux-gnu/libc.so.6",
        "/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
        "/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
        "/usr/bin/python3.11",
        "/usr/bin/node",
        "/usr/lib/jvm/java-17-openjdk-amd64/lib/server/libjvm.so",
        "/usr/lib/x86_64-linux-gnu/libLLVM-14.so.1",
};

/* Of this process: other programs may run. */
static double cpu_now_ms(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
        return (double) ts.tv_sec * 1e3 + (double) ts.tv_nsec / 1e6;
}

typedef struct Total {
        double n, ms;
        unsigned n_files;
} Total;

/* Returns milliseconds, and the number of rows. */
static double build_rows(const ElfImage *image, size_t *ret_n) {
        _cleanup_(eh_frame_build_freep) EhFrameBuild *b = NULL;
        double start = cpu_now_ms(), ms;
        UnwindRows rows;

        if (eh_frame_build_new(image, &b) < 0 || eh_frame_build_step(b, USEC_INFINITY) < 0)
                abort();

        eh_frame_build_take(b, &rows, NULL);
        ms = cpu_now_ms() - start;
        *ret_n = rows.n;
        free(rows.rows);
        return ms;
}

static void measure_rows(const ElfImage *image, Total *total) {
        double ms[ROUNDS];
        size_t n;

        (void) build_rows(image, &n); /* brings the file into memory */
        for (unsigned i = 0; i < ROUNDS; i++)
                ms[i] = build_rows(image, &n);

        total->n += (double) n;
        total->ms += bench_median(ms, ROUNDS);
        total->n_files++;
}

/* From a copy in memory, so that names are read without a system call each. */
static ModuleSymbols *load_symbols(const void *data, size_t size) {
        _cleanup_(elf_load_freep) ElfLoad *l = NULL;
        int r;

        if (elf_load_new_memory(data, size, &l) < 0)
                abort();
        while ((r = elf_load_step(l)) > 0)
                ;
        if (r < 0)
                abort();

        return elf_load_take(l);
}

/* Names of addresses all over the code, in no order. */
static void measure_lookups(const ModuleSymbols *m, Total *total) {
        uint64_t x = 88172645463325252;
        char name[SYMBOL_NAME_MAX + 1];
        unsigned n_found = 0;
        double start;

        if (!m->table || m->n_code == 0)
                return;

        start = cpu_now_ms();
        for (unsigned i = 0; i < LOOKUPS; i++) {
                const ElfSegment *code = &m->code[i % m->n_code];

                x ^= x << 13;
                x ^= x >> 7;
                x ^= x << 17;
                n_found += symbol_table_name(m->table, code->address + x % code->file_size, name) >= 0;
        }
        if (n_found == 0)
                abort();

        total->ms += cpu_now_ms() - start;
        total->n += LOOKUPS;
        total->n_files++;
}

static void measure_file(const char *path, Total *rows, Total *lookups) {
        _cleanup_(module_symbols_freep) ModuleSymbols *m = NULL;
        _cleanup_(elf_image_freep) ElfImage *image = NULL;
        _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
        _cleanup_(freep) char *data = NULL;
        size_t size;

        if (fd < 0)
                return;
        if (elf_image_open_fd(fd, &image) < 0 || read_full_fd(fd, FILE_BYTES_MAX, &data, &size) < 0)
                abort();

        measure_rows(image, rows);
        m = load_symbols(data, size);
        measure_lookups(m, lookups);
}

int main(int argc, char **argv) {
        Bench *b = bench_open(argc > 1 ? argv[1] : NULL);
        Total rows = { 0 }, lookups = { 0 };
        char inputs[256];

        for (size_t i = 0; i < ELEMENTSOF(paths); i++)
                measure_file(paths[i], &rows, &lookups);

        (void) snprintf(inputs,
                        sizeof(inputs),
                        "%.0f unwind rows of %u installed files, from page cache; median of %u rounds",
                        rows.n,
                        rows.n_files,
                        ROUNDS);
        bench_figure(b,
                     "rows.per_second",
                     rows.n / rows.ms * 1e3,
                     "rows per CPU second",
                     GOAL_ROWS,
                     false,
                     inputs);

        (void) snprintf(inputs,
                        sizeof(inputs),
                        "%u names of random addresses in each of %u symbol tables in memory",
                        LOOKUPS,
                        lookups.n_files);
        bench_figure(b,
                     "rows.names_per_second",
                     lookups.n / lookups.ms * 1e3,
                     "names per CPU second",
                     GOAL_NAMES,
                     false,
                     inputs);
        return bench_close(b);
}
