/* SPDX-License-Identifier: Apache-2.0 */
/* Registration as a wire shows it: items 1 to 7 of the conformance list. */
#include "oap/wire-bed.h"

#include "basic/utf8.h"
#include "skywalking.pb-c.h"
#include "target/identity-bed.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(oap_wire, .timeout = 60);

typedef Skywalking__V3__EBPFProcessReportList Report;
typedef Skywalking__V3__EBPFProcessPingPkgList KeepAlive;

static ProtobufCMessage *
unpack(WireBed *b, const char *method, size_t index, const ProtobufCMessageDescriptor *type) {
        ProtobufCMessage *m;
        FakeOapBytes bytes;
        FakeOapCall call;

        fake_oap_call(b->oap, method, index, &call);
        cr_assert_eq(call.n_messages, 1);
        cr_assert(call.closed);
        bytes = fake_oap_message(b->oap, &call, 0);
        m = protobuf_c_message_unpack(type, NULL, bytes.size, bytes.data);
        cr_assert_not_null(m);
        return m;
}

static Report *report_of(WireBed *b, size_t index) {
        return (Report *) unpack(
                        b, "reportProcesses", index, &skywalking__v3__ebpfprocess_report_list__descriptor);
}

static KeepAlive *keep_alive_of(WireBed *b, size_t index) {
        return (KeepAlive *) unpack(
                        b, "keepAlive", index, &skywalking__v3__ebpfprocess_ping_pkg_list__descriptor);
}

static void done(void *m) {
        protobuf_c_message_free_unpacked(m, NULL);
}

static const char *value_of(Skywalking__V3__KeyStringValuePair **pairs, size_t n, const char *key) {
        for (size_t i = 0; i < n; i++)
                if (strcmp(pairs[i]->key, key) == 0)
                        return pairs[i]->value;

        return "";
}

/* How often OAP was told that this process lives. */
static size_t count_pings(WireBed *b, const char *process) {
        size_t n = 0;

        for (size_t k = 0; k < fake_oap_n_calls(b->oap, "keepAlive"); k++) {
                KeepAlive *list = keep_alive_of(b, k);

                for (size_t i = 0; i < list->n_processes; i++)
                        n += strcmp(list->processes[i]->entitymetadata->processname, process) == 0;
                done(list);
        }

        return n;
}

Test(oap_wire, item_1_paths_and_the_same_agent_in_both) {
        Report *report;
        KeepAlive *ping;
        FakeOapCall call;
        WireBed b;

        wire_bed_init(&b, NULL, NULL, NULL);
        wire_bed_add(&b, "GENERAL", "php");
        wire_bed_settle(&b);

        cr_assert_eq(fake_oap_n_calls(b.oap, NULL), 2);
        fake_oap_call(b.oap, NULL, 0, &call);
        cr_expect_str_eq(call.method, "/skywalking.v3.EBPFProcessService/reportProcesses");
        fake_oap_call(b.oap, NULL, 1, &call);
        cr_expect_str_eq(call.method, "/skywalking.v3.EBPFProcessService/keepAlive");

        report = report_of(&b, 0);
        ping = keep_alive_of(&b, 0);
        cr_expect_str_eq(report->ebpfagentid, WIRE_AGENT);
        cr_expect_str_eq(ping->ebpfagentid, WIRE_AGENT);
        done(report);
        done(ping);
        wire_bed_done(&b);
}

Test(oap_wire, items_2_and_4_a_new_process_is_a_host_process_with_all_names_and_support) {
        const Skywalking__V3__EBPFHostProcessMetadata *p;
        KeepAlive *ping;
        Report *report;
        WireBed b;

        wire_bed_init(&b, NULL, NULL, NULL);
        wire_bed_add(&b, "GENERAL", "php");
        wire_bed_run(&b, 120);

        report = report_of(&b, 0);
        cr_assert_eq(report->processes[0]->metadata_case,
                     SKYWALKING__V3__EBPFPROCESS_PROPERTIES__METADATA_HOST_PROCESS);
        p = report->processes[0]->hostprocess;
        cr_expect_str_eq(p->entity->layer, "GENERAL");
        cr_expect_str_eq(p->entity->servicename, "shop");
        cr_expect_str_eq(p->entity->instancename, "host-a");
        cr_expect_str_eq(p->entity->processname, "php");
        cr_expect_eq(p->pid, 100);
        cr_expect_str_eq(value_of(p->properties, p->n_properties, "support_ebpf_profiling"), "true");
        cr_expect_str_eq(value_of(p->properties, p->n_properties, "pid"), "100");
        done(report);

        cr_assert_geq(fake_oap_n_calls(b.oap, "keepAlive"), 6);
        for (size_t i = 0; i < fake_oap_n_calls(b.oap, "keepAlive"); i++) {
                ping = keep_alive_of(&b, i);
                cr_expect_str_eq(
                                value_of(ping->processes[0]->properties,
                                         ping->processes[0]->n_properties,
                                         "support_ebpf_profiling"),
                                "true");
                done(ping);
        }
        wire_bed_done(&b);
}

