/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/uri-rule-dfa.h"

#include "policy/dfa-build.h"
#include "policy/dfa-minimise.h"
#include "policy/dfa-path.h"
#include "policy/policy-message.h"
#include "policy/regex-nfa.h"
#include "policy/regex-parse.h"

#include <string.h>

int uri_path_check(const UriRule *rule, char **reterr_message) {
        unsigned column = 1;

        assert(rule->kind == URI_RULE_EXACT);

        if (rule->text[0] == '\0')
                return policy_refuse(-EINVAL, reterr_message, "the path is empty");
        if (strlen(rule->text) > URI_PATTERN_MAX)
                return policy_refuse(-EINVAL, reterr_message, "longer than %u bytes", URI_PATTERN_MAX);

        for (const char *p = rule->text; *p; p++) {
                uint8_t byte = (uint8_t) *p;

                if (dfa_byte_is_end(byte))
                        return policy_refuse(
                                        -EINVAL,
                                        reterr_message,
                                        byte > ' ' && byte < 0x7f ? "column %u: '%c' ends the path"
                                                                  : "column %u: byte %02x ends the path",
                                        column,
                                        byte);
                column += ((byte & 0xc0) != 0x80);
        }

        return 0;
}

static int
build_regex(const char *text, uint64_t accept, DfaBudget *budget, Dfa **ret_dfa, char **reterr_message) {
        _cleanup_(regex_tree_freep) RegexTree *tree = NULL;
        _cleanup_(nfa_freep) Nfa *nfa = NULL;
        unsigned column;
        int r;

        if (strlen(text) > URI_PATTERN_MAX)
                return policy_refuse(-EINVAL, reterr_message, "longer than %u bytes", URI_PATTERN_MAX);

        r = regex_parse(text, &tree, reterr_message);
        if (r < 0)
                return r;

        r = nfa_new(tree, &nfa, &column);
        if (r == -E2BIG)
                return policy_refuse(r, reterr_message, "column %u: repeats too much", column);
        if (r < 0)
                return r;

        return dfa_build(nfa, accept, budget, ret_dfa);
}

static bool accepts_anything(const Dfa *d) {
        for (uint32_t s = 0; s < d->n_states; s++)
                if (d->accepts[s] != 0)
                        return true;

        return false;
}

/* What is common to both kinds. */
static int complete(Dfa **d, DfaBudget *budget) {
        int r;

        r = dfa_skip_host(d);
        if (r < 0)
                return r;
        r = dfa_minimise(d, budget);
        if (r < 0)
                return r;

        if ((*d)->n_states > URI_STATES_MAX || (*d)->n_states * (*d)->n_classes > URI_TRANSITIONS_MAX)
                return -E2BIG;
        return 0;
}

int uri_paths_dfa(
                const char *const *paths,
                const uint64_t *accepts,
                size_t n,
                DfaBudget *budget,
                Dfa **ret_dfa) {
        _cleanup_(dfa_freep) Dfa *d = NULL;
        int r;

        r = dfa_new_exact(paths, accepts, n, &d);
        if (r < 0)
                return r;
        r = complete(&d, budget);
        if (r < 0)
                return r;

        *ret_dfa = TAKE_PTR(d);
        return 0;
}

static int refuse_size(const DfaBudget *budget, char **reterr_message) {
        if (budget->steps == 0)
                return policy_refuse(
                                -E2BIG,
                                reterr_message,
                                "too complex: it takes too long to make an automaton of it");

        return policy_refuse(
                        -E2BIG,
                        reterr_message,
                        "too complex: needs more than %u states, or %u transitions between them",
                        URI_STATES_MAX,
                        URI_TRANSITIONS_MAX);
}

int uri_rule_dfa(
                const UriRule *rule,
                uint64_t accept,
                DfaBudget *budget,
                Dfa **ret_dfa,
                char **reterr_message) {
        _cleanup_(dfa_freep) Dfa *d = NULL;
        _cleanup_(freep) char *message = NULL;
        int r;

        assert(rule->kind != URI_RULE_ALL);

        if (rule->kind == URI_RULE_EXACT) {
                r = uri_path_check(rule, &message);
                if (r >= 0)
                        r = uri_paths_dfa((const char *[]){ rule->text }, &accept, 1, budget, &d);
        } else {
                r = build_regex(rule->text, accept, budget, &d, &message);
                if (r >= 0)
                        r = complete(&d, budget);
        }
        if (r == -E2BIG && !message)
                r = refuse_size(budget, &message);
        if (r < 0) {
                if (reterr_message)
                        *reterr_message = TAKE_PTR(message);
                return r;
        }
        if (!accepts_anything(d))
                return policy_refuse(
                                -EINVAL,
                                reterr_message,
                                "matches no path: none has a space, control character, '?' or '#'");

        *ret_dfa = TAKE_PTR(d);
        return 0;
}
