/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "oap/oap-messages.h"
#include "target/identity.h"

/* Values of the seconds of an interval, averaged, as OAP's meters: for each registered process or unit, each
 * metric that a rule watches there. Conformance item 35. Pure. */
typedef struct OapMeters OapMeters;

#define OAP_METER_INTERVAL_USEC (5 * USEC_PER_SEC)
#define OAP_METER_INTERVAL_AWAY_USEC (60 * USEC_PER_SEC) /* while OAP is away: a minute is what it keeps */
#define OAP_METER_SERIES_MAX 65536U

int oap_meters_new(OapMeters **ret_meters);
OapMeters *oap_meters_free(OapMeters *m);
DEFINE_CLEANUP(OapMeters *, oap_meters_free)

/* The value of the second that just closed; NAN is none. @uri is copied when it is new. -E2BIG: above
 * OAP_METER_SERIES_MAX; -ENOMEM; both counted. */
int oap_meters_add(OapMeters *m, const Identity *i, Metric metric, const UriRule *uri, double value);
/* The last whole second before @now_usec, of all windows of the registered: calls oap_meters_add(). To be
 * called once a second, when the watch set has had it. */
void oap_meters_tick(OapMeters *m, IdentitySet *identities, usec_t now_usec);
/* Messages of oap_encode_meters(), each for one service and instance; 0 of them: no values. What is gone by
 * now had its values until then. A new interval begins, unless -ENOMEM. */
int oap_meters_take(OapMeters *m, int64_t at_ms, OapMessages *ret);
uint64_t oap_meters_n_over_cap(const OapMeters *m);