Test(oap_wire, item_3_the_id_is_taken_from_the_answer_and_one_without_is_asked_for_again) {
        /* pid 101, "GENERAL" "shop" "host-a" "other": the first one is left out, the id is no digest */
        static const char answer[] =
                        "\x0a\x2a\x0a\x04ID-7\x12\x22\x08\x65\x12\x1e\x0a\x07GENERAL\x12\x04shop\x1a\x06host-a\x22\x05other";
        Identity *first, *other;
        WireBed b;

        wire_bed_init(&b, NULL, NULL, NULL);
        first = wire_bed_add(&b, "GENERAL", "php");
        other = wire_bed_add(&b, "GENERAL", "other");
        fake_oap_answer(b.oap,
                        "reportProcesses",
                        &(FakeOapAnswer){ .bytes = answer, .size = sizeof(answer) - 1, .n_calls = 1 });
        wire_bed_settle(&b);
        cr_assert_not_null(oap_registry_id(other));
        cr_expect_str_eq(oap_registry_id(other), "ID-7");
        cr_expect_null(oap_registry_id(first));
        cr_expect_eq(count_pings(&b, "php"), 0);

        wire_bed_run(&b, 10);
        cr_expect_not_null(oap_registry_id(first));
        cr_expect_geq(count_pings(&b, "php"), 1);
        wire_bed_done(&b);
}

Test(oap_wire, item_5_keep_alive_and_reports_in_their_time_and_a_changed_pid_at_once) {
        Report *report;
        Identity *i;
        size_t n;
        WireBed b;

        wire_bed_init(&b, NULL, NULL, NULL);
        i = wire_bed_add(&b, "GENERAL", "php");
        wire_bed_run(&b, 600);
        cr_expect_geq(fake_oap_n_calls(b.oap, "keepAlive"), 600 / 20);
        cr_expect_leq(fake_oap_n_calls(b.oap, "keepAlive"), 600 / 12);
        cr_expect_geq(fake_oap_n_calls(b.oap, "reportProcesses"), 600 / 200);
        cr_expect_leq(fake_oap_n_calls(b.oap, "reportProcesses"), 1 + 600 / 120);

        n = fake_oap_n_calls(b.oap, "reportProcesses");
        i->pid = 4711;
        oap_registry_changed(b.registry, i);
        wire_bed_settle(&b);
        cr_assert_eq(fake_oap_n_calls(b.oap, "reportProcesses"), n + 1);
        report = report_of(&b, n);
        cr_expect_eq(report->processes[0]->hostprocess->pid, 4711);
        done(report);
        wire_bed_done(&b);
}

/* A dead process is never reported again. */
Test(oap_wire, item_5_what_is_gone_is_not_kept_alive) {
        WireBed b;
        size_t n;

        wire_bed_init(&b, NULL, NULL, NULL);
        wire_bed_add(&b, "GENERAL", "php");
        wire_bed_add(&b, "GENERAL", "other");
        wire_bed_run(&b, 30);
        wire_bed_remove(&b, b.identities[0]);
        n = count_pings(&b, "php");
        wire_bed_run(&b, 250);
        cr_expect_eq(count_pings(&b, "php"), n);
        cr_expect_gt(count_pings(&b, "other"), n + 10);
        wire_bed_done(&b);
}

