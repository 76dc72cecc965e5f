/* SPDX-License-Identifier: Apache-2.0 */
/* A program of 500 MB with as many functions as a browser has, made here: each of them calls the next one of
 * a list, and the lists are random. */
#include "bench-load.h"
#include "bench-stacks.h"

#include "basic/cleanup.h"
#include "host/clock.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define SECONDS 3U
#define GOAL_RSS_MIB 64.0
#define GOAL_COMPLETE_PERCENT 99.0
#define FILE_BYTES_MIN (500U * 1000 * 1000)
#define N_FUNCTIONS 200000U

/* 1 KiB of code each. Segments begin at multiples of 128 MiB: what lies between them in the file is
 * holes, as debug information would be that nobody reads. */
static const char source[] =
                ".altmacro\n.macro function n\n.globl a_function_with_a_longer_name_\\n\n"
                ".type a_function_with_a_longer_name_\\n, @function\na_function_with_a_longer_name_\\n:\n"
                ".cfi_startproc\n"
                "push %rbx\n.cfi_adjust_cfa_offset 8\n.cfi_offset %rbx, -16\n"
                "push %r12\n.cfi_adjust_cfa_offset 8\n.cfi_offset %r12, -24\n"
                "sub $24, %rsp\n.cfi_adjust_cfa_offset 24\n"
                "mov (%rdi), %rax\nadd $8, %rdi\ncall *%rax\n"
                "add $24, %rsp\n.cfi_adjust_cfa_offset -24\n"
                "pop %r12\n.cfi_adjust_cfa_offset -8\npop %rbx\n.cfi_adjust_cfa_offset -8\nret\n"
                ".cfi_endproc\n.size a_function_with_a_longer_name_\\n, . - a_function_with_a_longer_name_\\n\n"
                ".p2align 10, 0xcc\n.endm\n"
                ".text\n.p2align 10\n.globl functions\nfunctions:\n"
                ".set i, 0\n.rept %u\nfunction %%i\n.set i, i + 1\n.endr\n"
                ".section .note.GNU-stack,\"\",@progbits\n";

static const char main_source[] =
                "#include <stdlib.h>\nextern char functions[];\nstatic void *list[17]; volatile unsigned sum;\n"
                "__attribute__((noinline)) void work(void) { for (int i = 0; i < 100000; i++) sum += i; }\n"
                "int main(void) { for (;;) { for (int i = 0; i < 16; i++)\n"
                "list[i] = functions + 1024L * (random() %% %u);\n"
                "list[16] = work; ((void (*)(void **)) list[0])(list + 1); } }\n";

static void write_source(const char *directory, const char *name, const char *text) {
        char path[192];
        FILE *f;

        (void) snprintf(path, sizeof(path), "%s/%s", directory, name);
        f = fopen(path, "we");
        if (!f || fprintf(f, text, N_FUNCTIONS) < 0 || fclose(f) != 0)
                bench_fail(path, errno);
}

static void make_program(const char *directory) {
        char command[1024];
        uint64_t cpu_ns;

        write_source(directory, "functions.s", source);
        write_source(directory, "main.c", main_source);
        (void) snprintf(command,
                        sizeof(command),
                        "cd %s && gcc -O2 -o huge main.c functions.s"
                        " -Wl,-z,max-page-size=0x8000000,-z,separate-code && rm functions.s",
                        directory);
        if (bench_run(command, &cpu_ns) != 0)
                bench_fail("gcc", EIO);
}

/* A bench_fork() function. */
static void run_program(void *userdata) {
        (void) execl(userdata, "huge", (char *) NULL);
        bench_fail(userdata, errno);
}

static void report(Bench *b, const BenchDaemon *d, const BenchRecording *r, const char *path) {
        char status[64], inputs[384];
        struct stat st;

        if (stat(path, &st) < 0 || (uint64_t) st.st_size < FILE_BYTES_MIN)
                bench_fail("the program is not as large as it should be", ERANGE);

        (void) snprintf(inputs,
                        sizeof(inputs),
                        "a program of %.0f MB (%.0f on disk) with %u functions in 200 MB of code; %" PRIu64
                        " samples of %.1f frames, %.1f %% of frames named; incomplete: %s",
                        (double) st.st_size / 1e6,
                        (double) st.st_blocks * 512 / 1e6,
                        N_FUNCTIONS,
                        r->stacks.n_samples,
                        (double) r->stacks.n_frames / (double) r->stacks.n_samples,
                        100.0 * (double) r->stacks.n_named / (double) r->stacks.n_frames,
                        r->ends[0] ? r->ends + 2 : "none");
        (void) snprintf(status, sizeof(status), "/proc/%i/status", (int) d->pid);
        bench_figure(b,
                     "stacks.huge.rss",
                     (double) bench_read_number(status, "VmHWM") / 1024,
                     "MiB",
                     GOAL_RSS_MIB,
                     true,
                     inputs);
        bench_figure(b,
                     "stacks.huge.complete",
                     100.0 * (double) r->stacks.n_complete / (double) r->stacks.n_stacks,
                     "% of samples",
                     GOAL_COMPLETE_PERCENT,
                     false,
                     inputs);
        bench_figure(b,
                     "stacks.huge.named",
                     100.0 * (double) r->stacks.n_named / (double) r->stacks.n_frames,
                     "% of frames",
                     BENCH_NO_GOAL,
                     false,
                     inputs);
        bench_figure(b, "stacks.huge.bpf", r->sample_ns / 1e3, "us a sample", BENCH_NO_GOAL, true, inputs);
        bench_figure(b,
                     "stacks.huge.cpu",
                     (double) r->stacks.cpu_ns / 1e6,
                     "ms",
                     BENCH_NO_GOAL,
                     true,
                     "the daemon, with naming");
}

void bench_stacks_huge(Bench *b, BenchBus *bus, const char *directory) {
        char path[192], text[512], resolved[PATH_MAX];
        const BenchPolicy policy = { .name = "bench", .text = text };
        BenchRecording r;
        BenchDaemon d = {};
        pid_t pid;

        make_program(directory);
        (void) snprintf(path, sizeof(path), "%s/huge", directory);
        if (!realpath(path, resolved))
                bench_fail(path, errno);

        (void) snprintf(text,
                        sizeof(text),
                        "[Policy]\nSlice=-.slice\nExe=%s\n"
                        "[Trigger]\nMetric=process-thread-count\nThreshold=100000\nPeriod=60s\nCount=60\n",
                        path);
        pid = bench_fork("huge", run_program, path);
        bench_daemon_start_with(&d, "[Recorder]\nRecorderHz=0\n", &policy, 1);
        bench_sleep_until(clock_monotonic_usec() + 4 * USEC_PER_SEC); /* seen and prepared */

        bench_daemon_record(&d, bus, pid, SECONDS * USEC_PER_SEC, &r);
        report(b, &d, &r, path);

        bench_kill(pid);
        bench_daemon_stop(&d);
        (void) unlink(path);
}
