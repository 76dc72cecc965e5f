/* SPDX-License-Identifier: Apache-2.0 */
/* What processes do to their mappings, from perf's records: a software event that counts nothing on each
 * CPU, with a ring of its own. Rings are merged by time, or a child could end before it began. */
#include "probe/probe-bpf.h"

#include <bpf/libbpf.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#define RING_BYTES (128U * 1024)        /* per CPU; one exec of a small program leaves less than 1 KiB */
#define RECORD_BYTES_MAX (4096U + 512U) /* a path and what stands before it; none is longer */
#define REOPEN_EVERY 256U               /* reads; CPUs that came online since are found by then */

/* One CPU. */
typedef struct EventRing {
        int fd;
        struct perf_event_mmap_page *page; /* NULL: that CPU is offline */
        uint64_t head, tail;               /* of this reading */

        bool has_event; /* the oldest one not handed over */
        ProbeEvent event;
        uint64_t record[RECORD_BYTES_MAX / sizeof(uint64_t)]; /* that it is from */
} EventRing;

struct ProbeEvents {
        EventRing *rings;
        int n_rings;
        size_t page_bytes;
        unsigned n_reads;
        uint64_t n_lost;
        bool overflow; /* in this reading */
};

/* The records, as perf_event_open(2) has them; all end with the sample_id: the time. */
typedef struct RecordTask { /* FORK, EXIT */
        struct perf_event_header header;
        uint32_t pid, ppid, tid, ptid;
        uint64_t time;
} RecordTask;

typedef struct RecordComm {
        struct perf_event_header header;
        uint32_t pid, tid;
} RecordComm;

typedef struct RecordMap {
        struct perf_event_header header;
        uint32_t pid, tid;
        uint64_t start, length, offset;
        uint32_t dev_major, dev_minor;
        uint64_t inode, generation;
        uint32_t protection, flags;
        char path[];
} RecordMap;

typedef struct RecordLost {
        struct perf_event_header header;
        uint64_t id, lost;
} RecordLost;

