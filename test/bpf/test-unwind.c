/* SPDX-License-Identifier: Apache-2.0 */
/* Stacks that the kernel side unwinds are those that libdw unwinds from the same registers and stack. */
#include "bpf/second-opinion.h"
#include "bpf/spawn.h"
#include "bpf/unwind-process.h"
#include "bpf/unwind-programs.h"

#include "host/clock.h"
#include "oracle.skel.h"
#include "probe/probe-bpf.h"

#include <bpf/bpf.h>
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

TestSuite(unwind, .timeout = 120);

#define WARM_UP_USEC (700 * USEC_PER_MSEC) /* starting up: dlopen, JIT */
#define WATCH_USEC (2 * USEC_PER_SEC)
#define PATIENCE_USEC (20 * USEC_PER_SEC) /* other work may take the CPUs */
#define TIMED_USEC (USEC_PER_SEC / 2)
#define SAMPLES_WANTED 700U
#define SAMPLES_NEEDED 100U
#define HZ 500U
#define CPUS_MAX 256

typedef struct Bench {
        pid_t pid, client;
        ProbeUnwind *unwind;
        struct cprof_oracle *skel;
        SecondOpinion *opinion;
        size_t n_rows;

        unsigned n, n_frames, n_identical, n_complete, n_not_comparable, n_shown;
        unsigned n_ends[CPROF_END_MAX];
} Bench;

static bool is_same(const struct oracle_record *record, const Opinion *o) {
        size_t n = o->n;

        if (record->end == CPROF_END_TRUNCATED)
                n = MIN_OF(n, (size_t) CPROF_STACK_MAX);

        return n == record->n && memcmp(record->frames, o->frames, n * sizeof(o->frames[0])) == 0;
}

/* Whether the thread was in the kernel to leave a signal handler. Its address is then the one behind the
 * function that does so, where libdw finds no description, goes by the frame pointer and misses a frame. */
static bool is_leaving_handler(const Bench *b, const struct oracle_record *record) {
        static const uint8_t call[] = { 0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05 }; /* rt_sigreturn */
        uint8_t code[sizeof(call)];
        const struct iovec to = { code, sizeof(code) },
                           from = { (void *) (record->frames[0] - sizeof(code)), sizeof(code) };

        return record->in_kernel && record->n > 0 &&
                        process_vm_readv(b->pid, &to, 1, &from, 1, 0) == (ssize_t) sizeof(code) &&
                        memcmp(code, call, sizeof(call)) == 0;
}

static void show(Bench *b, const struct oracle_record *record, const Opinion *o) {
        size_t i = 0;

        while (i < record->n && i < o->n && record->frames[i] == o->frames[i])
                i++;

        fprintf(stderr,
                "# differs at %zu: ours %u frames, end %u, %llx; libdw %zu frames, %llx; before %llx%s\n",
                i,
                record->n,
                record->end,
                i < record->n ? (unsigned long long) record->frames[i] : 0,
                o->n,
                i < o->n ? (unsigned long long) o->frames[i] : 0,
                i > 0 ? (unsigned long long) record->frames[i - 1] : 0,
                record->in_kernel ? ", in the kernel" : "");
        b->n_shown++;
}

static int on_record(void *userdata, void *data, size_t size) {
        const struct oracle_record *record = data;
        Bench *b = userdata;
        Opinion o;

        cr_assert_eq(size, sizeof(*record));
        cr_assert_lt(record->end, CPROF_END_MAX);

        b->n++;
        b->n_frames += record->n;
        b->n_ends[record->end]++;
        b->n_complete += record->end == CPROF_END_ROOT || record->end == CPROF_END_FRAME_POINTER;

        second_opinion_ask(b->opinion, record, &o);
        if (is_same(record, &o))
                b->n_identical++;
        else if (o.short_of_stack || is_leaving_handler(b, record))
                b->n_not_comparable++;
        else if (b->n_shown < 3)
                show(b, record, &o);

        return 0;
}

static void attach(struct bpf_program *program, struct bpf_link **links) {
        struct perf_event_attr attr = {
                .size = sizeof(attr),
                .type = PERF_TYPE_SOFTWARE,
                .config = PERF_COUNT_SW_CPU_CLOCK,
                .sample_period = NSEC_PER_SEC / HZ,
                .exclude_idle = 1,
        };
        int n = libbpf_num_possible_cpus();

        for (int cpu = 0; cpu < n && cpu < CPUS_MAX; cpu++) {
                int fd = (int) syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

                if (fd >= 0)
                        links[cpu] = bpf_program__attach_perf_event(program, fd);
        }
}

