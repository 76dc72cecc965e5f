/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/bench-oap-host.h"

#include "bench/bench-load.h"
#include "fake/fake-subjects.h"
#include "skywalking.pb-c.h"

#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>

#define AGENT "0b8d1c1e-9f3e-4c55-8f0d-6f2f5b0f5a11"
#define NAME_MAX_BYTES 32U
#define STEP_MAX_USEC (10 * USEC_PER_SEC)
#define STEP_MIN_USEC (5 * USEC_PER_MSEC) /* these as in oap.c */
#define CATCHING_UP_RECORDS 32U           /* ditto */
#define EPOCH_MS INT64_C(1795230605000)

struct BenchHost {
        char directory[512];
        int directory_fd;

        Unit root, *units;
        Process *processes;
        char (*names)[NAME_MAX_BYTES]; /* of both */
        unsigned n_units, n_processes;
        uint64_t random;

        Monitor monitor;
        WatchSet *watches;
        IdentitySet *identities;

        OapTransport *transport; /* the client's */
        OapClient *client;
        OapRegistry *registry;
        OapForward *forward;
        OapPolicies *policies;
        OapRuns *runs;
        OapMeters *meters;
        usec_t meters_taken_usec, meter_phase_usec;
        bool was_connected;
};

static void must(const char *what, int r) {
        if (r < 0)
                bench_fail(what, r);
}

static void on_added(Identity *i, void *userdata) {
        BenchHost *h = userdata;

        must("oap_registry_add", oap_registry_add(h->registry, i));
}

static void on_removed(Identity *i, void *userdata) {
        BenchHost *h = userdata;

        oap_registry_remove(h->registry, i);
}

static int
start_nothing(Identity *i,
              ProfileKind kind,
              usec_t duration_usec,
              char ret_id[static TASK_ID_MAX],
              char **reterr_message,
              void *userdata) {
        *reterr_message = NULL;
        return -EOPNOTSUPP; /* OAP asks for none */
}

static const Task *find_nothing(Identity *i, ProfileKind kind, void *userdata) {
        return NULL;
}

static void on_task_known(const char *ours, OapTarget target, const char *id, void *userdata) {
}

static void on_task_refused(const char *ours, OapTarget target, const char *reason, void *userdata) {
}

static void on_policies_changed(void *userdata) {
}

static void make_parts(BenchHost *h, const BenchHostConfig *c) {
        const OapForwardConfig forward = {
                .directory_fd = h->directory_fd,
                .limits = { .bytes_max = 64U << 20,
                            .age_max_ms = 3 * 86400000ULL,
                            .segment_bytes = 4U << 20 },
                .report_attempts = OAP_REPORT_ATTEMPTS_DEFAULT,
        };
        const OapForwardEvents forward_events = { on_task_known, on_task_refused, h };
        const OapPolicyEvents policy_events = { on_policies_changed, h };
        const OapRunOps runs = { start_nothing, find_nothing, h };

        h->transport = fake_transport_new();
        fake_transport_set_server(h->transport, c->server, c->userdata);
        must("oap_client_new",
             oap_client_new(&fake_transport_ops, h->transport, c->seed, NULL, NULL, &h->client));
        must("oap_registry_new", oap_registry_new(h->client, AGENT, &h->registry));
        must("oap_forward_new",
             oap_forward_new(h->client, h->registry, &forward, &forward_events, &h->forward));
        must("oap_policies_new",
             oap_policies_new(h->client, h->registry, h->directory_fd, &policy_events, &h->policies));
        must("oap_runs_new", oap_runs_new(h->client, h->registry, h->forward, AGENT, &runs, &h->runs));
        must("oap_meters_new", oap_meters_new(&h->meters));
}

static void make_processes(BenchHost *h, const BenchHostConfig *c) {
        h->n_units = c->n_services;
        h->n_processes = c->n_processes;
        h->units = calloc(h->n_units, sizeof(*h->units));
        h->processes = calloc(h->n_processes, sizeof(*h->processes));
        h->names = calloc(h->n_units + h->n_processes, sizeof(*h->names));
        if (!h->units || !h->processes || !h->names)
                must("processes", -ENOMEM);

        h->root = fake_unit("-.slice", NULL);
        for (unsigned i = 0; i < h->n_units; i++) {
                (void) snprintf(h->names[i], NAME_MAX_BYTES, "app-%u.service", i);
                h->units[i] = fake_unit(h->names[i], &h->root);
        }

        for (unsigned i = 0; i < h->n_processes; i++) {
                char *name = h->names[h->n_units + i];

                (void) snprintf(name, NAME_MAX_BYTES, "app-%u#%u", i % h->n_units, i / h->n_units);
                h->processes[i] = fake_process((pid_t) (1000 + i), name, h->units + i % h->n_units);
        }
}

