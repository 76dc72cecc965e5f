/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl-bus.h"
#include "ctl/flamegraph.h"
#include "ctl/output.h"
#include "ctl/task-access.h"
#include "ctl/view.h"

#include "basic/file-io.h"
#include "basic/log.h"

#include <string.h>

#define OFF_CPU_SECONDS 1e-6 /* counts of stacks off CPU are microseconds */

static int copy_all(int from, int to) {
        char buffer[64 * 1024];
        int r;

        for (;;) {
                ssize_t n = read(from, buffer, sizeof(buffer));

                if (n == 0)
                        return 0;
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;

                r = write_full_fd(to, buffer, (size_t) n);
                if (r < 0)
                        return r;
        }
}

/* What GetProfile knows, and the end of the name of the file. */
static const struct {
        const char *name, *suffix;
        bool binary;
} formats[] = {
        { "pprof", "pb.gz", true },
        { "folded", "folded", false },
        { "folded-offcpu", "offcpu.folded", false },
        { "folded-waits", "waits.folded", false },
        { "before-pprof", "before.pb.gz", true },
        { "before-folded", "before.folded", false },
};

int verb_task_export(Ctl *c, int argc, char **argv) {
        const char *format = c->options.format ?: "pprof";
        _cleanup_(json_decrefp) json_t *task = NULL;
        _cleanup_(output_done) Output out = { .fd = -EBADF };
        _cleanup_(closep) int fd = -EBADF;
        size_t i = 0;
        int r;

        while (i < ELEMENTSOF(formats) && strcmp(formats[i].name, format) != 0)
                i++;
        if (i == ELEMENTSOF(formats))
                return log_error_errno(
                                EINVAL,
                                "Unknown format '%s', expected 'pprof', 'folded', 'folded-offcpu', "
                                "'folded-waits', 'before-pprof' or 'before-folded'.",
                                format);

        r = task_get(c, argc > 0 ? argv[0] : "latest", &task);
        if (r < 0)
                return r;

        r = task_open_profile(c, task, format, TASK_PATIENCE, &fd);
        if (r < 0)
                return r;

        r = output_open(c, task_id(task), formats[i].suffix, formats[i].binary, &out);
        if (r < 0)
                return r;

        return output_finish(&out, copy_all(fd, out.fd));
}

/* "nginx.service, Sat 2026-11-21 03:10:05 UTC, policy web: process-cpu >= 80% for 5 of 10s" */
static int make_subtitle(const json_t *task, char **ret_text) {
        const json_t *cause = json_array_get(json_at(task, "causes"), 0);
        char when[VIEW_TEXT_MAX];
        int n;

        (void) view_time(json_u64_at(task, "started_realtime_usec"), when);
        if (cause)
                n = asprintf(ret_text,
                             "%s, task %s, policy %s: %s",
                             when,
                             task_id(task),
                             json_text_at(cause, "policy", "?"),
                             json_text_at(cause, "rule", "?"));
        else
                n = asprintf(ret_text, "%s, task %s, started by hand", when, task_id(task));

        return n < 0 ? -ENOMEM : 0;
}

static int make_title(const Options *o, const json_t *task, bool off_cpu, char **ret_text) {
        const char *process = json_text_at(task, "process", NULL);
        int n;

        n = asprintf(ret_text,
                     "%s%s of %s%s%s",
                     off_cpu ? "off-cpu" : "on-cpu",
                     o->before ? " before the trigger" : "",
                     json_text_at(task, "unit", "?"),
                     process ? ", " : "",
                     process ?: "");

        return n < 0 ? -ENOMEM : 0;
}

static double seconds_per_sample(const json_t *task) {
        return (double) json_integer_value(json_object_get(task, "sample_period_nsec")) / NSEC_PER_SEC;
}

/* Which part of the task the options ask for. */
static const char *choose_format(const Options *o) {
        return o->off_cpu ? "folded-offcpu" : o->before ? "before-folded" : "folded";
}

int verb_task_flamegraph(Ctl *c, int argc, char **argv) {
        _cleanup_(freep) char *title = NULL, *subtitle = NULL, *stem = NULL;
        _cleanup_(json_decrefp) json_t *task = NULL;
        _cleanup_(folded_freep) Folded *f = NULL;
        _cleanup_(output_done) Output out = { .fd = -EBADF };
        FlamegraphInfo info = {};
        bool off_cpu;
        int r;

        if (c->options.before && c->options.off_cpu)
                return log_error_errno(EINVAL, "What came before a trigger has stacks on CPU only.");

        r = task_get(c, argc > 0 ? argv[0] : "latest", &task);
        if (r < 0)
                return r;

        off_cpu = c->options.off_cpu || (!c->options.before && !task_has_kind(task, PROFILE_KIND_ON_CPU));
        r = task_read_profile(c, task, choose_format(&c->options), TASK_PATIENCE, &f);
        if (r < 0)
                return r;

        r = make_title(&c->options, task, off_cpu, &title);
        if (r >= 0)
                r = make_subtitle(task, &subtitle);
        if (r >= 0 &&
            asprintf(&stem,
                     "%s%s",
                     task_id(task),
                     c->options.off_cpu                  ? "-off-cpu"
                                     : c->options.before ? "-before"
                                                         : "") < 0)
                r = -ENOMEM;
        if (r < 0)
                return log_error_errno(r, "Failed to draw the flame graph: %m");

        r = output_open(c, stem, "html", /* binary= */ false, &out);
        if (r < 0)
                return r;

        info.unit_label = off_cpu ? "blocked" : "samples";
        info.title = title;
        info.subtitle = subtitle;
        info.counts_time = off_cpu;
        info.seconds_per_sample = off_cpu ? OFF_CPU_SECONDS : seconds_per_sample(task);
        return output_finish(&out, flamegraph_write_html(f, &info, out.fd));
}
