/* SPDX-License-Identifier: Apache-2.0 */
#include "fake/fake-machine.h"
#include "fake/fake-probe.h"
#include "target/discover-units.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/socket.h>

TestSuite(discover_units, .timeout = 20);

#define HELD_MAX 128U

/* A systemd at the other end of a socket pair. */
typedef struct World {
        FakeMachine machine;
        FakeProbe fake;
        Probe *probe;
        TargetSet *set;
        sd_bus *bus, *systemd;
        UnitDiscovery *discovery;

        bool hold; /* keep calls instead of answering */
        sd_bus_message *held[HELD_MAX];
        unsigned n_held, n_calls, n_subscribed;
        const char *state; /* ActiveState it answers; NULL: it knows no unit */
} World;

static const uint8_t invocation[16] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xff };

static void append_unit(sd_bus_message *m, const char *state) {
        cr_assert_geq(sd_bus_message_open_container(m, 'a', "{sv}"), 0);
        cr_assert_geq(sd_bus_message_append(m, "{sv}", "Names", "as", 2, "x.service", "y.service"), 0);
        cr_assert_geq(sd_bus_message_append(m, "{sv}", "Description", "s", "A unit"), 0);
        cr_assert_geq(sd_bus_message_append(m, "{sv}", "ActiveState", "s", state), 0);
        cr_assert_geq(sd_bus_message_open_container(m, 'e', "sv"), 0);
        cr_assert_geq(sd_bus_message_append(m, "s", "InvocationID"), 0);
        cr_assert_geq(sd_bus_message_open_container(m, 'v', "ay"), 0);
        cr_assert_geq(sd_bus_message_append_array(m, 'y', invocation, sizeof(invocation)), 0);
        cr_assert_geq(sd_bus_message_close_container(m), 0);
        cr_assert_geq(sd_bus_message_close_container(m), 0);
        cr_assert_geq(sd_bus_message_close_container(m), 0);
}

static void answer(World *w, sd_bus_message *call) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

        if (!w->state) {
                cr_assert_geq(sd_bus_reply_method_errorf(
                                              call, "org.freedesktop.systemd1.NoSuchUnit", "none"),
                              0);
                return;
        }

        cr_assert_geq(sd_bus_message_new_method_return(call, &m), 0);
        if (strcmp(sd_bus_message_get_member(call), "Get") == 0)
                cr_assert_geq(sd_bus_message_append(m, "v", "u", 4711), 0);
        else if (strcmp(sd_bus_message_get_member(call), "GetAll") == 0)
                append_unit(m, w->state);
        cr_assert_geq(sd_bus_send(NULL, m, NULL), 0);
}

static int on_call(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        World *w = userdata;

        if (strcmp(sd_bus_message_get_member(m), "Subscribe") == 0) {
                w->n_subscribed++;
                return sd_bus_reply_method_return(m, NULL);
        }

        w->n_calls++;
        if (!w->hold)
                answer(w, m);
        else {
                cr_assert_lt(w->n_held, HELD_MAX);
                w->held[w->n_held++] = sd_bus_message_ref(m);
        }

        return 1;
}

/* Until neither side has anything to say. */
static void talk(World *w) {
        int a, b;

        do {
                a = sd_bus_process(w->bus, NULL);
                b = sd_bus_process(w->systemd, NULL);
                cr_assert_geq(a, 0);
                cr_assert_geq(b, 0);
        } while (a > 0 || b > 0);
}

static void release_held(World *w) {
        unsigned n = w->n_held;

        w->n_held = 0;
        for (unsigned i = 0; i < n; i++) {
                answer(w, w->held[i]);
                w->held[i] = sd_bus_message_unref(w->held[i]);
        }
        talk(w);
}

static void put(World *w, pid_t pid, const char *cgroup) {
        fake_machine_put(&w->machine, &(FakeProcess){ .pid = pid, .cgroup = cgroup });
        cr_assert_eq(target_set_refresh(w->set, (usec_t) pid), 0);
}

static Unit *unit(World *w, const char *name) {
        Unit *u = target_set_find_unit(w->set, name);

        cr_assert_not_null(u, "%s", name);
        return u;
}

