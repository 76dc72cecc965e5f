/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "oap/oap-forward.h"
#include "oap/oap-meters.h"
#include "oap/oap-policy.h"
#include "oap/oap-run.h"

#include <systemd/sd-event.h>

/* All of it together: one timer and one file descriptor on the loop. Exists only when [OAP] Address= is set.
 */
typedef struct Oap Oap;

typedef struct OapConfig {
        char *addresses[_OAP_CHANNEL_MAX]; /* [OAP] Address= EbpfAddress=; "" or NULL: none */
        bool tls;                          /* TLS=no */
        char *ca_file;                     /* CAFile=; "": the system's */
        char *certificate_file, *key_file; /* CertificateFile= KeyFile=, or the credentials "oap.certificate"
                                              and "oap.key" */
        char *server_name;                 /* ServerName= */
        char *token_file;                  /* TokenFile=, or the credential "oap.token" */
        usec_t meter_interval_usec;        /* MeterSec=5s */
        uint64_t spool_bytes;              /* SpoolMaxUse=256M */
        usec_t spool_age_usec;             /* SpoolMaxAge=3d: OAP keeps no longer */
} OapConfig;
void oap_config_done(OapConfig *c);
int oap_config_default(OapConfig *c);

typedef struct OapEvents {
        void (*state_changed)(const OapClientStatus *status, OapState before, void *userdata);
        void (*policies_changed)(void *userdata);
        void (*task_known)(const char *ours, OapTarget target, const char *id, void *userdata);
        void (*task_refused)(const char *ours, OapTarget target, const char *reason, void *userdata);
        OapRunOps runs; /* userdata as for the others */
        void *userdata;
} OapEvents;

/* @state_directory_fd: spool/ and policies/ are made in it. -EINVAL: *reterr_message. */
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
