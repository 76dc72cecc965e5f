/* SPDX-License-Identifier: Apache-2.0 */
/* Policies as they are on the wire, by gRPC from a fake OAP: the conformance list's 8 to 14. */
#include "oap/wire-bed.h"

#include "basic/file-io.h"
#include "oap/oap-policy.h"

#include "skywalking.pb-c.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>

TestSuite(oap_wire_policy, .timeout = 60);

#define QUERY "ContinuousProfilingService/queryPolicies"
#define FILE_80 "oap:on-cpu:shop.policy"
#define CPU(threshold) \
        "{\"ON_CPU\":{\"PROCESS_CPU\":{\"Threshold\":\"" threshold "\",\"Period\":10,\"Count\":5}}}"

typedef struct PolicyWire {
        WireBed wire;
        OapPolicies *policies;
        char root[96];
        int directory_fd;
        unsigned n_changed;
        char *text;
} PolicyWire;

static void on_changed(void *userdata) {
        PolicyWire *w = userdata;

        w->n_changed++;
}

static void start(PolicyWire *w) {
        const OapPolicyEvents events = { .changed = on_changed, .userdata = w };

        cr_assert_eq(oap_policies_new(
                                     w->wire.client,
                                     w->wire.registry,
                                     w->directory_fd,
                                     &events,
                                     &w->policies),
                     0);
}

