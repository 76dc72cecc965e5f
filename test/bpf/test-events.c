/* SPDX-License-Identifier: Apache-2.0 */
/* What processes do to their mappings, as the kernel tells it. */
#include "bpf/spawn.h"

#include "host/clock.h"
#include "probe/probe.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

TestSuite(events, .timeout = 60);

typedef struct Seen {
        ProbeEventType type;
        pid_t pid, parent;
        usec_t at_usec;
        uint64_t inode;
        char path[256];
} Seen;

static Seen seen[4096];
static size_t n_seen;

static void on_event(const ProbeEvent *ev, void *userdata) {
        Seen *s = seen + n_seen;

        if (n_seen == ELEMENTSOF(seen))
                return;

        *s = (Seen){
                .type = ev->type,
                .pid = ev->pid,
                .parent = ev->parent,
                .at_usec = ev->at_usec,
                .inode = ev->inode,
        };
        if (ev->path)
                (void) snprintf(s->path, sizeof(s->path), "%s", ev->path);
        n_seen++;
}

static const Seen *find(ProbeEventType type, pid_t pid, const char *path) {
        for (size_t i = 0; i < n_seen; i++)
                if (seen[i].type == type && seen[i].pid == pid && (!path || strstr(seen[i].path, path)))
                        return seen + i;

        return NULL;
}

static Probe *open_probe(void) {
        Probe *p;

        cr_assert_eq(probe_new(&(ProbeConfig){}, &p), 0);
        cr_assert_eq(probe_feature(p, PROBE_FEATURE_EVENTS, NULL), 0);
        cr_assert_eq(probe_events_read(p, on_event, NULL), 0);
        n_seen = 0;
        return p;
}

/* Runs @fn in a child until it ends. */
static pid_t run_child(void (*fn)(void)) {
        int status;
        pid_t pid = fork();

        cr_assert_geq(pid, 0);
        if (pid == 0) {
                fn();
                _exit(0);
        }

        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        return pid;
}

static void load_library(void) {
        if (!dlopen("libm.so.6", RTLD_NOW) || !dlopen("libutil.so.1", RTLD_NOW))
                _exit(1);
}

static void run_true(void) {
        (void) execl("/bin/true", "true", NULL);
        _exit(1);
}

