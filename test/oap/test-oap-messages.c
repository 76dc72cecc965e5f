/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/oap-messages.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(oap_messages, .timeout = 10);

static OapBytes bytes(const char *text) {
        OapBytes b = { .data = (uint8_t *) strdup(text), .size = strlen(text) };

        cr_assert(b.data);
        return b;
}

Test(oap_messages, what_is_pushed_is_taken_over_in_order) {
        _cleanup_(oap_messages_done) OapMessages m = {};
        char text[16];

        for (unsigned i = 0; i < 100; i++) {
                OapBytes b;

                (void) snprintf(text, sizeof(text), "%03u", i);
                b = bytes(text);
                cr_assert_eq(oap_messages_push(&m, &b), 0);
                cr_expect_null(b.data);
                cr_expect_eq(b.size, 0);
        }

        cr_assert_eq(m.n, 100);
        cr_expect_eq(m.n_bytes, 300);
        for (unsigned i = 0; i < 100; i++) {
                (void) snprintf(text, sizeof(text), "%03u", i);
                cr_expect_eq(memcmp(m.items[i].data, text, 3), 0);
        }
}

Test(oap_messages, done_leaves_it_ready_for_more) {
        _cleanup_(oap_messages_done) OapMessages m = {};
        OapBytes a = bytes("a"), b = bytes("bc");

        cr_assert_eq(oap_messages_push(&m, &a), 0);
        oap_messages_done(&m);
        cr_expect_eq(m.n, 0);
        cr_expect_eq(m.n_bytes, 0);
        oap_messages_done(&m);

        cr_assert_eq(oap_messages_push(&m, &b), 0);
        cr_expect_eq(m.n, 1);
        cr_expect_eq(m.n_bytes, 2);
}
