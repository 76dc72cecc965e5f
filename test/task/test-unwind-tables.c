/* SPDX-License-Identifier: Apache-2.0 */
#include "fake/fake-host.h"
#include "fake/fake-probe.h"
#include "fake/fake-unwind.h"
#include "task/unwind-tables.h"

#include <criterion/criterion.h>

typedef struct Bed {
        FakeHost host;
        FakeProbe fake;
        FakeUnwind source;
        Probe *probe;
        ModuleTable *modules;
        UnwindTables *tables;
        ProcessMaps *maps[32]; /* by PID */
} Bed;

static Bed bed;

static void make_bed(void) {
        const UnwindSource source = fake_unwind_source(&bed.source);

        bed = (Bed){};
        fake_host_init(&bed.host);
        cr_assert_eq(fake_probe_new(&bed.fake, &bed.probe), 0);
        cr_assert_eq(module_table_new(&bed.modules), 0);
        cr_assert_eq(unwind_tables_new(bed.probe, &source, &bed.tables), 0);
}

static void free_bed(void) {
        size_t n;

        bed.tables = unwind_tables_free(bed.tables);
        cr_expect_eq(fake_probe_n_rows(&bed.fake), 0u, "a table is still there");
        for (size_t i = 0; i < ELEMENTSOF(bed.maps); i++) {
                cr_expect_null(fake_probe_find_mappings(&bed.fake, (pid_t) i + 1000, &n));
                process_maps_free(bed.maps[i]);
        }
        cr_expect_eq(bed.source.n_jobs, 0u, "a job is still there");
        cr_expect_eq(module_table_size(bed.modules), 0u, "a module is still held");
        module_table_free(bed.modules);
        probe_free(bed.probe);
        fake_host_done(&bed.host);
}

TestSuite(unwind_tables, .timeout = 30, .init = make_bed, .fini = free_bed);

#define AT(address, path) \
        { .start = (address), .end = (address) + 0x10000, .offset = 0x1000, path }
#define APP \
        { 0x500000, 0x510000, 0x1000, "/bin/app" }
#define LIBC \
        { 0x700000, 0x720000, 0x2000, "/lib/libc.so" }
#define BIG \
        { 0x800000, 0x900000, 0x1000, "/lib/big.so" }

/* Whose the files are says their name, whoever runs the test. */
static int set_owner(const ProcessMapping *m, void *userdata) {
        m->module->is_system = !strstr(m->module->path, "/home/");
        return 0;
}

/* The process maps exactly these from now on, and that is published. Index in bed.maps. */
static int publish(unsigned index, const FakeMapping *mappings, size_t n) {
        pid_t pid = (pid_t) index + 1000;

        if (!bed.maps[index])
                fake_host_set_process(&bed.host, pid, 7, "app", "/bin/app", "/system.slice/a.service");
        fake_host_set_maps(&bed.host, pid, mappings, n);

        if (bed.maps[index])
                cr_assert_eq(process_maps_refresh(bed.maps[index]), 0);
        else
                cr_assert_eq(process_maps_new(
                                             bed.host.host,
                                             bed.modules,
                                             (ProcessKey){ pid, 7 },
                                             &bed.maps[index]),
                             0);

        cr_assert_eq(process_maps_for_each(bed.maps[index], set_owner, NULL), 0);
        return unwind_tables_publish(bed.tables, pid, bed.maps[index]);
}
#define PUBLISH(index, ...)                           \
        publish(index,                                \
                (const FakeMapping[]){ __VA_ARGS__ }, \
                sizeof((const FakeMapping[]){ __VA_ARGS__ }) / sizeof(FakeMapping))

static void forget(unsigned index) {
        unwind_tables_unpublish(bed.tables, (pid_t) index + 1000);
        bed.maps[index] = process_maps_free(bed.maps[index]);
}

static void work_to_the_end(void) {
        unwind_tables_work(bed.tables, USEC_INFINITY);
        cr_assert_not(unwind_tables_has_work(bed.tables));
}

static UnwindCounters counters(void) {
        UnwindCounters c;

        unwind_tables_counters(bed.tables, &c);
        return c;
}

static const ProbeMapping *mappings_of(unsigned index, size_t *ret_n) {
        return fake_probe_find_mappings(&bed.fake, (pid_t) index + 1000, ret_n);
}

static uint32_t table_of(unsigned index, uint64_t address) {
        const ProbeMapping *m;
        size_t n;

        m = mappings_of(index, &n);
        for (size_t i = 0; i < n; i++)
                if (address >= m[i].start && address < m[i].end)
                        return m[i].table;

        return UNWIND_TABLE_NONE - 1;
}

