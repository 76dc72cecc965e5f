/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/cleanup.h"
#include "basic/time-util.h"
#include "oap/oap-transport.h"

/* [OAP] of cprofd.conf. Without Address= there is no OAP. All texts are owned; NULL is as "". */
typedef struct OapConfig {
        char *addresses[_OAP_CHANNEL_MAX]; /* Address= EbpfAddress= */
        bool tls;                          /* TLS=no */
        char *ca_file;                     /* CAFile=; "": the credential "oap.ca", then the system's */
        char *certificate_file, *key_file; /* CertificateFile= KeyFile=; "": the credentials
                                              "oap.certificate" and "oap.key", then none */
        char *server_name;                 /* ServerName= */
        char *token_file;                  /* TokenFile=; "": the credential "oap.token", then none */
        usec_t meter_interval_usec;        /* MeterSec=5s */
        uint64_t spool_bytes;              /* SpoolMaxUse=256M */
        usec_t spool_age_usec;             /* SpoolMaxAge=3d: OAP keeps records no longer */
} OapConfig;

#define OAP_METER_INTERVAL_DEFAULT_USEC (5 * USEC_PER_SEC)
#define OAP_METER_INTERVAL_MIN_USEC (1 * USEC_PER_SEC)
#define OAP_METER_INTERVAL_MAX_USEC (60 * USEC_PER_SEC)
#define OAP_SPOOL_BYTES_DEFAULT (UINT64_C(256) << 20)
#define OAP_SPOOL_BYTES_MIN (UINT64_C(16) << 20)
#define OAP_SPOOL_AGE_DEFAULT_USEC (72 * 3600 * USEC_PER_SEC)

void oap_config_default(OapConfig *c);
void oap_config_done(OapConfig *c);
bool oap_config_is_on(const OapConfig *c);
bool oap_config_equal(const OapConfig *a, const OapConfig *b);
