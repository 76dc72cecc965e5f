/* SPDX-License-Identifier: Apache-2.0 */
#include "host/cgroupfs.h"
#include "host/clock.h"
#include "host/procfs-maps.h"
#include "host/procfs-pid.h"
#include "host/procfs-system.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

TestSuite(procfs, .timeout = 10);

static Host *fixture_host(const char *layout) {
        char root[PATH_MAX];
        Host *h = NULL;

        (void) snprintf(root, sizeof(root), "%s/%s", getenv("CPROF_FIXTURES") ?: "", layout);
        cr_assert_eq(host_new(root, &h), 0, "no fixture %s", root);
        return h;
}

Test(procfs, layouts_are_told_by_the_files_that_are_there) {
        _cleanup_(host_freep) Host *v2 = fixture_host("v2"), *hybrid = fixture_host("hybrid"),
                                   *v1 = fixture_host("v1");

        cr_expect_eq(v2->cgroup_layout, CGROUP_LAYOUT_UNIFIED);
        cr_expect_lt(v2->cpuacct_fd, 0);
        cr_expect_eq(hybrid->cgroup_layout, CGROUP_LAYOUT_HYBRID);
        cr_expect_geq(hybrid->unified_fd, 0);
        cr_expect_eq(v1->cgroup_layout, CGROUP_LAYOUT_LEGACY);
        cr_expect_geq(v1->cpuacct_fd, 0, "cpu,cpuacct is the directory of cpuacct");
        cr_expect_lt(v1->unified_fd, 0);
        cr_expect_null(v2->process_cpu_ns, "a fixture tree has no CPU clocks");
}

Test(procfs, a_machine_without_cgroups_is_one_too) {
        char root[] = "/tmp/test-procfs-XXXXXX", proc[64];
        _cleanup_(host_freep) Host *h = NULL;

        cr_assert(mkdtemp(root));
        cr_expect_eq(host_new(root, &h), -ENOENT, "but not one without /proc");

        (void) snprintf(proc, sizeof(proc), "%s/proc", root);
        cr_assert_eq(mkdir(proc, 0700), 0);
        cr_assert_eq(host_new(root, &h), 0);
        cr_expect_lt(h->cgroup_fd, 0);

        uint64_t ns;
        cr_expect_eq(cgroupfs_read_cpu_ns(h, "/", &ns), -ENOENT);

        (void) rmdir(proc);
        (void) rmdir(root);
}

Test(procfs, stat_line_is_read_by_its_last_parenthesis) {
        static const char line[] =
                        "610 (ed) R 1 (x) S 1 610 610 0 -1 4194304 100 0 0 0 42 17 0 0 20 0 7 0 7100 1 2\n";
        ProcStat st;

        cr_assert_eq(proc_stat_parse(line, strlen(line), &st), 0);
        cr_expect_eq(st.pid, 610);
        cr_expect_str_eq(st.comm, "ed) R 1 (x");
        cr_expect_eq(st.state, 'S');
        cr_expect_eq(st.ppid, 1);
        cr_expect_eq(st.utime_ticks, 42);
        cr_expect_eq(st.stime_ticks, 17);
        cr_expect_eq(st.n_threads, 7);
        cr_expect_eq(st.start_ticks, 7100);
        cr_expect_not(st.kernel_thread);
}