Test(unwind_tables, a_process_gets_the_tables_of_its_files) {
        const ProbeMapping *m;
        size_t n;

        cr_assert_eq(PUBLISH(0, APP, LIBC), 0);
        cr_assert(unwind_tables_has_work(bed.tables));
        work_to_the_end();

        m = mappings_of(0, &n);
        cr_assert_eq(n, 2);
        cr_expect_eq(m[0].start, 0x500000);
        cr_expect_eq(m[0].end, 0x510000);
        /* offset 0x1000 is address 0x401000: the file lies 0xff000 above its addresses, whose pc 0 is
         * 0x400000 */
        cr_expect_eq(m[0].base, 0x500000 - 0x1000);
        /* mapped from 0x1000 into the segment on */
        cr_expect_eq(m[1].base, 0x700000 - 0x2000);
        cr_expect_neq(m[0].table, m[1].table);
        cr_expect_eq(counters().n_tables, 2);
        cr_expect_eq(counters().n_rows, 2 * FAKE_ROWS);
}

Test(unwind_tables, rows_are_there_before_the_mappings_that_use_them) {
        /* the fake probe refuses a mapping with a table it does not have */
        cr_assert_eq(PUBLISH(0, APP, BIG), 0);
        for (unsigned i = 0; i < 20 && unwind_tables_has_work(bed.tables); i++)
                unwind_tables_work(bed.tables, 0);
        cr_expect_not(unwind_tables_has_work(bed.tables));
        cr_expect_lt(table_of(0, 0x800000), UNWIND_TABLE_NONE - 1);
}

Test(unwind_tables, work_is_done_in_slices) {
        cr_assert_eq(PUBLISH(0, BIG), 0);
        unwind_tables_work(bed.tables, 0);
        cr_expect_leq(bed.source.n_steps, 1);
        cr_expect(unwind_tables_has_work(bed.tables));
        cr_expect_eq(counters().n_modules_waiting, 1);
}

Test(unwind_tables, processes_share_the_table_of_a_file) {
        cr_assert_eq(PUBLISH(0, APP, LIBC), 0);
        work_to_the_end();
        cr_assert_eq(PUBLISH(1, { 0x10000000, 0x10020000, 0x2000, "/lib/libc.so" }), 0);

        cr_expect_not(unwind_tables_has_work(bed.tables), "the table is there: published at once");
        cr_expect_eq(table_of(0, 0x700000), table_of(1, 0x10000000));
        cr_expect_eq(bed.fake.n_added, 2);
        forget(0);
        cr_expect_lt(table_of(1, 0x10000000), UNWIND_TABLE_NONE - 1);
}

Test(unwind_tables, copies_with_the_same_build_id_share_a_table) {
        cr_assert_eq(PUBLISH(0, AT(0x500000, "/a/libssl.so+1234")), 0);
        cr_assert_eq(PUBLISH(1, AT(0x500000, "/b/libssl.so+1234")), 0);
        cr_assert_eq(PUBLISH(2, AT(0x500000, "/b/libssl.so+5678")), 0);
        cr_assert_eq(PUBLISH(3, AT(0x500000, "/c/libssl.so")), 0);
        work_to_the_end();

        cr_expect_eq(table_of(0, 0x500000), table_of(1, 0x500000));
        cr_expect_neq(table_of(0, 0x500000), table_of(2, 0x500000));
        cr_expect_neq(table_of(0, 0x500000), table_of(3, 0x500000));
        cr_expect_eq(counters().n_tables, 3);
        cr_expect_eq(bed.source.n_steps, 3, "nothing is made twice");
}

Test(unwind_tables, a_forged_build_id_gives_no_table_to_others) {
        cr_assert_eq(PUBLISH(0, AT(0x500000, "/home/mallory/libssl.so+1234")), 0);
        work_to_the_end();
        cr_assert_eq(PUBLISH(1, AT(0x500000, "/lib/libssl.so+1234")), 0);
        cr_assert_eq(PUBLISH(2, AT(0x500000, "/home/eve/libssl.so+1234")), 0);
        cr_assert_eq(PUBLISH(3, AT(0x600000, "/home/mallory/libssl.so+1234")), 0);
        work_to_the_end();

        cr_expect_eq(counters().n_tables, 3);
        cr_expect_neq(table_of(0, 0x500000), table_of(1, 0x500000));
        cr_expect_neq(table_of(1, 0x500000), table_of(2, 0x500000));
        cr_expect_eq(table_of(0, 0x500000), table_of(3, 0x600000), "the same file is");
}

