/* SPDX-License-Identifier: Apache-2.0 */
#include "fake/fake-oap-shared.h"
#include "fake/fake-oap-texts.h"

#include "basic/strbuf.h"
#include "basic/strv.h"
#include "skywalking.pb-c.h"

#include <inttypes.h>
#include <string.h>

/* What OAP says: oap-server/server-receiver-plugin/skywalking-ebpf-receiver-plugin of apache/skywalking, as
 * far as an agent sees it. */

#define STATUS_OK 0
#define STATUS_UNKNOWN 2
#define STATUS_UNIMPLEMENTED 12

typedef struct Answer {
        FakeShared *shared;
        const void *request;
        size_t size;
        char *text;
        void **bytes; /* to be filled; nothing is an empty message */
        size_t *n_bytes;
} Answer;

static void message_free(ProtobufCMessage *m) {
        protobuf_c_message_free_unpacked(m, NULL);
}
DEFINE_CLEANUP(ProtobufCMessage *, message_free)

static ProtobufCMessage *unpack(const Answer *a, const ProtobufCMessageDescriptor *type) {
        ProtobufCMessage *m = protobuf_c_message_unpack(type, NULL, a->size, a->request);

        if (m && !fake_texts_are_valid(m)) {
                message_free(m);
                return NULL;
        }

        return m;
}

static int unknown(const Answer *a) {
        (void) snprintf(a->text, 512, "Application error processing RPC");
        return STATUS_UNKNOWN;
}

static int pack(const Answer *a, const ProtobufCMessage *m) {
        *a->n_bytes = protobuf_c_message_get_packed_size(m);
        *a->bytes = malloc(*a->n_bytes + 1);
        if (!*a->bytes)
                abort();
        (void) protobuf_c_message_pack(m, *a->bytes);
        return STATUS_OK;
}

static bool layer_is_known(const char *layer) {
        static const char *const layers[] = {
                "UNDEFINED",   "MESH",          "GENERAL",         "OS_LINUX",
                "K8S",         "FAAS",          "MESH_CP",         "MESH_DP",
                "DATABASE",    "CACHE",         "BROWSER",         "MQ",
                "K8S_SERVICE", "MYSQL",         "POSTGRESQL",      "APISIX",
                "REDIS",       "ELASTICSEARCH", "RABBITMQ",        "MONGODB",
                "SO11Y_OAP",   "NGINX",         "VIRTUAL_GATEWAY", "VIRTUAL_DATABASE",
                "VIRTUAL_MQ",  "VIRTUAL_CACHE",
        };

        for (size_t i = 0; i < ELEMENTSOF(layers); i++)
                if (strcmp(layer, layers[i]) == 0)
                        return true;

        return false;
}

static int report_processes(Answer *a) {
        _cleanup_(message_freep) ProtobufCMessage *m =
                        unpack(a, &skywalking__v3__ebpfprocess_report_list__descriptor);
        const Skywalking__V3__EBPFProcessReportList *list = (void *) m;
        Skywalking__V3__EBPFReportProcessDownstream all =
                        SKYWALKING__V3__EBPFREPORT_PROCESS_DOWNSTREAM__INIT;
        _cleanup_(freep) Skywalking__V3__EBPFProcessDownstream *items = NULL;
        _cleanup_(freep) Skywalking__V3__EBPFHostProcessDownstream *hosts = NULL;
        _cleanup_(freep) char(*ids)[65] = NULL;

        if (!list)
                return unknown(a);

        items = calloc(list->n_processes + 1, sizeof(items[0]));
        hosts = calloc(list->n_processes + 1, sizeof(hosts[0]));
        ids = calloc(list->n_processes + 1, sizeof(ids[0]));
        all.processes = calloc(list->n_processes + 1, sizeof(all.processes[0]));
        if (!items || !hosts || !ids || !all.processes)
                abort();

        for (size_t i = 0; i < list->n_processes; i++) {
                const Skywalking__V3__EBPFHostProcessMetadata *p = list->processes[i]->hostprocess;
                size_t n = all.n_processes;

                if (list->processes[i]->metadata_case !=
                                    SKYWALKING__V3__EBPFPROCESS_PROPERTIES__METADATA_HOST_PROCESS ||
                    !p->entity)
                        continue;

                fake_oap_process_id(
                                p->entity->servicename,
                                p->entity->instancename,
                                p->entity->processname,
                                ids[n]);
                skywalking__v3__ebpfhost_process_downstream__init(&hosts[n]);
                hosts[n].pid = p->pid;
                hosts[n].entitymetadata = p->entity;
                skywalking__v3__ebpfprocess_downstream__init(&items[n]);
                items[n].processid = ids[n];
                items[n].process_case = SKYWALKING__V3__EBPFPROCESS_DOWNSTREAM__PROCESS_HOST_PROCESS;
                items[n].hostprocess = &hosts[n];
                all.processes[all.n_processes++] = &items[n];
        }

        (void) pack(a, &all.base);
        free(all.processes);
        return STATUS_OK;
}

