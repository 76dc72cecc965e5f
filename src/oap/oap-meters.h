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
 * OAP_METER_SERIES_MAX (counted). */
int oap_meters_add(OapMeters *m, const Identity *i, Metric metric, const UriRule *uri, double value);
/* The last second of all windows of the registered: calls oap_meters_add(). */
void oap_meters_tick(OapMeters *m, IdentitySet *identities);
/* What goes away takes its values of this interval along with the next take. */
int oap_meters_take(OapMeters *m, int64_t at_ms, OapMessages *ret);
uint64_t oap_meters_n_over_cap(const OapMeters *m);
