/* SPDX-License-Identifier: Apache-2.0 */
/* From interpreters that run to functions and lines: each version of CPython that is installed. */
#include "bpf/recording.h"
#include "bpf/spawn.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

TestSuite(python, .timeout = 100);

static const char *const interpreters[] = { "python3.11", "python3.12", "python3.13" };

typedef struct Bench {
        Recording recording;
        pid_t pid;
        Symbols *symbols;
} Bench;

static void bench_run(Bench *b, ProfileKind kind) {
        recording_open(&b->recording,
                       &(RecordingConfig){ .hz = 199, .with_tables = true, .with_python = true });
        (void) recording_run(&b->recording, b->pid, kind, 2 * USEC_PER_SEC);
        b->symbols = recording_names(&b->recording);
}

static void bench_close(Bench *b) {
        spawn_kill(b->pid);
        symbols_free(b->symbols);
        recording_close(&b->recording);
}

/* 0: not installed, or it does not start. */
static pid_t spawn_python(const char *interpreter, const char *what, const char *threads) {
        const char *root = getenv("CPROF_SOURCE_ROOT");
        char script[512], byte;
        int fds[2];
        pid_t pid;

        cr_assert_not_null(root);
        (void) snprintf(script, sizeof(script), "%s/test/bpf/python-workload.py", root);
        cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);

        pid = fork();
        cr_assert_geq(pid, 0);
        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void) dup2(fds[1], STDOUT_FILENO);
                (void) execlp(interpreter, interpreter, script, what, threads, (char *) NULL);
                _exit(127);
        }

        (void) close(fds[1]);
        do
                if (read(fds[0], &byte, 1) != 1) {
                        (void) waitpid(pid, NULL, 0);
                        pid = 0;
                        break;
                }
        while (byte != '\n');
        (void) close(fds[0]);
        return pid;
}

typedef struct Expected {
        const char *function;
        uint32_t line; /* 0: any */
} Expected;

/* The place of the innermost frame of that function, -1 for none. */
static int find_function(const Bench *b, const ProfileStack *s, const Expected *e, int from) {
        for (int i = from; i < s->n_frames; i++) {
                const Module *m = profile_module(b->recording.ended->profile, frame_module(s->frames[i]));

                if (m && m->type == MODULE_PYTHON &&
                    strcmp(symbols_name(b->symbols, s->frames[i]).name, e->function) == 0 &&
                    (e->line == 0 || function_offset_line(frame_offset(s->frames[i])) == e->line))
                        return i;
        }

        return -1;
}

static uint64_t weight(const ProfileStack *s) {
        return s->state == PROFILE_STATE_RUNNING ? s->n_samples : s->offcpu_nsec;
}

/* Percent of samples or of waiting with these functions in this order, innermost first, anything between. */
static double share(const Bench *b, const Expected *chain, size_t n) {
        uint64_t hits = 0, all = 0;
        ProfileStack *s, *next;

        HASH_ITER(hh, profile_stacks(b->recording.ended->profile), s, next) {
                int at = -1;
                size_t i;

                for (i = 0; i < n; i++) {
                        at = find_function(b, s, &chain[i], at + 1);
                        if (at < 0)
                                break;
                }
                all += weight(s);
                hits += i == n ? weight(s) : 0;
        }

        return all > 0 ? 100.0 * (double) hits / (double) all : 0;
}

/* What was recorded, if @is_needed or asked for. */
static void print_profile(const Bench *b, bool is_needed) {
        ProfileStack *s, *next;

        if (!is_needed && !getenv("CPROF_TEST_VERBOSE"))
                return;

        HASH_ITER(hh, profile_stacks(b->recording.ended->profile), s, next) {
                (void) fprintf(stderr, "%lu:", (unsigned long) weight(s));
                for (unsigned i = 0; i < s->n_frames; i++) {
                        const Module *m = profile_module(
                                        b->recording.ended->profile, frame_module(s->frames[i]));

                        (void) fprintf(stderr, " %s", symbols_name(b->symbols, s->frames[i]).name);
                        if (m && m->type == MODULE_PYTHON)
                                (void) fprintf(stderr,
                                               ":%u",
                                               function_offset_line(frame_offset(s->frames[i])));
                }
                (void) fprintf(stderr, "\n");
        }
}

#define ATTEMPTS 4U /* other work may take the CPUs for seconds */
#define SAMPLES_MIN 20U

