/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy-pattern.h"

#include "basic/cleanup.h"
#include "basic/unit-name.h"
#include "basic/words.h"
#include "policy/policy-message.h"
#include "policy/policy.h"

#include <limits.h>
#include <string.h>

#define GLOB_CHARACTERS "*?["
#define LOGIN_NAME_LENGTH_MAX 256 /* LOGIN_NAME_MAX of Linux, with the NUL */

static const struct {
        size_t length_max;
        const char *expected;
} kinds[] = {
        [PATTERN_UNIT] = { 2 * UNIT_NAME_MAX, "a unit name or glob such as nginx.service or php*.service" },
        [PATTERN_SLICE] = { 2 * UNIT_NAME_MAX, "a slice name or glob such as web.slice or web-*.slice" },
        [PATTERN_EXE] = { PATH_MAX - 1, "an absolute path or glob such as /usr/bin/php*" },
        [PATTERN_USER] = { LOGIN_NAME_LENGTH_MAX - 1, "a user name, number or glob such as www-data" },
};

static bool ends_with(const char *text, const char *suffix) {
        size_t n = strlen(text), s = strlen(suffix);

        return n >= s && strcmp(text + n - s, suffix) == 0;
}

/* Whether each '[' has its ']': fnmatch(3) takes an open one for an ordinary character, so the glob matches
 * nothing. */
static bool brackets_are_closed(const char *text) {
        for (const char *p = text; (p = strchr(p, '[')); p++) {
                p++;
                if (*p == '!' || *p == '^')
                        p++;
                if (*p == ']') /* the first in brackets stands for itself */
                        p++;
                p = strchr(p, ']');
                if (!p)
                        return false;
        }

        return true;
}

/* A glob can be checked for its characters only. */
static bool unit_component_is_valid(const char *text, size_t length) {
        /* systemd.unit(5) and what glob(7) adds */
        static const char valid[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ:-_.\\@"
                                    "*?[]!^";
        char name[UNIT_NAME_MAX];

        if (length == 0 || length >= sizeof(name))
                return false;

        memcpy(name, text, length);
        name[length] = '\0';

        if (!strpbrk(name, GLOB_CHARACTERS))
                return unit_name_is_valid(name);

        return name[strspn(name, valid)] == '\0';
}

static bool unit_pattern_is_valid(const char *text) {
        for (;;) {
                size_t n = strcspn(text, "/");

                if (!unit_component_is_valid(text, n))
                        return false;
                if (text[n] == '\0')
                        return true;
                text += n + 1;
        }
}

static bool user_pattern_is_valid(const char *text) {
        return !strpbrk(text, "/:,;=\"'");
}

static bool exe_pattern_is_valid(const char *text) {
        return text[0] == '/' || text[0] == '*';
}

static bool pattern_is_valid(PatternKind kind, const char *text) {
        if (strlen(text) > kinds[kind].length_max)
                return false;

        switch (kind) {
        case PATTERN_UNIT:
                return unit_pattern_is_valid(text);
        case PATTERN_SLICE:
                return unit_pattern_is_valid(text) &&
                                (ends_with(text, ".slice") || strpbrk(text, GLOB_CHARACTERS));
        case PATTERN_EXE:
                return exe_pattern_is_valid(text);
        case PATTERN_USER:
                return user_pattern_is_valid(text);
        default:
                return false;
        }
}

/* Unit types that exist but are not watched: completing "backup.timer" to "backup.timer.service" would hide
 * the error. */
static bool is_other_unit_type(const char *word) {
        static const char *const types[] = {
                ".socket", ".timer", ".mount", ".automount", ".swap", ".target", ".path", ".device",
        };

        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (ends_with(word, types[i]))
                        return true;

        return false;
}

static int complete(PatternKind kind, const char *word, char **ret_pattern) {
        const char *slash = strrchr(word, '/'), *last = slash ? slash + 1 : word;
        char *s;

        if (kind == PATTERN_UNIT)
                return unit_name_mangle(word, ret_pattern);

        if (kind == PATTERN_SLICE && *last && !strpbrk(last, "." GLOB_CHARACTERS)) {
                if (asprintf(&s, "%s.slice", word) < 0)
                        return -ENOMEM;
        } else
                s = strdup(word);
        if (!s)
                return -ENOMEM;

        *ret_pattern = s;
        return 0;
}

static int parse_word(PatternKind kind, const char *word, char **ret_pattern, char **reterr_what) {
        _cleanup_(freep) char *pattern = NULL;
        char shown[POLICY_VALUE_SHOWN_MAX + 4];
        int r;

        policy_value_shown(word, shown);

        if (kind <= PATTERN_SLICE && is_other_unit_type(word))
                return policy_refuse(
                                -EINVAL,
                                reterr_what,
                                kind == PATTERN_UNIT
                                                ? "'%s' is not watched, expected a service, scope or slice"
                                                : "'%s' is not a slice",
                                shown);

        r = complete(kind, word, &pattern);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || !pattern_is_valid(kind, pattern))
                return policy_refuse(-EINVAL, reterr_what, "'%s' is not %s", shown, kinds[kind].expected);
        if (!brackets_are_closed(pattern))
                return policy_refuse(-EINVAL, reterr_what, "'%s' has a '[' without ']'", shown);

        *ret_pattern = TAKE_PTR(pattern);
        return 0;
}

