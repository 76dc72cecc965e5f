/* SPDX-License-Identifier: Apache-2.0 */
/* SkyWalking as the bed says it is. */
#include "bus/bus-bed.h"

#include <criterion/criterion.h>
#include <string.h>

IdentitySet *bus_bed_identities(void *userdata) {
        BusBed *b = userdata;

        return b->identities;
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