Test(unwind_tables, what_has_no_table_is_remembered_with_its_reason) {
        cr_assert_eq(PUBLISH(0, APP, AT(0x600000, "/lib/no-table.so"), AT(0x680000, "/lib/broken.so")), 0);
        work_to_the_end();

        cr_expect_eq(table_of(0, 0x600000), UNWIND_TABLE_NONE);
        cr_expect_eq(table_of(0, 0x680000), UNWIND_TABLE_NONE);
        cr_expect_neq(table_of(0, 0x500000), UNWIND_TABLE_NONE);
        cr_expect_eq(counters().n_modules_no_table, 1);
        cr_expect_eq(counters().n_modules_failed, 1);

        cr_assert_eq(PUBLISH(1, AT(0x680000, "/lib/broken.so")), 0);
        cr_expect_not(unwind_tables_has_work(bed.tables), "it is not tried again for each process");
}

Test(unwind_tables, what_is_malformed_within_a_file_is_counted) {
        cr_assert_eq(PUBLISH(0, APP, AT(0x600000, "/lib/gaps-a.so"), AT(0x680000, "/lib/gaps-b.so")), 0);
        work_to_the_end();
        cr_expect_eq(counters().gaps.n_malformed, 6);
        cr_expect_neq(table_of(0, 0x600000), UNWIND_TABLE_NONE, "the rest of it is used");
}

Test(unwind_tables, code_outside_the_segments_has_no_table) {
        cr_assert_eq(PUBLISH(0, { 0x500000, 0x501000, FAKE_SEGMENT_OFFSET + FAKE_SEGMENT_SIZE, "/bin/app" }),
                     0);
        work_to_the_end();
        cr_expect_eq(table_of(0, 0x500000), UNWIND_TABLE_NONE);
}

Test(unwind_tables, a_mapping_begins_with_the_page_before_its_segment) {
        const ProbeMapping *m;
        size_t n;

        cr_assert_eq(PUBLISH(0, { 0x500000, 0x510000, 0, "/bin/app" }), 0);
        work_to_the_end();
        m = mappings_of(0, &n);
        cr_assert_eq(n, 1);
        cr_expect_eq(m[0].base, 0x500000);
}

Test(unwind_tables, nothing_is_sent_when_nothing_changed) {
        cr_assert_eq(PUBLISH(0, APP), 0);
        work_to_the_end();
        bed.fake.n_mapped = 0;
        cr_assert_eq(PUBLISH(0, APP), 0);
        cr_expect_eq(bed.fake.n_mapped, 0);
        cr_assert_eq(PUBLISH(0, APP, LIBC), 0);
        work_to_the_end();
        cr_expect_gt(bed.fake.n_mapped, 0);
        cr_expect_neq(table_of(0, 0x700000), UNWIND_TABLE_NONE);
}

Test(unwind_tables, a_table_without_users_waits_for_the_next_one) {
        cr_assert_eq(PUBLISH(0, APP), 0);
        work_to_the_end();
        forget(0);
        cr_expect_eq(counters().n_tables_idle, 1);
        cr_expect_eq(counters().n_processes, 0);
        cr_expect_eq(bed.fake.n_unmapped, 1);

        cr_assert_eq(PUBLISH(0, APP), 0);
        work_to_the_end();
        cr_expect_eq(bed.fake.n_added, 1);
        cr_expect_eq(counters().n_tables_idle, 0);
        cr_expect_neq(table_of(0, 0x500000), UNWIND_TABLE_NONE);
}

Test(unwind_tables, the_table_that_was_idle_longest_makes_room) {
        bed.fake.rows_max = 3 * FAKE_ROWS;
        cr_assert_eq(PUBLISH(0, AT(0x500000, "/lib/a.so+a")), 0);
        cr_assert_eq(PUBLISH(1, AT(0x500000, "/lib/b.so+b")), 0);
        cr_assert_eq(PUBLISH(2, AT(0x500000, "/lib/c.so+c")), 0);
        work_to_the_end();
        forget(1);
        forget(0);

        cr_assert_eq(PUBLISH(3, AT(0x500000, "/lib/d.so+d")), 0);
        work_to_the_end();
        cr_expect_eq(counters().n_evicted, 1);
        cr_expect_neq(table_of(3, 0x500000), UNWIND_TABLE_NONE);

        cr_assert_eq(PUBLISH(0, AT(0x500000, "/lib/a.so+a")), 0);
        work_to_the_end();
        cr_expect_eq(bed.fake.n_added, 4, "b went, a is still there");
}

Test(unwind_tables, idle_tables_are_bounded) {
        bed.fake.rows_max = 0;
        for (unsigned i = 0; i < UNWIND_TABLES_IDLE_MAX + 20; i++) {
                char path[64];

                (void) snprintf(path, sizeof(path), "/lib/%u.so+%u", i, i);
                cr_assert_eq(PUBLISH(0, AT(0x500000, path)), 0);
                work_to_the_end();
                forget(0);
        }

        cr_expect_leq(counters().n_tables_idle, UNWIND_TABLES_IDLE_MAX);
        cr_expect_eq(counters().n_evicted, 20);
}