Test(procfs, lines_that_are_no_stat_line_are_refused) {
        static const char *const bad[] = {
                "",
                "\n",
                "610",
                "610 (x",
                "610 x) S 1 1 1 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 5 1\n",
                "0 (x) S 1 1 1 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 5 1\n",
                "-5 (x) S 1 1 1 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 5 1\n",
                "99999999999 (x) S 1 1 1 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 5 1\n",
                "5 (x) S 1 1 1 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0\n", /* ends before the start time */
                "5 (x) S 1 1 1 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 5x\n",
                "5 (x) S 1 1 1 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 -5 1\n", /* negative start */
                "5 (x) S 1 1 1 0 -1 0 0 0 0 0 1 1 0 0 20 0 -1 0 5 1\n", /* negative threads */
                "5 (x) S 1 1 1 0 -1 0 0 0 0 0 1  1 0 0 20 0 1 0 5 1\n", /* two blanks */
                "5 (x) S 1 1 1 0 -1 0 0 0 0 0 18446744073709551616 1 0 0 20 0 1 0 5 1\n",
                "5 (x)S 1 1 1 0 -1 0 0 0 0 0 1 1 0 0 20 0 1 0 5 1\n",
        };
        ProcStat st = { .pid = 77 };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                cr_expect_eq(proc_stat_parse(bad[i], strlen(bad[i]), &st), -EBADMSG, "row %zu", i);
        cr_expect_eq(st.pid, 77, "nothing is written on failure");
}

Test(procfs, facts_of_a_process_come_from_its_directory) {
        _cleanup_(host_freep) Host *h = fixture_host("v2");
        _cleanup_(freep) char *exe = NULL, *comm = NULL, *other = NULL;
        ProcStat st;
        uid_t uid;
        pid_t pid;

        cr_assert_eq(procfs_read_stat(h, 414, &st), 0);
        cr_expect_eq(st.n_threads, 5);
        cr_expect_eq(st.start_ticks, 5140);

        cr_assert_eq(procfs_read_uid(h, 413, &uid), 0);
        cr_expect_eq(uid, 33u, "the effective one, not the first");
        cr_assert_eq(procfs_read_ns_pid(h, 810, &pid), 0);
        cr_expect_eq(pid, 23, "innermost");
        cr_assert_eq(procfs_read_ns_pid(h, 413, &pid), 0);
        cr_expect_eq(pid, 413);

        cr_assert_eq(procfs_read_exe(h, 700, &exe), 0);
        cr_expect_str_eq(exe, "/usr/lib/postgresql/15/bin/postgres", "without the mark of deletion");
        cr_assert_eq(procfs_read_comm(h, 601, &comm), 0);
        cr_expect_str_eq(comm, "(sd-pam)");

        cr_assert_eq(procfs_read_stat(h, 2, &st), 0);
        cr_expect(st.kernel_thread);
        cr_expect_eq(procfs_read_exe(h, 950, &other), -ENOENT, "a zombie has no program");
}

static int no_mapping(const MapsLine *line, void *userdata) {
        return -ECANCELED;
}

Test(procfs, a_process_that_is_gone_is_esrch_everywhere) {
        _cleanup_(host_freep) Host *h = fixture_host("v2");
        char *text = NULL;
        ProcStat st;
        uid_t uid;
        pid_t pid;

        cr_expect_eq(procfs_read_stat(h, 4711, &st), -ESRCH);
        cr_expect_eq(procfs_read_uid(h, 4711, &uid), -ESRCH);
        cr_expect_eq(procfs_read_ns_pid(h, 4711, &pid), -ESRCH);
        cr_expect_eq(procfs_read_exe(h, 4711, &text), -ESRCH);
        cr_expect_eq(procfs_read_comm(h, 4711, &text), -ESRCH);
        cr_expect_eq(procfs_read_cgroup(h, 4711, &text), -ESRCH);
        cr_expect_eq(procfs_for_each_exec_mapping(h, 4711, no_mapping, NULL), -ESRCH);
        cr_expect_null(text);
}