/* 1: it was sampled; 0: too few samples; -ENOENT: it is not installed. */
static int
check_version(const char *interpreter,
              const char *what,
              const char *threads,
              const Expected *chain,
              size_t n_chain,
              double percent) {
        const char *reason;
        Bench b = {};
        double got;

        b.pid = spawn_python(interpreter, what, threads);
        if (b.pid == 0)
                return -ENOENT;

        bench_run(&b, PROFILE_KIND_ON_CPU);
        cr_assert_eq(probe_feature(b.recording.probe, PROBE_FEATURE_PYTHON, &reason), 0, "%s", reason);
        got = share(&b, chain, n_chain);
        print_profile(&b, got < percent);
        cr_log_info("%s %s: %lu samples, %lu mismatches, %.1f %%",
                    interpreter,
                    what,
                    (unsigned long) b.recording.ended->n_samples,
                    (unsigned long) b.recording.ended->losses.n_python_mismatch,
                    got);
        if (b.recording.ended->n_samples <= SAMPLES_MIN) {
                bench_close(&b);
                return 0;
        }

        cr_expect_leq(b.recording.ended->losses.n_python_mismatch,
                      1 + b.recording.ended->n_samples / 100,
                      "%s",
                      interpreter);
        cr_expect_geq(got, percent, "%s: %.1f %%", interpreter, got);
        /* code that ran while the interpreter started may be gone when it is read */
        cr_expect_leq(daemon_python_n_unreadable(b.recording.python),
                      1 + b.recording.ended->n_samples / 100);
        cr_expect_gt(b.recording.ended->quality.n_python_frames, b.recording.ended->n_samples);
        bench_close(&b);
        return 1;
}

/* Samples @what in every version. Every sample but one in a hundred has to have fitting stacks, and
 * @percent of them the functions of @chain. */
static void
check(const char *what, const char *threads, const Expected *chain, size_t n_chain, double percent) {
        unsigned n_versions = 0, n_sampled = 0;

        for (size_t i = 0; i < ELEMENTSOF(interpreters); i++)
                for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
                        int r = check_version(interpreters[i], what, threads, chain, n_chain, percent);

                        n_versions += r >= 0;
                        n_sampled += r > 0;
                        if (r != 0)
                                break;
                }

        cr_expect_eq(n_versions > 0, n_sampled > 0, "an interpreter was sampled");

        if (n_versions == 0)
                cr_skip("no interpreter is installed");
}

Test(python, functions_that_call_each_other_have_their_lines) {
        static const Expected chain[] = {
                { "middle", 17 }, { "outermost", 21 }, { "calls", 25 }, { "run", 0 }
        };

        check("calls", "1", chain, ELEMENTSOF(chain), 98);
}

Test(python, the_innermost_function_is_at_the_line_that_runs) {
        static const Expected chain[] = { { "innermost", 12 }, { "middle", 17 } };

        check("calls", "1", chain, ELEMENTSOF(chain), 60);
}

Test(python, functions_called_back_from_c_are_below_it) {
        static const Expected chain[] = { { "innermost", 0 }, { "sort_key", 29 }, { "sorting", 33 } };

        check("sorting", "1", chain, ELEMENTSOF(chain), 70);
}

Test(python, a_generator_is_below_who_consumes_it) {
        static const Expected chain[] = { { "innermost", 0 }, { "numbers", 38 }, { "generator", 42 } };

        check("generator", "1", chain, ELEMENTSOF(chain), 90);
}

Test(python, a_thread_without_the_lock_is_found) {
        static const Expected chain[] = { { "hashing", 46 }, { "run", 0 } };

        check("hashing", "8", chain, ELEMENTSOF(chain), 98);
}

Test(python, eight_threads_with_everything_are_consistent) {
        static const Expected chain[] = { { "mixed", 0 }, { "run", 0 } };

        check("mixed", "8", chain, ELEMENTSOF(chain), 98);
}

Test(python, methods_have_qualified_names_in_any_script) {
        static const Expected chain[] = { { "Shape.area", 68 }, { "méthode", 72 } };

        check("méthode", "1", chain, ELEMENTSOF(chain), 95);
}

Test(python, waits_have_the_functions_that_wait) {
        static const Expected chain[] = { { "pause", 91 }, { "sleeping", 95 }, { "run", 0 } };
        unsigned n_versions = 0;

        for (size_t i = 0; i < ELEMENTSOF(interpreters); i++) {
                Bench b = {};
                double got;

                b.pid = spawn_python(interpreters[i], "sleeping", "3");
                if (b.pid == 0)
                        continue;

                bench_run(&b, PROFILE_KIND_OFF_CPU);
                got = share(&b, chain, ELEMENTSOF(chain));
                print_profile(&b, got < 95.0);
                cr_expect_geq(got, 95.0, "%s: %.1f %%", interpreters[i], got);
                bench_close(&b);
                n_versions++;
        }

        if (n_versions == 0)
                cr_skip("no interpreter is installed");
}