static int keep_alive(Answer *a) {
        _cleanup_(message_freep) ProtobufCMessage *m =
                        unpack(a, &skywalking__v3__ebpfprocess_ping_pkg_list__descriptor);
        const Skywalking__V3__EBPFProcessPingPkgList *list = (void *) m;

        if (!list)
                return unknown(a);

        for (size_t i = 0; i < list->n_processes; i++)
                if (!list->processes[i]->entitymetadata ||
                    !layer_is_known(list->processes[i]->entitymetadata->layer))
                        return unknown(a);

        return STATUS_OK;
}

static int commands(Answer *a, const char *name, const char *const *arguments) {
        *a->bytes = fake_oap_pack_command(name, arguments, a->n_bytes);
        return STATUS_OK;
}

/* Nothing in names that tests give needs more than this in JSON. */
static void add_json_text(StrBuf *b, const char *text) {
        strbuf_add(b, "\"");
        for (; *text; text++) {
                if (*text == '"' || *text == '\\')
                        strbuf_add(b, "\\");
                strbuf_add_n(b, text, 1);
        }
        strbuf_add(b, "\"");
}

static void add_policy(StrBuf *b, const FakeShared *s, const char *service, const char *uuid) {
        for (size_t i = 0; i < FAKE_POLICIES_MAX; i++) {
                const FakePolicy *p = &s->policies[i];

                if (!p->service[0] || strcmp(p->service, service) != 0 || strcmp(p->uuid, uuid) == 0)
                        continue;

                strbuf_add(b, b->length > 0 ? ",{\"ServiceName\":" : "[{\"ServiceName\":");
                add_json_text(b, service);
                strbuf_add(b, ",\"UUID\":");
                add_json_text(b, p->uuid);
                if (p->has_profiling) {
                        strbuf_add(b, ",\"Profiling\":");
                        strbuf_add_n(b, (const char *) s->bytes + p->profiling.offset, p->profiling.size);
                }
                strbuf_add(b, "}");
        }
}

static int query_policies(Answer *a) {
        _cleanup_(message_freep) ProtobufCMessage *m =
                        unpack(a, &skywalking__v3__continuous_profiling_policy_query__descriptor);
        const Skywalking__V3__ContinuousProfilingPolicyQuery *query = (void *) m;
        _cleanup_(strbuf_done) StrBuf b = {};
        _cleanup_(freep) char *json = NULL;

        if (!query)
                return unknown(a);

        fake_shared_lock(a->shared);
        for (size_t i = 0; i < query->n_policies; i++)
                add_policy(&b, a->shared, query->policies[i]->servicename, query->policies[i]->uuid);
        fake_shared_unlock(a->shared);
        if (b.length == 0)
                return STATUS_OK;

        strbuf_add(&b, "]");
        if (strbuf_finish(&b, &json) < 0)
                abort();

        return commands(a,
                        "ContinuousProfilingPolicyQuery",
                        (const char *const[]){ "SerialNumber", "1", "ServiceWithPolicyJSON", json, NULL });
}

static int report_task(Answer *a) {
        _cleanup_(message_freep) ProtobufCMessage *m =
                        unpack(a, &skywalking__v3__continuous_profiling_report__descriptor);
        const Skywalking__V3__ContinuousProfilingReport *report = (void *) m;
        char id[256], number[32];

        if (!report ||
            report->target_task_case == SKYWALKING__V3__CONTINUOUS_PROFILING_REPORT__TARGET_TASK__NOT_SET)
                return unknown(a);
        for (size_t i = 0; i < report->n_causes; i++)
                if (report->causes[i]->cause_case == SKYWALKING__V3__CONTINUOUS_PROFILING_CAUSE__CAUSE_URI &&
                    report->causes[i]->uri->uri_case ==
                                    SKYWALKING__V3__CONTINUOUS_PROFILING_URICAUSE__URI__NOT_SET)
                        return unknown(a);

        fake_shared_lock(a->shared);
        (void) snprintf(number, sizeof(number), "%" PRIu64, a->shared->n_task_ids++);
        (void) snprintf(id, sizeof(id), "%s", a->shared->task_id);
        fake_shared_unlock(a->shared);
        if (!id[0])
                fake_sha256(number, strlen(number), id);

        return commands(a,
                        "ContinuousProfilingReportTask",
                        (const char *const[]){ "SerialNumber", "1", "TaskId", id, NULL });
}

