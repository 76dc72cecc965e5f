/* SPDX-License-Identifier: Apache-2.0 */
/* A task record as a person reads it: what, why, when, how well. */
#include "ctl/task-access.h"

#include "ctl/view.h"

#include "basic/utf8.h"

#include <string.h>

/* Text of the record that may reach the terminal. */
static char *clean(const json_t *object, const char *path, const char *otherwise) {
        const char *text = json_text_at(object, path, otherwise);

        return utf8_sanitize(text, strlen(text));
}

static void print_head(const Ctl *c, const json_t *t) {
        _cleanup_(freep) char *unit = clean(t, "unit", "?"), *process = clean(t, "process", "");
        char kinds[PROFILE_KINDS_TEXT_MAX];
        uint64_t pid = json_u64_at(t, "pid");

        printf("%s %s%s%s  %s of %s",
               c->utf8 ? "●" : "*",
               colour_on(c, COLOUR_BOLD),
               task_id(t),
               colour_on(c, COLOUR_NORMAL),
               task_kinds_text(t, kinds),
               unit ?: "?");
        if (pid > 0)
                printf(", %s (PID %" PRIu64 ")", process ?: "?", pid);
        putchar('\n');
}

static void print_state(const Ctl *c, const json_t *t) {
        _cleanup_(freep) char *reason = clean(t, "reason", "");
        const char *state = json_text_at(t, "state", "?");
        bool known = reason && reason[0] != '\0';

        printf("%9s %s%s%s%s%s%s\n",
               "State:",
               colour_on(c, view_state_colour(state)),
               state,
               colour_on(c, COLOUR_NORMAL),
               known ? " (" : "",
               known ? reason : "",
               known ? ")" : "");
}

/* What the threshold in "process-cpu >= 80% for …" is a number of, "%". */
static void unit_of_rule(const char *rule, char ret[static VIEW_TEXT_MAX]) {
        const char *threshold = strstr(rule, ">= ");

        threshold = threshold ? threshold + strlen(">= ") : "";
        threshold += strspn(threshold, "0123456789.");
        (void) snprintf(ret,
                        VIEW_TEXT_MAX,
                        "%.*s",
                        (int) MIN_OF(strcspn(threshold, " "), (size_t) 4),
                        threshold);
}

/* "policy web: process-cpu >= 80% for 5 of 10s: nginx#2 (PID 812) was at 97%, in 6 of 10 seconds, at
 * most 99.5%" */
static void print_cause(const json_t *cause, const char *title) {
        _cleanup_(freep) char *policy = clean(cause, "policy", "?"), *rule = clean(cause, "rule", "?"),
                              *process = clean(cause, "process", "");
        char unit[VIEW_TEXT_MAX], value[VIEW_TEXT_MAX], peak[VIEW_TEXT_MAX];
        uint64_t pid = json_u64_at(cause, "pid");

        unit_of_rule(rule ?: "", unit);

        printf("%9s policy %s: %s\n%9s ", title, policy ?: "?", rule ?: "?", "");
        if (pid > 0)
                printf("%s (PID %" PRIu64 ")", process ?: "?", pid);
        else
                printf("the unit");
        printf(" was at %s, over the threshold in %" PRIu64 " of the last %" PRIu64 " seconds, at most %s\n",
               view_value(json_real_at(cause, "value"), unit, value),
               json_u64_at(cause, "hits"),
               json_u64_at(cause, "period_sec"),
               view_value(json_real_at(cause, "peak"), unit, peak));
}

static void print_causes(const json_t *t) {
        const json_t *causes = json_at(t, "causes");
        size_t i;
        json_t *cause;

        json_array_foreach((json_t *) causes, i, cause) print_cause(cause, i == 0 ? "Why:" : "");

        if (json_array_size(causes) == 0)
                printf("%9s started by hand\n", "Why:");
}

/* Time between two instants of the record; false when one of them is not there. */
static bool between(const json_t *t, const char *from, const char *to, usec_t *ret) {
        uint64_t a = json_u64_at(t, from), b = json_u64_at(t, to);

        if (a == 0 || b < a)
                return false;

        *ret = b - a;
        return true;
}

