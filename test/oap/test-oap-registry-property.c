/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts on which everything happens: processes come, go and change at any moment, OAP answers late, wrongly
 * or not at all; what holds at every call, and what holds when it is over. */
#include "oap/registry-world.h"

#include "skywalking.pb-c.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(oap_registry_property, .timeout = 120);

#define HOSTS 40U
#define TROUBLE_SEC 600U
#define PROCESSES_MAX 600U

/* Xorshift64*; each host is another one, and the same each time. Source: Vigna, 2014. */
typedef struct Chance {
        uint64_t state;
        unsigned n_calls; /* in this second */
} Chance;

static uint64_t next(Chance *c) {
        c->state ^= c->state >> 12;
        c->state ^= c->state << 25;
        c->state ^= c->state >> 27;
        return c->state * UINT64_C(0x2545f4914f6cdd1d);
}

static bool one_in(Chance *c, unsigned n) {
        return next(c) % n == 0;
}

static const Identity *find(const RegistryWorld *w, const Skywalking__V3__EBPFProcessEntityMetadata *e) {
        for (size_t i = 0; i < w->n_identities; i++)
                if (strcmp(w->identities[i]->process, e->processname) == 0)
                        return w->identities[i];

        return NULL;
}

static void check_report(const RegistryWorld *w, const OapCall *call) {
        Skywalking__V3__EBPFProcessReportList *list = skywalking__v3__ebpfprocess_report_list__unpack(
                        NULL, call->messages[0].size, call->messages[0].data);

        cr_assert_not_null(list);
        cr_assert_gt(list->n_processes, 0);
        for (size_t i = 0; i < list->n_processes; i++) {
                const Skywalking__V3__EBPFHostProcessMetadata *p = list->processes[i]->hostprocess;
                const Identity *identity = find(w, p->entity);

                cr_assert_not_null(identity, "%s is gone", p->entity->processname);
                cr_assert_eq(p->pid, identity->pid);
        }
        skywalking__v3__ebpfprocess_report_list__free_unpacked(list, NULL);
}

static void check_keep_alive(const RegistryWorld *w, const OapCall *call) {
        Skywalking__V3__EBPFProcessPingPkgList *list = skywalking__v3__ebpfprocess_ping_pkg_list__unpack(
                        NULL, call->messages[0].size, call->messages[0].data);

        cr_assert_not_null(list);
        cr_assert_gt(list->n_processes, 0);
        for (size_t i = 0; i < list->n_processes; i++) {
                const Skywalking__V3__EBPFProcessEntityMetadata *e = list->processes[i]->entitymetadata;
                const Identity *identity = find(w, e);

                cr_assert_not_null(identity, "%s is gone", e->processname);
                cr_assert_not_null(oap_registry_id(identity), "%s was never reported", e->processname);
        }
        skywalking__v3__ebpfprocess_ping_pkg_list__free_unpacked(list, NULL);
}

/* Holds at every call; then whatever may happen to it. */
static bool meddle(RegistryWorld *w, OapCall *call) {
        static const int statuses[] = { 1, 2, 2, 2, 3, 4, 8, 12, 13, 14, 14 };
        Chance *c = w->userdata;

        if (strstr(call->method, "reportProcesses"))
                check_report(w, call);
        else
                check_keep_alive(w, call);
        cr_assert_leq(fake_transport_n_waiting(w->transport), 2, "one of a kind at a time");
        c->n_calls++;

        if (one_in(c, 4))
                return true; /* later */
        if (one_in(c, 6)) {
                fake_call_fail(call, statuses[next(c) % ELEMENTSOF(statuses)], "trouble");
                return true;
        }
        if (one_in(c, 12)) {
                fake_call_answer(call, "\x0a\xff", 2);
                return true;
        }

        return false;
}

static void answer_late(RegistryWorld *w, Chance *c) {
        OapCall *call = fake_transport_find(w->transport, "");

        if (!call || !one_in(c, 3))
                return;
        if (one_in(c, 5))
                fake_call_fail(call, OAP_STATUS_DEADLINE_EXCEEDED, "Deadline Exceeded");
        else if (strstr(call->method, "keepAlive"))
                fake_call_answer(call, "", 0);
        else
                registry_world_serve(w, call);
}

static void happen(RegistryWorld *w, Chance *c) {
        static const char *const layers[] = { "GENERAL", "GENERAL", "MESH", "odd", "odder" };
        Identity *i = w->n_identities > 0 ? w->identities[next(c) % w->n_identities] : NULL;

        if (one_in(c, 3) && w->n_identities < PROCESSES_MAX)
                registry_world_add_many(w, layers[next(c) % ELEMENTSOF(layers)], next(c) % 12);
        if (one_in(c, 40) && w->n_identities < PROCESSES_MAX / 2)
                registry_world_add_many(w, "GENERAL", OAP_PROCESSES_PER_CALL);
        if (i && one_in(c, 2))
                registry_world_remove(w, i);
        else if (i && one_in(c, 4)) {
                i->pid += 100000;
                oap_registry_changed(w->registry, i);
        }
        if (one_in(c, 100))
                w->is_down = !w->is_down;
        if (one_in(c, 100))
                w->odd_layer = w->odd_layer ? NULL : "odd";
        answer_late(w, c);
}

static void expect_all_well(RegistryWorld *w) {
        OapRegistryStatus status;
        unsigned n_odd = 0;

        oap_registry_status(w->registry, &status);
        cr_expect_eq(status.n_registered, w->n_identities);
        cr_expect_eq(status.n_waiting, 0);

        for (size_t k = 0; k < w->n_identities; k++) {
                const Identity *i = w->identities[k];
                bool is_odd = strcmp(i->layer, "odder") == 0;

                cr_assert_not_null(oap_registry_id(i));
                cr_expect_eq(oap_registry_find(w->registry, oap_registry_id(i)), i);
                cr_expect_eq(oap_registry_layer_is_refused(i), is_odd, "%s", i->process);
                cr_expect_eq(registry_world_row(w, i)->pid, i->pid);
                if (!is_odd)
                        cr_expect_leq(registry_world_ping_gap(w, i), OAP_KEEP_ALIVE_USEC, "%s", i->process);
                n_odd += is_odd;
        }
        cr_expect_eq(status.n_layer_refused, n_odd);
}

Test(oap_registry_property, hosts_on_which_everything_happens) {
        for (unsigned host = 1; host <= HOSTS; host++) {
                Chance c = { .state = host * UINT64_C(0x9e3779b97f4a7c15) };
                RegistryWorld *w = malloc(sizeof(*w));

                cr_assert_not_null(w);
                registry_world_init(w);
                w->meddle = meddle;
                w->userdata = &c;
                for (unsigned i = 0; i < TROUBLE_SEC; i++) {
                        happen(w, &c);
                        c.n_calls = 0;
                        registry_world_run(w, 1);
                        cr_assert_leq(c.n_calls, 200, "host %u, second %u", host, i);
                }

                /* Then OAP is there, and knows all layers but one. */
                w->is_down = false;
                w->odd_layer = "odder";
                w->meddle = NULL;
                while (fake_transport_n_waiting(w->transport) > 0)
                        fake_call_fail(fake_transport_find(w->transport, ""), OAP_STATUS_UNAVAILABLE, "");
                registry_world_run(w, 600);
                registry_world_forget_gaps(w);
                registry_world_run(w, 60);
                expect_all_well(w);
                registry_world_done(w);
                free(w);
        }
}
