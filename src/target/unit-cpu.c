/* SPDX-License-Identifier: Apache-2.0 */
/* CPU time of processes and units, pass by pass. */
#include "host/cgroupfs.h"
#include "target/target-set-internal.h"

#include <math.h>

void process_sample(TargetSet *s, Process *p, uint64_t cpu_ns) {
        if (p->now.at_usec != s->now_usec)
                p->before = p->now;

        p->now = (CpuSample){ .cpu_ns = cpu_ns, .at_usec = s->now_usec };
}

static double cpu_percent(const CpuSample *now, const CpuSample *before) {
        if (now->at_usec == 0 || before->at_usec == 0 || now->at_usec <= before->at_usec)
                return NAN;

        /* Threads that end while they are counted can make the sum smaller. */
        if (now->cpu_ns <= before->cpu_ns)
                return 0;

        return 100.0 * (double) (now->cpu_ns - before->cpu_ns) /
                        (double) ((now->at_usec - before->at_usec) * NSEC_PER_USEC);
}

double process_cpu_percent(const Process *p) {
        assert(p);

        return cpu_percent(&p->now, &p->before);
}

double unit_cpu_percent(const Unit *u) {
        assert(u);

        return cpu_percent(&u->now, &u->before);
}

typedef struct Sum {
        usec_t since_usec; /* when the unit was sampled last */
        uint64_t cpu_ns;
} Sum;

/* What the process used since the last pass. One that was born since then brings all it has used, but no
 * more than its threads can have used in that time: it may be one that was missed before. */
static void add_cpu(Process *p, void *userdata) {
        Sum *sum = userdata;

        if (p->before.at_usec != 0)
                sum->cpu_ns += p->now.cpu_ns > p->before.cpu_ns ? p->now.cpu_ns - p->before.cpu_ns : 0;
        else if (p->fresh) {
                uint64_t most = (p->now.at_usec - sum->since_usec) * NSEC_PER_USEC *
                                MAX_OF(p->n_threads, 1U);

                sum->cpu_ns += MIN_OF(p->now.cpu_ns, most);
        }
}

static void unit_sample(TargetSet *s, Unit *u) {
        CpuSample before = u->now;
        uint64_t cpu_ns = 0;
        bool from_cgroup;

        from_cgroup = !u->path_ambiguous && cgroupfs_read_cpu_ns(s->host, u->cgroup_path, &cpu_ns) >= 0;
        if (from_cgroup != u->cpu_from_cgroup)
                before = (CpuSample){}; /* the two do not count from the same zero */

        if (!from_cgroup) {
                Sum sum = { .since_usec = before.at_usec };

                if (before.at_usec != 0)
                        unit_for_each_process(s, u, add_cpu, &sum);
                cpu_ns = before.cpu_ns + sum.cpu_ns;
        }

        u->before = before;
        u->now = (CpuSample){ .cpu_ns = cpu_ns, .at_usec = s->now_usec };
        u->cpu_from_cgroup = from_cgroup;
}

void unit_sample_all(TargetSet *s) {
        for (Unit *u = s->units; u; u = u->hh.next) {
                if (u->cpu_wanted)
                        unit_sample(s, u);
                else if (u->now.at_usec != 0)
                        u->now = u->before = (CpuSample){};
        }
}