static int open_event(int cpu) {
        struct perf_event_attr attr = {
                .size = sizeof(attr),
                .type = PERF_TYPE_SOFTWARE,
                .config = PERF_COUNT_SW_DUMMY,
                .sample_type = PERF_SAMPLE_TIME,
                .sample_id_all = 1,
                .mmap = 1,
                .mmap2 = 1,
                .comm = 1,
                .comm_exec = 1,
                .task = 1,
                .use_clockid = 1,
                .clockid = CLOCK_MONOTONIC,
                .watermark = 1, /* nobody sleeps on it */
                .wakeup_watermark = RING_BYTES,
        };
        int fd;

        fd = (int) syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

int probe_events_try(void) {
        _cleanup_(closep) int fd = -EBADF;

        for (int cpu = 0; cpu < libbpf_num_possible_cpus(); cpu++) {
                fd = open_event(cpu);
                if (fd != -ENODEV) /* offline */
                        break;
        }

        return fd < 0 ? fd : 0;
}

static int ring_open(ProbeEvents *e, int cpu) {
        EventRing *ring = e->rings + cpu;
        void *page;

        ring->fd = open_event(cpu);
        if (ring->fd < 0)
                return ring->fd;

        page = mmap(NULL, e->page_bytes + RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);
        if (page == MAP_FAILED) {
                int r = -errno;

                ring->fd = safe_close(ring->fd);
                return r;
        }

        ring->page = page;
        return 0;
}

/* Returns how many have become open. */
static int rings_open(ProbeEvents *e) {
        int n = 0, r;

        for (int cpu = 0; cpu < e->n_rings; cpu++) {
                if (e->rings[cpu].page)
                        continue;

                r = ring_open(e, cpu);
                if (r < 0 && r != -ENODEV)
                        return r;
                if (r >= 0)
                        n++;
        }

        return n;
}

ProbeEvents *probe_events_free(ProbeEvents *e) {
        if (!e)
                return NULL;

        for (int i = 0; i < e->n_rings; i++) {
                if (e->rings[i].page)
                        (void) munmap(e->rings[i].page, e->page_bytes + RING_BYTES);
                (void) safe_close(e->rings[i].fd);
        }
        free(e->rings);
        free(e);
        return NULL;
}

int probe_events_new(ProbeEvents **ret_events) {
        _cleanup_(probe_events_freep) ProbeEvents *e = NULL;
        int n_cpus, r;

        n_cpus = libbpf_num_possible_cpus();
        if (n_cpus < 0)
                return n_cpus;

        e = calloc(1, sizeof(*e));
        if (!e)
                return -ENOMEM;

        e->page_bytes = (size_t) sysconf(_SC_PAGESIZE);
        e->rings = calloc((size_t) n_cpus, sizeof(e->rings[0]));
        if (!e->rings)
                return -ENOMEM;

        e->n_rings = n_cpus;
        for (int i = 0; i < n_cpus; i++)
                e->rings[i].fd = -EBADF;

        r = rings_open(e);
        if (r <= 0)
                return r < 0 ? r : -ENODEV;

        *ret_events = TAKE_PTR(e);
        return 0;
}

/* Numbers are of the namespace that the event was opened in; 0 and -1 stand for what it does not show. */
static bool is_pid(uint32_t pid) {
        return pid > 0 && pid <= INT32_MAX;
}

static bool parse_task(const RecordTask *t, size_t size, ProbeEvent *ret) {
        if (size < sizeof(*t) || !is_pid(t->pid))
                return false;

        /* Of an EXIT it is the leader that counts. Where threads outlive it the event comes early, and a
         * look at the processes sets that right. */
        ret->type = t->header.type == PERF_RECORD_FORK ? PROBE_EVENT_FORK : PROBE_EVENT_EXIT;
        ret->pid = (pid_t) t->pid;
        if (ret->type == PROBE_EVENT_EXIT)
                return t->pid == t->tid;

        ret->parent = (pid_t) t->ppid;
        return is_pid(t->ppid) && t->pid != t->ppid; /* else a thread */
}

static bool parse_comm(const RecordComm *c, size_t size, ProbeEvent *ret) {
        if (size < sizeof(*c) || !is_pid(c->pid) || !(c->header.misc & PERF_RECORD_MISC_COMM_EXEC))
                return false;

        ret->type = PROBE_EVENT_EXEC;
        ret->pid = (pid_t) c->pid;
        return true;
}

static bool parse_map(const RecordMap *m, size_t size, ProbeEvent *ret) {
        size_t path_bytes = size > sizeof(*m) + sizeof(uint64_t) ? size - sizeof(*m) - sizeof(uint64_t) : 0;

        if (path_bytes == 0 || !memchr(m->path, '\0', path_bytes) || !is_pid(m->pid))
                return false;
        if (!(m->protection & PROT_EXEC))
                return false;

        *ret = (ProbeEvent){
                .type = PROBE_EVENT_MAP,
                .pid = (pid_t) m->pid,
                .start = m->start,
                .length = m->length,
                .offset = m->offset,
                .dev_major = m->dev_major,
                .dev_minor = m->dev_minor,
                .inode = m->inode,
                .path = m->path,
        };
        return true;
}

/* Whether the record of @size bytes is an event. */
static bool parse_record(ProbeEvents *e, EventRing *ring, size_t size) {
        const void *record = ring->record;
        const struct perf_event_header *h = record;
        uint64_t time_nsec;
        bool is_event;

        ring->event = (ProbeEvent){};

        switch (h->type) {
        case PERF_RECORD_FORK:
        case PERF_RECORD_EXIT:
                is_event = parse_task(record, size, &ring->event);
                break;
        case PERF_RECORD_COMM:
                is_event = parse_comm(record, size, &ring->event);
                break;
        case PERF_RECORD_MMAP2:
                is_event = parse_map(record, size, &ring->event);
                break;
        case PERF_RECORD_LOST:
                if (size >= sizeof(RecordLost))
                        e->n_lost += ((const RecordLost *) record)->lost;
                e->overflow = true;
                return false;
        default:
                return false;
        }

        memcpy(&time_nsec, (const uint8_t *) record + size - sizeof(time_nsec), sizeof(time_nsec));
        ring->event.at_usec = time_nsec / NSEC_PER_USEC;
        return is_event;
}

/* Copies out of the ring, which a record may wrap around in. */
static void ring_copy(const ProbeEvents *e, const EventRing *ring, uint64_t from, void *to, size_t size) {
        const uint8_t *data = (const uint8_t *) ring->page + e->page_bytes;
        size_t at = from % RING_BYTES, first = MIN_OF(size, RING_BYTES - at);

        memcpy(to, data + at, first);
        memcpy((uint8_t *) to + first, data, size - first);
}

/* Goes on to the ring's next event. */
static void ring_next(ProbeEvents *e, EventRing *ring) {
        ring->has_event = false;

        while (!ring->has_event && ring->tail < ring->head) {
                struct perf_event_header h;

                ring_copy(e, ring, ring->tail, &h, sizeof(h));
                if (h.size < sizeof(h) + sizeof(uint64_t) || h.size > ring->head - ring->tail) {
                        ring->tail = ring->head; /* cannot be */
                        e->overflow = true;
                        return;
                }

                if (h.size <= sizeof(ring->record)) {
                        ring_copy(e, ring, ring->tail, ring->record, h.size);
                        ring->has_event = parse_record(e, ring, h.size);
                }
                ring->tail += h.size;
        }
}

static void rings_begin(ProbeEvents *e) {
        for (int i = 0; i < e->n_rings; i++) {
                EventRing *ring = e->rings + i;

                if (!ring->page)
                        continue;

                ring->head = __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE);
                ring->tail = ring->page->data_tail;
                ring_next(e, ring);
        }
}

static EventRing *find_oldest(ProbeEvents *e) {
        EventRing *oldest = NULL;

        for (int i = 0; i < e->n_rings; i++) {
                EventRing *ring = e->rings + i;

                if (ring->has_event && (!oldest || ring->event.at_usec < oldest->event.at_usec))
                        oldest = ring;
        }

        return oldest;
}

int probe_events_pass(ProbeEvents *e, ProbeEventFn fn, void *userdata) {
        EventRing *ring;

        e->overflow = false;
        if (++e->n_reads % REOPEN_EVERY == 0 && rings_open(e) > 0)
                e->overflow = true; /* that CPU's events until now */

        rings_begin(e);
        while ((ring = find_oldest(e))) {
                fn(&ring->event, userdata);
                ring_next(e, ring);
        }

        for (int i = 0; i < e->n_rings; i++)
                if (e->rings[i].page)
                        __atomic_store_n(&e->rings[i].page->data_tail, e->rings[i].tail, __ATOMIC_RELEASE);

        return e->overflow ? -EOVERFLOW : 0;
}

uint64_t probe_events_n_lost(const ProbeEvents *e) {
        return e->n_lost;
}
