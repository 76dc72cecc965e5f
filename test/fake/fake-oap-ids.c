/* SPDX-License-Identifier: Apache-2.0 */
#include "fake/fake-oap-shared.h"

#include "skywalking.pb-c.h"

#include <string.h>

/* What is computed the same way on both sides. */

static void base64(const char *text, char *ret) {
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const uint8_t *p = (const uint8_t *) text;

        for (size_t n = strlen(text); n > 0;) {
                size_t k = MIN_OF(n, (size_t) 3);
                uint32_t v = (uint32_t) p[0] << 16 | (k > 1 ? (uint32_t) p[1] << 8 : 0) | (k > 2 ? p[2] : 0);

                *ret++ = digits[v >> 18];
                *ret++ = digits[v >> 12 & 63];
                *ret++ = k > 1 ? digits[v >> 6 & 63] : '=';
                *ret++ = k > 2 ? digits[v & 63] : '=';
                p += k;
                n -= k;
        }
        *ret = 0;
}

static const char *not_blank(const char *name) {
        return name[0] ? name : "_blank";
}

/* Source: apache/skywalking, IDManager: ProcessID, ServiceInstanceID, ServiceID. */
void fake_oap_process_id(
                const char *service, const char *instance, const char *process, char ret[static 65]) {
        char service_id[1024] = "", instance_id[1024] = "", text[4096];
        int n;

        if (strlen(service) > 700 || strlen(instance) > 700 || strlen(process) > 1024)
                abort();

        base64(not_blank(service), service_id);
        base64(not_blank(instance), instance_id);
        n = snprintf(text, sizeof(text), "%s_%s.1_%s", not_blank(process), service_id, instance_id);
        fake_sha256(text, (size_t) n, ret);
}

void *fake_oap_pack_command(const char *command, const char *const *arguments, size_t *ret_size) {
        Skywalking__V3__KeyStringValuePair pairs[16], *list[16];
        Skywalking__V3__Command one = SKYWALKING__V3__COMMAND__INIT, *commands[] = { &one };
        Skywalking__V3__Commands all = SKYWALKING__V3__COMMANDS__INIT;
        void *bytes;

        for (; arguments[0] && one.n_args < ELEMENTSOF(list); arguments += 2) {
                skywalking__v3__key_string_value_pair__init(&pairs[one.n_args]);
                pairs[one.n_args].key = (char *) arguments[0];
                pairs[one.n_args].value = (char *) arguments[1];
                list[one.n_args] = &pairs[one.n_args];
                one.n_args++;
        }

        one.command = (char *) command;
        one.args = list;
        all.commands = commands;
        all.n_commands = 1;
        *ret_size = skywalking__v3__commands__get_packed_size(&all);
        bytes = malloc(*ret_size + 1);
        if (!bytes)
                abort();
        (void) skywalking__v3__commands__pack(&all, bytes);
        return bytes;
}
