/* SPDX-License-Identifier: Apache-2.0 */
#include "bench-http-copy.h"

#include "bench-load.h"
#include "http-copy.skel.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGES 64U /* of each CPU's buffer */
#define POLL_MS 100

/* What the program sends before the bytes. */
typedef struct Head {
        uint64_t nsec;
        uint32_t is_out, size;
} Head;

typedef struct Start {
        pid_t watched;
        uint64_t *n_answers;
        int ready[2];
} Start;

static void on_copy(void *userdata, int cpu, void *data, uint32_t size) {
        uint64_t *n = userdata;
        const Head *head = data;

        if (size >= sizeof(*head) + 12 && head->is_out && memcmp(head + 1, "HTTP/1.1 ", 9) == 0)
                (*n)++;
}

/* A bench_fork() function. */
static void run_copier(void *userdata) {
        const Start *start = userdata;
        struct http_copy_bpf *skel = http_copy_bpf__open();
        struct perf_buffer *buffer = NULL;

        if (!skel)
                bench_fail("http-copy", errno);
        skel->rodata->watched = (uint32_t) start->watched;
        if (http_copy_bpf__load(skel) < 0 || http_copy_bpf__attach(skel) < 0)
                bench_fail("http-copy", errno);
        buffer = perf_buffer__new(
                        bpf_map__fd(skel->maps.copies), PAGES, on_copy, NULL, start->n_answers, NULL);
        if (!buffer || write(start->ready[1], "1", 1) != 1)
                bench_fail("http-copy", errno);
        for (;;)
                (void) perf_buffer__poll(buffer, POLL_MS);
}

void bench_http_copy_start(BenchHttpCopy *c, pid_t watched) {
        Start start = { .watched = watched };
        char byte;

        c->n_answers = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (c->n_answers == MAP_FAILED || pipe(start.ready) < 0)
                bench_fail("pipe", errno);
        start.n_answers = c->n_answers;
        c->pid = bench_fork("bench-copy", run_copier, &start);
        (void) close(start.ready[1]);
        if (read(start.ready[0], &byte, 1) != 1)
                bench_fail("the copier did not start", EIO);
        (void) close(start.ready[0]);
}

void bench_http_copy_stop(BenchHttpCopy *c) {
        bench_kill(c->pid);
        (void) munmap(c->n_answers, 4096);
}
