/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/switch-account.h"

#include "basic/cleanup.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#define DATA_BYTES (256U * 1024) /* five thousand switches of a thread */

/* A record ends with this: PERF_SAMPLE_TID and PERF_SAMPLE_TIME. */
typedef struct Trailer {
        uint32_t pid, tid;
        uint64_t time_ns;
} Trailer;

static void watch(SwitchAccount *a, pid_t tid) {
        struct perf_event_attr attr = {
                .size = sizeof(attr),
                .type = PERF_TYPE_SOFTWARE,
                .config = PERF_COUNT_SW_DUMMY,
                .sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME,
                .sample_id_all = 1,
                .comm = 1,
                .context_switch = 1,
                .use_clockid = 1,
                .clockid = CLOCK_MONOTONIC,
        };
        int fd = (int) syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
        size_t page = (size_t) sysconf(_SC_PAGESIZE);
        void *pages;

        cr_assert_geq(fd, 0);
        cr_assert_lt(a->n_threads, SWITCH_THREADS_MAX);
        pages = mmap(NULL, page + DATA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        cr_assert_neq(pages, MAP_FAILED);

        a->threads[a->n_threads].fd = fd;
        a->threads[a->n_threads++].pages = pages;
}

void switch_account_begin(SwitchAccount *a, pid_t pid) {
        char path[64];
        DIR *dir;

        *a = (SwitchAccount){};
        (void) snprintf(path, sizeof(path), "/proc/%i/task", (int) pid);
        dir = opendir(path);
        cr_assert_not_null(dir);
        for (const struct dirent *e = readdir(dir); e; e = readdir(dir))
                if (e->d_name[0] != '.')
                        watch(a, atoi(e->d_name));
        (void) closedir(dir);
}

static void book(SwitchAccount *a, const char *comm, uint64_t ns) {
        size_t i = 0;

        while (i < a->n_names && strcmp(a->names[i].comm, comm) != 0)
                i++;
        if (i == a->n_names) {
                cr_assert_lt(a->n_names, SWITCH_NAMES_MAX);
                a->names[a->n_names++] = (SwitchName){};
                (void) snprintf(a->names[i].comm, sizeof(a->names[i].comm), "%s", comm);
        }

        a->names[i].n++;
        a->names[i].ns += ns;
}

static uint64_t record_time(const struct perf_event_header *h) {
        Trailer t;

        memcpy(&t, (const char *) h + h->size - sizeof(t), sizeof(t));
        return t.time_ns;
}

static void read_thread(SwitchAccount *a, const char *data, uint64_t size) {
        char comm[16] = "";
        uint64_t out_ns = 0;

        cr_assert_leq(size, DATA_BYTES, "all of it is there");
        for (uint64_t at = 0; at < size;) {
                const struct perf_event_header *h = (const struct perf_event_header *) (data + at);

                cr_assert_geq(h->size, sizeof(*h) + sizeof(Trailer));
                cr_assert_neq(h->type, PERF_RECORD_LOST);
                if (h->type == PERF_RECORD_COMM)
                        (void) snprintf(comm, sizeof(comm), "%s", (const char *) (h + 1) + 8);
                if (h->type == PERF_RECORD_SWITCH && (h->misc & PERF_RECORD_MISC_SWITCH_OUT))
                        out_ns = h->misc & PERF_RECORD_MISC_SWITCH_OUT_PREEMPT ? 0 : record_time(h);
                else if (h->type == PERF_RECORD_SWITCH && out_ns > 0) {
                        book(a, comm, record_time(h) - out_ns);
                        out_ns = 0;
                }
                at += h->size;
        }
}

void switch_account_end(SwitchAccount *a) {
        size_t page = (size_t) sysconf(_SC_PAGESIZE);

        for (size_t i = 0; i < a->n_threads; i++) {
                const struct perf_event_mmap_page *head = a->threads[i].pages;
                uint64_t size = __atomic_load_n(&head->data_head, __ATOMIC_ACQUIRE);

                read_thread(a, (const char *) a->threads[i].pages + page, size);
                (void) munmap(a->threads[i].pages, page + DATA_BYTES);
                (void) close(a->threads[i].fd);
        }

        a->n_threads = 0;
}

SwitchName switch_account_of(const SwitchAccount *a, const char *comm) {
        for (size_t i = 0; i < a->n_names; i++)
                if (strcmp(a->names[i].comm, comm) == 0)
                        return a->names[i];

        return (SwitchName){};
}
