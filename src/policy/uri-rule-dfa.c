/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/uri-rule-dfa.h"

#include "policy/dfa-build.h"
#include "policy/dfa-minimise.h"
#include "policy/dfa-path.h"
#include "policy/policy-message.h"
#include "policy/regex-nfa.h"
#include "policy/regex-parse.h"

#include <string.h>

static int check_exact(const char *text, char **reterr_message) {
        unsigned column = 1;

        if (*text == '\0')
                return policy_refuse(-EINVAL, reterr_message, "the path is empty");

        for (; *text; text++) {
                uint8_t byte = (uint8_t) *text;

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

static int build_exact(const char *text, uint64_t accept, Dfa **ret_dfa, char **reterr_message) {
        int r;

        r = check_exact(text, reterr_message);
        if (r < 0)
                return r;

        return dfa_new_exact(text, accept, ret_dfa);
}

static int
build_regex(const char *text, uint64_t accept, DfaBudget *budget, Dfa **ret_dfa, char **reterr_message) {
        _cleanup_(regex_tree_freep) RegexTree *tree = NULL;
        _cleanup_(nfa_freep) Nfa *nfa = NULL;
        unsigned column;
        int r;

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

        if (strlen(rule->text) > URI_PATTERN_MAX)
                return policy_refuse(-EINVAL, reterr_message, "longer than %u bytes", URI_PATTERN_MAX);

        if (rule->kind == URI_RULE_EXACT)
                r = build_exact(rule->text, accept, &d, &message);
        else
                r = build_regex(rule->text, accept, budget, &d, &message);
        if (r >= 0)
                r = complete(&d, budget);
        if (r == -E2BIG && !message)
                return policy_refuse(
                                r,
                                reterr_message,
                                "too complex: needs more than %u states, or %u transitions between them",
                                URI_STATES_MAX,
                                URI_TRANSITIONS_MAX);
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
