/* SPDX-License-Identifier: Apache-2.0 */
#include "fake/fake-probe-offcpu.h"

#include <string.h>

static bool is_watched_for(const FakeProbe *f, pid_t pid, ProbeUse use) {
        for (size_t i = 0; i < f->n_watched; i++)
                if (f->watched[i] == pid && f->watched_use[i] == use)
                        return true;

        return false;
}

static size_t find_total(FakeProbe *f, const struct cprof_offcpu_key *key) {
        size_t i;

        for (i = 0; i < f->n_totals; i++)
                if (memcmp(&f->totals[i].key, key, sizeof(*key)) == 0)
                        return i;

        assert(f->n_totals < ELEMENTSOF(f->totals));
        f->totals[f->n_totals].key = *key;
        return f->n_totals++;
}

static size_t total_of(FakeProbe *f, pid_t pid, uint64_t hash, const char *comm) {
        struct cprof_offcpu_key key = { .hash = hash, .pid = (uint32_t) pid, .state = CPROF_OFFCPU_SLEEP };

        assert(is_watched_for(f, pid, PROBE_USE_OFF_CPU));
        strncpy(key.comm, comm, sizeof(key.comm) - 1);
        return find_total(f, &key);
}

void fake_probe_wait(FakeProbe *f, pid_t pid, uint64_t hash, const char *comm, uint64_t n, uint64_t nsec) {
        struct cprof_offcpu_value *v = &f->totals[total_of(f, pid, hash, comm)].value;

        v->n += n;
        v->ns += nsec;
        v->max_ns = MAX_OF(v->max_ns, nsec / (n > 0 ? n : 1));
}

void fake_probe_wait_still(FakeProbe *f, pid_t pid, uint64_t hash, const char *comm, uint64_t nsec) {
        f->totals[total_of(f, pid, hash, comm)].waits_nsec = nsec;
}

int fake_offcpu_begin(void *self, pid_t pid) {
        FakeProbe *f = self;

        assert(is_watched_for(f, pid, PROBE_USE_OFF_CPU));
        f->n_begun++;
        return 0;
}

int fake_offcpu_end(void *self, pid_t pid) {
        FakeProbe *f = self;

        assert(is_watched_for(f, pid, PROBE_USE_OFF_CPU));
        f->n_offcpu_ended++;
        for (size_t i = 0; i < f->n_totals; i++) {
                struct cprof_offcpu_value *v = &f->totals[i].value;

                if (f->totals[i].key.pid != (uint32_t) pid || f->totals[i].waits_nsec == 0)
                        continue;

                v->n += v->n == 0; /* a wait counts once */
                v->ns += f->totals[i].waits_nsec;
                v->max_ns = MAX_OF(v->max_ns, v->ns);
                f->totals[i].waits_nsec = 0;
        }
        return 0;
}

int fake_offcpu_read(void *self, pid_t pid, ProbeOffcpuFn fn, void *userdata) {
        FakeProbe *f = self;

        for (size_t i = 0; i < f->n_totals; i++)
                if ((pid == 0 || f->totals[i].key.pid == (uint32_t) pid) && f->totals[i].value.n > 0)
                        fn(&f->totals[i].key, &f->totals[i].value, userdata);

        return 0;
}

void fake_offcpu_forget(void *self, pid_t pid) {
        FakeProbe *f = self;
        size_t n = 0;

        assert(!is_watched_for(f, pid, PROBE_USE_OFF_CPU));
        for (size_t i = 0; i < f->n_totals; i++)
                if (pid != 0 && f->totals[i].key.pid != (uint32_t) pid)
                        f->totals[n++] = f->totals[i];

        memset(f->totals + n, 0, (f->n_totals - n) * sizeof(f->totals[0]));
        f->n_totals = n;
}

int fake_offcpu_threshold(void *self, uint64_t nsec) {
        FakeProbe *f = self;

        f->threshold_nsec = nsec;
        return 0;
}

void fake_probe_push_blocked(
                FakeProbe *fake, pid_t pid, uint64_t hash, uint64_t at_ns, const uint64_t *frames) {
        struct cprof_sample *s;
        unsigned n = 0;

        while (frames[n] != 0)
                n++;

        if (fake_probe_push_sample(fake, pid, pid, "thread", at_ns, frames, 0, n) < 0)
                abort();

        s = fake->samples[fake->n_samples - 1];
        s->type = CPROF_RECORD_BLOCKED_STACK;
        s->hash = hash;
        s->flags = 0;
}