static bool contains(char *const *list, const char *pattern) {
        for (; *list; list++)
                if (strcmp(*list, pattern) == 0)
                        return true;

        return false;
}

static size_t count(char *const *list) {
        size_t n = 0;

        while (list[n])
                n++;

        return n;
}

int policy_patterns_push(char ***list, char *pattern, char **reterr_what) {
        _cleanup_(freep) char *owned = pattern;
        size_t n = count(*list);
        char **grown;

        if (!pattern)
                return -ENOMEM;
        if (contains(*list, pattern))
                return 0;
        if (n >= POLICY_PATTERNS_MAX)
                return policy_refuse(-EINVAL, reterr_what, "more than %u patterns", POLICY_PATTERNS_MAX);

        grown = reallocarray(*list, n + 2, sizeof(grown[0]));
        if (!grown)
                return -ENOMEM;

        grown[n] = TAKE_PTR(owned);
        grown[n + 1] = NULL;
        *list = grown;
        return 0;
}

int policy_patterns_add(PatternKind kind, const char *value, char ***list, char **reterr_what) {
        _cleanup_(freep) char **words = NULL;
        int r;

        assert(list && *list);

        r = words_split(value, POLICY_PATTERNS_MAX, &words);
        if (r == -E2BIG)
                return policy_refuse(-EINVAL, reterr_what, "more than %u patterns", POLICY_PATTERNS_MAX);
        if (r < 0)
                return r;

        for (char **w = words; *w; w++) {
                char *pattern = NULL;

                r = parse_word(kind, *w, &pattern, reterr_what);
                if (r < 0)
                        return r;

                r = policy_patterns_push(list, pattern, reterr_what);
                if (r < 0)
                        return r;
        }

        return 0;
}

char **policy_patterns_new(void) {
        return calloc(1, sizeof(char *));
}

void policy_patterns_free(char **list) {
        if (!list)
                return;

        for (char **p = list; *p; p++)
                free(*p);
        free(list);
}

bool policy_patterns_equal(char *const *a, char *const *b) {
        /* Neither has duplicates: as many, and each of one in the other, is the same set. */
        if (count(a) != count(b))
                return false;

        for (; *a; a++)
                if (!contains(b, *a))
                        return false;

        return true;
}

size_t policy_patterns_size(char *const *list) {
        size_t n = 0;

        for (; *list; list++)
                n += strlen(*list) + 1;

        return n;
}
