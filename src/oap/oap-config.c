/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/oap-config.h"

#include <string.h>

void oap_config_done(OapConfig *c) {
        char **texts[] = { &c->addresses[OAP_CHANNEL_MAIN],
                           &c->addresses[OAP_CHANNEL_EBPF],
                           &c->ca_file,
                           &c->certificate_file,
                           &c->key_file,
                           &c->server_name,
                           &c->token_file };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                free(*texts[i]);
                *texts[i] = NULL;
        }
}

void oap_config_default(OapConfig *c) {
        *c = (OapConfig){
                .meter_interval_usec = OAP_METER_INTERVAL_DEFAULT_USEC,
                .spool_bytes = OAP_SPOOL_BYTES_DEFAULT,
                .spool_age_usec = OAP_SPOOL_AGE_DEFAULT_USEC,
        };
}

bool oap_config_is_on(const OapConfig *c) {
        assert(c);

        return c->addresses[OAP_CHANNEL_MAIN] && c->addresses[OAP_CHANNEL_MAIN][0];
}

static bool text_equal(const char *a, const char *b) {
        return strcmp(a ?: "", b ?: "") == 0;
}

bool oap_config_equal(const OapConfig *a, const OapConfig *b) {
        assert(a);
        assert(b);

        return text_equal(a->addresses[OAP_CHANNEL_MAIN], b->addresses[OAP_CHANNEL_MAIN]) &&
                        text_equal(a->addresses[OAP_CHANNEL_EBPF], b->addresses[OAP_CHANNEL_EBPF]) &&
                        a->tls == b->tls && text_equal(a->ca_file, b->ca_file) &&
                        text_equal(a->certificate_file, b->certificate_file) &&
                        text_equal(a->key_file, b->key_file) && text_equal(a->server_name, b->server_name) &&
                        text_equal(a->token_file, b->token_file) &&
                        a->meter_interval_usec == b->meter_interval_usec &&
                        a->spool_bytes == b->spool_bytes && a->spool_age_usec == b->spool_age_usec;
}
