/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/registry-world.h"

#include "oap/some-identity.h"
#include "skywalking.pb-c.h"

#include <criterion/criterion.h>
#include <string.h>

typedef Skywalking__V3__EBPFProcessEntityMetadata Entity;
typedef Skywalking__V3__KeyStringValuePair Pair;

static char *entity_text(const char *layer, const char *service, const char *instance, const char *process) {
        char *text;

        cr_assert_geq(asprintf(&text, "%s/%s/%s/%s", layer, service, instance, process), 0);
        return text;
}

static WorldRow *row_of(RegistryWorld *w, const Entity *e, bool add) {
        _cleanup_(freep) char *text = entity_text(e->layer, e->servicename, e->instancename, e->processname);

        WorldRow *row;

        HASH_FIND_STR(w->by_entity, text, row);
        if (row || !add)
                return row;

        cr_assert_lt(w->n_rows, WORLD_ROWS_MAX);
        row = w->rows + w->n_rows++;
        *row = (WorldRow){ .entity = TAKE_PTR(text), .was_supported_all = true };
        HASH_ADD_KEYPTR(hh, w->by_entity, row->entity, strlen(row->entity), row);
        return row;
}

static bool is_supported(Pair **pairs, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (strcmp(pairs[i]->key, "support_ebpf_profiling") == 0)
                        return strcmp(pairs[i]->value, "true") == 0;

        return false;
}

static void note_properties(WorldRow *row, Pair **pairs, size_t n) {
        size_t length = 0;
        FILE *f;

        free(row->properties);
        f = open_memstream(&row->properties, &length);
        cr_assert_not_null(f);
        for (size_t i = 0; i < n; i++)
                fprintf(f, "%s=%s;", pairs[i]->key, pairs[i]->value);
        (void) fclose(f);
}

static void note_support(WorldRow *row, bool is_first, Pair **pairs, size_t n) {
        if (is_first)
                row->is_supported = is_supported(pairs, n);

        row->was_supported_all &= is_supported(pairs, n);
}

static bool is_named(const Entity *e) {
        return e && *e->layer && *e->servicename && *e->instancename && *e->processname;
}

static void note_report(RegistryWorld *w, const Skywalking__V3__EBPFHostProcessMetadata *p) {
        WorldRow *row = row_of(w, p->entity, true);

        note_support(row, row->n_reports + row->n_pings == 0, p->properties, p->n_properties);
        note_properties(row, p->properties, p->n_properties);
        if (row->n_reports++ > 0)
                row->report_gap_usec = MAX_OF(row->report_gap_usec, w->now_usec - row->report_usec);
        row->report_usec = w->now_usec;
        row->pid = p->pid;
}

/* The id it gives; NULL: it says nothing of that one. */
static char *id_of(const RegistryWorld *w, const Entity *e) {
        char digest[65], *id;

        if (w->absent && strcmp(e->processname, w->absent) == 0)
                return NULL;

        oap_process_id(e->servicename, e->instancename, e->processname, digest);
        cr_assert_geq(asprintf(&id, "%s%s", w->id_prefix ?: "", w->fixed_id ?: digest), 0);
        return id;
}

static void
answer_report(RegistryWorld *w, OapCall *call, const Skywalking__V3__EBPFProcessReportList *list) {
        Skywalking__V3__EBPFReportProcessDownstream answer =
                        SKYWALKING__V3__EBPFREPORT_PROCESS_DOWNSTREAM__INIT;
        Skywalking__V3__EBPFProcessDownstream items[OAP_PROCESSES_PER_CALL],
                        *pointers[OAP_PROCESSES_PER_CALL];
        Skywalking__V3__EBPFHostProcessDownstream hosts[OAP_PROCESSES_PER_CALL];
        _cleanup_(freep) uint8_t *bytes = NULL;

        for (size_t i = 0; i < list->n_processes; i++) {
                size_t k = w->is_reversed ? list->n_processes - 1 - i : i, n = answer.n_processes;
                const Skywalking__V3__EBPFHostProcessMetadata *p = list->processes[k]->hostprocess;
                char *id = id_of(w, p->entity);

                if (!id)
                        continue;

                skywalking__v3__ebpfhost_process_downstream__init(hosts + n);
                hosts[n].pid = p->pid;
                hosts[n].entitymetadata = p->entity;
                skywalking__v3__ebpfprocess_downstream__init(items + n);
                items[n].processid = id;
                items[n].process_case = SKYWALKING__V3__EBPFPROCESS_DOWNSTREAM__PROCESS_HOST_PROCESS;
                items[n].hostprocess = hosts + n;
                pointers[n] = items + n;
                answer.n_processes++;
        }

        answer.processes = pointers;
        bytes = malloc(protobuf_c_message_get_packed_size(&answer.base) + 1);
        cr_assert_not_null(bytes);
        fake_call_answer(call, bytes, protobuf_c_message_pack(&answer.base, bytes));
        for (size_t i = 0; i < answer.n_processes; i++)
                free(items[i].processid);
}