Test(oap_wire, item_6_processes_of_one_name_are_told_apart) {
        Report *report;
        Identity *i;
        WireBed b;
        Bed host;

        wire_bed_init(&b, NULL, NULL, NULL);
        bed_init(&host);
        bed_put(&host, 10, "nginx", "/system.slice/web.service");
        bed_put(&host, 11, "nginx", "/system.slice/web.service");
        bed_put(&host, 12, "nginx", "/system.slice/web.service");
        bed_start(&host);
        cr_assert_eq(target_set_refresh(host.targets, USEC_PER_SEC), 0);
        for (i = identity_set_first(host.set); i; i = i->hh.next)
                cr_assert_eq(oap_registry_add(b.registry, i), 0);
        wire_bed_settle(&b);

        report = report_of(&b, 0);
        cr_assert_eq(report->n_processes, 3);
        for (size_t k = 0; k < 3; k++)
                for (size_t m = 0; m < k; m++)
                        cr_expect_str_neq(
                                        report->processes[k]->hostprocess->entity->processname,
                                        report->processes[m]->hostprocess->entity->processname);
        done(report);
        for (i = identity_set_first(host.set); i; i = i->hh.next) {
                cr_expect_eq(oap_registry_find(b.registry, oap_registry_id(i)), i);
                oap_registry_remove(b.registry, i);
        }
        bed_done(&host);
        wire_bed_done(&b);
}

Test(oap_wire, item_7_a_layer_that_is_not_known_does_not_take_the_others_with_it) {
        FakeOapCall call;
        char name[16];
        WireBed b;

        wire_bed_init(&b, NULL, NULL, NULL);
        for (size_t i = 0; i < 40; i++) {
                (void) snprintf(name, sizeof(name), "p%zu", i);
                wire_bed_add(&b, i % 10 == 7 ? "general" : i % 2 ? "MESH" : "GENERAL", name);
        }
        wire_bed_settle(&b);
        cr_expect_eq(wire_bed_status(&b).state, OAP_STATE_CONNECTED);
        for (size_t i = 0; i < b.n; i++) {
                cr_expect_not_null(oap_registry_id(b.identities[i]));
                cr_expect_eq(oap_registry_layer_is_refused(b.identities[i]),
                             strcmp(b.identities[i]->layer, "general") == 0,
                             "%s",
                             b.identities[i]->process);
        }

        /* From then on each round is taken. */
        fake_oap_forget(b.oap);
        wire_bed_run(&b, 100);
        for (size_t i = 0; i < fake_oap_n_calls(b.oap, "keepAlive"); i++) {
                fake_oap_call(b.oap, "keepAlive", i, &call);
                cr_expect_eq(call.status, OAP_STATUS_OK);
        }
        cr_expect_geq(count_pings(&b, "p0"), 5);
        cr_expect_geq(count_pings(&b, "p39"), 5);
        cr_expect_eq(count_pings(&b, "p7"), 0);
        wire_bed_done(&b);
}

/* Whatever is in the names of processes, OAP can read the message. */
Test(oap_wire, item_2_texts_are_clean_and_bounded) {
        char *properties[2 * IDENTITY_PROPERTIES_MAX + 1] = {}, large[20000];
        FakeOapCall call;
        WireBed b;

        memset(large, 0xff, sizeof(large) - 1);
        large[sizeof(large) - 1] = '\0';
        for (size_t i = 0; i < 2 * IDENTITY_PROPERTIES_MAX; i += 2) {
                static char keys[IDENTITY_PROPERTIES_MAX][8];

                (void) snprintf(keys[i / 2], sizeof(keys[0]), "k%zu", i / 2);
                properties[i] = keys[i / 2];
                properties[i + 1] = large;
        }

        wire_bed_init(&b, NULL, NULL, NULL);
        for (size_t i = 0; i < 300; i++) {
                char name[32];

                (void) snprintf(name, sizeof(name), "process-%zu", i);
                wire_bed_add(&b, "GENERAL", name)->properties = properties;
        }
        wire_bed_settle(&b);

        for (size_t i = 0; i < fake_oap_n_calls(b.oap, NULL); i++) {
                fake_oap_call(b.oap, NULL, i, &call);
                cr_expect_eq(call.status, OAP_STATUS_OK);
                cr_expect_leq(call.n_bytes, OAP_MESSAGE_MAX, "item 37");
        }
        for (size_t i = 0; i < b.n; i++)
                cr_expect_not_null(oap_registry_id(b.identities[i]));
        wire_bed_done(&b);
}
