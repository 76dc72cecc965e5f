/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of one process, then request targets: the first line's patterns are between tabs, one that begins
 * with
 * '=' is an exact path; each further line is a target. */
#include "policy/uri-match.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX 4096
#define RULES_MAX 6

#define require(condition)        \
        do {                      \
                if (!(condition)) \
                        abort();  \
        } while (0)

/* All that is read without looking, in the kernel. */
static void check_automaton(const HttpAutomaton *a) {
        uint32_t n = a->n_states * a->n_classes;

        require(a->n_states >= 1 && a->n_states <= URI_STATES_MAX);
        require(a->n_classes >= 2 && a->n_classes <= 256 && n <= URI_TRANSITIONS_MAX);
        require(a->n_accepts >= 1 && a->n_accepts <= a->n_states);
        require((a->start & ~CPROF_HTTP_ABSORBING) < n);
        require((a->start & ~CPROF_HTTP_ABSORBING) % a->n_classes == 0);

        for (unsigned b = 0; b < 256; b++)
                require(a->classes[b] < a->n_classes);
        for (uint32_t i = 0; i < n; i++) {
                uint32_t to = a->next[i] & ~CPROF_HTTP_ABSORBING;

                if (i % a->n_classes == 0)
                        require(a->next[i] < a->n_accepts);
                else
                        require(to < n && to % a->n_classes == 0);
        }
}

static void check_rules(const HttpRules *rules, size_t n) {
        require(rules->n_rules == n && rules->n_groups <= CPROF_HTTP_GROUPS_MAX);
        for (unsigned i = 0; i < rules->n_groups; i++)
                check_automaton(&rules->groups[i]);
}

static size_t split_rules(char *line, UriRule rules[static RULES_MAX]) {
        size_t n = 0;

        for (char *part; n < RULES_MAX && (part = strsep(&line, "\t"));)
                rules[n++] = *part == '=' ? (UriRule){ URI_RULE_EXACT, part + 1 }
                                          : (UriRule){ URI_RULE_REGEX, part };

        return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(uri_match_freep) UriMatch *m = NULL;
        _cleanup_(freep) char *message = NULL;
        char text[INPUT_MAX + 1], *rest = text, *target;
        UriRule rules[RULES_MAX];
        size_t n, rule = SIZE_MAX;
        int r;

        if (size > INPUT_MAX)
                return 0;
        memcpy(text, data, size);
        text[size] = '\0';

        n = split_rules(strsep(&rest, "\n"), rules);
        r = uri_match_new(rules, n, &m, &rule, &message);
        if (r < 0) {
                require((r == -EINVAL || r == -E2BIG) && rule < n && message && *message);
                return 0;
        }

        check_rules(uri_match_rules(m), n);
        while ((target = strsep(&rest, "\n"))) {
                uint64_t found = uri_match_find(m, target, strlen(target));

                require(found < UINT64_C(1) << n);
                /* an exact rule needs no automaton to be understood */
                for (size_t i = 0; i < n; i++)
                        if (rules[i].kind == URI_RULE_EXACT && strcmp(rules[i].text, target) == 0 &&
                            strncasecmp(target, "http", 4) != 0)
                                require(found >> i & 1);
        }

        return 0;
}
