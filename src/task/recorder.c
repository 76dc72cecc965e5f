/* SPDX-License-Identifier: Apache-2.0 */
#include "task/recorder.h"

#include "task/recorder-source.h"
#include "task/recorder-stack.h"

#define ENTRIES_MIN 256U /* capacity of the ring when it is made; a power of two as all others */

typedef struct Entry {
        usec_t at_usec;
        RecorderThread *thread; /* a reference */
        RecorderStack *stack;   /* a reference */
} Entry;
_Static_assert(sizeof(Entry) == 24, "recorder.h says so");

/* One ring for all processes: as samples arrive in the order of time, to expire and to evict is to take from
 * its front, and its memory follows the load. Looking through all of it is only done for a new task. */
struct Recorder {
        ModuleTable *modules; /* borrowed, outlives us */
        usec_t window_usec;
        uint64_t period_nsec;
        RecorderLimits limits;

        Entry *ring;
        size_t capacity, first, n;

        StackTable *stacks;
        RecorderSources sources;

        uint64_t n_evicted, n_dropped;
};

unsigned recorder_every(unsigned oncpu_hz, unsigned recorder_hz) {
        unsigned every;

        if (oncpu_hz == 0 || recorder_hz == 0)
                return 0;

        every = (unsigned) (((uint64_t) oncpu_hz + recorder_hz / 2) / recorder_hz);
        return MAX_OF(every, 1U);
}

uint64_t recorder_period_nsec(unsigned oncpu_hz, unsigned every) {
        assert(oncpu_hz > 0);

        return NSEC_PER_SEC * every / oncpu_hz;
}

RecorderLimits recorder_limits(usec_t window_usec, uint64_t period_nsec, unsigned n_cpus) {
        RecorderLimits l = { .stacks_max = RECORDER_STACKS_DEFAULT, .bytes_max = RECORDER_BYTES_DEFAULT };

        assert(period_nsec > 0);

        /* and what comes between the end of the window and the next look at it */
        l.entries_max = (size_t) ((window_usec + 2 * USEC_PER_SEC) * NSEC_PER_USEC / period_nsec + 1) *
                        MAX_OF(n_cpus, 1U);
        return l;
}

int recorder_new(
                ModuleTable *modules,
                usec_t window_usec,
                uint64_t period_nsec,
                const RecorderLimits *limits,
                Recorder **ret_recorder) {
        _cleanup_(recorder_freep) Recorder *r = NULL;
        int k;

        assert(modules);
        assert(window_usec > 0);
        assert(period_nsec > 0);
        assert(limits);
        assert(ret_recorder);

        r = calloc(1, sizeof(*r));
        if (!r)
                return -ENOMEM;

        r->modules = modules;
        r->window_usec = window_usec;
        r->period_nsec = period_nsec;
        r->limits = *limits;

        k = stack_table_new(&r->stacks);
        if (k < 0)
                return k;

        *ret_recorder = TAKE_PTR(r);
        return 0;
}

Recorder *recorder_free(Recorder *r) {
        if (!r)
                return NULL;

        if (r->stacks)
                recorder_forget_all(r);

        stack_table_free(r->stacks);
        free(r->ring);
        free(r);
        return NULL;
}

static Entry *entry_at(const Recorder *r, size_t i) {
        return r->ring + ((r->first + i) & (r->capacity - 1));
}

static int ring_resize(Recorder *r, size_t capacity) {
        Entry *ring;

        assert(capacity >= r->n);

        ring = calloc(capacity, sizeof(*ring));
        if (!ring)
                return -ENOMEM;

        for (size_t i = 0; i < r->n; i++)
                ring[i] = *entry_at(r, i);

        free(r->ring);
        r->ring = ring;
        r->capacity = capacity;
        r->first = 0;
        return 0;
}

static void forget_oldest(Recorder *r) {
        Entry *e = entry_at(r, 0);

        recorder_source_put(&r->sources, e->thread);
        stack_table_put(r->stacks, e->stack);

        r->first = (r->first + 1) & (r->capacity - 1);
        r->n--;
}

static size_t ring_bytes_for_one_more(const Recorder *r) {
        size_t capacity = r->n < r->capacity ? r->capacity : MAX_OF(2 * r->capacity, (size_t) ENTRIES_MIN);

        return capacity * sizeof(Entry);
}

static bool has_room(const Recorder *r, const ResolvedStack *stack) {
        size_t bytes = ring_bytes_for_one_more(r) + stack_table_bytes(r->stacks) + r->sources.bytes;

        return r->n < r->limits.entries_max && stack_table_size(r->stacks) < r->limits.stacks_max &&
                        bytes + resolved_stack_bytes(stack) + RECORDER_SOURCE_BYTES_MAX <=
                        r->limits.bytes_max;
}