static double value_of(Metric metric, Subject subject, const UriRule *uri, void *userdata) {
        BenchHost *h = userdata;

        return fake_random_below(&h->random, 60);
}

static void make_watches(BenchHost *h) {
        Policy *p = fake_policy(
                        "any",
                        "[Policy]\nUnit=*.service\n"
                        "[Trigger]\nMetric=process-cpu\nThreshold=80\nPeriod=60s\nCount=10\n"
                        "[Trigger]\nMetric=process-thread-count\nThreshold=500\nPeriod=60s\nCount=10\n");

        monitor_init(&h->monitor, NULL, NULL);
        must("watch_set_new", watch_set_new(&h->monitor, &h->watches));
        watch_set_set_source(h->watches, value_of, h);
        must("watch_set_add_policy", watch_set_add_policy(h->watches, p));
        policy_unref(p);
        for (unsigned i = 0; i < h->n_processes; i++)
                must("watch_set_add_process", watch_set_add_process(h->watches, h->processes + i));
}

BenchHost *bench_host_new(const BenchHostConfig *config) {
        BenchHost *h = calloc(1, sizeof(*h));
        const IdentityEvents events = { .added = on_added, .removed = on_removed, .userdata = h };
        ServiceRules rules = {};

        if (!h)
                must("host", -ENOMEM);

        h->random = config->seed | 1;
        h->meter_phase_usec = fake_random(&h->random) % OAP_METER_INTERVAL_USEC;
        (void) snprintf(h->directory, sizeof(h->directory), "%s", config->directory);
        h->directory_fd = open(h->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (h->directory_fd < 0)
                must(h->directory, -errno);

        make_processes(h, config);
        make_parts(h, config);
        if (config->has_watches)
                make_watches(h);

        must("service_rules_default", service_rules_default(&rules));
        must("identity_set_new", identity_set_new(config->host, &rules, &events, &h->identities));
        for (unsigned i = 0; i < h->n_processes; i++)
                if (identity_set_add_process(h->identities, h->processes + i) != 1)
                        must("identity_set_add_process", -EINVAL);

        return h;
}

static int remove_file(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return ftw->level == 0 ? 0 : remove(path);
}

BenchHost *bench_host_free(BenchHost *h) {
        if (!h)
                return NULL;

        watch_set_free(h->watches);
        identity_set_free(h->identities);
        oap_meters_free(h->meters);
        oap_runs_free(h->runs);
        oap_policies_free(h->policies);
        oap_forward_free(h->forward);
        oap_registry_free(h->registry);
        oap_client_free(h->client);
        safe_close(h->directory_fd);
        (void) nftw(h->directory, remove_file, 8, FTW_DEPTH | FTW_PHYS);
        free(h->units);
        free(h->processes);
        free(h->names);
        free(h);
        return NULL;
}

OapTransport *bench_host_transport(BenchHost *h) {
        return h->transport;
}

static int64_t wall_ms(usec_t now_usec) {
        return EPOCH_MS + (int64_t) (now_usec / USEC_PER_MSEC);
}

usec_t bench_host_step(BenchHost *h, usec_t now_usec) {
        usec_t due_usec = now_usec + STEP_MAX_USEC;

        due_usec = MIN_OF(due_usec, oap_registry_step(h->registry, now_usec));
        due_usec = MIN_OF(due_usec, oap_policies_step(h->policies, now_usec));
        due_usec = MIN_OF(due_usec, oap_runs_step(h->runs, now_usec, wall_ms(now_usec)));
        due_usec = MIN_OF(due_usec, oap_forward_step(h->forward, now_usec, wall_ms(now_usec)));
        return MAX_OF(due_usec, now_usec + STEP_MIN_USEC);
}

usec_t bench_host_dispatch(BenchHost *h, usec_t now_usec) {
        oap_client_dispatch(h->client, now_usec);
        return bench_host_step(h, now_usec);
}

static void on_cause(const Cause *cause, void *userdata) {
}

void bench_host_watch(BenchHost *h, usec_t now_usec) {
        watch_set_tick(h->watches, now_usec - now_usec % USEC_PER_SEC, on_cause, NULL);
}

OapState bench_host_state(const BenchHost *h) {
        OapClientStatus status;

        oap_client_status(h->client, &status);
        return status.state;
}

uint64_t bench_host_n_waiting(const BenchHost *h) {
        OapForwardStatus status;

        oap_forward_status(h->forward, &status);
        return status.spool.n_records;
}

/* Much as oap.c does. */
static usec_t meter_interval(BenchHost *h, usec_t now_usec) {
        bool is_connected = bench_host_state(h) == OAP_STATE_CONNECTED;

        if (is_connected && !h->was_connected)
                h->meters_taken_usec = now_usec - h->meter_phase_usec;
        h->was_connected = is_connected;
        return is_connected && bench_host_n_waiting(h) < CATCHING_UP_RECORDS ? OAP_METER_INTERVAL_USEC
                                                                             : OAP_METER_INTERVAL_AWAY_USEC;
}

void bench_host_tick(BenchHost *h, usec_t now_usec) {
        _cleanup_(oap_messages_done) OapMessages messages = {};
        usec_t interval_usec;

        if (h->watches)
                oap_meters_tick(h->meters, h->identities, now_usec);
        else
                for (Identity *i = identity_set_first(h->identities); i; i = i->hh.next)
                        (void) oap_meters_add(h->meters, i, METRIC_PROCESS_CPU, NULL, 12.5);
        interval_usec = meter_interval(h, now_usec);
        if (now_usec < h->meters_taken_usec + interval_usec)
                return;

        h->meters_taken_usec = now_usec;
        must("oap_meters_take", oap_meters_take(h->meters, wall_ms(now_usec), &messages));
        if (messages.n > 0)
                must("oap_forward_meters", oap_forward_meters(h->forward, wall_ms(now_usec), &messages));
}

/* Ids of all that were reported. */
static void answer_report(OapCall *call) {
        Skywalking__V3__EBPFProcessReportList *list = skywalking__v3__ebpfprocess_report_list__unpack(
                        NULL, call->messages[0].size, call->messages[0].data);
        Skywalking__V3__EBPFReportProcessDownstream answer =
                        SKYWALKING__V3__EBPFREPORT_PROCESS_DOWNSTREAM__INIT;
        Skywalking__V3__EBPFProcessDownstream items[OAP_PROCESSES_PER_CALL],
                        *pointers[OAP_PROCESSES_PER_CALL];
        Skywalking__V3__EBPFHostProcessDownstream hosts[OAP_PROCESSES_PER_CALL];
        char ids[OAP_PROCESSES_PER_CALL][65];
        _cleanup_(freep) uint8_t *packed = NULL;

        if (!list || list->n_processes > OAP_PROCESSES_PER_CALL)
                must("report", -EBADMSG);

        answer.processes = pointers;
        answer.n_processes = list->n_processes;
        for (size_t i = 0; i < list->n_processes; i++) {
                Skywalking__V3__EBPFHostProcessMetadata *p = list->processes[i]->hostprocess;

                oap_process_id(p->entity->servicename,
                               p->entity->instancename,
                               p->entity->processname,
                               ids[i]);
                skywalking__v3__ebpfhost_process_downstream__init(hosts + i);
                hosts[i].pid = p->pid;
                hosts[i].entitymetadata = p->entity;
                skywalking__v3__ebpfprocess_downstream__init(items + i);
                items[i].processid = ids[i];
                items[i].process_case = SKYWALKING__V3__EBPFPROCESS_DOWNSTREAM__PROCESS_HOST_PROCESS;
                items[i].hostprocess = hosts + i;
                pointers[i] = items + i;
        }

        packed = malloc(skywalking__v3__ebpfreport_process_downstream__get_packed_size(&answer) + 1);
        if (!packed)
                must("report", -ENOMEM);
        fake_call_answer(call, packed, skywalking__v3__ebpfreport_process_downstream__pack(&answer, packed));
        skywalking__v3__ebpfprocess_report_list__free_unpacked(list, NULL);
}

void bench_host_answer(OapCall *call) {
        if (strstr(call->method, "reportProcesses"))
                answer_report(call);
        else
                fake_call_answer(call, "", 0);
}