Test(unwind_tables, a_full_pool_means_frame_pointers_until_something_is_freed) {
        bed.fake.rows_max = FAKE_ROWS_BIG + FAKE_ROWS - 1;
        cr_assert_eq(PUBLISH(0, BIG), 0);
        work_to_the_end();
        cr_assert_eq(PUBLISH(1, APP), 0);
        work_to_the_end();
        cr_expect_eq(table_of(1, 0x500000), UNWIND_TABLE_NONE);
        cr_expect_eq(counters().n_modules_no_space, 1);

        unwind_tables_tick(bed.tables, USEC_PER_SEC);
        unwind_tables_tick(bed.tables, 10 * USEC_PER_SEC);
        cr_expect_not(unwind_tables_has_work(bed.tables), "nothing was freed");

        forget(0);
        unwind_tables_tick(bed.tables, 20 * USEC_PER_SEC);
        cr_expect_not(unwind_tables_has_work(bed.tables), "not at once");
        unwind_tables_tick(bed.tables, 20 * USEC_PER_SEC + UNWIND_RETRY_USEC);
        work_to_the_end();
        cr_expect_neq(table_of(1, 0x500000), UNWIND_TABLE_NONE);
        cr_expect_eq(counters().n_modules_no_space, 0);
}

Test(unwind_tables, mappings_without_a_place_are_tried_again_later) {
        bed.fake.maps_max = 2;
        cr_assert_eq(PUBLISH(0, APP, LIBC), 0);
        work_to_the_end();
        cr_expect_eq(PUBLISH(1, APP, LIBC), -ENOSPC);
        cr_expect_eq(counters().n_processes_refused, 1);

        forget(0);
        unwind_tables_tick(bed.tables, USEC_PER_SEC);
        unwind_tables_tick(bed.tables, USEC_PER_SEC + UNWIND_RETRY_USEC);
        work_to_the_end();
        cr_expect_neq(table_of(1, 0x500000), UNWIND_TABLE_NONE - 1);
        cr_expect_eq(counters().n_processes_refused, 0);
}

Test(unwind_tables, a_process_may_go_while_its_table_is_made) {
        cr_assert_eq(PUBLISH(0, BIG, APP), 0);
        unwind_tables_work(bed.tables, 0);
        unwind_tables_work(bed.tables, 0);
        forget(0);
        cr_expect_not(unwind_tables_has_work(bed.tables));
        cr_expect_eq(bed.source.n_jobs, 0);
}

Test(unwind_tables, code_without_a_file_is_one_range) {
        static FakeMapping many[3000];
        const ProbeMapping *m;
        size_t n;

        for (size_t i = 0; i < ELEMENTSOF(many); i++)
                many[i] = (FakeMapping){ 0x100000 + 0x2000 * i, 0x101000 + 0x2000 * i, 0, NULL };

        cr_assert_eq(publish(0, many, ELEMENTSOF(many)), 0);
        work_to_the_end();
        m = mappings_of(0, &n);
        cr_assert_eq(n, 1);
        cr_expect_eq(m[0].start, many[0].start);
        cr_expect_eq(m[0].end, many[ELEMENTSOF(many) - 1].end);
        cr_expect_eq(m[0].table, UNWIND_TABLE_NONE);
}

Test(unwind_tables, many_mappings_of_one_process_are_bounded) {
        size_t n_max = 100000, n;
        FakeMapping *many = calloc(n_max, sizeof(many[0]));

        cr_assert_not_null(many);
        for (size_t i = 0; i < n_max; i++) {
                many[i] = (FakeMapping){ 0x100000 + 0x2000 * i, 0x101000 + 0x2000 * i, 0, NULL };
                if (i % 20 == 0) /* so that they are no range */
                        many[i].path = "/lib/libc.so", many[i].offset = 0x1000;
        }

        cr_assert_eq(publish(0, many, n_max), 0);
        work_to_the_end();
        (void) mappings_of(0, &n);
        cr_expect_leq(n, UNWIND_MAPPINGS_MAX);
        cr_expect_gt(n, 1000);
        free(many);
}

Test(unwind_tables, a_probe_that_cannot_unwind_has_no_tables) {
        const UnwindSource source = fake_unwind_source(&bed.source);
        UnwindTables *t = NULL;

        bed.fake.fail[PROBE_FEATURE_UNWIND] = -EOPNOTSUPP;
        cr_expect_eq(unwind_tables_new(bed.probe, &source, &t), -EOPNOTSUPP);
        cr_expect_null(t);
}
