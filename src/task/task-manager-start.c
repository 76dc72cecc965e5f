/* SPDX-License-Identifier: Apache-2.0 */
/* What is between the decision to record and the first sample. */
#include "basic/strbuf.h"
#include "task/task-kind.h"
#include "task/task-manager-private.h"

#include <string.h>
#include <utlist.h>

/* Why no process is sampled. */
static int explain_none(TaskManager *m, int error, char *ret_reason, size_t size) {
        unsigned n = 0;
        RunningTask *rt;

        if (error >= 0) {
                (void) snprintf(ret_reason, size, "the unit has no processes");
                return -ESRCH;
        }

        DL_FOREACH(m->running, rt)
        n += rt->oncpu.n_processes;

        errno = -error;
        if (error == -ENOSPC)
                (void) snprintf(ret_reason, size, "no more processes can be sampled, %u are already", n);
        else
                (void) snprintf(ret_reason, size, "no process could be sampled: %m");

        return error;
}

/* Begins to sample the subject's processes. */
static int sample_subject(TaskManager *m, RunningTask *rt, Subject s, char *reterr_reason, size_t size) {
        SampledProcess *p;
        int r;

        if (!s.process) {
                r = task_manager_update_members(m, rt, s.unit);
                return rt->oncpu.n_processes > 0 ? 0 : explain_none(m, r, reterr_reason, size);
        }

        r = task_manager_add_process(m, rt, s.process->key, &p);
        if (r < 0)
                return explain_none(m, r, reterr_reason, size);

        if (process_cache_read(m->cache, p->entry) == -ESRCH) {
                (void) snprintf(reterr_reason, size, "the process is gone");
                return -ESRCH;
        }

        return 0;
}

/* Adds "off-cpu is not available: …" after what is there. */
static void _printf_(3, 4) add_why_not(StrBuf *b, ProfileKind kind, const char *format, ...) {
        va_list ap;

        strbuf_addf(b, "%s%s ", b->length > 0 ? "; " : "", profile_kind_to_string(kind));
        va_start(ap, format);
        strbuf_addv(b, format, ap);
        va_end(ap);
}

static int kind_make_ready(TaskManager *m, ProfileKind kind, StrBuf *why_not) {
        const char *why = NULL;
        int r;

        r = probe_feature(m->probe, task_kind_feature(kind), &why);
        if (r < 0) {
                add_why_not(why_not, kind, "is not available: %s", why ?: strerror(-r));
                return r;
        }

        r = probe_arm(m->probe, task_kind_use(kind));
        if (r < 0)
                add_why_not(why_not, kind, "could not be loaded: %s", strerror(-r));

        return r;
}

/* Makes the kernel ready for each kind of the task, and takes those away that cannot be recorded. Fails if
 * none is left: then the task keeps them and *ret_why_not is the reason. */
static int choose_kinds(TaskManager *m, Task *t, ProfileKinds running, char **ret_why_not) {
        ProfileKinds chosen = 0;
        _cleanup_(strbuf_done) StrBuf b = {};
        int r, error = 0;

        for (ProfileKind k = 0; k < _PROFILE_KIND_MAX; k++) {
                if (!(t->kinds & PROFILE_KIND_BIT(k)))
                        continue;

                if (running & PROFILE_KIND_BIT(k)) {
                        add_why_not(&b, k, "is recorded by another task");
                        continue;
                }

                r = kind_make_ready(m, k, &b);
                if (r >= 0)
                        chosen |= PROFILE_KIND_BIT(k);
                else
                        error = error ?: r;
        }

        if (b.length > 0) {
                r = strbuf_finish(&b, ret_why_not);
                if (r < 0)
                        return r;
        }
        if (chosen == 0)
                return error ?: -EEXIST;

        t->kinds = chosen;
        return 0;
}

int task_manager_begin(
                TaskManager *m,
                RunningTask *rt,
                Subject subject,
                ProfileKinds running,
                char *reterr_reason,
                size_t size) {
        _cleanup_(freep) char *why_not = NULL;
        int r;

        r = choose_kinds(m, rt->task, running, &why_not);
        if (r < 0) {
                (void) snprintf(reterr_reason, size, "%s", why_not ?: strerror(-r));
                return r;
        }
        rt->task->left_out = TAKE_PTR(why_not);

        /* without memory for its name it is not known */
        rt->task->kernel_path = strdup(m->unwind ? "eh-frame" : "frame-pointers");
        if (rt->task->kinds & PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU))
                rt->task->sample_period_nsec = NSEC_PER_SEC / m->config.oncpu_hz;
        r = profile_new(m->modules, rt->task->sample_period_nsec, &rt->task->profile);
        if (r < 0) {
                (void) snprintf(reterr_reason, size, "out of memory");
                return r;
        }

        oncpu_task_init(&rt->oncpu, rt->task, m->probe, m->cache);
        r = sample_subject(m, rt, subject, reterr_reason, size);
        if (r < 0)
                oncpu_task_done(&rt->oncpu);

        return r;
}
