/* SPDX-License-Identifier: Apache-2.0 */
/* On-CPU sampling: one cpu-clock event per CPU for all targets, enabled while there are any. */
#include "probe/probe-bpf.h"

#include "bpf/oncpu.skel.h"

#include <bpf/bpf.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#define RING_BYTES_MIN (512U * 1024)
#define RING_BYTES_PER_CPU (64U * 1024) /* a quarter of a second at 99 Hz with the longest stacks */

struct ProbeOncpu {
        struct cprof_oncpu *skel;
        uint64_t task_period_nsec, recorder_period_nsec; /* the latter 0: no recorder */
        uint64_t period_nsec;                            /* of the events now; 0 = disabled */

        int n_cpus;
        int *event_fds;          /* by CPU, borrowed from the link; -EBADF for one that is offline */
        struct bpf_link **links; /* by CPU */

        struct ring_buffer *ring;

        /* while reading */
        ProbeSampleFn fn;
        void *userdata;
};

static int on_sample(void *userdata, void *data, size_t size) {
        const struct cprof_sample *s = data;
        ProbeOncpu *o = userdata;

        if (size >= sizeof(*s) &&
            size >= sizeof(*s) + ((size_t) s->n_kernel + s->n_user) * sizeof(s->frames[0]) +
                                            s->n_python * sizeof(struct cprof_python_frame))
                o->fn(s, o->userdata);

        return 0;
}

ProbeOncpu *probe_oncpu_free(ProbeOncpu *o) {
        if (!o)
                return NULL;

        for (int i = 0; i < o->n_cpus && o->links; i++)
                (void) bpf_link__destroy(o->links[i]); /* closes the event too */

        free(o->links);
        free(o->event_fds);
        ring_buffer__free(o->ring);
        cprof_oncpu__destroy(o->skel);
        free(o);
        return NULL;
}

static size_t ring_bytes(const ProbeConfig *config, int n_cpus) {
        size_t bytes = RING_BYTES_MIN;

        if (config->ring_bytes > 0)
                return config->ring_bytes;

        while (bytes < (size_t) n_cpus * RING_BYTES_PER_CPU)
                bytes *= 2;

        return bytes;
}

static int
load(ProbeOncpu *o, const PidNamespace *ns, const ProbeConfig *config, const ProbeShared *shared) {
        int r;

        o->skel = cprof_oncpu__open();
        if (!o->skel)
                return -errno;

        o->skel->rodata->our_pidns_inum = ns->inum;
        o->skel->rodata->our_pidns_is_first = ns->is_first;
        o->skel->rodata->recorder_every = config->recorder_every;

        o->skel->rodata->python_enabled = shared->python != NULL;
        if (shared->python) {
                r = probe_python_share(shared->python, o->skel->maps.python_offsets);
                if (r < 0)
                        return r;
        }

        r = probe_unwind_share(
                        shared->unwind,
                        o->skel->maps.unwind_rows,
                        o->skel->maps.unwind_mappings,
                        o->skel->maps.targets);
        if (r < 0)
                return r;

        r = bpf_map__set_max_entries(o->skel->maps.samples, (uint32_t) ring_bytes(config, o->n_cpus));
        if (r < 0)
                return r;

        r = cprof_oncpu__load(o->skel);
        if (r < 0)
                return r;

        o->ring = ring_buffer__new(bpf_map__fd(o->skel->maps.samples), on_sample, o, NULL);
        return o->ring ? 0 : -errno;
}

/* One event on one CPU, linked to the program and disabled. -ENODEV for a CPU that is offline. */
static int open_event(ProbeOncpu *o, int cpu) {
        struct perf_event_attr attr = {
                .size = sizeof(attr),
                .type = PERF_TYPE_SOFTWARE,
                .config = PERF_COUNT_SW_CPU_CLOCK,
                .sample_period = o->task_period_nsec,
                .disabled = 1,
                .exclude_idle = 1,
        };
        int fd;

        fd = (int) syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
        if (fd < 0)
                return -errno;

        o->links[cpu] = bpf_program__attach_perf_event(o->skel->progs.oncpu, fd);
        if (!o->links[cpu]) {
                int r = -errno;

                (void) safe_close(fd);
                return r;
        }

        /* from here on the link owns the descriptor; attaching has enabled the event */
        (void) ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
        o->event_fds[cpu] = fd;
        return 0;
}