static void detach(struct bpf_link **links) {
        for (int cpu = 0; cpu < CPUS_MAX; cpu++)
                (void) bpf_link__destroy(links[cpu]);
}

static int add_table(void *self, const UnwindRows *rows, uint32_t *ret_table) {
        return probe_unwind_table_add(self, rows, ret_table);
}

static int map_process(void *self, pid_t pid, const ProbeMapping *mappings, size_t n) {
        return probe_unwind_process_map(self, pid, mappings, n);
}

/* The probe's share in unwinding alone. */
static const ProbeOps unwind_ops = { .unwind_add = add_table, .unwind_map = map_process };

static void bench_open(Bench *b) {
        const ProbeConfig config = { .watched_max = 16, .unwind_bytes = PROBE_UNWIND_BYTES_DEFAULT };
        PidNamespace ns;

        cr_assert_eq(probe_unwind_new(&config, &b->unwind), 0);
        b->skel = cprof_oracle__open();
        cr_assert_not_null(b->skel);

        cr_assert_eq(pid_namespace_read(&ns), 0);
        b->skel->rodata->our_pidns_inum = ns.inum;
        b->skel->rodata->our_pidns_is_first = ns.is_first;
        cr_assert_eq(probe_unwind_share(
                                     b->unwind,
                                     b->skel->maps.unwind_rows,
                                     b->skel->maps.unwind_mappings,
                                     b->skel->maps.targets),
                     0);
        (void) bpf_map__set_max_entries(b->skel->maps.samples, 1U << 20);
        cr_assert_eq(cprof_oracle__load(b->skel), 0);

        b->n_rows = unwind_process(&(Probe){ .ops = &unwind_ops, .self = b->unwind }, b->pid);
        b->opinion = second_opinion_new(b->pid);
        cr_assert_eq(probe_unwind_watch(b->unwind, b->pid, PROBE_USE_ON_CPU), 0);
}

static void bench_close(Bench *b) {
        spawn_kill(b->pid);
        if (b->client > 0)
                spawn_kill(b->client);

        second_opinion_free(b->opinion);
        cprof_oracle__destroy(b->skel);
        probe_unwind_free(b->unwind);
}

static void compare(Bench *b) {
        struct bpf_link *links[CPUS_MAX] = {};
        struct ring_buffer *ring;
        usec_t until;

        ring = ring_buffer__new(bpf_map__fd(b->skel->maps.records), on_record, b, NULL);
        cr_assert_not_null(ring);

        attach(b->skel->progs.oracle, links);
        until = clock_monotonic_usec() + WATCH_USEC;
        while ((clock_monotonic_usec() < until && b->n < SAMPLES_WANTED) ||
               (clock_monotonic_usec() < until + PATIENCE_USEC && b->n < SAMPLES_NEEDED))
                (void) ring_buffer__poll(ring, 50);

        detach(links);
        ring_buffer__free(ring);
}

static void measure(Bench *b) {
        struct bpf_link *links[CPUS_MAX] = {};

        attach(b->skel->progs.timed, links);
        sleep_usec(TIMED_USEC);
        detach(links);
}

static int compare_times(const void *a, const void *b) {
        const uint64_t *x = a, *y = b;

        return (*x > *y) - (*x < *y);
}

/* Of one sample from finding the target to the end. The mean would also count what the hypervisor took. */
static uint64_t median_ns(const Bench *b) {
        size_t n = MIN_OF(b->skel->bss->n_times, (__u64) ORACLE_TIMES);

        if (n == 0)
                return 0;

        qsort(b->skel->bss->times_ns, n, sizeof(b->skel->bss->times_ns[0]), compare_times);
        return b->skel->bss->times_ns[n / 2];
}

static void report(const Bench *b, const char *name) {
        const double n = MAX_OF(b->n, 1U);
        unsigned n_comparable = MAX_OF(b->n - b->n_not_comparable, 1U);

        fprintf(stderr,
                "# %-20s %4u samples, %5.1f frames, identical %6.2f %%, complete %6.2f %%, by %s, %5lu ns/sample, %zu rows%s",
                name,
                b->n,
                b->n_frames / n,
                100.0 * b->n_identical / n_comparable,
                100.0 * b->n_complete / n,
                b->n_ends[CPROF_END_HELPER] == 0 ? "tables" : "frame pointers",
                median_ns(b),
                b->n_rows,
                b->n_not_comparable > 0 ? ", some not comparable" : "");

        for (unsigned end = CPROF_END_NO_MAPPING; end < CPROF_END_MAX; end++)
                if (b->n_ends[end] > 0)
                        fprintf(stderr, ", end %u: %u", end, b->n_ends[end]);
        fputc('\n', stderr);
}

