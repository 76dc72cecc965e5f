/* SPDX-License-Identifier: Apache-2.0 */
/* turn SEC: works in old_ways() for so long, a third of the time; then a second thread appears and it works
 * in new_ways() without a pause. With SEC "-" a child works in doomed_ways() for three seconds and is gone,
 * the parent only waits. To be built without frame pointers. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STEPS 300000U /* about a quarter of a millisecond */

volatile uint64_t turn_sink;

/* Each has a frame of its own size: without tables nothing is known of who called it. */
#define DEFINE_WORK(name, n)                                                                       \
        __attribute__((noinline)) void name(unsigned n_steps);                                     \
        void name(unsigned n_steps) {                                                              \
                volatile uint64_t state[n];                                                        \
                                                                                                   \
                state[0] = turn_sink;                                                              \
                for (unsigned i = 1; i < n_steps; i++)                                             \
                        state[i % (n)] = state[(i - 1) % (n)] * UINT64_C(6364136223846793005) + 1; \
                turn_sink = state[0];                                                              \
        }

DEFINE_WORK(old_ways, 12)
DEFINE_WORK(new_ways, 28)
DEFINE_WORK(doomed_ways, 52)

static double now(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

__attribute__((noinline)) void take_turn(void (*work)(unsigned), double seconds, unsigned rest_usec);
void take_turn(void (*work)(unsigned), double seconds, unsigned rest_usec) {
        double end = now() + seconds;

        do {
                work(STEPS);
                if (rest_usec > 0)
                        (void) usleep(rest_usec);
        } while (seconds <= 0 || now() < end);
}

static void *wait_for_ever(void *arg) {
        for (;;)
                (void) pause();

        return arg;
}

int main(int argc, char **argv) {
        pthread_t thread;

        if (argc < 2) {
                fprintf(stderr, "usage: turn SEC|-\n");
                return EXIT_FAILURE;
        }

        if (strcmp(argv[1], "-") == 0) {
                if (fork() == 0) {
                        take_turn(doomed_ways, 3, 0);
                        _exit(EXIT_SUCCESS);
                }
                (void) wait(NULL);
                for (;;)
                        (void) pause();
        }

        take_turn(old_ways, atof(argv[1]), 1000);
        if (pthread_create(&thread, NULL, wait_for_ever, NULL) != 0)
                return EXIT_FAILURE;

        take_turn(new_ways, 0, 0);
        return EXIT_SUCCESS;
}
