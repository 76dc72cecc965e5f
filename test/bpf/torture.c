/* SPDX-License-Identifier: Apache-2.0 */
/* What is hard to unwind, for ever: signal handlers, frames of a size that is only known at run time, frames
 * that are aligned by hand, the vdso, calls that are jumps, deep recursion, threads. Compiled without frame
 * pointers. */
#include <alloca.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#define ROUNDS 2000U
#define DEPTH 80U

static volatile uint64_t sum;

__attribute__((noinline)) static uint64_t spin(uint64_t n) {
        uint64_t s = n;

        for (volatile uint64_t i = 0; i < n; i++)
                s = s * 31 + i;

        return s;
}

static void on_signal(int number) {
        sum += spin(20000) + (uint64_t) number;
}

__attribute__((noinline)) static uint64_t dynamic_frame(size_t n) {
        char *p = alloca(n);

        memset(p, (int) n, n);
        return spin(ROUNDS) + (uint64_t) p[n / 2];
}

struct wide {
        uint64_t words[16];
} __attribute__((aligned(256)));

__attribute__((noinline)) static uint64_t aligned_frame(uint64_t n) {
        volatile struct wide w;

        for (unsigned i = 0; i < 16; i++)
                w.words[i] = n + i;

        return spin(ROUNDS) + w.words[n % 16];
}

/* both: the frame needs a register of its own to find its arguments */
__attribute__((noinline)) static uint64_t aligned_dynamic_frame(size_t n, int fd, const char *format, ...) {
        volatile struct wide w;
        char *p = alloca(n);

        memset(p, fd, n);
        w.words[n % 16] = (uint64_t) p[n - 1];
        return spin(ROUNDS) + w.words[n % 16] + (uint64_t) format[0];
}

__attribute__((noinline)) static uint64_t clock_reader(void) {
        struct timespec ts;
        uint64_t s = 0;

        for (unsigned i = 0; i < ROUNDS / 4; i++) {
                (void) clock_gettime(CLOCK_MONOTONIC, &ts);
                s += (uint64_t) ts.tv_nsec;
        }

        return s;
}

__attribute__((noinline)) static uint64_t jumped_to(uint64_t n) {
        return spin(ROUNDS + n);
}

__attribute__((noinline)) static uint64_t tail_call(uint64_t n) {
        return jumped_to(n & 7);
}

__attribute__((noinline)) static uint64_t recurse(unsigned depth) {
        volatile char pad[32];

        pad[depth % 32] = (char) depth;
        if (depth == 0)
                return spin(4 * ROUNDS);

        return recurse(depth - 1) + (uint64_t) pad[depth % 32];
}

__attribute__((noinline)) static uint64_t long_jump(void) {
        jmp_buf here;

        if (setjmp(here) == 0) {
                sum += spin(ROUNDS);
                longjmp(here, 1);
        }

        return spin(ROUNDS);
}

static int compare(const void *a, const void *b) {
        return (int) (spin(20) & 0) + *(const int *) a - *(const int *) b;
}

__attribute__((noinline)) static uint64_t call_back(void) {
        int values[64];

        for (int i = 0; i < 64; i++)
                values[i] = (i * 37) % 64;

        qsort(values, 64, sizeof(values[0]), compare);
        return (uint64_t) values[0];
}

static void *run(void *arg) {
        char text[64];

        for (uint64_t i = 0;; i++) {
                sum += dynamic_frame(16 + i % 512);
                sum += aligned_frame(i);
                sum += aligned_dynamic_frame(16 + i % 300, 1, "x", i);
                sum += clock_reader();
                sum += tail_call(i);
                sum += recurse(i % DEPTH);
                sum += long_jump();
                sum += call_back();
                sum += (uint64_t) snprintf(text, sizeof(text), "%.17g", (double) i / 3);
        }

        return arg;
}

int main(void) {
        const struct itimerval often = { .it_interval.tv_usec = 2000, .it_value.tv_usec = 2000 };
        const struct sigaction action = { .sa_handler = on_signal };
        pthread_t t;

        if (sigaction(SIGPROF, &action, NULL) < 0 || setitimer(ITIMER_PROF, &often, NULL) < 0)
                return 1;
        if (pthread_create(&t, NULL, run, NULL) != 0)
                return 1;

        (void) run(NULL);
}
