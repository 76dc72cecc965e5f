/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"
#include "target/target-set.h"

#include <systemd/sd-bus.h>

/* Enriches units with Description, ActiveState, InvocationID and MainPID from org.freedesktop.systemd1, by
 * asynchronous calls only: a slow or absent systemd costs nothing. Everything else works without it. */
typedef struct UnitDiscovery UnitDiscovery;

/* @bus and @set are borrowed and outlive it. */
int unit_discovery_new(sd_bus *bus, TargetSet *set, UnitDiscovery **ret);
UnitDiscovery *unit_discovery_free(UnitDiscovery *d);
DEFINE_CLEANUP(UnitDiscovery *, unit_discovery_free)

/* Asks for the properties of a unit that appeared (bounded number of calls in flight; the rest is queued).
 */
void unit_discovery_ask(UnitDiscovery *d, const Unit *u);
