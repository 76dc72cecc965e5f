/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/strbuf.h"
#include "basic/strv.h"
#include "oap/oap-policy.h"

#include <criterion/criterion.h>
#include <string.h>

#include "skywalking.pb-c.h"

/* The answer of queryPolicies with that JSON: packed bytes, to be freed. */
static inline uint8_t *pack_policies(const char *json, size_t *ret_size) {
        Skywalking__V3__KeyStringValuePair serial = SKYWALKING__V3__KEY_STRING_VALUE_PAIR__INIT,
                                           policies = SKYWALKING__V3__KEY_STRING_VALUE_PAIR__INIT,
                                           *arguments[] = { &serial, &policies };
        Skywalking__V3__Command command = SKYWALKING__V3__COMMAND__INIT, *list[] = { &command };
        Skywalking__V3__Commands commands = SKYWALKING__V3__COMMANDS__INIT;
        uint8_t *bytes;

        serial.key = (char *) "SerialNumber";
        serial.value = (char *) "1";
        policies.key = (char *) "ServiceWithPolicyJSON";
        policies.value = (char *) json;
        command.command = (char *) "ContinuousProfilingPolicyQuery";
        command.args = arguments;
        command.n_args = 2;
        commands.commands = list;
        commands.n_commands = json ? 1 : 0;

        *ret_size = skywalking__v3__commands__get_packed_size(&commands);
        bytes = malloc(*ret_size + 1);
        cr_assert(bytes);
        (void) skywalking__v3__commands__pack(&commands, bytes);
        return bytes;
}

static inline void read_policies(const char *json, OapServicePolicies *ret) {
        _cleanup_(freep) char *message = NULL;
        size_t size;
        uint8_t *bytes = pack_policies(json, &size);

        cr_assert_eq(oap_command_policies(bytes, size, ret, &message), 0, "%s: %s", message, json);
        free(bytes);
}

/* The text of one target, NULL for none, and the lines of what was refused, each with its newline. */
static inline char *format_policy(const OapServicePolicy *policy, OapTarget target, char **ret_refused) {
        _cleanup_(strv_freep) char **refused = NULL;
        _cleanup_(strbuf_done) StrBuf b = {};
        char *text = NULL;

        cr_assert_eq(oap_policy_format(policy, target, &text, &refused), 0);
        strbuf_add(&b, "");
        for (char **line = refused; line && *line; line++)
                strbuf_addf(&b, "%s\n", *line);
        cr_assert_eq(strbuf_finish(&b, ret_refused), 0);
        return text;
}

static inline Policy *parse_text(const char *text) {
        const PolicyText t = { .path = "x", .text = text, .length = strlen(text) };
        _cleanup_(freep) char *message = NULL;
        Policy *p = NULL;

        cr_assert_eq(policy_parse("x", &t, 1, &p, &message), 0, "%s in:\n%s", message, text);
        return p;
}
