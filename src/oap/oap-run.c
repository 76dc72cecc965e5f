/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/oap-run-private.h"

#include <string.h>
#include <utlist.h>

OapRun *oap_run_free(OapRun *run) {
        if (!run)
                return NULL;

        for (size_t i = 0; i < OAP_RUN_FEEDS_MAX; i++)
                oap_profile_free(run->feeds[i].profile);
        oap_profile_free(run->spare);
        free(run->task);
        free(run->process_id);
        free(run->layer);
        free(run->service);
        free(run->instance);
        free(run->process);
        free(run);
        return NULL;
}

int oap_run_new(OapTarget target, const Identity *i, OapRun **ret_run) {
        _cleanup_(oap_run_freep) OapRun *run = NULL;

        assert(target == OAP_TARGET_ON_CPU || target == OAP_TARGET_OFF_CPU);
        assert(i);
        assert(ret_run);

        run = calloc(1, sizeof(*run));
        if (!run)
                return -ENOMEM;

        run->target = target;
        run->layer = strdup(i->layer);
        run->service = strdup(i->service);
        run->instance = strdup(i->instance);
        run->process = strdup(i->process);
        run->pid = i->pid;
        if (!run->layer || !run->service || !run->instance || !run->process)
                return -ENOMEM;

        *ret_run = TAKE_PTR(run);
        return 0;
}

void oap_runs_add(OapRuns *r, OapRun *run) {
        assert(r->n_runs < OAP_RUNS_MAX);

        DL_APPEND(r->runs, run);
        r->n_runs++;
}

/* A task that is made longer later goes on with the same profile. */
static void remember(OapRuns *r, const OapRun *run) {
        OapSeen *s = run->task ? oap_seen_find(r->seen, run->key) : NULL;

        if (!s)
                return;

        s->start_ms = run->start_ms;
        s->last_ms = run->last_ms;
}

void oap_runs_remove(OapRuns *r, OapRun *run) {
        remember(r, run);
        DL_DELETE(r->runs, run);
        r->n_runs--;
        oap_run_free(run);
}

int oap_runs_new(
                OapClient *client,
                OapRegistry *registry,
                OapForward *forward,
                const char *agent,
                const OapRunOps *ops,
                OapRuns **ret_runs) {
        _cleanup_(oap_runs_freep) OapRuns *r = NULL;

        assert(client);
        assert(registry);
        assert(forward);
        assert(agent);
        assert(ops && ops->start && ops->find);
        assert(ret_runs);

        r = calloc(1, sizeof(*r));
        if (!r)
                return -ENOMEM;

        r->client = client;
        r->registry = registry;
        r->forward = forward;
        r->ops = *ops;
        r->log_limit = (RateLimit){ .interval_usec = USEC_PER_MINUTE, .burst = 10 };
        r->agent = strdup(agent);
        if (!r->agent)
                return -ENOMEM;

        *ret_runs = TAKE_PTR(r);
        return 0;
}

OapRuns *oap_runs_free(OapRuns *r) {
        OapRun *run, *next;

        if (!r)
                return NULL;

        oap_client_forget(r->client, r);
        DL_FOREACH_SAFE(r->runs, run, next) {
                DL_DELETE(r->runs, run);
                oap_run_free(run);
        }
        oap_seen_done(&r->seen);
        oap_tasks_done(&r->answer);
        free(r->agent);
        free(r);
        return NULL;
}

usec_t oap_runs_step(OapRuns *r, usec_t now_usec, int64_t now_ms) {
        OapRun *run, *next;
        usec_t due_usec;

        assert(r);

        due_usec = oap_runs_query_step(r, now_usec, now_ms);

        DL_FOREACH_SAFE(r->runs, run, next) {
                bool over = false;

                if (!run->task)
                        continue; /* ends with what feeds it */

                due_usec = MIN_OF(due_usec, oap_run_step(r, run, now_usec, now_ms, &over));
                if (over)
                        oap_runs_remove(r, run);
        }

        return due_usec;
}

static OapRunInfo run_info(const OapRuns *r, const OapRun *run) {
        OapRunInfo info = {
                .oap_task = run->task,
                .ours = "",
                .target = run->target,
                .entity = { run->layer, run->service, run->instance, run->process },
                .start_ms = run->start_ms,
                .end_ms = run->end_ms,
        };

        for (size_t i = 0; i < OAP_RUN_FEEDS_MAX; i++)
                if (run->feeds[i].ours[0] && !run->feeds[i].is_frozen)
                        info.ours = run->feeds[i].ours; /* the last one: those before wait for names */
        if (!info.oap_task)
                info.oap_task = oap_forward_task_id(r->forward, info.ours, run->target) ?: "";

        return info;
}

int oap_runs_list(const OapRuns *r, OapRunInfo **ret, size_t *ret_n) {
        OapRunInfo *infos;
        const OapRun *run;
        size_t n = 0;

        assert(r);
        assert(ret);
        assert(ret_n);

        infos = calloc(MAX_OF(r->n_runs, (size_t) 1), sizeof(*infos));
        if (!infos)
                return -ENOMEM;

        DL_FOREACH(r->runs, run) {
                infos[n++] = run_info(r, run);
        }

        *ret = infos;
        *ret_n = n;
        return 0;
}

void oap_runs_status(const OapRuns *r, OapRunsStatus *ret) {
        assert(r);
        assert(ret);

        *ret = r->counters;
}
