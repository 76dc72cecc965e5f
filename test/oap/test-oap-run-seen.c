/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/oap-run-seen.h"

#include <criterion/criterion.h>

TestSuite(oap_run_seen, .timeout = 10);

Test(oap_run_seen, a_key_is_of_both_texts) {
        cr_expect_eq(oap_seen_key("a", "bc"), oap_seen_key("a", "bc"));
        cr_expect_neq(oap_seen_key("a", "bc"), oap_seen_key("ab", "c"));
        cr_expect_neq(oap_seen_key("a", ""), oap_seen_key("", "a"));
}

Test(oap_run_seen, what_is_there_is_found_again_and_is_one) {
        OapSeen *seen = NULL, *s = oap_seen_add(&seen, 7, 100);

        cr_assert(s);
        cr_expect_eq(oap_seen_add(&seen, 7, 200), s);
        cr_expect_eq(s->update_ms, 100);
        cr_expect_eq(oap_seen_find(seen, 7), s);
        cr_expect_null(oap_seen_find(seen, 8));
        oap_seen_done(&seen);
        cr_expect_null(seen);
}

Test(oap_run_seen, what_is_over_and_not_told_again_is_forgotten) {
        OapSeen *seen = NULL;

        oap_seen_add(&seen, 1, 100)->end_ms = 500;
        oap_seen_add(&seen, 2, 300)->end_ms = 500; /* told still */
        oap_seen_add(&seen, 3, 100)->end_ms = 900; /* runs still */
        oap_seen_expire(&seen, 200, 600);
        cr_expect_null(oap_seen_find(seen, 1));
        cr_expect(oap_seen_find(seen, 2));
        cr_expect(oap_seen_find(seen, 3));
        oap_seen_done(&seen);
}

Test(oap_run_seen, there_is_a_limit_and_the_oldest_make_room) {
        OapSeen *seen = NULL;

        for (uint64_t i = 0; i < OAP_SEEN_MAX + 100; i++)
                cr_assert(oap_seen_add(&seen, i, 1000 + (int64_t) i));
        cr_expect_eq(HASH_COUNT(seen), OAP_SEEN_MAX);
        cr_expect_null(oap_seen_find(seen, 99));
        cr_expect(oap_seen_find(seen, 100));
        oap_seen_done(&seen);
}
