/* SPDX-License-Identifier: Apache-2.0 */
/* What others ask of it. */
#include "oap/oap-registry-private.h"

#include <string.h>
#include <utlist.h>

const char *oap_registry_id(const Identity *i) {
        const Registration *reg = i->registration;

        return reg ? reg->id : NULL;
}

bool oap_registry_layer_is_refused(const Identity *i) {
        const Registration *reg = i->registration;

        return reg && reg->is_alone[LANE_KEEP_ALIVE];
}

Identity *oap_registry_find(OapRegistry *r, const char *process_id) {
        Registration *reg;

        assert(r);
        assert(process_id);

        HASH_FIND_STR(r->by_id, process_id, reg);
        return reg ? reg->identity : NULL;
}

static bool is_named(const Identity *i, const OapEntity *e) {
        return strcmp(i->process, e->process) == 0 && strcmp(i->instance, e->instance) == 0 &&
                        strcmp(i->service, e->service) == 0;
}

Identity *oap_registry_find_entity(OapRegistry *r, const OapEntity *entity) {
        assert(r);
        assert(entity);

        for (const Registration *reg = r->by_id; reg; reg = reg->hh.next)
                if (is_named(reg->identity, entity))
                        return reg->identity;

        return NULL;
}

static int compare_texts(const void *a, const void *b) {
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

const char *const *oap_registry_services(OapRegistry *r, size_t *ret_n) {
        static const char *const none[] = { NULL };
        size_t n = HASH_COUNT(r->by_id), n_kept = 0;
        const char **all;

        assert(r);
        assert(ret_n);

        if (r->services_are_stale) {
                all = reallocarray(r->services, n + 1, sizeof(all[0]));
                if (!all) {
                        *ret_n = 0;
                        return none;
                }

                n = 0;
                for (const Registration *reg = r->by_id; reg; reg = reg->hh.next)
                        all[n++] = reg->identity->service;

                qsort(all, n, sizeof(all[0]), compare_texts);
                for (size_t i = 0; i < n; i++)
                        if (n_kept == 0 || strcmp(all[n_kept - 1], all[i]) != 0)
                                all[n_kept++] = all[i];

                all[n_kept] = NULL;
                r->services = all;
                r->n_services = n_kept;
                r->services_are_stale = false;
        }

        *ret_n = r->n_services;
        return r->services ? (const char *const *) r->services : none;
}

void oap_registry_status(const OapRegistry *r, OapRegistryStatus *ret) {
        const Registration *reg;

        assert(r);
        assert(ret);

        *ret = (OapRegistryStatus){
                .n_reports = r->lanes[LANE_REPORT].n_calls,
                .n_keep_alives = r->lanes[LANE_KEEP_ALIVE].n_calls,
        };
        DL_FOREACH(r->all, reg) {
                ret->n_registered += !!reg->id;
                ret->n_waiting += !reg->id;
                ret->n_layer_refused += reg->is_alone[LANE_KEEP_ALIVE];
        }
}
