/* SPDX-License-Identifier: Apache-2.0 */
/* workload IDLE_SEC BUSY_SEC [THREADS]: an ordinary service that goes bad: idles, then burns one core per
 * thread in three functions with known shares, 60, 30 and 10 % of the time. BUSY_SEC 0 = for ever. With
 * IDLE_SEC "-" it stays good: wakes ten times a second. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

volatile uint64_t workload_sink;
void *volatile workload_frame;

static uint64_t spin(uint64_t n, uint64_t x) {
        while (n-- > 0)
                x = x * UINT64_C(6364136223846793005) + 1;

        return x;
}

/* Inlined spins, so that each function is a leaf of its own: the oracle counts self time. Asking for the
 * frame address makes the compiler keep a frame pointer even in a leaf. */
#define DEFINE_WORK(name, share)                                      \
        __attribute__((noinline)) void name(void);                    \
        void name(void) {                                             \
                workload_frame = __builtin_frame_address(0);          \
                workload_sink += spin((share) *20000, workload_sink); \
        }

DEFINE_WORK(resize_images, 60)
DEFINE_WORK(render_template, 30)
DEFINE_WORK(parse_headers, 10)

__attribute__((noinline)) void handle_request(void);
void handle_request(void) {
        resize_images();
        render_template();
        parse_headers();
}

static double now(void) {
        struct timespec t;

        (void) clock_gettime(CLOCK_MONOTONIC, &t);
        return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static void *serve(void *arg) {
        double end = *(double *) arg;

        while (end == 0 || now() < end)
                handle_request();

        return NULL;
}

int main(int argc, char **argv) {
        unsigned n_threads = argc > 3 ? (unsigned) atoi(argv[3]) : 1;
        pthread_t threads[64];
        double end;

        if (argc < 3) {
                fprintf(stderr, "usage: workload IDLE_SEC BUSY_SEC [THREADS]\n");
                return EXIT_FAILURE;
        }

        if (strcmp(argv[1], "-") == 0)
                for (;;)
                        (void) usleep(100000);

        (void) usleep((useconds_t) (atof(argv[1]) * 1e6));
        end = atof(argv[2]) > 0 ? now() + atof(argv[2]) : 0;

        for (unsigned i = 1; i < n_threads && i < 64; i++) {
                char name[32];

                if (pthread_create(threads + i, NULL, serve, &end) != 0)
                        return EXIT_FAILURE;
                (void) snprintf(name, sizeof(name), "worker-%u", i);
                name[15] = '\0';
                (void) pthread_setname_np(threads[i], name);
        }

        (void) serve(&end);
        for (unsigned i = 1; i < n_threads && i < 64; i++)
                (void) pthread_join(threads[i], NULL);

        return EXIT_SUCCESS;
}
