/* SPDX-License-Identifier: Apache-2.0 */
/* Who is registered, and what is due. */
#include "oap/oap-registry-private.h"

#include <string.h>
#include <utlist.h>

/* What is due within that time goes along, so that calls are few. */
static const usec_t along_usec[_LANE_MAX] = {
        [LANE_REPORT] = 60 * USEC_PER_SEC,
        [LANE_KEEP_ALIVE] = 4 * USEC_PER_SEC,
};

/* Reports that tell nothing new are made in pieces, one a second: command lines have to be read for them. */
#define AGAIN_SECONDS 32U
#define AGAIN_MIN 64U

int oap_registry_new(OapClient *client, const char *agent, OapRegistry **ret_registry) {
        _cleanup_(oap_registry_freep) OapRegistry *r = NULL;

        assert(client);
        assert(agent);
        assert(ret_registry);

        r = calloc(1, sizeof(*r));
        if (!r || !(r->agent = strdup(agent)))
                return -ENOMEM;

        r->client = client;
        r->n_returns = oap_client_n_returns(client);

        *ret_registry = TAKE_PTR(r);
        return 0;
}

static Registration *registration_free(OapRegistry *r, Registration *reg) {
        (void) registry_set_id(r, reg, NULL);
        DL_DELETE(r->all, reg);
        r->n--;
        reg->identity->registration = NULL;
        free(reg);
        return NULL;
}

OapRegistry *oap_registry_free(OapRegistry *r) {
        if (!r)
                return NULL;

        if (r->client)
                oap_client_forget(r->client, r);

        for (size_t i = 0; i < _LANE_MAX; i++) {
                free(r->lanes[i].running);
                while (r->lanes[i].suspects) {
                        Batch *b = r->lanes[i].suspects;

                        r->lanes[i].suspects = b->next;
                        free(b);
                }
        }

        while (r->all)
                registration_free(r, r->all);

        free(r->services);
        free(r->agent);
        free(r);
        return NULL;
}

void oap_registry_set_host(OapRegistry *r, const Host *host) {
        assert(r);

        r->host = host;
}

bool registry_is_of_layer(const Registration *reg, const char *layer) {
        return strcmp(reg->identity->layer, layer) == 0;
}

bool registry_layer_is_known(const OapRegistry *r, const char *layer) {
        const Registration *reg;

        DL_FOREACH(r->all, reg)
        if (reg->is_kept_alive && registry_is_of_layer(reg, layer))
                return true;

        return false;
}

bool registry_layer_is_refused(const OapRegistry *r, const char *layer) {
        const Registration *reg;
        unsigned n = 0;

        DL_FOREACH(r->all, reg)
        n += reg->is_alone[LANE_KEEP_ALIVE] && registry_is_of_layer(reg, layer);

        return n > 1 && !registry_layer_is_known(r, layer);
}

/* There is something new to report. */
static void hurry(OapRegistry *r) {
        r->lanes[LANE_REPORT].next_usec = r->lanes[LANE_REPORT].not_before_usec = 0;
}

int oap_registry_add(OapRegistry *r, Identity *i) {
        Registration *reg;

        assert(r);
        assert(i);
        assert(!i->registration);

        reg = calloc(1, sizeof(*reg));
        if (!reg)
                return -ENOMEM;

        reg->identity = i;
        reg->due_usec[LANE_KEEP_ALIVE] = USEC_INFINITY;

        /* it must not take others with it */
        reg->is_alone[LANE_KEEP_ALIVE] = r->n_refused > 0 && registry_layer_is_refused(r, i->layer);

        DL_APPEND(r->all, reg);
        r->n++;
        i->registration = reg;
        hurry(r);
        return 0;
}

void registry_leave_batch(Batch *b, const Registration *reg) {
        for (size_t i = 0; b && i < b->n; i++)
                if (b->items[i] == reg)
                        b->items[i] = NULL;
}

void oap_registry_remove(OapRegistry *r, Identity *i) {
        assert(r);
        assert(i);

        if (!i->registration)
                return;

        for (size_t k = 0; k < _LANE_MAX; k++) {
                registry_leave_batch(r->lanes[k].running, i->registration);
                for (Batch *b = r->lanes[k].suspects; b; b = b->next)
                        registry_leave_batch(b, i->registration);
        }

        registration_free(r, i->registration);
}

void oap_registry_changed(OapRegistry *r, Identity *i) {
        Registration *reg;

        assert(r);
        assert(i);

        reg = i->registration;
        if (!reg)
                return;

        if (reg->due_usec[LANE_REPORT] == USEC_INFINITY)
                reg->is_changed = true;
        else
                reg->due_usec[LANE_REPORT] = 0;

        hurry(r);
}

int registry_set_id(OapRegistry *r, Registration *reg, const char *id) {
        Registration *other = NULL;
        char *copy = NULL;

        if (id) {
                HASH_FIND_STR(r->by_id, id, other);
                if (other)
                        return other == reg ? 0 : -EEXIST;

                copy = strdup(id);
                if (!copy)
                        return -ENOMEM;
        }

        if (reg->id)
                HASH_DEL(r->by_id, reg);

        r->services_are_stale |= !reg->id != !copy;
        free(reg->id);
        reg->id = copy;
        if (!copy)
                return 0;

        HASH_ADD_KEYPTR(hh, r->by_id, reg->id, strlen(reg->id), reg);
        if (HASH_ADDED(reg))
                return 0;

        free(reg->id);
        reg->id = NULL;
        r->services_are_stale = true;
        return -ENOMEM;
}

