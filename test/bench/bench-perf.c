/* SPDX-License-Identifier: Apache-2.0 */
#include "bench-perf.h"

#include "basic/cleanup.h"
#include "bench-load.h"
#include "bench.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define KERNEL_ADDRESSES (UINT64_C(1) << 63)
#define ENTRY_BYTES 64U /* of _start, where nobody has its name */

/* Functions without a caller, and those that only they call. */
static bool is_root(const char *name) {
        static const char *const names[] = { "_start", "clone",    "__clone",
                                             "clone3", "__clone3", "start_thread" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strcmp(name, names[i]) == 0)
                        return true;

        return strncmp(name, "__libc_start_", strlen("__libc_start_")) == 0;
}

/* Lines of frames, the innermost first, after a line for each sample and before an empty one. */
static void read_script(FILE *f, const char *exe, uint64_t entry, BenchStacks *s) {
        bool has_user = false, ends_in_root = false;
        char line[4096];

        while (fgets(line, sizeof(line), f)) {
                char name[1024];
                uint64_t address;

                if (line[0] == '\n') {
                        s->n_stacks += has_user;
                        s->n_complete += has_user && ends_in_root;
                        has_user = ends_in_root = false;
                } else if (line[0] != ' ' && line[0] != '\t')
                        s->n_samples++;
                else if (sscanf(line, "%" SCNx64 " %1023[^\n]", &address, name) == 2 &&
                         address < KERNEL_ADDRESSES) {
                        char *module = strrchr(name, '(');
                        bool in_exe = module && strstr(module, exe);

                        if (module && module > name)
                                module[-1] = '\0';
                        name[strcspn(name, "@")] = '\0'; /* a version */
                        has_user = true;
                        /* without a name it is an address in the file */
                        ends_in_root = is_root(name) || (in_exe && address - entry < ENTRY_BYTES);
                        s->n_frames++;
                        s->n_named += strcmp(name, "[unknown]") != 0;
                }
        }
}

void bench_perf_record(
                const char *option,
                pid_t pid,
                unsigned hz,
                unsigned seconds,
                const char *directory,
                const char *exe,
                uint64_t entry,
                BenchStacks *ret) {
        uint64_t record_ns, script_ns;
        char command[512], path[192];
        double start_ms;
        struct stat st;
        FILE *f;

        *ret = (BenchStacks){};
        (void) snprintf(path, sizeof(path), "%s/perf.data", directory);
        (void) snprintf(command,
                        sizeof(command),
                        "exec perf record -q -F %u %s -p %i -o %s -- sleep %u >/dev/null 2>&1",
                        hz,
                        option,
                        (int) pid,
                        path,
                        seconds);
        if (bench_run(command, &record_ns) != 0 || stat(path, &st) < 0)
                bench_fail("perf record", EIO);

        start_ms = bench_now_ms();
        (void) snprintf(command,
                        sizeof(command),
                        "exec perf script --no-inline -F comm,ip,sym,dso -i %s >%s/script 2>/dev/null",
                        path,
                        directory);
        if (bench_run(command, &script_ns) != 0)
                bench_fail("perf script", EIO);
        ret->seconds = (bench_now_ms() - start_ms) / 1e3;

        (void) snprintf(path, sizeof(path), "%s/script", directory);
        f = fopen(path, "re");
        if (!f)
                bench_fail(path, errno);
        read_script(f, exe, entry, ret);
        (void) fclose(f);

        ret->bytes = (uint64_t) st.st_size;
        ret->cpu_ns = record_ns + script_ns;
        if (ret->n_stacks == 0)
                bench_fail("perf script said nothing", ENODATA);
}