/* One process of the service "shop". */
static void wire_init(PolicyWire *w) {
        *w = (PolicyWire){};
        (void) snprintf(w->root, sizeof(w->root), "%s/cprof-wire-XXXXXX", getenv("TMPDIR") ?: P_tmpdir);
        cr_assert_not_null(mkdtemp(w->root));
        w->directory_fd = open(w->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cr_assert_geq(w->directory_fd, 0);
        wire_bed_init(&w->wire, NULL, NULL, NULL);
        (void) wire_bed_add(&w->wire, "GENERAL", "web");
        start(w);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

static void wire_done(PolicyWire *w) {
        oap_policies_free(w->policies);
        wire_bed_done(&w->wire);
        safe_close(w->directory_fd);
        free(w->text);
        (void) nftw(w->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void run(PolicyWire *w, unsigned seconds) {
        for (unsigned i = 0; i < seconds; i++) {
                (void) oap_policies_step(w->policies, wire_bed_now_usec(&w->wire));
                wire_bed_run(&w->wire, 1);
        }
        (void) oap_policies_step(w->policies, wire_bed_now_usec(&w->wire));
        wire_bed_settle(&w->wire);
}

/* The uuid that the query number @index of those recorded had of @service; NULL: was not asked for. */
static const char *asked(PolicyWire *w, size_t index, const char *service) {
        static char uuid[256];
        Skywalking__V3__ContinuousProfilingPolicyQuery *q;
        const char *found = NULL;
        FakeOapBytes message;
        FakeOapCall call;

        fake_oap_call(w->wire.oap, QUERY, index, &call);
        message = fake_oap_message(w->wire.oap, &call, 0);
        q = skywalking__v3__continuous_profiling_policy_query__unpack(NULL, message.size, message.data);
        cr_assert_not_null(q);
        for (size_t i = 0; i < q->n_policies; i++)
                if (strncmp(q->policies[i]->servicename, service, strlen(service)) == 0) {
                        (void) snprintf(uuid, sizeof(uuid), "%s", q->policies[i]->uuid);
                        found = uuid;
                }
        skywalking__v3__continuous_profiling_policy_query__free_unpacked(q, NULL);
        return found;
}

static const char *last_asked(PolicyWire *w, const char *service) {
        size_t n = fake_oap_n_calls(w->wire.oap, QUERY);

        cr_assert_gt(n, 0);
        return asked(w, n - 1, service);
}

static const char *file(PolicyWire *w, const char *name) {
        free(w->text);
        w->text = NULL;
        (void) read_full_file_at(w->directory_fd, name, 65536, &w->text, NULL);
        return w->text ?: "";
}

static bool has(PolicyWire *w, const char *part) {
        return strstr(file(w, FILE_80), part);
}

Test(oap_wire_policy, items_8_and_9_the_uuid_goes_along_and_silence_changes_nothing) {
        PolicyWire w;

        wire_init(&w);
        fake_oap_set_policy(w.wire.oap, "shop", "A", CPU("80"));
        run(&w, 15);
        cr_expect_str_eq(asked(&w, 0, "shop"), "");
        cr_expect(has(&w, "Threshold=80%\n"), "%s", w.text);
        cr_expect_eq(w.n_changed, 1);

        run(&w, 30);
        cr_expect_str_eq(last_asked(&w, "shop"), "A");
        cr_expect(has(&w, "Threshold=80%\n"));
        cr_expect_eq(w.n_changed, 1);

        fake_oap_set_policy(w.wire.oap, "shop", "B", "{}");
        run(&w, 15);
        cr_expect_str_eq(file(&w, FILE_80), "");
        cr_expect_eq(w.n_changed, 2);
        run(&w, 15);
        cr_expect_str_eq(last_asked(&w, "shop"), "B");
        wire_done(&w);
}

Test(oap_wire_policy, item_9_a_row_that_is_gone_counts_after_a_minute) {
        PolicyWire w;

        wire_init(&w);
        fake_oap_set_policy(w.wire.oap, "shop", "A", CPU("80"));
        run(&w, 15);
        fake_oap_set_policy(w.wire.oap, "shop", "", NULL);
        run(&w, 50);
        cr_expect(has(&w, "Threshold=80%\n"));
        run(&w, 50);
        cr_expect_str_eq(file(&w, FILE_80), "");
        cr_expect_eq(w.n_changed, 2);
        wire_done(&w);
}

Test(oap_wire_policy, items_10_and_11_texts_are_decoded_and_bad_items_left_out) {
        PolicyWire w;

        wire_init(&w);
        fake_oap_set_policy(
                        w.wire.oap,
                        "shop",
                        "A",
                        "{\"OFF_CPU\":{\"HTTP_ERROR_RATE\":{\"Threshold\":\"5\",\"Period\":9,\"Count\":1,"
                        "\"URIRegex\":\"^/a\\u003d\\u0026\\u0027\\u003c\\u003e\"},"
                        "\"PROCESS_CPU\":{\"Threshold\":\"\",\"Period\":9,\"Count\":1},"
                        "\"SYSTEM_LOAD\":{\"Threshold\":\"1\",\"Period\":1,\"Count\":2},"
                        "\"SOMETHING\":{}},\"ELSEWHERE\":{}}");
        run(&w, 15);
        cr_expect_not_null(strstr(file(&w, "oap:off-cpu:shop.policy"), "URIRegex=^/a=&'<>\n"), "%s", w.text);
        cr_expect_null(strstr(w.text, "process-cpu"));
        cr_expect_null(strstr(w.text, "system-load"));
        wire_done(&w);
}

Test(oap_wire_policy, item_12_a_name_that_no_one_else_asks_for_is_in_each_query) {
        PolicyWire w;

        wire_init(&w);
        run(&w, 40);
        cr_assert_geq(fake_oap_n_calls(w.wire.oap, QUERY), 3);
        for (size_t i = 0; i < fake_oap_n_calls(w.wire.oap, QUERY); i++) {
                cr_expect_str_eq(asked(&w, i, "shop"), "");
                cr_expect_str_eq(asked(&w, i, "cprofd-"), "");
        }
        wire_done(&w);
}

Test(oap_wire_policy, items_8_and_14_a_restart_without_oap_keeps_the_policy_and_asks_for_what_is_newer) {
        PolicyWire w;

        wire_init(&w);
        fake_oap_set_policy(w.wire.oap, "shop", "A", CPU("80"));
        run(&w, 15);
        fake_oap_kill(w.wire.oap);
        run(&w, 5);
        w.policies = oap_policies_free(w.policies);
        start(&w);
        run(&w, 30);
        cr_expect(has(&w, "Threshold=80%\n"));

        fake_oap_set_policy(w.wire.oap, "shop", "B", CPU("+80"));
        fake_oap_forget(w.wire.oap);
        fake_oap_restart(w.wire.oap);
        for (unsigned i = 0; i < 100 && fake_oap_n_calls(w.wire.oap, QUERY) < 2; i++) {
                run(&w, 5);
                (void) usleep(20000); /* gRPC connects in its own time */
        }
        cr_expect_str_eq(asked(&w, 0, "shop"), "A");
        cr_expect_str_eq(last_asked(&w, "shop"), "B");
        cr_expect_eq(w.n_changed, 1, "the same in other words");
        wire_done(&w);
}

Test(oap_wire_policy, answers_that_are_none_are_followed_by_the_next_query) {
        static const FakeOapAnswer bad[] = {
                { .bytes = "\xff\xff\xff", .size = 3 },
                { .filler = 9 * 1024 * 1024 },
                { .no_message = true },
                { .status = OAP_STATUS_UNKNOWN, .text = "Application error processing RPC" },
        };
        PolicyWire w;

        wire_init(&w);
        fake_oap_set_policy(w.wire.oap, "shop", "A", CPU("80"));
        run(&w, 15);
        fake_oap_set_policy(w.wire.oap, "shop", "B", CPU("90"));
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                fake_oap_answer(w.wire.oap, QUERY, bad + i);
                run(&w, 15);
                cr_expect(has(&w, "Threshold=80%\n"), "answer %zu", i);
        }

        fake_oap_answer(w.wire.oap, QUERY, NULL);
        run(&w, 90); /* of which it may leave OAP alone for a while */
        cr_expect(has(&w, "Threshold=90%\n"));
        wire_done(&w);
}
