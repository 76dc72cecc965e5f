/* SPDX-License-Identifier: Apache-2.0 */
/* One recording by the daemon, and what its files say. */
#include "bench-bpf.h"
#include "bench-load.h"
#include "bench-stacks.h"

#include "basic/cleanup.h"
#include "host/clock.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define MISS_USEC USEC_PER_SEC
#define END_USEC_MAX (60 * USEC_PER_SEC)

static bool is_address(const char *frame) {
        return strstr(frame, "+0x") || strncmp(frame, "0x", 2) == 0 || strcmp(frame, "[unknown]") == 0;
}

/* "thread;outermost;...;innermost n" */
static void count_frames(BenchStacks *s, char *line) {
        char *space = strrchr(line, ' '), *position = NULL, *frame;
        uint64_t n = space ? strtoull(space, NULL, 10) : 0;

        if (n == 0)
                return;

        *space = '\0';
        (void) strtok_r(line, ";", &position);
        while ((frame = strtok_r(NULL, ";", &position))) {
                size_t length = strlen(frame);

                if (length > 4 && strcmp(frame + length - 4, "_[k]") == 0)
                        continue;
                s->n_frames += n;
                if (!is_address(frame))
                        s->n_named += n;
        }
}

static void read_profile(BenchStacks *s, const char *directory) {
        char command[2 * PATH_MAX + 64];
        char *line = NULL;
        size_t size = 0;
        FILE *f;

        (void) snprintf(command,
                        sizeof(command),
                        "exec %s --convert-profile <%s/profile.pb.gz",
                        bench_daemon_path(),
                        directory);
        f = popen(command, "re");
        if (!f)
                bench_fail("--convert-profile", errno);
        while (getline(&line, &size, f) > 0)
                count_frames(s, line);
        if (pclose(f) != 0)
                bench_fail("--convert-profile", EIO);
        free(line);
}

static uint64_t file_bytes(const char *directory, const char *name) {
        char path[PATH_MAX];
        struct stat st;

        (void) snprintf(path, sizeof(path), "%s/%s", directory, name);
        return stat(path, &st) == 0 ? (uint64_t) st.st_size : 0;
}

static void read_ends(json_t *task, BenchRecording *r) {
        json_t *quality = json_object_get(task, "quality"), *ends = json_object_get(task, "ends"), *value;
        size_t length = 0;
        const char *key;

        r->stacks.n_stacks = bench_task_usec(quality, "stacks_user");
        r->n_python = bench_task_usec(quality, "python_frames");
        r->stacks.n_complete = bench_task_usec(ends, "root") + bench_task_usec(ends, "frame_pointer");

        json_object_foreach(ends, key, value) {
                if (json_integer_value(value) == 0 || strcmp(key, "root") == 0 ||
                    strcmp(key, "frame_pointer") == 0 || length >= sizeof(r->ends))
                        continue;
                length += (size_t) snprintf(
                                r->ends + length,
                                sizeof(r->ends) - length,
                                ", %s %i",
                                key,
                                (int) json_integer_value(value));
        }
}

static json_t *wait_for_task(const char *directory) {
        usec_t give_up_usec = clock_monotonic_usec() + END_USEC_MAX;
        char path[PATH_MAX];

        (void) snprintf(path, sizeof(path), "%s/task.json", directory);
        for (;;) {
                json_t *task = json_load_file(path, 0, NULL);
                const char *state = json_string_value(json_object_get(task, "state"));

                if (state && strcmp(state, "finished") == 0)
                        return task;
                json_decref(task);
                if (clock_monotonic_usec() > give_up_usec)
                        bench_fail("the recording did not end", ETIME);
                bench_sleep_until(clock_monotonic_usec() + 10 * USEC_PER_MSEC);
        }
}

/* A recording of a process that sleeps. */
static double measure_miss(const BenchDaemon *d, BenchBus *bus, int fd) {
        pid_t pid = bench_fork("bench-asleep", bench_pause, NULL);
        struct bpf_prog_info before, after;
        char directory[512], id[128];

        bench_bpf_read(fd, &before);
        bench_bus_start_task(bus, pid, MISS_USEC, id);
        (void) snprintf(directory, sizeof(directory), "%s/state/tasks/%s", d->directory, id);
        json_decref(wait_for_task(directory));
        bench_bpf_read(fd, &after);
        bench_kill(pid);

        if (after.run_cnt == before.run_cnt)
                return 0;
        return (double) (after.run_time_ns - before.run_time_ns) / (double) (after.run_cnt - before.run_cnt);
}

void bench_daemon_record(
                const BenchDaemon *d, BenchBus *bus, pid_t pid, usec_t duration_usec, BenchRecording *ret) {
        _cleanup_(closep) int fd = bench_bpf_open(d->pid, "oncpu");
        double miss_ns = measure_miss(d, bus, fd), missed_ns;
        uint64_t daemon_ns = bench_daemon_cpu_ns(d), subject_ns;
        struct bpf_prog_info before, after;
        char directory[512], id[128];
        json_t *task;

        *ret = (BenchRecording){ .miss_ns = miss_ns };
        bench_bpf_read(fd, &before);
        bench_bus_start_task(bus, pid, duration_usec, id);
        subject_ns = bench_process_cpu_ns(pid);
        bench_sleep_until(clock_monotonic_usec() + duration_usec);
        ret->subject_ns = bench_process_cpu_ns(pid) - subject_ns;

        (void) snprintf(directory, sizeof(directory), "%s/state/tasks/%s", d->directory, id);
        task = wait_for_task(directory);
        bench_bpf_read(fd, &after);
        ret->stacks.cpu_ns = bench_daemon_cpu_ns(d) - daemon_ns;
        ret->bpf_ns = after.run_time_ns - before.run_time_ns;
        ret->bpf_runs = after.run_cnt - before.run_cnt;

        ret->stacks.n_samples = bench_task_usec(task, "n_samples");
        ret->stacks.bytes = file_bytes(directory, "profile.pb.gz") + file_bytes(directory, "task.json");
        if (ret->stacks.n_samples == 0)
                bench_fail("nothing was sampled", ENODATA);
        missed_ns = miss_ns * ((double) ret->bpf_runs - (double) ret->stacks.n_samples);
        ret->sample_ns = ((double) ret->bpf_ns - missed_ns) / (double) ret->stacks.n_samples;
        read_ends(task, ret);
        read_profile(&ret->stacks, directory);
        json_decref(task);
}