static void make_code(void) {
        if (mmap(NULL, 65536, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
                _exit(1);
}

static void *do_nothing(void *arg) {
        return NULL;
}

static void run_thread(void) {
        pthread_t t;

        if (pthread_create(&t, NULL, do_nothing, NULL) != 0 || pthread_join(t, NULL) != 0)
                _exit(1);
}

Test(events, a_library_that_is_loaded_is_told) {
        _cleanup_(probe_freep) Probe *p = open_probe();
        usec_t before_usec = clock_monotonic_usec();
        pid_t pid = run_child(load_library);
        struct stat st;
        const Seen *s;

        cr_assert_eq(probe_events_read(p, on_event, NULL), 0);
        s = find(PROBE_EVENT_MAP, pid, "/libutil");
        cr_assert_not_null(s);
        cr_assert_eq(stat(s->path, &st), 0);
        cr_expect_eq(s->inode, st.st_ino);
        cr_expect_geq(s->at_usec, before_usec);
        cr_expect_leq(s->at_usec, clock_monotonic_usec());
}

Test(events, code_without_a_file_is_told) {
        _cleanup_(probe_freep) Probe *p = open_probe();
        pid_t pid = run_child(make_code);

        cr_assert_eq(probe_events_read(p, on_event, NULL), 0);
        cr_expect_not_null(find(PROBE_EVENT_MAP, pid, "//anon"));
}

Test(events, a_life_is_told_in_its_order) {
        _cleanup_(probe_freep) Probe *p = open_probe();
        pid_t pid = run_child(run_true);
        const Seen *made, *exec, *mapped, *over;

        cr_assert_eq(probe_events_read(p, on_event, NULL), 0);
        made = find(PROBE_EVENT_FORK, pid, NULL);
        exec = find(PROBE_EVENT_EXEC, pid, NULL);
        mapped = find(PROBE_EVENT_MAP, pid, "/true");
        over = find(PROBE_EVENT_EXIT, pid, NULL);
        cr_assert(made && exec && mapped && over);
        cr_expect_eq(made->parent, getpid());
        cr_expect(made < exec && exec < over && made < mapped && mapped < over);
}

Test(events, order_holds_over_processors_too) {
        _cleanup_(probe_freep) Probe *p = open_probe();
        pid_t pids[50];

        for (size_t i = 0; i < ELEMENTSOF(pids); i++)
                pids[i] = run_child(run_true);

        cr_assert_eq(probe_events_read(p, on_event, NULL), 0);
        for (size_t i = 0; i < ELEMENTSOF(pids); i++) {
                const Seen *made = find(PROBE_EVENT_FORK, pids[i], NULL);
                const Seen *over = find(PROBE_EVENT_EXIT, pids[i], NULL);

                cr_assert(made && over);
                cr_expect_lt(made, over);
        }
        for (size_t i = 1; i < n_seen; i++)
                cr_assert_leq(seen[i - 1].at_usec, seen[i].at_usec);
}

Test(events, threads_are_no_processes) {
        _cleanup_(probe_freep) Probe *p = open_probe();
        pid_t pid = run_child(run_thread);
        unsigned n_forks = 0, n_exits = 0;

        cr_assert_eq(probe_events_read(p, on_event, NULL), 0);
        for (size_t i = 0; i < n_seen; i++) {
                n_forks += seen[i].type == PROBE_EVENT_FORK && (seen[i].parent == pid || seen[i].pid == pid);
                n_exits += seen[i].type == PROBE_EVENT_EXIT && seen[i].pid == pid;
        }
        cr_expect_eq(n_forks, 1);
        cr_expect_eq(n_exits, 1);
}

Test(events, numbers_are_those_of_our_namespace) {
        _cleanup_(probe_freep) Probe *p = open_probe();
        pid_t pid = spawn_busy_in_namespace();
        const Seen *s;

        cr_assert_eq(probe_events_read(p, on_event, NULL), 0);
        s = find(PROBE_EVENT_FORK, pid, NULL);
        cr_assert_not_null(s);
        cr_expect_not_null(find(PROBE_EVENT_FORK, s->parent, NULL));
        spawn_kill(pid);
}

Test(events, what_happened_before_the_first_reading_is_not_told) {
        _cleanup_(probe_freep) Probe *p = NULL;
        pid_t pid;

        cr_assert_eq(probe_new(&(ProbeConfig){}, &p), 0);
        pid = run_child(run_true);
        cr_assert_eq(probe_events_read(p, on_event, NULL), 0);
        cr_expect_null(find(PROBE_EVENT_EXIT, pid, NULL));
}

Test(events, events_that_found_no_place_are_told_as_lost) {
        _cleanup_(probe_freep) Probe *p = open_probe();
        ProbeCounters c;
        pid_t pid;
        int r = 0;

        for (unsigned i = 0; i < 20000; i++) {
                void *m = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

                cr_assert_neq(m, MAP_FAILED);
                (void) munmap(m, 4096);
        }

        /* the kernel says so with the next record that has a place */
        for (unsigned i = 0; i < 2 && r == 0; i++) {
                r = probe_events_read(p, on_event, NULL);
                for (unsigned j = 0; j < 8; j++)
                        (void) run_child(make_code);
        }
        cr_expect_eq(r == 0 ? probe_events_read(p, on_event, NULL) : r, -EOVERFLOW);
        probe_counters(p, &c);
        cr_expect_gt(c.n_events_lost, 1000);

        n_seen = 0;
        pid = run_child(run_true);
        (void) probe_events_read(p, on_event, NULL);
        cr_expect_not_null(find(PROBE_EVENT_EXIT, pid, NULL), "it goes on afterwards");
}
