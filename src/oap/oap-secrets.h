/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "oap/oap-config.h"

/* What the settings name: texts of files and systemd credentials. All owned; NULL is none. */
typedef struct OapSecrets {
        char *ca, *certificate, *key; /* PEM */
        char *token;
} OapSecrets;

#define OAP_SECRET_BYTES_MAX (256U * 1024) /* of a file; a bundle of authorities is as large */

/* @credentials_directory: $CREDENTIALS_DIRECTORY, NULL for none. A file that a setting names has to be
 * there, a credential has not. -EINVAL with *reterr_message, to be freed, "TokenFile=/x: what is wrong";
 * -ENOMEM. */
int oap_secrets_read(
                const OapConfig *config,
                const char *credentials_directory,
                OapSecrets *ret,
                char **reterr_message);
/* Overwrites them before they are freed. */
void oap_secrets_done(OapSecrets *s);
