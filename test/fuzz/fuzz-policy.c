/* SPDX-License-Identifier: Apache-2.0 */
/* A policy file of anyone who may write one: parses or is refused with a message, and what parses survives
 * being written. */
#include "policy/policy.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
        if (!condition)
                abort();
}

static void check_trigger(const PolicyTrigger *t) {
        _cleanup_(freep) char *text = NULL;
        PolicyTrigger again;

        require(t->period_sec >= 1 && t->period_sec <= POLICY_PERIOD_SEC_MAX);
        require(t->count >= 1 && t->count <= t->period_sec);

        require(policy_trigger_format(t, &text) == 0);
        require(policy_trigger_parse(text, &again, NULL) == 0);
        require(policy_trigger_equal(t, &again));
        require(t->uri.kind == URI_RULE_ALL || metric_info(t->metric)->is_http);
        policy_trigger_done(&again);
}

static void check_policy(const Policy *p) {
        _cleanup_(policy_unrefp) Policy *again = NULL;
        _cleanup_(freep) char *text = NULL;
        PolicyText t;

        require(p->n_triggers > 0 && p->kinds != 0);
        for (size_t i = 0; i < p->n_triggers; i++)
                check_trigger(&p->triggers[i]);

        require(policy_format(p, &text) == 0);
        t = (PolicyText){ .path = "again", .text = text, .length = strlen(text) };
        require(policy_parse(p->name, &t, 1, &again, NULL) == 0);
        require(policy_equal(p, again));
}

/* A NUL byte splits the input into a file and its drop-in, since no text has one. */
static void fuzz_file(const char *text, size_t size) {
        const char *nul = size > 0 ? memchr(text, '\0', size) : NULL;
        size_t first = nul ? (size_t) (nul - text) : size;
        PolicyText texts[] = {
                { .path = "main", .text = text, .length = first },
                { .path = "drop-in", .text = text + first + 1, .length = nul ? size - first - 1 : 0 },
        };
        _cleanup_(policy_unrefp) Policy *p = NULL;
        _cleanup_(freep) char *message = NULL;
        int r;

        r = policy_parse("fuzz", texts, nul ? 2 : 1, &p, &message);
        require((r == 0) == (p != NULL));
        require((r == 0) == (message == NULL));
        require(r == 0 || r == -EINVAL || r == -EOPNOTSUPP);
        if (p)
                check_policy(p);
}

static void fuzz_trigger(const char *text, size_t size) {
        _cleanup_(freep) char *copy = strndup(text, size), *message = NULL;
        PolicyTrigger t;
        int r;

        require(copy != NULL);
        r = policy_trigger_parse(copy, &t, &message);
        require((r == 0) == (message == NULL));
        if (r == 0) {
                check_trigger(&t);
                policy_trigger_done(&t);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size > 2 * POLICY_FILE_SIZE_MAX)
                return 0;

        fuzz_file((const char *) data, size);
        fuzz_trigger((const char *) data, size);
        return 0;
}
