/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/bus-bed.h"

#include "bus/bus-names.h"

#include <criterion/criterion.h>

TestSuite(test_bus_hottest, .timeout = 30);

static BusBed b;

static void init(void) {
        bus_bed_init(&b);
}

static void done(void) {
        bus_bed_done(&b);
}

static sd_bus_message *answer;

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        answer = sd_bus_message_ref(m);
        return 0;
}

/* Asks and lets the question reach the daemon, which keeps it. */
static void ask(void) {
        cr_assert_geq(sd_bus_call_method_async(
                                      b.client,
                                      NULL,
                                      NULL,
                                      CPROF_BUS_PATH,
                                      CPROF_BUS_INTERFACE,
                                      "GetHottest",
                                      on_reply,
                                      NULL,
                                      "stu",
                                      "web",
                                      5 * USEC_PER_SEC,
                                      2),
                      0);
        bus_bed_flush(&b);
        cr_assert_not_null(b.hottest);
        cr_assert_null(answer, "there is no answer yet");
}

Test(test_bus_hottest, the_answer_may_come_later, .init = init, .fini = done) {
        static const HotFunction functions[] = { { "hash\xff", 60, 90 }, { "main", 0, 100 } };
        uint64_t period, n, self, total;
        const char *name;

        ask();
        cr_assert_geq(bus_hottest_answer(b.hottest, 10101010, 100, functions, 2), 0);
        b.hottest = NULL;
        bus_bed_flush(&b);

        cr_assert_not_null(answer);
        cr_assert_gt(sd_bus_message_read(answer, "tt", &period, &n), 0);
        cr_expect_eq(period, 10101010);
        cr_expect_eq(n, 100);
        cr_assert_gt(sd_bus_message_enter_container(answer, 'a', "(stt)"), 0);
        cr_assert_gt(sd_bus_message_read(answer, "(stt)", &name, &self, &total), 0);
        cr_expect_str_eq(name, "hash?", "the bus takes UTF-8 only");
        cr_expect_eq(self, 60);
        cr_expect_eq(total, 90);
        cr_assert_gt(sd_bus_message_read(answer, "(stt)", &name, &self, &total), 0);
        cr_expect_str_eq(name, "main");
        cr_expect_eq(sd_bus_message_at_end(answer, false), 1);
        sd_bus_message_unref(answer);
}

Test(test_bus_hottest, a_late_failure_is_told, .init = init, .fini = done) {
        ask();
        cr_assert_geq(bus_hottest_fail(b.hottest, -ENOMEM, "Failed to name the functions"), 0);
        b.hottest = NULL;
        bus_bed_flush(&b);

        cr_assert_not_null(answer);
        cr_expect(sd_bus_message_is_method_error(answer, SD_BUS_ERROR_NO_MEMORY));
        cr_expect_str_eq(
                        sd_bus_message_get_error(answer)->message,
                        "Failed to name the functions: Cannot allocate memory");
        sd_bus_message_unref(answer);
}

Test(test_bus_hottest,
     bad_questions_and_a_recorder_that_is_off_are_refused_at_once,
     .init = init,
     .fini = done) {
        static const struct {
                uint64_t span_usec;
                uint32_t max;
        } bad[] = { { 0, 2 },          { 999999, 2 },  { 601 * USEC_PER_SEC, 2 },
                    { UINT64_MAX, 2 }, { 5000000, 0 }, { 5000000, 1001 } };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                bus_bed_fails(bus_bed_call(&b, "GetHottest", "stu", "web", bad[i].span_usec, bad[i].max),
                              NULL,
                              bad[i].max == 2 ? "The time must be from 1 s to 10 min."
                                              : "The number of functions must be from 1 to 1000.");

        bus_bed_fails(bus_bed_call(&b, "GetHottest", "stu", "wbe", 5 * USEC_PER_SEC, 2),
                      CPROF_BUS_ERROR_NO_SUCH_UNIT,
                      "No unit 'wbe.service' with processes on this host, did you mean 'web.service'?");

        b.hottest_error = -EBUSY;
        bus_bed_fails(bus_bed_call(&b, "GetHottest", "stu", "web", 5 * USEC_PER_SEC, 2),
                      CPROF_BUS_ERROR_BUSY,
                      "Too many ask for hottest functions at once.");
        b.hottest_error = -EOPNOTSUPP;
        bus_bed_fails(bus_bed_call(&b, "GetHottest", "stu", "web", 5 * USEC_PER_SEC, 2),
                      CPROF_BUS_ERROR_NOT_SUPPORTED,
                      "The recorder is off (RecorderHz= in cprofd.conf), so nothing is known of the last seconds.");
}
