/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks that were triggered here, as OAP is told of them. */
#include "oap/oap-run-private.h"

#include <limits.h>
#include <math.h>
#include <string.h>

/* JDBC storages have a column of 1000 characters for the causes of a task, and lose it when they do not fit
 * although it has an id. Its parts, as measured. */
#define CAUSES_CHARACTERS_MAX 1000U
#define CAUSES_CHARACTERS 110U /* and the process's name */
#define CAUSE_CHARACTERS 140U  /* and the URI */
#define URI_CHARACTERS 40U     /* of what stands around it */
#define CAUSES_KNOWN_MAX 64U   /* looked at; the strongest are among them */

typedef struct Strong {
        const TaskCause *cause;
        Metric metric;
        double strength;
} Strong;

static double strength(const TaskCause *c) {
        if (isnan(c->value))
                return 0;

        return c->threshold > 0 ? c->value / c->threshold : INFINITY;
}

static int by_strength(const void *a, const void *b) {
        double x = ((const Strong *) a)->strength, y = ((const Strong *) b)->strength;

        return x < y ? 1 : x > y ? -1 : 0;
}

/* As OAP's JSON has it. */
static size_t json_length(const char *text) {
        size_t n = 0;

        for (; *text; text++)
                n += strchr("<>&='", *text) || (unsigned char) *text < 0x20 ? 6
                                                                            : 1 + !!strchr("\"\\", *text);

        return n;
}

static const char *cause_uri(const TaskCause *c) {
        return c->uri ?: c->uri_regex;
}

static size_t cause_length(const TaskCause *c) {
        const char *uri = cause_uri(c);

        return CAUSE_CHARACTERS + (uri ? URI_CHARACTERS + json_length(uri) : 0);
}

static size_t known_causes(const Task *t, Strong strong[static CAUSES_KNOWN_MAX]) {
        size_t n = 0;

        for (size_t i = 0; i < t->n_causes && n < CAUSES_KNOWN_MAX; i++) {
                const TaskCause *c = t->causes + i;
                int metric = c->metric ? metric_from_string(c->metric) : -EINVAL;

                if (metric >= 0 && oap_metric_is_known(metric))
                        strong[n++] = (Strong){ c, metric, strength(c) };
        }

        return n;
}

/* The strongest causes that OAP knows and has room for, one at least. */
static size_t
choose_causes(const Task *t,
              const char *process,
              UriRule uris[OAP_CAUSES_MAX],
              OapCause ret[OAP_CAUSES_MAX]) {
        size_t n_known, n = 0, length = CAUSES_CHARACTERS + json_length(process);
        Strong strong[CAUSES_KNOWN_MAX];

        n_known = known_causes(t, strong);
        qsort(strong, n_known, sizeof(strong[0]), by_strength);

        for (size_t i = 0; i < n_known && n < OAP_CAUSES_MAX; i++) {
                const TaskCause *c = strong[i].cause;

                /* one that fits nowhere is sent when it is all there is */
                if (length + cause_length(c) > CAUSES_CHARACTERS_MAX && (n > 0 || i + 1 < n_known))
                        continue;

                length += cause_length(c);
                uris[n] = (UriRule){
                        .kind = c->uri                 ? URI_RULE_EXACT
                                        : c->uri_regex ? URI_RULE_REGEX
                                                       : URI_RULE_ALL,
                        .text = (char *) cause_uri(c),
                };
                ret[n] = (OapCause){ strong[i].metric, uris + n, c->threshold, c->value };
                n++;
        }

        return n;
}

static int32_t duration_sec(const Task *t) {
        usec_t sec = (t->duration_usec + USEC_PER_SEC - 1) / USEC_PER_SEC;

        sec = MIN_OF(sec, (usec_t) INT32_MAX);
        return (int32_t) MAX_OF(sec, (usec_t) 1);
}

static int
announce(OapRuns *r,
         const Task *t,
         Identity *i,
         OapTarget target,
         const OapCause *causes,
         size_t n_causes,
         int64_t now_ms) {
        const OapEntity entity = { i->layer, i->service, i->instance, i->process };
        _cleanup_(oap_bytes_done) OapBytes report = {};
        _cleanup_(oap_run_freep) OapRun *run = NULL;
        OapFeed *f;
        int k;

        if (r->n_runs >= OAP_RUNS_MAX)
                return -E2BIG;

        k = oap_run_new(target, i, &run);
        if (k >= 0)
                k = oap_run_attach(run, t->id, NULL, &f);
        if (k >= 0)
                k = oap_encode_report(&entity, target, causes, n_causes, duration_sec(t), &report);
        if (k >= 0)
                k = oap_forward_report(r->forward, t->id, target, &entity, i->pid, now_ms, &report);
        if (k < 0)
                return k;

        run->state = OAP_RUN_RUNNING;
        run->start_ms = now_ms;
        run->end_ms = now_ms + (int64_t) duration_sec(t) * 1000;
        oap_runs_add(r, TAKE_PTR(run));
        r->counters.n_started++;
        return 0;
}

int oap_runs_task_started(OapRuns *r, const Task *t, Identity *i, int64_t now_ms) {
        static const OapTarget targets[_PROFILE_KIND_MAX] = {
                [PROFILE_KIND_ON_CPU] = OAP_TARGET_ON_CPU,
                [PROFILE_KIND_OFF_CPU] = OAP_TARGET_OFF_CPU,
        };
        OapCause causes[OAP_CAUSES_MAX];
        UriRule uris[OAP_CAUSES_MAX];
        size_t n_causes;
        int error = 0;

        assert(r);
        assert(t);

        if (!i || t->state != TASK_STATE_RUNNING)
                return 0;

        n_causes = choose_causes(t, i->process, uris, causes);
        if (n_causes == 0)
                return 0; /* started by hand, or for what OAP does not know */

        for (ProfileKind kind = 0; kind < _PROFILE_KIND_MAX; kind++) {
                int k;

                if (!(t->kinds & PROFILE_KIND_BIT(kind)))
                        continue;

                k = announce(r, t, i, targets[kind], causes, n_causes, now_ms);
                if (k < 0 && error >= 0)
                        error = k;
        }

        return error;
}
