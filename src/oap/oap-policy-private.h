/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "basic/hash.h"
#include "basic/strbuf.h"
#include "oap/oap-policy.h"

/* Private to oap-policy*.c. */

#define OAP_POLICY_PREFIX "oap:"

static inline uint64_t oap_policy_hash(const void *data, size_t size) {
        const uint8_t *bytes = data;
        uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a: Fowler, Noll, Vo */

        for (size_t i = 0; i < size; i++)
                h = (h ^ bytes[i]) * UINT64_C(0x100000001b3);

        return h;
}

/* "on-cpu": a target as names of policies and of kinds of profiles have it. */
const char *oap_target_to_kind(OapTarget t);

/* What stands for @text where a word is wanted: letters, digits, ":-_.@" as they are, other bytes as \xHH.
 */
void oap_escape(StrBuf *b, const char *text);
/* The text of such a word of @length bytes. -EINVAL, -ENOMEM. */
int oap_unescape(const char *word, size_t length, char **ret_text);

/* As oap_policy_format(); *ret_n_items: how many of the items the text has. */
int oap_policy_build(
                const OapServicePolicy *policy,
                OapTarget target,
                char **ret_text,
                unsigned *ret_n_items,
                char ***refused); /* is added to */
