/* SPDX-License-Identifier: Apache-2.0 */
/* Processes and queries. */
#include "oap/oap-encode.h"

#include "oap/oap-encode-private.h"

#include <string.h>

void oap_bytes_done(OapBytes *b) {
        assert(b);

        free(b->data);
        *b = (OapBytes){};
}

/* What was allocated while a message was built; all of it goes when it is packed. */
void *oap_scratch_alloc(OapScratch *s, size_t n, size_t size) {
        struct OapScratchBlock *b;
        size_t bytes;

        if (s->failed || __builtin_mul_overflow(n, size, &bytes) ||
            __builtin_add_overflow(bytes, sizeof(*b), &bytes) || !(b = calloc(1, bytes))) {
                s->failed = true;
                return NULL;
        }

        b->next = s->blocks;
        s->blocks = b;
        return b->data;
}

/* Never protobuf-c's own empty text: that one is left out of a oneof although it is set. */
char *oap_scratch_text(OapScratch *s, const char *text) {
        size_t n = strlen(text ?: "");
        char *copy;

        if (text && !utf8_is_valid(text, n)) {
                _cleanup_(freep) char *clean = utf8_sanitize(text, n);

                n = strlen(clean ?: "");
                copy = oap_scratch_alloc(s, n + 1, 1);
                if (!copy || !clean) {
                        s->failed = true;
                        return NULL;
                }

                memcpy(copy, clean, n);
                return copy;
        }

        copy = oap_scratch_alloc(s, n + 1, 1);
        if (copy && text)
                memcpy(copy, text, n);

        return copy;
}

void oap_scratch_done(OapScratch *s) {
        while (s->blocks) {
                struct OapScratchBlock *next = s->blocks->next;

                free(s->blocks);
                s->blocks = next;
        }
}

/* Packs what was built, unless memory ran out on the way. */
int oap_scratch_pack(const OapScratch *s, const ProtobufCMessage *message, OapBytes *ret) {
        uint8_t *data;

        if (s->failed)
                return -ENOMEM;

        data = malloc(protobuf_c_message_get_packed_size(message) ?: 1);
        if (!data)
                return -ENOMEM;

        *ret = (OapBytes){ .data = data, .size = protobuf_c_message_pack(message, data) };
        return 0;
}

static EntityMetadata *make_entity(OapScratch *s, const OapEntity *from) {
        EntityMetadata *e = oap_scratch_alloc(s, 1, sizeof(*e));

        if (!e)
                return NULL;

        skywalking__v3__ebpfprocess_entity_metadata__init(e);
        e->layer = oap_scratch_text(s, from->layer);
        e->servicename = oap_scratch_text(s, from->service);
        e->instancename = oap_scratch_text(s, from->instance);
        e->processname = oap_scratch_text(s, from->process);
        return e;
}

static Pair **make_pairs(OapScratch *s, const char *const *texts, size_t *ret_n) {
        size_t n = 0;
        Pair **pairs;

        while (texts && texts[2 * n])
                n++;

        pairs = oap_scratch_alloc(s, n, sizeof(pairs[0]));
        for (size_t i = 0; pairs && i < n; i++) {
                pairs[i] = oap_scratch_alloc(s, 1, sizeof(*pairs[i]));
                if (!pairs[i])
                        return NULL;

                skywalking__v3__key_string_value_pair__init(pairs[i]);
                pairs[i]->key = oap_scratch_text(s, texts[2 * i]);
                pairs[i]->value = oap_scratch_text(s, texts[2 * i + 1]);
        }

        *ret_n = n;
        return pairs;
}

static ProcessProperties *make_process(OapScratch *s, const OapProcess *from) {
        Skywalking__V3__EBPFHostProcessMetadata *host = oap_scratch_alloc(s, 1, sizeof(*host));
        ProcessProperties *p = oap_scratch_alloc(s, 1, sizeof(*p));

        if (!host || !p)
                return NULL;

        skywalking__v3__ebpfhost_process_metadata__init(host);
        host->entity = make_entity(s, &from->entity);
        host->pid = from->pid;
        host->properties = make_pairs(s, from->properties, &host->n_properties);

        skywalking__v3__ebpfprocess_properties__init(p);
        p->metadata_case = SKYWALKING__V3__EBPFPROCESS_PROPERTIES__METADATA_HOST_PROCESS;
        p->hostprocess = host;
        return p;
}

