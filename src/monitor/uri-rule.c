/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/uri-rule.h"

#include <assert.h>
#include <string.h>

bool uri_rule_equal(const UriRule *a, const UriRule *b) {
        assert(a);
        assert(b);

        if (a->kind != b->kind)
                return false;

        return a->kind == URI_RULE_ALL || strcmp(a->text, b->text) == 0;
}
