/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "oap/oap-config.h"
#include "oap/oap-forward.h"
#include "oap/oap-meters.h"
#include "oap/oap-policy.h"
#include "oap/oap-run.h"

#include <systemd/sd-event.h>

/* All of it together: one timer and one file descriptor on the loop. Exists only when [OAP] Address= is set.
 */
typedef struct Oap Oap;

typedef struct OapEvents {
        void (*state_changed)(const OapClientStatus *status, OapState before, void *userdata);
        void (*policies_changed)(void *userdata);
        void (*task_known)(const char *ours, OapTarget target, const char *id, void *userdata);
        void (*task_refused)(const char *ours, OapTarget target, const char *reason, void *userdata);
        OapRunOps runs; /* userdata as for the others */
        void *userdata;
} OapEvents;

/* @state_directory_fd: oap/ is made in it, with spool/ and policies/. -EINVAL: *reterr_message. */
int oap_new(sd_event *event,
            const Host *host,
            const OapConfig *config,
            int state_directory_fd,
            IdentitySet *identities,
            const OapEvents *events,
            Oap **ret_oap,
            char **reterr_message);
Oap *oap_free(Oap *o);
DEFINE_CLEANUP(Oap *, oap_free)

/* Once a second, after the watch set. */
void oap_tick(Oap *o, usec_t now_usec);

OapClient *oap_client(Oap *o);
OapRegistry *oap_registry(Oap *o);
OapForward *oap_forward(Oap *o);
OapPolicies *oap_policies(Oap *o);
OapRuns *oap_runs(Oap *o);
OapMeters *oap_meters(Oap *o);