/* So much earlier than it has to be that jitter, the seconds of the loop and the pace of reports fit in. */
usec_t registry_again_usec(OapRegistry *r, LaneKind kind) {
        static const usec_t again_usec[_LANE_MAX] = {
                [LANE_REPORT] = OAP_REPORT_AGAIN_USEC - 50 * USEC_PER_SEC,
                [LANE_KEEP_ALIVE] = OAP_KEEP_ALIVE_USEC - 3 * USEC_PER_SEC,
        };

        return oap_client_jittered(r->client, again_usec[kind]);
}

/* OAP may be another one, or a restarted one that has lost everything. */
static void look_for_return(OapRegistry *r) {
        uint64_t n = oap_client_n_returns(r->client);
        Registration *reg;

        if (n == r->n_returns)
                return;

        r->n_returns = n;
        DL_FOREACH(r->all, reg) {
                reg->is_kept_alive = false;
                if (reg->due_usec[LANE_REPORT] != USEC_INFINITY && reg->n_absent == 0 && reg->n_returns != n)
                        reg->due_usec[LANE_REPORT] = 0;
                if (reg->is_alone[LANE_KEEP_ALIVE] && reg->due_usec[LANE_KEEP_ALIVE] != USEC_INFINITY)
                        reg->due_usec[LANE_KEEP_ALIVE] = 0;
        }

        for (size_t i = 0; i < _LANE_MAX; i++)
                r->lanes[i].next_usec = r->lanes[i].not_before_usec = 0;
}

/* The one that waits longest; of several the first. */
static Registration *find_due(OapRegistry *r, LaneKind kind, usec_t now_usec, usec_t *ret_next_usec) {
        Registration *reg, *due = NULL;
        usec_t first_usec = USEC_INFINITY;

        DL_FOREACH(r->all, reg)
        if (reg->due_usec[kind] < first_usec) {
                due = reg;
                first_usec = reg->due_usec[kind];
        }

        *ret_next_usec = first_usec;
        return first_usec <= now_usec ? due : NULL;
}

static void put(Batch *b, LaneKind kind, Registration *reg) {
        b->items[b->n++] = reg;
        reg->due_usec[kind] = USEC_INFINITY;
}

/* NULL with *ret_next_usec: nothing is due before. */
static Batch *collect(OapRegistry *r, LaneKind kind, usec_t now_usec, usec_t *ret_next_usec) {
        Registration *first = find_due(r, kind, now_usec, ret_next_usec), *reg;
        size_t max;
        Batch *b;

        if (!first)
                return NULL;

        b = calloc(1, sizeof(*b));
        if (!b) {
                *ret_next_usec = now_usec + USEC_PER_SEC;
                return NULL;
        }

        put(b, kind, first);
        if (first->is_alone[kind])
                return b;

        b->is_again = kind == LANE_REPORT && first->id;
        max = b->is_again ? MAX_OF(r->n / AGAIN_SECONDS, (size_t) AGAIN_MIN) : OAP_PROCESSES_PER_CALL;
        max = MIN_OF(max, (size_t) OAP_PROCESSES_PER_CALL);
        for (reg = r->all; reg && b->n < max; reg = reg->next)
                if (reg->due_usec[kind] <= now_usec + along_usec[kind] && !reg->is_alone[kind] &&
                    (kind != LANE_REPORT || !reg->id == !first->id))
                        put(b, kind, reg);

        return b;
}

static bool is_empty(const Batch *b) {
        for (size_t i = 0; i < b->n; i++)
                if (b->items[i])
                        return false;

        return true;
}

/* NULL: there are none that are still there. */
static Batch *take_suspects(Lane *lane) {
        Batch *b;

        while ((b = lane->suspects)) {
                lane->suspects = b->next;
                b->next = NULL;
                if (!is_empty(b))
                        return b;

                free(b);
        }

        return NULL;
}

static usec_t step_lane(OapRegistry *r, LaneKind kind, usec_t now_usec) {
        Lane *lane = r->lanes + kind;
        usec_t next_usec = now_usec;
        Batch *b;
        int error;

        if (lane->running)
                return USEC_INFINITY;
        if (!lane->suspects && now_usec < lane->next_usec)
                return lane->next_usec;
        if (now_usec < lane->not_before_usec)
                return lane->not_before_usec;

        b = take_suspects(lane) ?: collect(r, kind, now_usec, &next_usec);
        if (!b) {
                lane->next_usec = next_usec;
                return next_usec;
        }

        error = registry_send(r, kind, b, now_usec);
        if (error >= 0)
                return USEC_INFINITY;

        registry_release(r, kind, b);
        return lane->not_before_usec;
}

usec_t oap_registry_step(OapRegistry *r, usec_t now_usec) {
        usec_t report_usec, keep_alive_usec;

        assert(r);

        look_for_return(r);
        report_usec = step_lane(r, LANE_REPORT, now_usec);
        keep_alive_usec = step_lane(r, LANE_KEEP_ALIVE, now_usec);
        return MIN_OF(report_usec, keep_alive_usec);
}
