/* SPDX-License-Identifier: Apache-2.0 */
/* SkyWalking as the bed says it is. */
#include "bus/bus-bed.h"

#include <criterion/criterion.h>
#include <string.h>

IdentitySet *bus_bed_identities(void *userdata) {
        BusBed *b = userdata;

        return b->identities;
}

void bus_bed_oap_identity(void *userdata, const Identity *i, const char **ret_id, bool *ret_layer_refused) {
        *ret_id = strcmp(i->process, "nginx") == 0 ? "0123abcd" : "";
        *ret_layer_refused = strcmp(i->layer, "NO_SUCH_LAYER") == 0;
}

int bus_bed_oap_status(void *userdata, BusOapStatus *ret) {
        BusBed *b = userdata;

        if (!b->oap)
                return 0;

        *ret = *b->oap;
        if (b->oap->n_runs > 0) {
                ret->runs = reallocarray(NULL, b->oap->n_runs, sizeof(ret->runs[0]));
                cr_assert_not_null(ret->runs);
                memcpy(ret->runs, b->oap->runs, b->oap->n_runs * sizeof(ret->runs[0]));
        }
        return 1;
}
