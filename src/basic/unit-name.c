/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/unit-name.h"

#include "basic/cleanup.h"

#include <string.h>

static const char *const suffixes[] = { ".service", ".scope", ".slice" };

static bool has_known_suffix(const char *name) {
        size_t n = strlen(name);

        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++) {
                size_t s = strlen(suffixes[i]);

                if (n > s && strcmp(name + n - s, suffixes[i]) == 0)
                        return true;
        }

        return false;
}

bool unit_name_is_valid(const char *name) {
        /* systemd.unit(5): ASCII letters, digits and these */
        static const char valid[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ:-_.\\@";

        return strlen(name) < UNIT_NAME_MAX && name[strspn(name, valid)] == '\0' && has_known_suffix(name) &&
                        name[0] != '@';
}

int unit_name_mangle(const char *name, char **ret_name) {
        char *s;

        assert(name);
        assert(ret_name);

        if (name[0] == '\0' || strlen(name) > 2 * UNIT_NAME_MAX)
                return -EINVAL;

        if (has_known_suffix(name) || strpbrk(name, "*?["))
                s = strdup(name);
        else if (asprintf(&s, "%s.service", name) < 0)
                s = NULL;
        if (!s)
                return -ENOMEM;

        *ret_name = s;
        return 0;
}