int oap_encode_processes(const char *agent, const OapProcess *processes, size_t n, OapBytes *ret) {
        _cleanup_(oap_scratch_done) OapScratch s = {};
        Skywalking__V3__EBPFProcessReportList list = SKYWALKING__V3__EBPFPROCESS_REPORT_LIST__INIT;

        assert(agent);
        assert(ret);

        list.ebpfagentid = oap_scratch_text(&s, agent);
        list.n_processes = n;
        list.processes = oap_scratch_alloc(&s, n, sizeof(list.processes[0]));
        for (size_t i = 0; list.processes && i < n; i++)
                list.processes[i] = make_process(&s, processes + i);

        return oap_scratch_pack(&s, &list.base, ret);
}

int oap_encode_keep_alive(const char *agent, const OapProcess *processes, size_t n, OapBytes *ret) {
        _cleanup_(oap_scratch_done) OapScratch s = {};
        Skywalking__V3__EBPFProcessPingPkgList list = SKYWALKING__V3__EBPFPROCESS_PING_PKG_LIST__INIT;

        assert(agent);
        assert(ret);

        list.ebpfagentid = oap_scratch_text(&s, agent);
        list.n_processes = n;
        list.processes = oap_scratch_alloc(&s, n, sizeof(list.processes[0]));
        for (size_t i = 0; list.processes && i < n; i++) {
                Skywalking__V3__EBPFProcessPingPkg *p = oap_scratch_alloc(&s, 1, sizeof(*p));

                list.processes[i] = p;
                if (!p)
                        break;

                skywalking__v3__ebpfprocess_ping_pkg__init(p);
                p->entitymetadata = make_entity(&s, &processes[i].entity);
                p->properties = make_pairs(&s, processes[i].properties, &p->n_properties);
        }

        return oap_scratch_pack(&s, &list.base, ret);
}

int oap_encode_policy_query(const char *const *services, const char *const *uuids, size_t n, OapBytes *ret) {
        _cleanup_(oap_scratch_done) OapScratch s = {};
        Skywalking__V3__ContinuousProfilingPolicyQuery q =
                        SKYWALKING__V3__CONTINUOUS_PROFILING_POLICY_QUERY__INIT;

        assert(ret);

        q.n_policies = n;
        q.policies = oap_scratch_alloc(&s, n, sizeof(q.policies[0]));
        for (size_t i = 0; q.policies && i < n; i++) {
                Skywalking__V3__ContinuousProfilingServicePolicyQuery *p =
                                oap_scratch_alloc(&s, 1, sizeof(*p));

                q.policies[i] = p;
                if (!p)
                        break;

                skywalking__v3__continuous_profiling_service_policy_query__init(p);
                p->servicename = oap_scratch_text(&s, services[i]);
                p->uuid = oap_scratch_text(&s, uuids[i]);
        }

        return oap_scratch_pack(&s, &q.base, ret);
}

int oap_encode_task_query(const char *agent, int64_t since_ms, OapBytes *ret) {
        _cleanup_(oap_scratch_done) OapScratch s = {};
        Skywalking__V3__EBPFProfilingTaskQuery q = SKYWALKING__V3__EBPFPROFILING_TASK_QUERY__INIT;

        assert(agent);
        assert(ret);

        q.roverinstanceid = oap_scratch_text(&s, agent);
        q.latestupdatetime = since_ms;
        return oap_scratch_pack(&s, &q.base, ret);
}

int oap_decode_process_ids(const void *message, size_t size, OapProcessIdFn fn, void *userdata) {
        Skywalking__V3__EBPFReportProcessDownstream *list;

        assert(message || size == 0);
        assert(fn);

        if (size > OAP_COMMANDS_BYTES_MAX)
                return -EBADMSG;

        list = skywalking__v3__ebpfreport_process_downstream__unpack(NULL, size, message);
        if (!list)
                return -EBADMSG;

        for (size_t i = 0; i < list->n_processes; i++) {
                const Skywalking__V3__EBPFProcessDownstream *p = list->processes[i];
                const EntityMetadata *e;

                if (p->process_case != SKYWALKING__V3__EBPFPROCESS_DOWNSTREAM__PROCESS_HOST_PROCESS ||
                    !p->hostprocess->entitymetadata || p->processid[0] == '\0' ||
                    strnlen(p->processid, OAP_ID_MAX) == OAP_ID_MAX)
                        continue;

                e = p->hostprocess->entitymetadata;
                fn(p->hostprocess->pid,
                   &(const OapEntity){ e->layer, e->servicename, e->instancename, e->processname },
                   p->processid,
                   userdata);
        }

        skywalking__v3__ebpfreport_process_downstream__free_unpacked(list, NULL);
        return 0;
}