static void world_init(World *w) {
        sd_id128_t id = SD_ID128_MAKE(01, 02, 03, 04, 05, 06, 07, 08, 09, 0a, 0b, 0c, 0d, 0e, 0f, 10);
        int fds[2];

        *w = (World){ .state = "active", .fake.fail[PROBE_FEATURE_TASK_ITERATOR] = -EPERM };
        cr_assert_eq(fake_machine_init(&w->machine), 0);
        cr_assert_eq(fake_probe_new(&w->fake, &w->probe), 0);
        cr_assert_eq(target_set_new(w->machine.host, w->probe, NULL, &w->set), 0);

        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
        cr_assert_geq(sd_bus_new(&w->bus), 0);
        cr_assert_geq(sd_bus_set_fd(w->bus, fds[0], fds[0]), 0);
        cr_assert_geq(sd_bus_start(w->bus), 0);
        cr_assert_geq(sd_bus_new(&w->systemd), 0);
        cr_assert_geq(sd_bus_set_fd(w->systemd, fds[1], fds[1]), 0);
        cr_assert_geq(sd_bus_set_server(w->systemd, 1, id), 0);
        cr_assert_geq(sd_bus_start(w->systemd), 0);
        cr_assert_geq(sd_bus_add_fallback(w->systemd, NULL, "/org/freedesktop/systemd1", on_call, w), 0);

        cr_assert_eq(unit_discovery_new(w->bus, w->set, &w->discovery), 0);
        talk(w);
}

static void world_done(World *w) {
        (void) unit_discovery_free(w->discovery);
        for (unsigned i = 0; i < w->n_held; i++)
                (void) sd_bus_message_unref(w->held[i]);
        (void) sd_bus_close_unref(w->bus);
        (void) sd_bus_close_unref(w->systemd);
        (void) target_set_free(w->set);
        (void) probe_free(w->probe);
        fake_machine_done(&w->machine);
}

Test(discover_units, a_service_is_enriched_with_what_systemd_says) {
        World w;
        Unit *u;

        world_init(&w);
        cr_expect_eq(w.n_subscribed, 1u);
        put(&w, 10, "/system.slice/web@1.service");
        u = unit(&w, "web@1.service");
        unit_discovery_ask(w.discovery, u);
        talk(&w);

        cr_expect_str_eq(u->description, "A unit");
        cr_expect_str_eq(u->active_state, "active");
        cr_expect_str_eq(u->invocation_id, "0123456789abcdefff00000000000000");
        cr_expect_eq(u->main_pid, 4711);
        cr_expect_eq(w.n_calls, 2u);
        world_done(&w);
}

Test(discover_units, only_services_have_a_main_pid_and_nested_units_are_not_asked_for) {
        World w;

        world_init(&w);
        put(&w, 10, "/system.slice/a.scope/payload/b.service");
        unit_discovery_ask(w.discovery, unit(&w, "system.slice"));
        talk(&w);
        cr_expect_eq(w.n_calls, 1u);
        cr_expect_str_eq(unit(&w, "system.slice")->description, "A unit");
        cr_expect_eq(unit(&w, "system.slice")->main_pid, 0);

        unit_discovery_ask(w.discovery, unit(&w, "a.scope/b.service"));
        talk(&w);
        cr_expect_eq(w.n_calls, 1u);
        world_done(&w);
}

Test(discover_units, calls_in_flight_are_bounded_and_the_rest_follows) {
        World w;

        world_init(&w);
        for (pid_t pid = 10; pid < 50; pid++) {
                char cgroup[64];

                (void) snprintf(cgroup, sizeof(cgroup), "/s-%i.slice", (int) pid);
                put(&w, pid, cgroup);
        }

        w.hold = true;
        for (Unit *u = target_set_units(w.set); u; u = u->hh.next) {
                unit_discovery_ask(w.discovery, u);
                unit_discovery_ask(w.discovery, u); /* is one question */
        }
        talk(&w);
        cr_expect_eq(w.n_calls, 32u);

        w.hold = false;
        release_held(&w);
        for (Unit *u = target_set_units(w.set); u; u = u->hh.next)
                cr_expect_not_null(u->description, "%s", u->name);
        world_done(&w);
}