static int open_events(ProbeOncpu *o) {
        int n_open = 0, r;

        for (int cpu = 0; cpu < o->n_cpus; cpu++) {
                if (o->event_fds[cpu] < 0) {
                        r = open_event(o, cpu);
                        if (r == -ENODEV)
                                continue;
                        if (r < 0)
                                return r;
                }
                n_open++;
        }

        return n_open > 0 ? 0 : -ENODEV;
}

int probe_oncpu_new(
                const PidNamespace *ns,
                const ProbeConfig *config,
                const ProbeShared *shared,
                ProbeOncpu **ret_oncpu,
                const char **reterr_step) {
        _cleanup_(probe_oncpu_freep) ProbeOncpu *o = NULL;
        int n_cpus, r;

        *reterr_step = "loading the on-CPU sampler";

        n_cpus = libbpf_num_possible_cpus();
        if (n_cpus < 0)
                return n_cpus;

        o = calloc(1, sizeof(*o));
        if (!o)
                return -ENOMEM;

        o->task_period_nsec = NSEC_PER_SEC / config->oncpu_hz;
        o->recorder_period_nsec = o->task_period_nsec * config->recorder_every;
        o->event_fds = malloc((size_t) n_cpus * sizeof(o->event_fds[0]));
        o->links = calloc((size_t) n_cpus, sizeof(o->links[0]));
        if (!o->event_fds || !o->links)
                return -ENOMEM;

        o->n_cpus = n_cpus;
        for (int i = 0; i < n_cpus; i++)
                o->event_fds[i] = -EBADF;

        r = load(o, ns, config, shared);
        if (r < 0)
                return r;

        *reterr_step = "opening cpu-clock events";
        r = open_events(o);
        if (r < 0)
                return r;

        *ret_oncpu = TAKE_PTR(o);
        return 0;
}

static void set_events(ProbeOncpu *o, uint64_t period_nsec) {
        if (period_nsec == o->period_nsec)
                return;
        if (period_nsec > 0)
                (void) open_events(o); /* CPUs that came online since */

        for (int i = 0; i < o->n_cpus; i++) {
                if (o->event_fds[i] < 0)
                        continue;

                if (period_nsec > 0) {
                        (void) ioctl(o->event_fds[i], PERF_EVENT_IOC_PERIOD, &period_nsec);
                        (void) ioctl(o->event_fds[i], PERF_EVENT_IOC_ENABLE, 0);
                } else
                        (void) ioctl(o->event_fds[i], PERF_EVENT_IOC_DISABLE, 0);
        }

        o->period_nsec = period_nsec;
}

void probe_oncpu_set_rate(ProbeOncpu *o, bool tasks, bool recorder) {
        o->skel->bss->recorder_rate = !tasks;

        if (tasks)
                set_events(o, o->task_period_nsec);
        else
                set_events(o, recorder ? o->recorder_period_nsec : 0);
}

void probe_oncpu_thin_tasks(ProbeOncpu *o, unsigned every) {
        o->skel->data->oncpu_every = every;
}

int probe_oncpu_read(ProbeOncpu *o, ProbeSampleFn fn, void *userdata) {
        int r;

        o->fn = fn;
        o->userdata = userdata;
        r = ring_buffer__consume(o->ring);
        o->fn = NULL;
        o->userdata = NULL;
        return r;
}

static uint64_t read_counter(ProbeOncpu *o, uint32_t counter) {
        _cleanup_(freep) uint64_t *values = NULL;
        uint64_t sum = 0;

        values = calloc((size_t) o->n_cpus, sizeof(values[0]));
        if (!values || bpf_map_lookup_elem(bpf_map__fd(o->skel->maps.counters), &counter, values) < 0)
                return 0;

        for (int i = 0; i < o->n_cpus; i++)
                sum += values[i];

        return sum;
}

void probe_oncpu_counters(ProbeOncpu *o, ProbeCounters *ret) {
        struct bpf_prog_info info = {};
        uint32_t size = sizeof(info);

        *ret = (ProbeCounters){
                .n_samples = read_counter(o, CPROF_COUNTER_SAMPLES),
                .n_ring_full = read_counter(o, CPROF_COUNTER_RING_FULL),
                .n_no_user_stack = read_counter(o, CPROF_COUNTER_NO_USER_STACK),
        };

        if (bpf_obj_get_info_by_fd(bpf_program__fd(o->skel->progs.oncpu), &info, &size) == 0) {
                ret->bpf_run_ns = info.run_time_ns;
                ret->bpf_run_count = info.run_cnt;
        }
}
