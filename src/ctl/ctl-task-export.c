/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl-bus.h"
#include "ctl/flamegraph.h"
#include "ctl/task-access.h"
#include "ctl/view.h"

#include "basic/file-io.h"
#include "basic/log.h"

#include <fcntl.h>
#include <string.h>

/* Where a profile goes. */
typedef struct Output {
        char *path; /* NULL = standard output */
        int fd;
} Output;

static void output_done(Output *o) {
        if (o->path)
                o->fd = safe_close(o->fd);
        free(o->path);
}

/* -o, or else "cprof-ID.SUFFIX" in the current directory. */
static int output_open(const Ctl *c, const json_t *task, const char *suffix, bool binary, Output *ret) {
        _cleanup_(freep) char *path = NULL;
        const char *asked = c->options.output;
        int fd;

        if (asked && strcmp(asked, "-") == 0) {
                if (binary && isatty(STDOUT_FILENO))
                        return log_error_errno(
                                        EINVAL,
                                        "A pprof file is no text for a terminal: redirect it or name a file by -o.");
                *ret = (Output){ .fd = STDOUT_FILENO };
                return 0;
        }

        if (asked)
                path = strdup(asked);
        else if (asprintf(&path, "cprof-%s.%s", task_id(task), suffix) < 0)
                path = NULL;
        if (!path)
                return log_error_errno(ENOMEM, "Failed to name the file: %m");

        /* A name of our own choice must not lead elsewhere: the directory may be /tmp. */
        fd = open(path,
                  O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY | (asked ? 0 : O_NOFOLLOW),
                  0666);
        if (fd < 0)
                return log_error_errno(errno, "Failed to open '%s' for writing: %m", path);

        *ret = (Output){ .path = TAKE_PTR(path), .fd = fd };
        return 0;
}

/* @r is what writing came to. */
static int output_finish(const Output *o, int r) {
        if (r >= 0) {
                if (o->path)
                        printf("%s\n", o->path);
                return EXIT_SUCCESS;
        }

        /* Half a profile looks like a whole one. */
        if (o->path)
                (void) unlink(o->path);

        return log_error_errno(r, "Failed to write %s: %m", o->path ?: "to standard output");
}

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
                                "'before-pprof' or 'before-folded'.",
                                format);

        r = task_get(c, argc > 0 ? argv[0] : "latest", &task);
        if (r < 0)
                return r;

        r = task_open_profile(c, task, format, TASK_PATIENCE, &fd);
        if (r < 0)
                return r;

        r = output_open(c, task, formats[i].suffix, formats[i].binary, &out);
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

static int make_title(const json_t *task, char **ret_text) {
        const char *process = json_text_at(task, "process", NULL);
        char kinds[PROFILE_KINDS_TEXT_MAX];
        int n;

        n = asprintf(ret_text,
                     "%s of %s%s%s",
                     task_kinds_text(task, kinds),
                     json_text_at(task, "unit", "?"),
                     process ? ", " : "",
                     process ?: "");

        return n < 0 ? -ENOMEM : 0;
}

int verb_task_flamegraph(Ctl *c, int argc, char **argv) {
        _cleanup_(freep) char *title = NULL, *subtitle = NULL;
        _cleanup_(json_decrefp) json_t *task = NULL;
        _cleanup_(folded_freep) Folded *f = NULL;
        _cleanup_(output_done) Output out = { .fd = -EBADF };
        FlamegraphInfo info = { .unit_label = "samples" };
        int r;

        r = task_get(c, argc > 0 ? argv[0] : "latest", &task);
        if (r < 0)
                return r;

        r = task_read_folded(c, task, TASK_PATIENCE, &f);
        if (r < 0)
                return r;

        if (!task_has_kind(task, PROFILE_KIND_ON_CPU) && task_has_kind(task, PROFILE_KIND_OFF_CPU))
                info.unit_label = "µs";

        r = make_title(task, &title);
        if (r >= 0)
                r = make_subtitle(task, &subtitle);
        if (r < 0)
                return log_error_errno(r, "Failed to draw the flame graph: %m");

        r = output_open(c, task, "html", /* binary= */ false, &out);
        if (r < 0)
                return r;

        info.title = title;
        info.subtitle = subtitle;
        info.seconds_per_sample = (double) json_integer_value(json_object_get(task, "sample_period_nsec")) /
                        NSEC_PER_SEC;
        return output_finish(&out, flamegraph_write_html(f, &info, out.fd));
}