static bool is_odd(const RegistryWorld *w, const Entity *e, bool with_layer) {
        return (with_layer && w->odd_layer && strcmp(e->layer, w->odd_layer) == 0) ||
                        (w->odd_process && strcmp(e->processname, w->odd_process) == 0);
}

static void serve_report(RegistryWorld *w, OapCall *call) {
        Skywalking__V3__EBPFProcessReportList *list;
        bool odd = false;

        list = skywalking__v3__ebpfprocess_report_list__unpack(
                        NULL, call->messages[0].size, call->messages[0].data);
        cr_assert_not_null(list);
        w->n_reports++;
        w->n_largest_report = MAX_OF(w->n_largest_report, list->n_processes);
        w->n_largest = MAX_OF(w->n_largest, list->n_processes);
        w->n_wrong += list->n_processes == 0 || strcmp(list->ebpfagentid, WORLD_AGENT) != 0;

        for (size_t i = 0; i < list->n_processes && !odd; i++) {
                const Skywalking__V3__EBPFProcessProperties *p = list->processes[i];

                if (p->metadata_case != SKYWALKING__V3__EBPFPROCESS_PROPERTIES__METADATA_HOST_PROCESS ||
                    !is_named(p->hostprocess->entity)) {
                        w->n_wrong++;
                        continue;
                }

                odd = !w->takes_odd_reports && is_odd(w, p->hostprocess->entity, false);
                if (!odd)
                        note_report(w, p->hostprocess);
        }

        w->n_refused += odd;
        if (odd)
                fake_call_fail(call, OAP_STATUS_UNKNOWN, "Application error processing RPC");
        else if (w->raw_answer)
                fake_call_answer(call, w->raw_answer, strlen(w->raw_answer));
        else
                answer_report(w, call, list);

        skywalking__v3__ebpfprocess_report_list__free_unpacked(list, NULL);
}

static void note_ping(RegistryWorld *w, const Skywalking__V3__EBPFProcessPingPkg *p) {
        WorldRow *row = row_of(w, p->entitymetadata, true);
        usec_t before_usec = row->n_pings > 0 ? row->ping_usec : row->report_usec;

        w->n_wrong += row->n_reports == 0;
        note_support(row, row->n_reports + row->n_pings == 0, p->properties, p->n_properties);
        row->ping_gap_usec = MAX_OF(row->ping_gap_usec, w->now_usec - before_usec);
        row->ping_usec = w->now_usec;
        row->n_pings++;
}

/* Entries before one of a layer it does not know are taken, that one and what follows is not. */
static void serve_keep_alive(RegistryWorld *w, OapCall *call) {
        Skywalking__V3__EBPFProcessPingPkgList *list;
        bool odd = false;

        list = skywalking__v3__ebpfprocess_ping_pkg_list__unpack(
                        NULL, call->messages[0].size, call->messages[0].data);
        cr_assert_not_null(list);
        w->n_keep_alives++;
        w->n_largest = MAX_OF(w->n_largest, list->n_processes);
        w->n_wrong += list->n_processes == 0 || strcmp(list->ebpfagentid, WORLD_AGENT) != 0;

        for (size_t i = 0; i < list->n_processes && !odd; i++) {
                odd = is_odd(w, list->processes[i]->entitymetadata, true);
                if (!odd)
                        note_ping(w, list->processes[i]);
        }

        w->n_refused += odd;
        if (odd)
                fake_call_fail(call, OAP_STATUS_UNKNOWN, "Application error processing RPC");
        else
                fake_call_answer(call, "", 0);

        skywalking__v3__ebpfprocess_ping_pkg_list__free_unpacked(list, NULL);
}