static void print_times(const json_t *t) {
        char when[VIEW_TEXT_MAX], a[VIEW_TEXT_MAX], b[VIEW_TEXT_MAX];
        uint64_t started = json_u64_at(t, "started_realtime_usec");
        usec_t delay, first, length;
        bool decided, sampled;

        printf("%9s %s", "Started:", view_time(started, when));
        if (between(t, "started_monotonic_usec", "ended_monotonic_usec", &length))
                printf(", ran %s of %s",
                       view_span(length, a),
                       view_span(json_u64_at(t, "duration_usec"), b));
        else
                printf(", planned %s", view_span(json_u64_at(t, "duration_usec"), b));
        putchar('\n');

        decided = between(t, "slot_end_monotonic_usec", "decided_monotonic_usec", &delay);
        sampled =
                        between(t,
                                json_u64_at(t, "slot_end_monotonic_usec") > 0 ? "slot_end_monotonic_usec"
                                                                              : "started_monotonic_usec",
                                "first_sample_monotonic_usec",
                                &first);
        if (decided)
                printf("%9s decided %s after the second closed", "", view_span(delay, a));
        if (sampled)
                printf("%*s%s first sample after %s",
                       decided ? 0 : 9,
                       "",
                       decided ? "," : "",
                       view_span(first, b));
        if (decided || sampled)
                putchar('\n');
}

static void print_losses(const Ctl *c, const json_t *losses) {
        static const struct {
                const char *name, *text;
        } texts[] = {
                { "ring_full", "samples dropped, the ring buffer was full" },
                { "no_user_stack", "samples without a user stack" },
                { "unknown_frames", "frames in no known mapping" },
                { "over_cap", "samples of stacks beyond the limit of different ones" },
                { "processes_missed", "processes not sampled, too many were already" },
                { "offcpu_table_full", "waits not counted, the table was full" },
        };
        const char *name, *title = "Lost:";
        json_t *n;

        json_object_foreach((json_t *) losses, name, n) {
                const char *text = name;

                if (json_integer_value(n) <= 0)
                        continue;

                for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                        if (strcmp(texts[i].name, name) == 0)
                                text = texts[i].text;

                printf("%9s %s%" JSON_INTEGER_FORMAT " %s%s\n",
                       title,
                       colour_on(c, COLOUR_YELLOW),
                       json_integer_value(n),
                       text,
                       colour_on(c, COLOUR_NORMAL));
                title = "";
        }
}

/* A sentence of the record, if it is there. */
static void print_text(const json_t *t, const char *title, const char *name) {
        _cleanup_(freep) char *text = clean(t, name, "");

        if (text && text[0] != '\0')
                printf("%9s %s\n", title, text);
}

/* How they waited, the longest wait, and what has no stack. */
static void print_waits(const json_t *t) {
        uint64_t sleep = json_u64_at(t, "offcpu.sleep_nsec"), disk = json_u64_at(t, "offcpu.disk_nsec"),
                 max = json_u64_at(t, "offcpu.max_nsec"), n_bare = json_u64_at(t, "offcpu.rate_limited");
        char a[VIEW_TEXT_MAX], b[VIEW_TEXT_MAX];

        if (max > 0) {
                printf("%9s %s asleep, ", "", view_span(sleep / NSEC_PER_USEC, a));
                if (disk > 0)
                        printf("%s for the disk or the like, ", view_span(disk / NSEC_PER_USEC, a));
                printf("the longest %s\n", view_span(max / NSEC_PER_USEC, b));
        }
        if (n_bare > 0)
                printf("%9s %" PRIu64 " of them without a stack: too many at once\n", "", n_bare);
}

static void print_amounts(const json_t *t) {
        uint64_t n_before = json_u64_at(t, "before.samples"), first, started;
        char waited[VIEW_TEXT_MAX], queued[VIEW_TEXT_MAX], span[VIEW_TEXT_MAX];

        if (task_has_kind(t, PROFILE_KIND_ON_CPU) || !task_has_kind(t, PROFILE_KIND_OFF_CPU))
                printf("%9s %" PRIu64 "\n", "Samples:", json_u64_at(t, "n_samples"));

        if (task_has_kind(t, PROFILE_KIND_OFF_CPU)) {
                printf("%9s %s in %" PRIu64 " waits, and %s for a CPU\n",
                       "Waited:",
                       view_span(json_u64_at(t, "offcpu.nsec") / NSEC_PER_USEC, waited),
                       json_u64_at(t, "offcpu.switches"),
                       view_span(json_u64_at(t, "offcpu.run_queue_nsec") / NSEC_PER_USEC, queued));
                print_waits(t);
        }

        if (n_before == 0)
                return;

        first = json_u64_at(t, "before.first_sample_monotonic_usec");
        started = json_u64_at(t, "started_monotonic_usec");
        printf("%9s %" PRIu64 " samples of the %s before\n",
               "Before:",
               n_before,
               view_span(started > first ? started - first : 0, span));
}

