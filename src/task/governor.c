/* SPDX-License-Identifier: Apache-2.0 */
#include "task/governor.h"

#include <string.h>

static const uint64_t thresholds_nsec[] = {
        0, 100 * NSEC_PER_USEC, 1000 * NSEC_PER_USEC, 10000 * NSEC_PER_USEC
};

/* One second split up by what it was spent for. */
typedef struct Split {
        double oncpu_nsec, offcpu_nsec;
        uint64_t n_oncpu, n_offcpu; /* events of all tasks */
        size_t n_oncpu_tasks, n_offcpu_tasks;
} Split;

static Split split(const GovernorInput *in) {
        Split s = { .oncpu_nsec = (double) in->oncpu_nsec, .offcpu_nsec = (double) in->offcpu_nsec };
        double share;

        for (size_t i = 0; i < in->n_tasks; i++) {
                const GovernorTask *t = in->tasks + i;

                s.n_oncpu += t->oncpu ? t->n_samples : 0;
                s.n_offcpu += t->offcpu ? t->n_switches : 0;
                s.n_oncpu_tasks += t->oncpu;
                s.n_offcpu_tasks += t->offcpu;
        }

        /* Stacks of waits come once each, samples every time: what cprofd does is for the latter if any. */
        share = s.n_oncpu_tasks > 0 || s.n_offcpu_tasks == 0 ? 1 : 0;
        s.oncpu_nsec += share * (double) in->daemon_nsec;
        s.offcpu_nsec += (1 - share) * (double) in->daemon_nsec;
        return s;
}

static double to_percent(const GovernorInput *in, double nsec) {
        double host_nsec = (double) in->wall_nsec * MAX_OF(in->n_cpus, 1U);

        return host_nsec > 0 ? 100 * nsec / host_nsec : 0;
}

double governor_total_percent(const GovernorInput *in) {
        assert(in);

        return to_percent(in, (double) in->daemon_nsec + (double) in->oncpu_nsec + (double) in->offcpu_nsec);
}

/* @n of @n_all; equal parts where nothing was recorded. */
static double part(uint64_t n, uint64_t n_all, size_t n_tasks) {
        return n_all > 0 ? (double) n / (double) n_all : 1 / (double) n_tasks;
}

double governor_task_percent(const GovernorInput *in, size_t task) {
        const GovernorTask *t = in->tasks + task;
        double nsec = 0;
        Split s;

        assert(in);
        assert(task < in->n_tasks);

        s = split(in);
        if (t->oncpu)
                nsec += s.oncpu_nsec * part(t->n_samples, s.n_oncpu, s.n_oncpu_tasks);
        if (t->offcpu)
                nsec += s.offcpu_nsec * part(t->n_switches, s.n_offcpu, s.n_offcpu_tasks);

        return to_percent(in, nsec);
}

void governor_reset(Governor *g) {
        *g = (Governor){};
}

unsigned governor_thin(const Governor *g) {
        return 1U << g->n_thin;
}

uint64_t governor_threshold_nsec(const Governor *g) {
        return thresholds_nsec[g->n_threshold];
}

/* What is over its budget by the largest factor. */
typedef struct Excess {
        double percent, budget_percent;
        size_t task; /* the one that is, or the costliest */
        bool of_task;
} Excess;

static bool find_excess(const GovernorInput *in, Excess *ret) {
        double costliest = -1, worst = 1;
        bool found = false;
        size_t largest = 0;

        for (size_t i = 0; i < in->n_tasks; i++) {
                const GovernorTask *t = in->tasks + i;
                double percent = governor_task_percent(in, i);

                if (percent > costliest) {
                        costliest = percent;
                        largest = i;
                }

                if (t->budget_percent > 0 && percent / t->budget_percent > worst) {
                        worst = percent / t->budget_percent;
                        *ret = (Excess){ percent, t->budget_percent, i, true };
                        found = true;
                }
        }

        if (found)
                return true;
        if (governor_total_percent(in) <= in->budget_percent)
                return false;

        *ret = (Excess){ governor_total_percent(in), in->budget_percent, largest, false };
        return true;
}

/* Whether less of one kind would help, and which steps are left. */
static GovernorStep choose(const Governor *g, const GovernorInput *in, const Excess *e) {
        Split s = split(in);
        double all = s.oncpu_nsec + s.offcpu_nsec;
        bool oncpu = s.n_oncpu_tasks > 0 && 4 * s.oncpu_nsec >= all;
        bool offcpu = s.n_offcpu_tasks > 0 && 4 * s.offcpu_nsec >= all;

        if (e->of_task) {
                oncpu = oncpu && in->tasks[e->task].oncpu;
                offcpu = offcpu && in->tasks[e->task].offcpu;
        }

        if (oncpu && governor_thin(g) < GOVERNOR_THIN_MAX)
                return GOVERNOR_STEP_THIN;
        if (offcpu && g->n_threshold + 1 < ELEMENTSOF(thresholds_nsec))
                return GOVERNOR_STEP_THRESHOLD;

        return GOVERNOR_STEP_STOP;
}

static void explain(const Excess *e, GovernorAction *a) {
        char what[64];

        if (a->step == GOVERNOR_STEP_THIN)
                (void) snprintf(what, sizeof(what), "on-CPU sampling lowered to 1 in %u", a->thin);
        else if (a->step == GOVERNOR_STEP_THRESHOLD)
                (void) snprintf(what,
                                sizeof(what),
                                "stacks of waits from %g ms only",
                                (double) a->threshold_nsec / 1e6);
        else
                (void) snprintf(what, sizeof(what), "stopped to save the host");

        (void) snprintf(a->text,
                        sizeof(a->text),
                        "%s: %s took %.2f%% of the host's CPU time, its budget is %g%%",
                        what,
                        e->of_task ? "the task" : "recording",
                        e->percent,
                        e->budget_percent);
}

bool governor_step(Governor *g, const GovernorInput *in, GovernorAction *ret) {
        Excess excess;

        assert(g);
        assert(in);
        assert(ret);

        *ret = (GovernorAction){};
        if (in->n_tasks == 0 || !find_excess(in, &excess)) {
                g->n_over = 0;
                return false;
        }

        if (++g->n_over < GOVERNOR_PATIENCE)
                return false;

        g->n_over = 0; /* the next step only after this one had time to show */
        ret->step = choose(g, in, &excess);
        g->n_thin += ret->step == GOVERNOR_STEP_THIN;
        g->n_threshold += ret->step == GOVERNOR_STEP_THRESHOLD;

        ret->thin = governor_thin(g);
        ret->threshold_nsec = governor_threshold_nsec(g);
        ret->task = excess.task;
        explain(&excess, ret);
        return true;
}
