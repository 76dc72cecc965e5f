/* SPDX-License-Identifier: Apache-2.0 */
/* Waits in known ways and says how long: "waiter KIND…" makes a thread for each, says "ready" and begins
 * after a line on standard input. Each thread is called like its kind while it waits, and "w-idle" before
 * and after. Then comes, for each, "KIND waits wait_ns wall_ns cpu_ns delay_ns", where wall is from its
 * first to its last wait and delay what the scheduler calls waiting for a CPU; then "done". Ends with its
 * input. */
#include "basic/cleanup.h"
#include "basic/time-util.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#define WAITS 100U
#define WAIT_NSEC (5 * 1000 * 1000L)
#define PINGS 50000U
#define BLOCKS 30U
#define BLOCK_BYTES (8U * 1024 * 1024)
#define THREADS_MAX 16U

typedef struct Waiter Waiter;

typedef struct Kind {
        const char *name; /* of the thread, too */
        void (*wait)(Waiter *w);
        void (*partner)(Waiter *w); /* in a thread of its own: ends each wait */
        unsigned n_waits;           /* 0: one that never ends */
        bool at_once;               /* waits already before "ready" */
} Kind;

struct Waiter {
        const Kind *kind;
        pthread_t thread, partner;
        sem_t semaphore;
        int fds[2], back[2];
        uint64_t n_switches, wait_ns, wall_ns, cpu_ns, delay_ns;
};

static sem_t ready, go;

static uint64_t now_ns(clockid_t clock) {
        struct timespec t;

        (void) clock_gettime(clock, &t);
        return (uint64_t) t.tv_sec * NSEC_PER_SEC + (uint64_t) t.tv_nsec;
}

static uint64_t read_delay_ns(void) {
        uint64_t run, delay = 0;
        FILE *f = fopen("/proc/thread-self/schedstat", "re");

        if (f && fscanf(f, "%" SCNu64 " %" SCNu64, &run, &delay) != 2)
                delay = 0;
        if (f)
                (void) fclose(f);

        return delay;
}

static void pause_a_while(void) {
        (void) nanosleep(&(struct timespec){ .tv_nsec = WAIT_NSEC }, NULL);
}

static void read_byte(int fd) {
        char c;

        if (read(fd, &c, 1) != 1)
                abort();
}

static void write_byte(int fd) {
        if (write(fd, "x", 1) != 1)
                abort();
}

static void wait_sleep(Waiter *w) {
        pause_a_while();
}

static void wait_semaphore(Waiter *w) {
        (void) sem_wait(&w->semaphore);
}

static void post_semaphore(Waiter *w) {
        pause_a_while();
        (void) sem_post(&w->semaphore);
}

static void wait_byte(Waiter *w) {
        read_byte(w->fds[0]);
}

static void send_byte(Waiter *w) {
        pause_a_while();
        write_byte(w->fds[1]);
}

static void ping(Waiter *w) {
        write_byte(w->back[1]);
        read_byte(w->fds[0]);
}

static void pong(Waiter *w) {
        read_byte(w->back[0]);
        write_byte(w->fds[1]);
}

/* Around the page cache, and much at once: some milliseconds. */
static void wait_disk(Waiter *w) {
        static _Alignas(4096) char block[BLOCK_BYTES];

        if (pwrite(w->fds[0], block, sizeof(block), 0) != sizeof(block))
                abort();
}

static const Kind kinds[] = {
        { "sleep", wait_sleep, NULL, WAITS, false },
        { "futex", wait_semaphore, post_semaphore, WAITS, false },
        { "pipe", wait_byte, send_byte, WAITS, false },
        { "socket", wait_byte, send_byte, WAITS, false },
        { "disk", wait_disk, NULL, BLOCKS, false },
        { "ping", ping, pong, PINGS, false },
        { "stuck", wait_byte, NULL, 0, true },
        { "once", wait_byte, NULL, 0, false },
};