/* How walks up the stack ended that did not end at its outermost function. */
static void print_ends(const json_t *t) {
        static const struct {
                const char *path, *text;
        } ends[] = {
                { "ends.no_mapping", "left all known mappings" },
                { "ends.no_row", "met code that unwind tables leave out" },
                { "ends.unsupported", "met a rule that is not supported" },
                { "ends.register", "needed a register that was lost" },
                { "ends.unreadable", "met stack memory that was not there" },
                { "ends.backwards", "met a caller below its callee" },
                { "ends.truncated", "were too deep" },
                { "ends.helper", "were taken by frame pointers alone" },
                { "ends.none", "had no user part" },
        };

        for (size_t i = 0; i < ELEMENTSOF(ends); i++) {
                uint64_t n = json_u64_at(t, ends[i].path);

                if (n > 0)
                        printf("%9s %" PRIu64 " %s\n", "", n, ends[i].text);
        }
}

static void print_quality(const json_t *t) {
        uint64_t n_stacks = json_u64_at(t, "quality.stacks_user"),
                 n_frames = json_u64_at(t, "quality.frames");
        uint64_t n_complete = json_u64_at(t, "ends.root") + json_u64_at(t, "ends.frame_pointer");
        _cleanup_(freep) char *path = clean(t, "kernel_path", "");
        bool known = path && path[0] != '\0';

        if (n_stacks == 0)
                return;

        printf("%9s %.1f %% complete", "Stacks:", 100 * (double) n_complete / (double) n_stacks);
        if (n_frames > 0)
                printf(", %.1f %% of frames named",
                       100 * (double) json_u64_at(t, "quality.frames_named") / (double) n_frames);
        printf("%s%s%s\n", known ? " (" : "", known ? path : "", known ? ")" : "");
        print_ends(t);
}

static void print_cost(const json_t *t) {
        uint64_t bpf_nsec = json_u64_at(t, "cost.bpf_nsec");
        char daemon[VIEW_TEXT_MAX], bpf[VIEW_TEXT_MAX];

        if (json_u64_at(t, "cost.wall_nsec") == 0)
                return;

        printf("%9s daemon used %.2f %% of the host (%s",
               "Cost:",
               (double) json_u64_at(t, "cost.host_share_ppm") / 10000,
               view_span(json_u64_at(t, "cost.daemon_cpu_nsec") / NSEC_PER_USEC, daemon));
        if (bpf_nsec > 0)
                printf(", and %s in the kernel", view_span(bpf_nsec / NSEC_PER_USEC, bpf));
        puts(")");
}

/* What SkyWalking calls it. */
static void print_oap(const json_t *t) {
        const char *title = "OAP:";
        const json_t *one;
        size_t i;

        json_array_foreach(json_at(t, "oap_tasks"), i, one) {
                _cleanup_(freep) char *kind = clean(one, "kind", "?"), *id = clean(one, "id", ""),
                                      *refused = clean(one, "refused", "");

                if (id && id[0])
                        printf("%9s %s is task %s\n", title, kind ?: "?", id);
                else
                        printf("%9s %s is not known there: %s\n", title, kind ?: "?", refused ?: "?");
                title = "";
        }
}

void task_print(const Ctl *c, const json_t *t) {
        print_head(c, t);
        print_state(c, t);
        print_text(t, "Program:", "exe");
        print_causes(t);
        print_times(t);
        print_amounts(t);
        print_text(t, "Hottest:", "hottest");
        print_quality(t);
        print_cost(t);
        print_text(t, "Without:", "left_out");
        print_text(t, "Thinned:", "thinned");
        print_oap(t);
        print_losses(c, json_at(t, "losses"));
}
