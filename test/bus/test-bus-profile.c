/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/bus-bed.h"

#include "bus/bus-names.h"

#include <criterion/criterion.h>

TestSuite(test_bus_profile, .timeout = 30);

static BusBed b;

static void init(void) {
        bus_bed_init(&b);
}

static void done(void) {
        bus_bed_done(&b);
}

Test(test_bus_profile, a_profile_is_refused_while_there_is_none, .init = init, .fini = done) {
        char id[TASK_ID_MAX], message[128];

        bus_bed_store(&b);
        bus_bed_start(&b, "web", 0, id);
        (void) snprintf(message, sizeof(message), "Task '%s' has no profile yet.", id);

        bus_bed_fails(bus_bed_call(&b, "GetProfile", "ss", id, "pprof"),
                      CPROF_BUS_ERROR_NO_PROFILE,
                      message);
        bus_bed_fails(bus_bed_call(&b, "GetProfile", "ss", BUS_BED_STORED_ID, "folded"),
                      CPROF_BUS_ERROR_NO_PROFILE,
                      "Task '" BUS_BED_STORED_ID "' has no profile.");
        bus_bed_fails(bus_bed_call(&b, "GetProfile", "ss", BUS_BED_STORED_ID, "svg"),
                      NULL,
                      "'svg' is no format, expected pprof, folded, folded-offcpu, folded-waits, before-pprof or before-folded.");
        bus_bed_fails(bus_bed_call(&b, "GetProfile", "ss", "1999", "pprof"),
                      CPROF_BUS_ERROR_NO_SUCH_TASK,
                      "No task '1999'.");
}

Test(test_bus_profile, parts_and_values_that_were_not_recorded_are_refused, .init = init, .fini = done) {
        char id[TASK_ID_MAX], before[128], off_cpu[128];

        bus_bed_start(&b, "web", 0, id);
        bus_bed_sample(&b, 10);
        bus_bed_succeeds(bus_bed_call(&b, "StopTask", "s", id));
        bus_bed_finish(&b);
        (void) snprintf(before, sizeof(before), "Task '%s' has no profile of the time before.", id);
        (void) snprintf(off_cpu, sizeof(off_cpu), "Task '%s' did not record off-cpu.", id);

        bus_bed_fails(bus_bed_call(&b, "GetProfile", "ss", id, "before-pprof"),
                      CPROF_BUS_ERROR_NO_PROFILE,
                      before);
        bus_bed_fails(bus_bed_call(&b, "GetProfile", "ss", id, "before-folded"),
                      CPROF_BUS_ERROR_NO_PROFILE,
                      before);
        bus_bed_fails(bus_bed_call(&b, "GetProfile", "ss", id, "folded-offcpu"),
                      CPROF_BUS_ERROR_NO_PROFILE,
                      off_cpu);
}

Test(test_bus_profile, a_profile_comes_as_a_file_that_can_only_be_read, .init = init, .fini = done) {
        uint8_t magic[2] = {};
        sd_bus_message *reply;
        char id[TASK_ID_MAX];
        int fd;

        bus_bed_start(&b, "web", 0, id);
        bus_bed_sample(&b, 10);
        bus_bed_succeeds(bus_bed_call(&b, "StopTask", "s", id));
        bus_bed_finish(&b);

        reply = bus_bed_call(&b, "GetProfile", "ss", id, "pprof");
        cr_assert_gt(sd_bus_message_read(reply, "h", &fd),
                     0,
                     "%s",
                     sd_bus_message_get_error(reply)->message);
        cr_expect_eq(read(fd, magic, sizeof(magic)), sizeof(magic));
        cr_expect(magic[0] == 0x1f && magic[1] == 0x8b, "gzip, RFC 1952");
        cr_expect_lt(write(fd, magic, 1), 0);
        sd_bus_message_unref(reply);
}