static void open_files(Waiter *w) {
        char path[] = "/var/tmp/waiter-XXXXXX";
        int r;

        if (strcmp(w->kind->name, "disk") == 0) {
                w->fds[0] = mkostemp(path, O_CLOEXEC | O_DIRECT);
                r = w->fds[0] < 0 ? -1 : unlink(path);
        } else if (strcmp(w->kind->name, "socket") == 0)
                r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, w->fds);
        else
                r = pipe2(w->fds, O_CLOEXEC);

        if (r < 0 || pipe2(w->back, O_CLOEXEC) < 0 || sem_init(&w->semaphore, 0, 0) < 0)
                abort();
}

static void *run_partner(void *userdata) {
        Waiter *w = userdata;
        char name[16];

        (void) snprintf(name, sizeof(name), "%s-end", w->kind->name);
        (void) prctl(PR_SET_NAME, name);

        for (unsigned i = 0; i < w->kind->n_waits; i++)
                w->kind->partner(w);

        return NULL;
}

static uint64_t count_switches(void) {
        struct rusage usage;

        (void) getrusage(RUSAGE_THREAD, &usage);
        return (uint64_t) usage.ru_nvcsw;
}

static void measure(Waiter *w) {
        uint64_t wall = now_ns(CLOCK_MONOTONIC), cpu = now_ns(CLOCK_THREAD_CPUTIME_ID);
        uint64_t n_switches = count_switches();

        for (unsigned i = 0; i < w->kind->n_waits; i++) {
                uint64_t before = now_ns(CLOCK_MONOTONIC);

                w->kind->wait(w);
                w->wait_ns += now_ns(CLOCK_MONOTONIC) - before;
        }

        w->n_switches = count_switches() - n_switches;
        w->cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
        w->wall_ns = now_ns(CLOCK_MONOTONIC) - wall;
}

static void *run_waiter(void *userdata) {
        Waiter *w = userdata;
        uint64_t delay;

        (void) prctl(PR_SET_NAME, w->kind->at_once ? w->kind->name : "w-idle");
        (void) sem_post(&ready);
        if (!w->kind->at_once)
                (void) sem_wait(&go);

        if (w->kind->partner && pthread_create(&w->partner, NULL, run_partner, w) != 0)
                abort();

        delay = read_delay_ns();
        (void) prctl(PR_SET_NAME, w->kind->name);
        if (w->kind->n_waits == 0)
                w->kind->wait(w);
        measure(w);
        (void) prctl(PR_SET_NAME, "w-idle");
        w->delay_ns = read_delay_ns() - delay;

        if (w->kind->partner)
                (void) pthread_join(w->partner, NULL);

        return NULL;
}

static void print(const Waiter *w) {
        (void) printf("%s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
                      w->kind->name,
                      w->n_switches,
                      w->wait_ns,
                      w->wall_ns,
                      w->cpu_ns,
                      w->delay_ns);
}

static void say(const char *what) {
        (void) printf("%s\n", what);
        (void) fflush(stdout);
}

int main(int argc, char **argv) {
        static Waiter waiters[THREADS_MAX];
        size_t n = 0;

        (void) prctl(PR_SET_TIMERSLACK, 1UL);
        (void) sem_init(&ready, 0, 0);
        (void) sem_init(&go, 0, 0);

        for (int i = 1; i < argc && n < THREADS_MAX; i++)
                for (size_t k = 0; k < ELEMENTSOF(kinds); k++)
                        if (strcmp(argv[i], kinds[k].name) == 0)
                                waiters[n++].kind = kinds + k;

        for (size_t i = 0; i < n; i++) {
                open_files(waiters + i);
                if (pthread_create(&waiters[i].thread, NULL, run_waiter, waiters + i) != 0)
                        abort();
        }
        for (size_t i = 0; i < n; i++)
                (void) sem_wait(&ready);

        say("ready");
        (void) getchar();
        for (size_t i = 0; i < n; i++)
                (void) sem_post(&go);

        for (size_t i = 0; i < n; i++) {
                if (waiters[i].kind->n_waits == 0)
                        continue;
                (void) pthread_join(waiters[i].thread, NULL);
                print(waiters + i);
        }

        say("done");
        while (getchar() != EOF)
                ;
        return EXIT_SUCCESS;
}