Test(discover_units, a_question_repeated_before_its_answer_is_asked_again) {
        World w;

        world_init(&w);
        put(&w, 10, "/a.slice");
        w.hold = true;
        unit_discovery_ask(w.discovery, unit(&w, "a.slice"));
        talk(&w);
        w.state = "activating";
        unit_discovery_ask(w.discovery, unit(&w, "a.slice"));
        release_held(&w); /* may be older than the second question */
        cr_expect_eq(w.n_held, 1u);

        w.state = "active";
        release_held(&w);
        cr_expect_str_eq(unit(&w, "a.slice")->active_state, "active");
        world_done(&w);
}

Test(discover_units, an_answer_for_a_unit_that_is_gone_is_dropped) {
        World w;

        world_init(&w);
        put(&w, 10, "/a.service");
        w.hold = true;
        unit_discovery_ask(w.discovery, unit(&w, "a.service"));
        talk(&w);
        fake_machine_drop(&w.machine, 10);
        put(&w, 11, "/b.service");
        cr_assert_null(target_set_find_unit(w.set, "a.service"));
        release_held(&w);
        cr_expect_eq(w.n_calls, 1u, "and nothing more is asked");
        world_done(&w);
}

Test(discover_units, what_systemd_does_not_know_stays_as_it_is) {
        World w;

        world_init(&w);
        w.state = NULL;
        put(&w, 10, "/a.service");
        put(&w, 11, "/b.service");
        unit_discovery_ask(w.discovery, unit(&w, "a.service"));
        unit_discovery_ask(w.discovery, unit(&w, "b.service"));
        talk(&w);
        cr_expect_eq(w.n_calls, 2u);
        cr_expect_null(unit(&w, "a.service")->description);
        world_done(&w);
}

static sd_bus_message *new_change(World *w, const char *interface) {
        sd_bus_message *m = NULL;

        cr_assert_geq(sd_bus_message_new_signal(
                                      w->systemd,
                                      &m,
                                      "/org/freedesktop/systemd1/unit/a_2eservice",
                                      "org.freedesktop.DBus.Properties",
                                      "PropertiesChanged"),
                      0);
        cr_assert_geq(sd_bus_message_append(m, "s", interface), 0);
        return m;
}

static void send_change(World *w, sd_bus_message *m) {
        cr_assert_geq(sd_bus_message_append(m, "as", 0), 0);
        cr_assert_geq(sd_bus_send(w->systemd, m, NULL), 0);
        (void) sd_bus_message_unref(m);
}

Test(discover_units, a_restart_is_learnt_from_the_signal) {
        sd_bus_message *m;
        World w;
        Unit *u;

        world_init(&w);
        put(&w, 10, "/a.service");
        u = unit(&w, "a.service");

        m = new_change(&w, "org.freedesktop.systemd1.Unit");
        append_unit(m, "reloading");
        send_change(&w, m);
        m = new_change(&w, "org.freedesktop.systemd1.Service");
        cr_assert_geq(sd_bus_message_append(m, "a{sv}", 1, "MainPID", "u", 99), 0);
        send_change(&w, m);
        /* of the wrong type, and of another object: not believed */
        m = new_change(&w, "org.freedesktop.systemd1.Unit");
        cr_assert_geq(sd_bus_message_append(m, "a{sv}", 1, "ActiveState", "u", 5), 0);
        send_change(&w, m);
        m = new_change(&w, "org.example.Other");
        cr_assert_geq(sd_bus_message_append(m, "a{sv}", 1, "ActiveState", "s", "other"), 0);
        send_change(&w, m);
        talk(&w);

        cr_expect_str_eq(u->active_state, "reloading");
        cr_expect_str_eq(u->invocation_id, "0123456789abcdefff00000000000000");
        cr_expect_eq(u->main_pid, 99);
        world_done(&w);
}

Test(discover_units, going_away_with_calls_in_flight_is_clean) {
        World w;

        world_init(&w);
        w.hold = true;
        put(&w, 10, "/a.service");
        unit_discovery_ask(w.discovery, unit(&w, "a.service"));
        talk(&w);
        cr_expect_eq(w.n_held, 1u);
        w.discovery = unit_discovery_free(w.discovery);
        w.hold = false;
        release_held(&w);
        world_done(&w);
}
