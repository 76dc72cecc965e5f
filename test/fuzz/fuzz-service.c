/* SPDX-License-Identifier: Apache-2.0 */
/* [Service] sections of cprofd.conf: what is taken has all names, and is within its limits. */
#include "basic/ini.h"
#include "config-service.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct Reading {
        ServiceDraft draft;
        ServiceRules rules;
} Reading;

static int on_line(unsigned line, const char *section, const char *key, const char *value, void *userdata) {
        _cleanup_(freep) char *what = NULL;
        Reading *rd = userdata;
        int r;

        if (key)
                r = service_draft_set(&rd->draft, key, value, &what);
        else {
                (void) service_draft_close(&rd->draft, &rd->rules, &what);
                return service_draft_open(&rd->draft, "fuzz", line);
        }

        if ((r == -EINVAL) != (what != NULL)) /* each refusal says why */
                abort();

        return r == -ENOMEM ? r : 0;
}

static void check_rule(const ServiceRule *r) {
        const char *const texts[] = { r->service, r->instance, r->process };
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                if (texts[i][0] == '\0' || strlen(texts[i]) > IDENTITY_TEMPLATE_BYTES_MAX ||
                    !identity_template_is_valid(texts[i], NULL))
                        abort();

        for (char **p = r->properties; p && *p; p++, n++)
                if (!strchr(*p, '='))
                        abort();
        if (n > IDENTITY_PROPERTIES_MAX || r->layer[0] == '\0')
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(freep) char *message = NULL, *what = NULL;
        Reading rd = {};

        if (size > INI_FILE_SIZE_MAX)
                return 0;

        (void) ini_parse((const char *) data, size, on_line, &rd, NULL, &message);
        (void) service_draft_close(&rd.draft, &rd.rules, &what);
        for (size_t i = 0; i < rd.rules.n_rules; i++)
                check_rule(rd.rules.rules + i);

        service_rules_done(&rd.rules);
        return 0;
}
