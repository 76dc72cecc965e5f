/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that ends at each allocation in turn: linked with --wrap. */
#include "fake/short-memory.h"
#include "oap/oap-meters.h"
#include "oap/profile-bed.h"

#include <criterion/criterion.h>

TestSuite(oap_memory, .timeout = 60, .init = profile_bed_init, .fini = profile_bed_done);

/* Stands in for target/identity.c: no test here has a set. */
Identity *identity_set_first(IdentitySet *s) {
        return NULL;
}

/* Stacks of 1 to 40 frames, each twice as often as the one before in this flush. */
static void run(Profile *p, unsigned flush) {
        for (unsigned i = 0; i < 300; i++) {
                Frame frames[40];
                unsigned n = 1 + i % 40;

                for (unsigned k = 0; k < n; k++)
                        frames[k] = profile_bed_user(0, (i * 7 + k * k) % 500);
                cr_assert_geq(profile_add(p, "t", frames, n, 0, 1 + flush), 0);
        }
}

Test(oap_memory, a_flush_that_fails_did_not_happen) {
        _cleanup_(profile_freep) Profile *p = profile_bed_profile();
        unsigned n_failed = 0;

        run(p, 0);
        for (unsigned at = 1;; at++) {
                _cleanup_(analysis_done) Analysis a = {};
                _cleanup_(oap_messages_done) OapMessages m = {};
                _cleanup_(oap_profile_freep) OapProfile *o = profile_bed_told(OAP_TARGET_ON_CPU, NULL);
                _cleanup_(symbols_freep) Symbols *symbols = profile_bed_symbols(p);
                uint64_t count, nsec;
                int r;

                short_memory_left = at;
                r = oap_profile_flush(o, p, symbols, false, &m);
                if (short_memory_left > 0) {
                        short_memory_left = 0;
                        cr_assert_eq(r, 0);
                        break;
                }

                n_failed++;
                cr_assert_eq(r, -ENOMEM, "allocation %u", at);
                cr_assert_eq(m.n, 0);
                cr_assert_null(m.items);
                oap_profile_told(o, &count, &nsec);
                cr_assert_eq(count, 0);

                (void) profile_bed_flush(o, p, symbols, true, OAP_TARGET_ON_CPU, &a);
                cr_assert_eq(a.n_count, profile_n_samples(p));
        }

        cr_expect_gt(n_failed, 20);
}

Test(oap_memory, meters_that_were_not_taken_are_there_the_next_time) {
        const UriRule regex = { URI_RULE_REGEX, (char *) "/a" }, exact = { URI_RULE_EXACT, (char *) "/a" };
        const Identity i = {
                .layer = (char *) "GENERAL",
                .service = (char *) "s",
                .instance = (char *) "i",
                .process = (char *) "p",
        };
        unsigned n_failed = 0;

        for (unsigned at = 1;; at++) {
                _cleanup_(oap_messages_done) OapMessages m = {}, again = {};
                _cleanup_(oap_meters_freep) OapMeters *meters = NULL;
                int r;

                cr_assert_eq(oap_meters_new(&meters), 0);
                short_memory_left = at;
                r = oap_meters_add(meters, &i, METRIC_HTTP_ERROR_RATE, &regex, 1);
                if (r >= 0)
                        r = oap_meters_add(meters, &i, METRIC_HTTP_ERROR_RATE, &exact, 2);
                if (r >= 0)
                        r = oap_meters_take(meters, 1000, &m);
                if (short_memory_left > 0) {
                        short_memory_left = 0;
                        cr_assert_eq(r, 0);
                        cr_assert_eq(m.n, 1);
                        break;
                }

                n_failed++;
                cr_assert_eq(r, -ENOMEM, "allocation %u", at);
                cr_assert_eq(m.n, 0);
                cr_assert_eq(oap_meters_add(meters, &i, METRIC_HTTP_ERROR_RATE, &regex, 1), 0);
                cr_assert_eq(oap_meters_take(meters, 1000, &again), 0);
                cr_assert_eq(again.n, 1);
        }

        cr_expect_gt(n_failed, 10);
}
