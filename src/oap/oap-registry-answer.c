/* SPDX-License-Identifier: Apache-2.0 */
/* What answers mean. */
#include "oap/oap-registry-private.h"

#include <string.h>
#include <utlist.h>

/* In the answer's order, which is that of the request, so that the next one is found at once. */
typedef struct Matching {
        OapRegistry *registry;
        Batch *batch;
        size_t at, n_seen;
} Matching;

static bool is_entity_of(const Identity *i, const OapEntity *e) {
        return strcmp(i->layer, e->layer) == 0 && strcmp(i->service, e->service) == 0 &&
                        strcmp(i->instance, e->instance) == 0 && strcmp(i->process, e->process) == 0;
}

static void on_process_id(int32_t pid, const OapEntity *entity, const char *id, void *userdata) {
        Matching *m = userdata;
        Batch *b = m->batch;

        if (m->n_seen++ >= 2 * (size_t) OAP_PROCESSES_PER_CALL)
                return;

        for (size_t i = 0; i < b->n; i++) {
                size_t k = (m->at + i) % b->n;

                if (!b->items[k] || b->is_answered[k] || b->pids[k] != pid ||
                    !is_entity_of(b->items[k]->identity, entity))
                        continue;

                b->is_answered[k] = registry_set_id(m->registry, b->items[k], id) >= 0;
                m->at = k + 1;
                return;
        }
}

static usec_t absent_backoff_usec(OapRegistry *r, const Registration *reg) {
        usec_t usec = OAP_ABSENT_BACKOFF_USEC << MIN_OF(reg->n_absent, 6U);

        return oap_client_jittered(r->client, MIN_OF(usec, OAP_REPORT_AGAIN_USEC));
}

static void take_reported(OapRegistry *r, Batch *b, size_t index) {
        Registration *reg = b->items[index];

        if (b->is_answered[index]) {
                /* what is new is to be seen by operators soon */
                if (reg->due_usec[LANE_KEEP_ALIVE] == USEC_INFINITY && !reg->is_kept_alive)
                        reg->due_usec[LANE_KEEP_ALIVE] = !reg->is_alone[LANE_KEEP_ALIVE]
                                        ? 0
                                        : b->sent_usec + registry_again_usec(r, LANE_REPORT);

                reg->is_alone[LANE_REPORT] = false;
                reg->n_absent = 0;
                reg->n_returns = oap_client_n_returns(r->client);
                reg->due_usec[LANE_REPORT] = b->again_usec;
        } else {
                reg->due_usec[LANE_REPORT] = b->sent_usec + absent_backoff_usec(r, reg);
                reg->n_absent++;
        }

        if (reg->is_changed) {
                reg->is_changed = false;
                reg->due_usec[LANE_REPORT] = 0;
        }
}

static void take_report(OapRegistry *r, Batch *b, const OapCallResult *result) {
        Matching m = { .registry = r, .batch = b };

        if (result->response.data)
                (void) oap_decode_process_ids(
                                result->response.data, result->response.size, on_process_id, &m);

        for (size_t i = 0; i < b->n; i++)
                if (b->items[i])
                        take_reported(r, b, i);
}

static void take_kept_alive(OapRegistry *r, Batch *b, Registration *reg) {
        Registration *other;

        reg->is_kept_alive = true;
        reg->due_usec[LANE_KEEP_ALIVE] = b->again_usec;
        if (!reg->is_alone[LANE_KEEP_ALIVE])
                return;

        /* The layer is known now. */
        DL_FOREACH(r->all, other) {
                if (!other->is_alone[LANE_KEEP_ALIVE] || !registry_is_of_layer(other, reg->identity->layer))
                        continue;

                other->is_alone[LANE_KEEP_ALIVE] = false;
                if (other != reg && other->id)
                        other->due_usec[LANE_KEEP_ALIVE] = 0;
        }
}

static void set_aside(OapRegistry *r, Registration *reg, usec_t due_usec) {
        for (Batch *s = r->lanes[LANE_KEEP_ALIVE].suspects; s; s = s->next)
                registry_leave_batch(s, reg);

        reg->is_alone[LANE_KEEP_ALIVE] = true;
        if (reg->id)
                reg->due_usec[LANE_KEEP_ALIVE] = due_usec;
}

/* It was alone in the call, so it is for it, or for its layer. */
static void refuse_keep_alive(OapRegistry *r, const Batch *b, Registration *reg) {
        usec_t due_usec = b->sent_usec + registry_again_usec(r, LANE_REPORT);
        Registration *other;

        /* the next one of its layer that is tried is another one */
        DL_DELETE(r->all, reg);
        DL_APPEND(r->all, reg);

        r->n_refused++;
        set_aside(r, reg, due_usec);
        if (!registry_layer_is_refused(r, reg->identity->layer))
                return;

        DL_FOREACH(r->all, other)
        if (registry_is_of_layer(other, reg->identity->layer))
                set_aside(r, other, due_usec);
}

static void refuse(OapRegistry *r, LaneKind kind, Batch *b) {
        Registration *reg = b->items[0];

        if (!reg)
                return;

        if (kind == LANE_KEEP_ALIVE)
                refuse_keep_alive(r, b, reg);
        else {
                reg->is_alone[LANE_REPORT] = true;
                take_reported(r, b, 0);
        }
}

/* OAP threw all of it away for one of them. */
static void narrow_down(OapRegistry *r, LaneKind kind, Batch *b) {
        Batch *half;

        /* which layers are known is what the search is to find out */
        for (size_t i = 0; i < b->n; i++)
                if (kind == LANE_KEEP_ALIVE && b->items[i])
                        b->items[i]->is_kept_alive = false;

        half = registry_split(b);
        if (half) {
                registry_push_suspects(r->lanes + kind, half);
                registry_push_suspects(r->lanes + kind, TAKE_PTR(b));
        } else if (b->n == 1)
                refuse(r, kind, b);
        else
                registry_release(r, kind, TAKE_PTR(b));

        free(b);
}

void registry_take_answer(OapRegistry *r, LaneKind kind, Batch *b, const OapCallResult *result) {
        Lane *lane = r->lanes + kind;

        lane->next_usec = 0;
        r->lanes[LANE_KEEP_ALIVE].next_usec = 0;

        if (oap_status_is_of_connection(result->status)) {
                registry_release(r, kind, b);
                return;
        }

        if (result->status != OAP_STATUS_OK) {
                narrow_down(r, kind, b);
                return;
        }

        if (kind == LANE_REPORT)
                take_report(r, b, result);
        else
                for (size_t i = 0; i < b->n; i++)
                        if (b->items[i])
                                take_kept_alive(r, b, b->items[i]);

        free(b);
}
