/* SPDX-License-Identifier: Apache-2.0 */
#include "basic/profile-kind.h"

#include "basic/cleanup.h"

#include <string.h>

static const char *const names[] = {
        [PROFILE_KIND_ON_CPU] = "on-cpu",
        [PROFILE_KIND_OFF_CPU] = "off-cpu",
        [_PROFILE_KIND_MAX] = NULL,
};

static const char *const names_elsewhere[] = { "network" };

const char *profile_kind_to_string(ProfileKind kind) {
        if (kind < 0 || kind >= _PROFILE_KIND_MAX)
                return NULL;

        return names[kind];
}

/* @word need not end after @n bytes. */
static int kind_from_word(const char *word, size_t n) {
        for (int i = 0; i < _PROFILE_KIND_MAX; i++)
                if (strlen(names[i]) == n && memcmp(names[i], word, n) == 0)
                        return i;

        for (size_t i = 0; i < ELEMENTSOF(names_elsewhere); i++)
                if (strlen(names_elsewhere[i]) == n && memcmp(names_elsewhere[i], word, n) == 0)
                        return -EOPNOTSUPP;

        return -EINVAL;
}

int profile_kind_from_string(const char *name) {
        return kind_from_word(name, strlen(name));
}

const char *profile_kinds_to_string(ProfileKinds kinds, char buf[static PROFILE_KINDS_TEXT_MAX]) {
        buf[0] = '\0';

        for (int i = 0; i < _PROFILE_KIND_MAX; i++) {
                if (!(kinds & PROFILE_KIND_BIT(i)))
                        continue;

                assert(strlen(buf) + 1 + strlen(names[i]) < PROFILE_KINDS_TEXT_MAX);
                if (buf[0] != '\0')
                        strcat(buf, " ");
                strcat(buf, names[i]);
        }

        return buf;
}

int profile_kinds_from_string(const char *text, ProfileKinds *ret_kinds) {
        static const char blanks[] = " \t";
        ProfileKinds kinds = 0;

        assert(text);
        assert(ret_kinds);

        for (const char *p = text + strspn(text, blanks); *p; p += strspn(p, blanks)) {
                size_t n = strcspn(p, blanks);
                int r;

                r = kind_from_word(p, n);
                if (r < 0)
                        return r;

                kinds |= PROFILE_KIND_BIT(r);
                p += n;
        }

        if (kinds == 0)
                return -EINVAL;

        *ret_kinds = kinds;
        return 0;
}

const char *const *profile_kind_names(void) {
        return names;
}