static void add_task(const FakeShared *s, const FakeTask *t, Answer *a) {
        char update[32], begin[32], duration[32];
        _cleanup_(freep) char *process = NULL, *extension = NULL;
        _cleanup_(freep) void *bytes = NULL;
        size_t size;

        (void) snprintf(update, sizeof(update), "%" PRId64, t->update_ms);
        (void) snprintf(begin, sizeof(begin), "%" PRId64, t->start_ms);
        (void) snprintf(duration, sizeof(duration), "%" PRId64, t->duration_sec);
        process = strndup((const char *) s->bytes + t->process_id.offset, t->process_id.size);
        extension = strndup((const char *) s->bytes + t->extension.offset, t->extension.size);
        bytes = fake_oap_pack_command(
                        "EBPFProfilingTaskQuery",
                        (const char *const[]){ "SerialNumber",
                                               "1",
                                               "TaskId",
                                               t->task_id,
                                               "ProcessId",
                                               process,
                                               "TaskUpdateTime",
                                               update,
                                               "TriggerType",
                                               t->trigger,
                                               "TargetType",
                                               t->target,
                                               "TaskStartTime",
                                               begin,
                                               "ExtensionConfigJSON",
                                               extension,
                                               "FixedTriggerDuration",
                                               duration,
                                               NULL },
                        &size);

        /* two messages one after the other are one with the lists of both */
        *a->bytes = realloc(*a->bytes, *a->n_bytes + size + 1);
        if (!*a->bytes)
                abort();
        memcpy((uint8_t *) *a->bytes + *a->n_bytes, bytes, size);
        *a->n_bytes += size;
}

static int query_tasks(Answer *a) {
        _cleanup_(message_freep) ProtobufCMessage *m =
                        unpack(a, &skywalking__v3__ebpfprofiling_task_query__descriptor);
        const Skywalking__V3__EBPFProfilingTaskQuery *query = (void *) m;

        if (!query)
                return unknown(a);

        fake_shared_lock(a->shared);
        for (size_t i = 0; i < a->shared->n_tasks; i++)
                if (a->shared->tasks[i].update_ms > query->latestupdatetime)
                        add_task(a->shared, &a->shared->tasks[i], a);
        fake_shared_unlock(a->shared);
        return STATUS_OK;
}

static int nothing(Answer *a) {
        return STATUS_OK;
}

typedef struct Method {
        const char *path;
        int (*answer)(Answer *a);
        const ProtobufCMessageDescriptor *stream; /* type of its messages */
} Method;

static const Method *method_find(const char *path) {
        static const Method methods[] = {
                { "EBPFProcessService/reportProcesses", report_processes, NULL },
                { "EBPFProcessService/keepAlive", keep_alive, NULL },
                { "ContinuousProfilingService/queryPolicies", query_policies, NULL },
                { "ContinuousProfilingService/reportProfilingTask", report_task, NULL },
                { "EBPFProfilingService/queryTasks", query_tasks, NULL },
                { "EBPFProfilingService/collectProfilingData",
                  nothing,
                  &skywalking__v3__ebpfprofiling_data__descriptor },
                { "MeterReportService/collectBatch",
                  nothing,
                  &skywalking__v3__meter_data_collection__descriptor },
                { "MeterReportService/collect", nothing, &skywalking__v3__meter_data__descriptor },
        };
        static const char package[] = "/skywalking.v3.";

        if (strncmp(path, package, strlen(package)) != 0)
                return NULL;

        for (size_t i = 0; i < ELEMENTSOF(methods); i++)
                if (strcmp(path + strlen(package), methods[i].path) == 0)
                        return &methods[i];

        return NULL;
}

int fake_oap_default_answer(
                FakeShared *s,
                const char *method,
                const void *request,
                size_t size,
                char ret_text[static 512],
                void **ret_bytes,
                size_t *ret_size) {
        const Method *m = method_find(method);
        Answer a = { .shared = s,
                     .request = request,
                     .size = size,
                     .text = ret_text,
                     .bytes = ret_bytes,
                     .n_bytes = ret_size };

        if (!m) {
                (void) snprintf(ret_text, 512, "Method not found: %s", method + (method[0] == '/'));
                return STATUS_UNIMPLEMENTED;
        }

        return m->answer(&a);
}

int fake_oap_stream_message(const char *method, const void *bytes, size_t size, char ret_text[static 512]) {
        const Method *m = method_find(method);
        Answer a = { .request = bytes, .size = size, .text = ret_text };
        _cleanup_(message_freep) ProtobufCMessage *message = NULL;
        const Skywalking__V3__EBPFProfilingData *data;

        if (!m || !m->stream)
                return STATUS_OK;

        message = unpack(&a, m->stream);
        if (!message)
                return unknown(&a);
        if (m->stream != &skywalking__v3__ebpfprofiling_data__descriptor)
                return STATUS_OK;

        data = (const void *) message;
        return data->profiling_case == SKYWALKING__V3__EBPFPROFILING_DATA__PROFILING__NOT_SET ? unknown(&a)
                                                                                              : STATUS_OK;
}
