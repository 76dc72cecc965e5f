/* SPDX-License-Identifier: Apache-2.0 */
/* Asks OAP for tasks. */
#include "oap/oap-run-private.h"

#include "basic/log.h"
#include "oap/oap-policy.h"

#define METHOD "/skywalking.v3.EBPFProfilingService/queryTasks"
#define CHANCE_USEC USEC_PER_SEC /* to look again whether a call is possible */

/* OAP's nodes do not have the same time, nor do the times of tasks become visible in their order. */
#define OVERLAP_MS (30 * 1000)
/* The first step when everything is too much for one answer. */
#define FLOOR_AGE_MS (24 * 3600 * 1000)

/* Never later than our own clock: when OAP's was ahead and was put right, new tasks are older than the
 * newest one. */
static int64_t since_ms(const OapRuns *r, int64_t now_ms) {
        int64_t ms = MIN_OF(r->cursor_ms, now_ms);

        ms = MAX_OF(ms - OVERLAP_MS, r->floor_ms);
        return MAX_OF(ms, INT64_C(0));
}

/* The newer half of what was asked for. */
static void ask_for_less(OapRuns *r) {
        r->floor_ms = r->floor_ms == 0 ? r->asked_ms - FLOOR_AGE_MS
                                       : r->floor_ms + (r->asked_ms - r->floor_ms) / 2;
        log_warning("OAP has more tasks than one answer may hold: older ones than %lli s are left out.",
                    (long long) ((r->asked_ms - r->floor_ms) / 1000));
}

static void on_answer(const OapCallResult *result, void *userdata) {
        _cleanup_(freep) char *message = NULL;
        OapRuns *r = userdata;
        int k;

        r->is_asking = false;
        oap_tasks_done(&r->answer);
        if (result->status != OAP_STATUS_OK || !result->response.data) {
                r->n_answers = 0;
                return; /* the client says what is wrong */
        }

        k = oap_command_tasks(result->response.data, result->response.size, &r->answer, &message);
        if (k == -E2BIG)
                ask_for_less(r);
        else if (k < 0 && r->n_answers > 0)
                log_warning_errno(
                                k,
                                "Failed to read OAP's tasks, asking again: %s",
                                message ?: "out of memory");
        if (k < 0) {
                r->n_answers = 0;
                return;
        }

        r->n_answers++;
        r->has_answer = true;
}

/* At random within the interval: hosts that were started together do not ask together. */
static usec_t first_query_usec(OapRuns *r, usec_t now_usec) {
        usec_t least_usec = OAP_POLL_USEC / 10 * 9,
               jittered_usec = oap_client_jittered(r->client, OAP_POLL_USEC);

        return now_usec + (MAX_OF(jittered_usec, least_usec) - least_usec) * 5;
}

static int ask(OapRuns *r, usec_t now_usec, int64_t now_ms) {
        _cleanup_(oap_bytes_done) OapBytes query = {};
        OapSlice slice;
        int k;

        k = oap_encode_task_query(r->agent, since_ms(r, now_ms), &query);
        if (k < 0)
                return k;

        slice = (OapSlice){ query.data, query.size };
        k =
                        oap_client_call(r->client,
                                        &(OapCallRequest){
                                                        .channel = OAP_CHANNEL_EBPF,
                                                        .method = METHOD,
                                                        .messages = &slice,
                                                        .n_messages = 1,
                                                        .timeout_usec = OAP_CALL_TIMEOUT_USEC,
                                        },
                                        now_usec,
                                        on_answer,
                                        r);
        if (k < 0)
                return k;

        r->is_asking = true;
        r->asked_ms = now_ms;
        r->counters.n_queries++;
        return 0;
}

static void take_answer(OapRuns *r, usec_t now_usec, int64_t now_ms) {
        if (!r->has_answer)
                return;

        r->has_answer = false;
        oap_runs_accept(r, &r->answer, now_usec, now_ms);
        oap_tasks_done(&r->answer);
        r->answered_ms = r->asked_ms;
        oap_seen_expire(&r->seen, since_ms(r, now_ms), now_ms);
}

usec_t oap_runs_query_step(OapRuns *r, usec_t now_usec, int64_t now_ms) {
        OapRegistryStatus status;

        take_answer(r, now_usec, now_ms);
        if (r->is_asking)
                return USEC_INFINITY; /* called when the answer is there */
        if (r->next_query_usec == 0)
                r->next_query_usec = first_query_usec(r, now_usec);
        if (now_usec < r->next_query_usec)
                return r->next_query_usec;

        /* of processes that OAP does not know it tells nothing */
        oap_registry_status(r->registry, &status);
        if (status.n_registered > 0 && oap_client_may_call(r->client, now_usec) &&
            ask(r, now_usec, now_ms) >= 0)
                r->next_query_usec = now_usec + oap_client_jittered(r->client, OAP_POLL_USEC);
        else
                r->next_query_usec = now_usec + oap_client_jittered(r->client, CHANCE_USEC);

        return r->next_query_usec;
}