/* @stack is taken as a new one: whether it is known is not known yet. */
static int make_room(Recorder *r, const ResolvedStack *stack) {
        while (r->n > 0 && !has_room(r, stack)) {
                forget_oldest(r);
                r->n_evicted++;
        }

        if (!has_room(r, stack))
                return -ENOSPC;

        return r->n < r->capacity ? 0 : ring_resize(r, ring_bytes_for_one_more(r) / sizeof(Entry));
}

static int add_entry(Recorder *r, const RecorderSample *sample, const ResolvedStack *stack) {
        Entry entry = { .at_usec = sample->at_usec };
        int k;

        k = make_room(r, stack);
        if (k < 0)
                return k;

        k = stack_table_get(r->stacks, stack, &entry.stack);
        if (k < 0)
                return k;

        k = recorder_source_get(
                        &r->sources, sample->process, sample->unit, sample->thread_name, &entry.thread);
        if (k < 0) {
                stack_table_put(r->stacks, entry.stack);
                return k;
        }

        *entry_at(r, r->n++) = entry;
        return 0;
}

int recorder_add(Recorder *r, const RecorderSample *sample, const ResolvedStack *stack) {
        int k;

        assert(r);
        assert(sample);
        assert(stack);

        k = add_entry(r, sample, stack);
        if (k < 0)
                r->n_dropped++;

        return k;
}

static void ring_shrink(Recorder *r) {
        size_t capacity = r->capacity;

        while (capacity > ENTRIES_MIN && r->n <= capacity / 4)
                capacity /= 2;

        if (capacity < r->capacity)
                (void) ring_resize(r, capacity); /* the larger one serves as well */
}

void recorder_expire(Recorder *r, usec_t now_usec) {
        assert(r);

        if (now_usec < r->window_usec)
                return;

        while (r->n > 0 && entry_at(r, 0)->at_usec < now_usec - r->window_usec)
                forget_oldest(r);

        ring_shrink(r);
}

void recorder_forget_all(Recorder *r) {
        assert(r);

        while (r->n > 0)
                forget_oldest(r);

        free(r->ring);
        r->ring = NULL;
        r->capacity = r->first = 0;
}

static bool entry_matches(const Entry *e, const RecorderFilter *f) {
        const RecorderProcess *p = e->thread->key.process;

        if (f->process.pid > 0 &&
            (p->key.pid != f->process.pid || p->key.start_ticks != f->process.start_ticks))
                return false;

        return !f->unit || recorder_unit_is_in(p->key.unit, f->unit);
}

static void extract_entry(const Recorder *r, const Entry *e, Profile *p) {
        Frame frames[STACK_FRAMES_MAX];

        for (unsigned i = 0; i < e->stack->n_frames; i++) {
                Frame f = e->stack->frames[i];
                Module *m = stack_table_module(r->stacks, frame_module(f));

                frames[i] = m ? FRAME(profile_module_index(p, m), frame_offset(f)) : f;
        }

        /* counts what it refuses */
        (void) profile_add(
                        p,
                        e->thread->key.name,
                        frames,
                        e->stack->n_frames,
                        (unsigned) e->stack->n_kernel,
                        1);
}

int recorder_extract(
                Recorder *r,
                const RecorderFilter *filter,
                usec_t from_usec,
                usec_t to_usec,
                Profile **ret_profile,
                usec_t *ret_first_usec) {
        usec_t first_usec = 0;
        Profile *p;
        int k;

        assert(r);
        assert(filter);
        assert(ret_profile);

        k = profile_new(r->modules, r->period_nsec, &p);
        if (k < 0)
                return k;

        for (size_t i = 0; i < r->n; i++) {
                const Entry *e = entry_at(r, i);

                if (e->at_usec < from_usec || e->at_usec >= to_usec || !entry_matches(e, filter))
                        continue;

                extract_entry(r, e, p);
                if (first_usec == 0 || e->at_usec < first_usec)
                        first_usec = e->at_usec;
        }

        *ret_profile = p;
        if (ret_first_usec)
                *ret_first_usec = first_usec;
        return 0;
}

usec_t recorder_window_usec(const Recorder *r) {
        return r->window_usec;
}

uint64_t recorder_period(const Recorder *r) {
        return r->period_nsec;
}

size_t recorder_n_entries(const Recorder *r) {
        return r->n;
}

size_t recorder_n_stacks(const Recorder *r) {
        return stack_table_size(r->stacks);
}

size_t recorder_n_processes(const Recorder *r) {
        return HASH_COUNT(r->sources.processes);
}

size_t recorder_bytes(const Recorder *r) {
        return r->capacity * sizeof(Entry) + stack_table_bytes(r->stacks) + r->sources.bytes;
}

uint64_t recorder_n_evicted(const Recorder *r) {
        return r->n_evicted;
}

uint64_t recorder_n_dropped(const Recorder *r) {
        return r->n_dropped;
}
