/* SPDX-License-Identifier: Apache-2.0 */
#include "bench-load.h"

#include "basic/cleanup.h"
#include "host/clock.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

void bench_fail(const char *what, int error) {
        (void) fprintf(stderr, "bench: %s: %s\n", what, strerror(error < 0 ? -error : error));
        exit(EXIT_FAILURE);
}

pid_t bench_fork(const char *name, void (*fn)(void *userdata), void *userdata) {
        pid_t parent = getpid(), pid;

        (void) fflush(NULL);
        pid = fork();
        if (pid < 0)
                bench_fail("fork", errno);
        if (pid > 0)
                return pid;

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(EXIT_FAILURE);

        (void) prctl(PR_SET_NAME, name);
        fn(userdata);
        _exit(EXIT_SUCCESS);
}

void bench_kill(pid_t pid) {
        (void) kill(pid, SIGKILL);
        (void) waitpid(pid, NULL, 0);
}

void bench_pause(void *userdata) {
        for (;;)
                (void) pause();
}

void bench_sleep_until(usec_t at_usec) {
        const struct timespec at = {
                .tv_sec = (time_t) (at_usec / USEC_PER_SEC),
                .tv_nsec = (long) (at_usec % USEC_PER_SEC * NSEC_PER_USEC),
        };

        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
                ;
}

static uint64_t burn(unsigned depth, uint64_t x);

/* Through a volatile pointer and with something left to do after the call: each level is a frame. */
static uint64_t (*volatile burn_deeper)(unsigned depth, uint64_t x) = burn;

static uint64_t burn(unsigned depth, uint64_t x) {
        if (depth > 1) {
                x = burn_deeper(depth - 1, x);
                __asm__ volatile("" : "+r"(x));
                return x + 1;
        }

        for (unsigned i = 0; i < 100000; i++) {
                x = x * UINT64_C(6364136223846793005) + 1;
                __asm__ volatile("" : "+r"(x));
        }

        return x;
}

void bench_burn_until(usec_t at_usec) {
        uint64_t x = at_usec;

        while (clock_monotonic_usec() < at_usec)
                x = burn(BENCH_BURN_DEPTH, x);
}

void bench_burn_once(void) {
        (void) burn(BENCH_BURN_DEPTH, 1);
}

static uint64_t thread_cpu_ns(pid_t pid, const char *tid) {
        char path[300];
        uint64_t ns = 0;
        FILE *f;

        (void) snprintf(path, sizeof(path), "/proc/%i/task/%s/schedstat", (int) pid, tid);
        f = fopen(path, "re");
        if (!f)
                return 0;
        if (fscanf(f, "%" SCNu64, &ns) != 1)
                ns = 0;
        (void) fclose(f);
        return ns;
}

uint64_t bench_process_cpu_ns(pid_t pid) {
        uint64_t sum = 0;
        char path[64];
        DIR *d;

        (void) snprintf(path, sizeof(path), "/proc/%i/task", (int) pid);
        d = opendir(path);
        if (!d)
                return 0;

        for (const struct dirent *e = readdir(d); e; e = readdir(d))
                if (isdigit((unsigned char) e->d_name[0]))
                        sum += thread_cpu_ns(pid, e->d_name);

        (void) closedir(d);
        return sum;
}

uint64_t bench_read_number(const char *path, const char *key) {
        size_t length = strlen(key);
        uint64_t value = 0;
        char line[256];
        FILE *f;

        f = fopen(path, "re");
        if (!f)
                return 0;

        while (fgets(line, sizeof(line), f))
                if (strncmp(line, key, length) == 0 && line[length] == ':')
                        value = strtoull(line + length + 1, NULL, 10);

        (void) fclose(f);
        return value;
}

static uint64_t timeval_ns(struct timeval t) {
        return (uint64_t) t.tv_sec * NSEC_PER_SEC + (uint64_t) t.tv_usec * NSEC_PER_USEC;
}

static void exec_shell(void *userdata) {
        (void) execl("/bin/sh", "sh", "-c", (const char *) userdata, (char *) NULL);
        _exit(127);
}

int bench_run(const char *command, uint64_t *ret_cpu_ns) {
        struct rusage usage;
        int status;
        pid_t pid;

        pid = bench_fork("bench-run", exec_shell, (void *) command);
        if (wait4(pid, &status, 0, &usage) < 0)
                bench_fail("wait4", errno);

        *ret_cpu_ns = timeval_ns(usage.ru_utime) + timeval_ns(usage.ru_stime);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

double bench_load1(void) {
        double load;

        return getloadavg(&load, 1) == 1 ? load : 0;
}

unsigned bench_n_processes(void) {
        unsigned n = 0;
        DIR *d;

        d = opendir("/proc");
        if (!d)
                return 0;

        for (const struct dirent *e = readdir(d); e; e = readdir(d))
                n += isdigit((unsigned char) e->d_name[0]) != 0;

        (void) closedir(d);
        return n;
}