Test(procfs, the_cgroup_is_that_of_systemds_hierarchy) {
        static const struct {
                const char *text;
                CgroupLayout layout;
                const char *path; /* NULL: -ENOENT */
        } table[] = {
                { "0::/system.slice/a.service\n", CGROUP_LAYOUT_UNIFIED, "/system.slice/a.service" },
                { "0::/system.slice/a.service", CGROUP_LAYOUT_UNIFIED, "/system.slice/a.service" },
                { "12:pids:/x\n1:name=systemd:/a.service\n0::/b.service\n",
                  CGROUP_LAYOUT_HYBRID,
                  "/a.service" },
                { "12:pids:/x\n1:name=systemd:/a.service\n0::/b.service\n",
                  CGROUP_LAYOUT_UNIFIED,
                  "/b.service" },
                { "12:pids:/x\n1:name=systemd:/a.service\n", CGROUP_LAYOUT_LEGACY, "/a.service" },
                { "12:pids:/x\n0::/b.service\n", CGROUP_LAYOUT_HYBRID, "/b.service" },
                { "0::/a.service (deleted)\n", CGROUP_LAYOUT_UNIFIED, "/a.service" },
                { "0::/with:colon.service\n", CGROUP_LAYOUT_UNIFIED, "/with:colon.service" },
                { "0::/../../a.service\n", CGROUP_LAYOUT_UNIFIED, "/" },
                { "0::/..\n", CGROUP_LAYOUT_UNIFIED, "/" },
                { "0::/..a.service\n", CGROUP_LAYOUT_UNIFIED, "/..a.service" },
                { "0::/\n", CGROUP_LAYOUT_UNIFIED, "/" },
                { "", CGROUP_LAYOUT_UNIFIED, NULL },
                { "12:pids:/x\n", CGROUP_LAYOUT_UNIFIED, NULL },
                { "0::relative\n", CGROUP_LAYOUT_UNIFIED, NULL },
                { "no colons\n::\n0:\n", CGROUP_LAYOUT_LEGACY, NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(freep) char *path = NULL;
                int r = proc_cgroup_parse(table[i].text, table[i].layout, &path);

                if (!table[i].path) {
                        cr_expect_eq(r, -ENOENT, "row %zu", i);
                        continue;
                }
                cr_assert_eq(r, 0, "row %zu", i);
                cr_expect_str_eq(path, table[i].path, "row %zu: %s", i, path);
        }
}

static int count_pid(pid_t pid, void *userdata) {
        unsigned *n = userdata;

        (*n)++;
        return 0;
}

static int stop_at_once(pid_t pid, void *userdata) {
        return -ECANCELED;
}

Test(procfs, only_numbers_are_processes) {
        _cleanup_(host_freep) Host *h = fixture_host("v2");
        unsigned n = 0;

        cr_assert_eq(procfs_for_each_pid(h, count_pid, &n), 0);
        cr_expect_eq(n, 17, "%u, with the kernel thread and the zombie, without loadavg", n);
        cr_expect_eq(procfs_for_each_pid(h, stop_at_once, NULL), -ECANCELED);
}

Test(procfs, load_is_the_first_field) {
        static const char *const bad[] = { "",    "\n",       " 0.5 0.5", "x 0.1",
                                           "0.5", "-1.0 0 0", "nan 0 0",  "1e3 0 0" };
        _cleanup_(host_freep) Host *h = fixture_host("v2");
        double load = 7;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                cr_expect_eq(loadavg_parse(bad[i], &load), -EBADMSG, "'%s'", bad[i]);
        cr_expect_eq(load, 7);

        cr_assert_eq(procfs_read_load1(h, &load), 0);
        cr_expect_float_eq(load, 0.52, 1e-9);
}

Test(procfs, cpu_of_a_cgroup_is_read_in_each_layout) {
        _cleanup_(host_freep) Host *v2 = fixture_host("v2"), *hybrid = fixture_host("hybrid"),
                                   *v1 = fixture_host("v1");
        uint64_t ns;

        cr_assert_eq(cgroupfs_read_cpu_ns(v2, "/system.slice/nginx.service", &ns), 0);
        cr_expect_eq(ns, UINT64_C(13000000000));
        cr_assert_eq(cgroupfs_read_cpu_ns(v2, "/", &ns), 0);
        cr_expect_eq(ns, UINT64_C(90000000000));
        cr_expect_eq(cgroupfs_read_cpu_ns(v2, "/system.slice/gone.service", &ns), -ENOENT);

        cr_assert_eq(cgroupfs_read_cpu_ns(v1, "/system.slice", &ns), 0);
        cr_expect_eq(ns, UINT64_C(30000000123));
        cr_expect_eq(cgroupfs_read_cpu_ns(v1, "/system.slice/nginx.service", &ns), -ENOENT);

        cr_assert_eq(cgroupfs_read_cpu_ns(hybrid, "/system.slice/nginx.service", &ns), 0);
        cr_expect_eq(ns, UINT64_C(13000000000), "from the cgroup2 beside it");
}

Test(procfs, pressure_is_the_total_of_some) {
        static const struct {
                const char *text;
                int expected;
                uint64_t usec;
        } rows[] = {
                { "some avg10=0.00 avg60=0.12 avg300=0.31 total=1234567\nfull avg10=0.00 total=9\n",
                  0,
                  1234567 },
                { "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n", 0, 0 },
                { "some avg10=0.00 total=18446744073709551615", 0, UINT64_MAX },
                { "some avg10=0.00 total=18446744073709551616", -EBADMSG, 0 },
                { "full avg10=0.00 total=1\nsome avg10=0.00 total=2\n", -EBADMSG, 0 },
                { "some avg10=0.00\nfull avg10=0.00 total=9\n", -EBADMSG, 0 },
                { "some total=\nfull total=9\n", -EBADMSG, 0 },
                { "some total=1x\n", -EBADMSG, 0 },
                { "some total=-1\n", -EBADMSG, 0 },
                { "some subtotal=1\n", -EBADMSG, 0 },
                { "some total", -EBADMSG, 0 },
                { "", -EBADMSG, 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                uint64_t usec = 77;

                cr_expect_eq(pressure_parse(rows[i].text, &usec), rows[i].expected, "row %zu", i);
                cr_expect_eq(usec, rows[i].expected < 0 ? 77 : rows[i].usec, "row %zu", i);
        }
}

Test(procfs, pressure_needs_cgroup2) {
        _cleanup_(host_freep) Host *v2 = fixture_host("v2"), *hybrid = fixture_host("hybrid"),
                                   *v1 = fixture_host("v1");
        uint64_t usec;

        cr_expect_eq(cgroupfs_read_pressure(v2, "/system.slice", PRESSURE_IO, &usec), -ENOENT);
        cr_expect_eq(cgroupfs_read_pressure(hybrid, "/system.slice", PRESSURE_IO, &usec), -ENOENT);
        cr_expect_eq(cgroupfs_read_pressure(v1, "/system.slice", PRESSURE_IO, &usec), -EOPNOTSUPP);
}

Test(procfs, our_own_cpu_clock_counts_us_and_no_dead_process) {
        _cleanup_(host_freep) Host *h = NULL;
        uint64_t before, after;
        pid_t pid;

        cr_assert_eq(host_new("/", &h), 0);
        cr_assert_not_null(h->process_cpu_ns);
        cr_assert_eq(h->process_cpu_ns(getpid(), &before), 0);
        for (volatile unsigned i = 0; i < 1000000; i++)
                ;
        cr_assert_eq(h->process_cpu_ns(getpid(), &after), 0);
        cr_expect_gt(after, before);

        pid = fork();
        if (pid == 0)
                _exit(0);
        cr_assert_eq(waitpid(pid, NULL, 0), pid);
        cr_expect_eq(h->process_cpu_ns(pid, &after), -ESRCH);
}

Test(procfs, clocks_agree_on_now) {
        usec_t a = clock_monotonic_to_realtime(clock_monotonic_usec()), b = clock_realtime_usec();

        cr_expect_leq(a > b ? a - b : b - a, USEC_PER_SEC);
}
