/* SPDX-License-Identifier: Apache-2.0 */
/* What each setting of [OAP] takes. */
#include "config-oap.h"

#include "basic/parse.h"
#include "basic/words.h"

#include <limits.h>
#include <string.h>

#define ADDRESSES_MAX 32U         /* of one channel */
#define SERVER_NAME_MAX 255U      /* RFC 1035 */
#define UNIX_PATH_LENGTH_MAX 107U /* sun_path */

static bool host_is_valid(const char *host, size_t length) {
        static const char name[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_";
        static const char v6[] = "0123456789abcdefABCDEF:.%";

        if (length > 2 && host[0] == '[')
                return host[length - 1] == ']' && strspn(host + 1, v6) == length - 2;

        return length > 0 && length <= SERVER_NAME_MAX && strspn(host, name) == length;
}

static bool address_is_valid(const char *word) {
        const char *colon;
        unsigned port;

        if (strncmp(word, "unix:", 5) == 0)
                return word[5] == '/' && strlen(word + 5) <= UNIX_PATH_LENGTH_MAX;

        colon = strrchr(word, ':');
        return colon && host_is_valid(word, (size_t) (colon - word)) &&
                        parse_uint(colon + 1, 1, 65535, &port) >= 0;
}

static int replace(char **field, const char *value) {
        char *copy = strdup(value);

        if (!copy)
                return -ENOMEM;

        free(*field);
        *field = copy;
        return 0;
}

static int set_addresses(const char *value, char **field) {
        _cleanup_(freep) char **words = NULL;
        int r;

        r = words_split(value, ADDRESSES_MAX, &words);
        if (r < 0)
                return r;

        for (char **w = words; *w; w++)
                if (!address_is_valid(*w))
                        return -EINVAL;

        return replace(field, value);
}

/* "" is none. */
static int set_path(const char *value, char **field) {
        if (*value && (*value != '/' || strlen(value) >= PATH_MAX))
                return -EINVAL;

        return replace(field, value);
}

int config_set_oap_address(const char *value, Config *c) {
        return set_addresses(value, &c->oap.addresses[OAP_CHANNEL_MAIN]);
}

int config_set_oap_ebpf_address(const char *value, Config *c) {
        return set_addresses(value, &c->oap.addresses[OAP_CHANNEL_EBPF]);
}

int config_set_oap_tls(const char *value, Config *c) {
        return parse_bool(value, &c->oap.tls);
}

int config_set_oap_ca_file(const char *value, Config *c) {
        return set_path(value, &c->oap.ca_file);
}

int config_set_oap_certificate_file(const char *value, Config *c) {
        return set_path(value, &c->oap.certificate_file);
}

int config_set_oap_key_file(const char *value, Config *c) {
        return set_path(value, &c->oap.key_file);
}

int config_set_oap_server_name(const char *value, Config *c) {
        if (*value && !host_is_valid(value, strlen(value)))
                return -EINVAL;

        return replace(&c->oap.server_name, value);
}

int config_set_oap_token_file(const char *value, Config *c) {
        return set_path(value, &c->oap.token_file);
}

int config_set_oap_meter_interval(const char *value, Config *c) {
        usec_t usec;
        int r;

        r = timespan_parse(value, &usec);
        if (r < 0)
                return r;
        if (usec < OAP_METER_INTERVAL_MIN_USEC || usec > OAP_METER_INTERVAL_MAX_USEC ||
            usec % USEC_PER_SEC != 0)
                return -ERANGE;

        c->oap.meter_interval_usec = usec;
        return 0;
}

int config_set_oap_spool_bytes(const char *value, Config *c) {
        uint64_t bytes;
        int r;

        r = parse_bytes(value, &bytes);
        if (r < 0)
                return r;
        if (bytes < OAP_SPOOL_BYTES_MIN)
                return -ERANGE;

        c->oap.spool_bytes = bytes;
        return 0;
}

int config_set_oap_spool_age(const char *value, Config *c) {
        usec_t usec;
        int r;

        r = timespan_parse(value, &usec);
        if (r < 0)
                return r;
        if (usec < USEC_PER_MINUTE || usec > 30 * USEC_PER_DAY)
                return -ERANGE;

        c->oap.spool_age_usec = usec;
        return 0;
}

static bool is_set(const char *text) {
        return text && *text;
}

const char *config_oap_useless(const Config *c, const char *key) {
        const OapConfig *o = &c->oap;
        const struct {
                const char *key, *value;
        } of_tls[] = {
                { "CAFile", o->ca_file },
                { "CertificateFile", o->certificate_file },
                { "KeyFile", o->key_file },
                { "ServerName", o->server_name },
        };

        if (strcmp(key, "EbpfAddress") == 0 && is_set(o->addresses[OAP_CHANNEL_EBPF]) &&
            !is_set(o->addresses[OAP_CHANNEL_MAIN]))
                return "does nothing without Address=";

        for (size_t i = 0; i < ELEMENTSOF(of_tls) && !o->tls; i++)
                if (strcmp(of_tls[i].key, key) == 0 && is_set(of_tls[i].value))
                        return "does nothing without TLS=yes";

        return NULL;
}