ParameterizedTestParameters(unwind, stacks_are_those_of_libdw) {
        static size_t indexes[UNWIND_PROGRAMS];
        size_t n = 0;

        for (size_t i = 0; i < UNWIND_PROGRAMS; i++)
                if (unwind_program_is_wanted(i))
                        indexes[n++] = i;

        return cr_make_param_array(size_t, indexes, n);
}

ParameterizedTest(const size_t *index, unwind, stacks_are_those_of_libdw) {
        const char *name = unwind_program_name(*index);
        Bench b = {};

        cr_assert_eq(unwind_program_start(*index, &b.pid, &b.client), 0, "%s is not installed", name);
        sleep_usec(WARM_UP_USEC);
        cr_assert_eq(waitpid(b.pid, NULL, WNOHANG), 0, "%s has ended", name);

        bench_open(&b);
        compare(&b);
        measure(&b);
        report(&b, name);

        cr_expect_geq(b.n, SAMPLES_NEEDED, "%s", name);
        cr_expect_geq((double) b.n_identical, 0.995 * (b.n - b.n_not_comparable), "%s", name);
        cr_expect_geq((double) b.n_complete, 0.99 * b.n, "%s", name);
        bench_close(&b);
}

/* What the program keeps of a table must go with it: each function ends the stack, then they are described
 * as they are. */
static int map_wrongly(void *self, pid_t pid, const ProbeMapping *mappings, size_t n) {
        struct cprof_unwind_row row = { .rule = CPROF_RULE_END };
        _cleanup_(freep) ProbeMapping *wrong = calloc(n, sizeof(*wrong));
        const UnwindRows rows = { .rows = &row, .n = 1 };
        uint32_t table;

        cr_assert_not_null(wrong);
        cr_assert_eq(probe_unwind_table_add(self, &rows, &table), 0);
        for (size_t i = 0; i < n; i++)
                wrong[i] = (ProbeMapping){
                        .start = mappings[i].start,
                        .end = mappings[i].end,
                        .base = mappings[i].start,
                        .table = table,
                };

        return probe_unwind_process_map(self, pid, wrong, n);
}

static int on_any_record(void *userdata, void *data, size_t size) {
        const struct oracle_record *record = data;
        Bench *b = userdata;

        b->n++;
        b->n_frames += record->n;
        return 0;
}

static void sample(Bench *b, struct ring_buffer *ring) {
        struct bpf_link *links[CPUS_MAX] = {};
        usec_t until = clock_monotonic_usec() + PATIENCE_USEC;

        b->n = b->n_frames = 0;
        attach(b->skel->progs.oracle, links);
        while (b->n < SAMPLES_NEEDED && clock_monotonic_usec() < until)
                (void) ring_buffer__poll(ring, 50);
        detach(links);
        (void) ring_buffer__consume(ring);
}

Test(unwind, what_was_known_of_old_mappings_is_forgotten) {
        struct ring_buffer *ring;
        const ProbeOps wrong_ops = { .unwind_add = add_table, .unwind_map = map_wrongly };
        Bench b = {};

        cr_assert_eq(unwind_program_start(UNWIND_PROGRAMS - 1, &b.pid, &b.client), 0);
        sleep_usec(WARM_UP_USEC);
        bench_open(&b);
        ring = ring_buffer__new(bpf_map__fd(b.skel->maps.records), on_any_record, &b, NULL);
        cr_assert_not_null(ring);

        for (unsigned round = 0; round < 3; round++) {
                (void) unwind_process(&(Probe){ .ops = &wrong_ops, .self = b.unwind }, b.pid);
                sample(&b, ring);
                cr_expect_geq(b.n, SAMPLES_NEEDED);
                cr_expect_eq(b.n_frames, b.n, "%u frames in %u samples", b.n_frames, b.n);

                (void) unwind_process(&(Probe){ .ops = &unwind_ops, .self = b.unwind }, b.pid);
                sample(&b, ring);
                cr_expect_geq(b.n, SAMPLES_NEEDED);
                cr_expect_gt(b.n_frames, 3 * b.n, "%u frames in %u samples", b.n_frames, b.n);
        }

        ring_buffer__free(ring);
        bench_close(&b);
}
