/* SPDX-License-Identifier: Apache-2.0 */
/* How long reading the search path takes: all of it at start, and again at each reload. */
#include "basic/cleanup.h"
#include "bench-policies-eval.h"
#include "bench.h"
#include "policy/policy-store.h"

#include <ftw.h>
#include <string.h>
#include <sys/stat.h>

#define ROUNDS 9
#define POLICIES 1000U
#define FILES_MANY 10000U

static _Noreturn void fail(const char *what) {
        perror(what);
        exit(EXIT_FAILURE);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

/* About the size of a commented policy as people write them. */
static void write_policy(const char *directory, unsigned i, unsigned threshold) {
        _cleanup_(fclosep) FILE *f = NULL;
        char path[512];

        (void) snprintf(path, sizeof(path), "%s/unit-%05u.policy", directory, i);
        f = fopen(path, "we");
        if (!f)
                fail(path);

        fprintf(f,
                "# Policy of the application %u, kept by configuration management.\n"
                "[Policy]\nDescription=Application %u burns CPU or starts too many threads\n"
                "Unit=app-%u.service app-%u@*.service\nExe=/usr/bin/* /opt/app-%u/bin/*\n"
                "Duration=2min\nSilence=20min\n\n"
                "[Trigger]\nMetric=process-cpu\nThreshold=%u%%\nPeriod=30s\nCount=10\n\n"
                "# More than the pool has.\n"
                "[Trigger]\nWhen=process-thread-count >= 500 for 5 of 10s\n",
                i,
                i,
                i,
                i,
                i,
                threshold);
}

static PolicyStore *load(const char *const *directories, unsigned expected, double *ret_ms) {
        PolicyStore *s;
        double start;

        if (policy_store_new(directories, NULL, NULL, &s) < 0)
                abort();

        start = bench_now_ms();
        if (policy_store_reload(s, NULL) < 0 || policy_store_n_loaded(s) != expected)
                abort();
        *ret_ms = bench_now_ms() - start;

        return s;
}

static void bench_load(Bench *b, const char *directory, const char *const *directories) {
        double load_ms[ROUNDS], same_ms[ROUNDS], one_ms[ROUNDS];

        for (unsigned i = 0; i < POLICIES; i++)
                write_policy(directory, i, 80);

        for (unsigned round = 0; round < ROUNDS; round++) {
                PolicyStore *s = load(directories, POLICIES, &load_ms[round]);
                double start = bench_now_ms();

                (void) policy_store_reload(s, NULL);
                same_ms[round] = bench_now_ms() - start;

                write_policy(directory, 500, 81 + round);
                start = bench_now_ms();
                (void) policy_store_reload(s, NULL);
                one_ms[round] = bench_now_ms() - start;

                policy_store_free(s);
        }

        bench_figure(b,
                     "policies-load-1000",
                     bench_median(load_ms, ROUNDS),
                     "ms",
                     100,
                     true,
                     "first load of 1000 files of 0.5 KiB with 2 triggers each, page cache warm, median of 9");
        bench_figure(b,
                     "policies-reload-unchanged-1000",
                     bench_median(same_ms, ROUNDS),
                     "ms",
                     20,
                     true,
                     "reload of the same 1000 files, none changed, median of 9");
        bench_figure(b,
                     "policies-reload-one-of-1000",
                     bench_median(one_ms, ROUNDS),
                     "ms",
                     20,
                     true,
                     "reload of the same 1000 files, one changed, median of 9");
}

static void bench_many(Bench *b, const char *directory, const char *const *directories) {
        double ms[3];

        for (unsigned i = POLICIES; i < FILES_MANY; i++)
                write_policy(directory, i, 80);

        for (size_t round = 0; round < ELEMENTSOF(ms); round++)
                policy_store_free(load(directories, POLICIES_MAX, &ms[round]));

        bench_figure(b,
                     "policies-load-10000-files",
                     bench_median(ms, ELEMENTSOF(ms)),
                     "ms",
                     1000,
                     true,
                     "first load of a directory of 10000 files, of which 4096 are read, median of 3");
}

int main(int argc, char **argv) {
        Bench *b = bench_open(argc > 1 ? argv[1] : NULL);
        char directory[128];

        (void) snprintf(directory,
                        sizeof(directory),
                        "%s/bench-policies-XXXXXX",
                        getenv("TMPDIR") ?: P_tmpdir);
        if (!mkdtemp(directory))
                fail(directory);

        const char *const directories[_POLICY_SOURCE_MAX] = { directory, "/nonexistent", "/nonexistent" };
        bench_load(b, directory, directories);
        bench_many(b, directory, directories);
        (void) nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);

        bench_policies_eval(b);
        return bench_close(b);
}