void registry_world_serve(RegistryWorld *w, OapCall *call) {
        w->n_wrong += call->channel != OAP_CHANNEL_EBPF || call->n_messages != 1 ||
                        call->messages[0].size > OAP_MESSAGE_MAX;
        if (w->is_down)
                fake_call_fail(call, OAP_STATUS_UNAVAILABLE, "connection refused");
        else if (w->status != OAP_STATUS_OK)
                fake_call_fail(call, w->status, "as told");
        else if (strcmp(call->method, "/skywalking.v3.EBPFProcessService/reportProcesses") == 0)
                serve_report(w, call);
        else if (strcmp(call->method, "/skywalking.v3.EBPFProcessService/keepAlive") == 0)
                serve_keep_alive(w, call);
        else
                cr_assert_fail("unexpected %s", call->method);
}

static void serve(OapCall *call, void *userdata) {
        RegistryWorld *w = userdata;

        if (!w->is_silent && (!w->meddle || !w->meddle(w, call)))
                registry_world_serve(w, call);
}

void registry_world_init(RegistryWorld *w) {
        *w = (RegistryWorld){ .now_usec = WORLD_START_USEC, .transport = fake_transport_new() };
        fake_transport_set_server(w->transport, serve, w);
        cr_assert_eq(oap_client_new(&fake_transport_ops, w->transport, 3, NULL, NULL, &w->client), 0);
        cr_assert_eq(oap_registry_new(w->client, WORLD_AGENT, &w->registry), 0);
}

void registry_world_done(RegistryWorld *w) {
        oap_registry_free(w->registry);
        oap_client_free(w->client);

        for (size_t i = 0; i < w->n_identities; i++) {
                cr_expect_null(w->identities[i]->registration);
                some_identity_free(w->identities[i]);
        }
        HASH_CLEAR(hh, w->by_entity);
        for (size_t i = 0; i < w->n_rows; i++) {
                free(w->rows[i].entity);
                free(w->rows[i].properties);
        }
}

Identity *registry_world_add(RegistryWorld *w, const char *layer, const char *service, const char *process) {
        Identity *i = some_identity(layer, service, process, 100 + (pid_t) w->n_added++);

        cr_assert_lt(w->n_identities, WORLD_ROWS_MAX);
        w->identities[w->n_identities++] = i;
        cr_assert_eq(oap_registry_add(w->registry, i), 0);
        return i;
}

void registry_world_add_many(RegistryWorld *w, const char *layer, size_t n) {
        for (size_t i = 0; i < n; i++) {
                char process[32], service[32];

                (void) snprintf(process, sizeof(process), "%s-%u", layer, w->n_added);
                (void) snprintf(service, sizeof(service), "service-%zu", i % 20);
                registry_world_add(w, layer, service, process);
        }
}

void registry_world_remove(RegistryWorld *w, Identity *i) {
        size_t k = 0;

        oap_registry_remove(w->registry, i);
        while (w->identities[k] != i)
                k++;

        w->identities[k] = w->identities[--w->n_identities];
        some_identity_free(i);
}

void registry_world_settle(RegistryWorld *w) {
        usec_t next_usec = oap_registry_step(w->registry, w->now_usec);
        uint64_t n = 0, before;

        cr_assert_gt(next_usec, w->now_usec, "it waits for a time or an answer, not for now");
        do {
                before = fake_transport_n_started(w->transport, "");
                oap_client_dispatch(w->client, w->now_usec);
                next_usec = oap_registry_step(w->registry, w->now_usec);
                cr_assert_gt(next_usec, w->now_usec);
                cr_assert_lt(n++, 2000, "it goes round and round");
        } while (fake_transport_n_started(w->transport, "") != before);
}

void registry_world_run(RegistryWorld *w, unsigned seconds) {
        for (unsigned i = 0; i < seconds; i++) {
                registry_world_settle(w);
                w->now_usec += USEC_PER_SEC;
        }
}

WorldRow *registry_world_row(RegistryWorld *w, const Identity *i) {
        Entity e = SKYWALKING__V3__EBPFPROCESS_ENTITY_METADATA__INIT;

        e.layer = i->layer;
        e.servicename = i->service;
        e.instancename = i->instance;
        e.processname = i->process;
        return row_of(w, &e, false);
}

usec_t registry_world_ping_gap(RegistryWorld *w, const Identity *i) {
        const WorldRow *row = registry_world_row(w, i);

        if (!row || row->n_pings == 0)
                return USEC_INFINITY;

        return MAX_OF(row->ping_gap_usec, w->now_usec - row->ping_usec);
}

void registry_world_forget_gaps(RegistryWorld *w) {
        for (size_t i = 0; i < w->n_rows; i++) {
                w->rows[i].ping_gap_usec = w->rows[i].report_gap_usec = 0;
                w->rows[i].ping_usec = w->rows[i].report_usec = w->now_usec;
        }
}
