/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/forward-bed.h"

#include "skywalking.pb-c.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>

const OapEntity bed_entity = { "GENERAL", "shop", "host", "nginx" };

static ForwardBed *current; /* of the registry's double, which gets no userdata */

/* Doubles of oap-registry.c. */
void oap_process_id(const char *service, const char *instance, const char *process, char ret[static 65]) {
        (void) snprintf(ret, 65, "id-of-%s-%s-%s", service, instance, process);
}

Identity *oap_registry_find_entity(OapRegistry *r, const OapEntity *entity) {
        static Identity identity;

        return current->is_registered ? &identity : NULL;
}

const char *oap_registry_id(const Identity *i) {
        return "id-of-oap";
}

int oap_registry_report_gone(
                OapRegistry *r,
                const OapEntity *entity,
                pid_t pid,
                usec_t now_usec,
                OapCallFn fn,
                void *userdata) {
        const OapSlice message = { (const uint8_t *) entity->process, strlen(entity->process) };
        const OapCallRequest request = {
                .channel = OAP_CHANNEL_EBPF,
                .method = "/skywalking.v3.EBPFProcessService/reportProcesses",
                .messages = &message,
                .n_messages = 1,
                .timeout_usec = OAP_CALL_TIMEOUT_USEC,
        };
        int k;

        k = oap_client_call(current->client, &request, now_usec, fn, userdata);
        current->n_gone_reports += k >= 0;
        return k;
}

static void add_event(BedEvent *events, size_t *n, const char *ours, OapTarget target, const char *text) {
        BedEvent *e = events + *n;

        cr_assert_lt(*n, BED_EVENTS_MAX);
        (*n)++;
        e->target = target;
        (void) snprintf(e->ours, sizeof(e->ours), "%s", ours);
        (void) snprintf(e->text, sizeof(e->text), "%s", text);
}

static void on_known(const char *ours, OapTarget target, const char *id, void *userdata) {
        ForwardBed *b = userdata;

        add_event(b->known, &b->n_known, ours, target, id);
}

static void on_refused(const char *ours, OapTarget target, const char *reason, void *userdata) {
        ForwardBed *b = userdata;

        add_event(b->refused, &b->n_refused, ours, target, reason);
}

void forward_bed_open(ForwardBed *b) {
        const OapForwardEvents events = { on_known, on_refused, b };
        static int registry;

        b->transport = fake_transport_new();
        cr_assert_eq(oap_client_new(&fake_transport_ops, b->transport, 1, NULL, NULL, &b->client), 0);
        cr_assert_eq(oap_forward_new(b->client,
                                     b->has_registry ? (OapRegistry *) &registry : NULL,
                                     &b->config,
                                     &events,
                                     &b->forward),
                     0);
}

void forward_bed_close(ForwardBed *b) {
        b->forward = oap_forward_free(b->forward);
        b->client = oap_client_free(b->client);
        b->transport = NULL;
}

void forward_bed_restart(ForwardBed *b) {
        forward_bed_close(b);
        forward_bed_open(b);
}

ForwardBed *forward_bed_new(void) {
        ForwardBed *b = calloc(1, sizeof(*b));

        cr_assert(b);
        temporary_directory_init(&b->directory, "/dev/shm"); /* a disk would be waited for each 30 s */
        b->config = (OapForwardConfig){
                .directory_fd = b->directory.fd,
                .limits = { .bytes_max = 64U << 20,
                            .age_max_ms = 3 * 86400 * 1000,
                            .segment_bytes = 4U << 20 },
                .report_attempts = OAP_REPORT_ATTEMPTS_DEFAULT,
        };
        b->now_usec = 1000 * USEC_PER_SEC;
        b->now_ms = BED_START_MS;
        current = b;
        forward_bed_open(b);
        return b;
}

ForwardBed *forward_bed_free(ForwardBed *b) {
        if (!b)
                return NULL;

        forward_bed_close(b);
        temporary_directory_done(&b->directory);
        free(b);
        return NULL;
}

void forward_bed_advance(ForwardBed *b, usec_t usec) {
        b->now_usec += usec;
        b->now_ms += (int64_t) (usec / USEC_PER_MSEC);
        oap_client_dispatch(b->client, b->now_usec);
        b->due_usec = oap_forward_step(b->forward, b->now_usec, b->now_ms);
}

OapCall *forward_bed_call(ForwardBed *b, const char *method) {
        OapCall *call;

        forward_bed_advance(b, 0);
        cr_assert_eq(fake_transport_n_waiting(b->transport), 1, "%s", method);
        call = fake_transport_find(b->transport, method);
        cr_assert(call, "%s", method);
        return call;
}

void forward_bed_expect_idle(ForwardBed *b) {
        forward_bed_advance(b, 0);
        cr_expect_eq(fake_transport_n_waiting(b->transport), 0);
}

const char *bed_task(unsigned number, char buf[static TASK_ID_MAX]) {
        (void) snprintf(buf, TASK_ID_MAX, "20261121T031005-%04x", number & 0xffff);
        return buf;
}

int bed_report(ForwardBed *b, unsigned number, OapTarget target) {
        const OapCause cause = { METRIC_PROCESS_CPU, NULL, 80, 97 };
        _cleanup_(oap_bytes_done) OapBytes message = {};
        char ours[TASK_ID_MAX];

        cr_assert_eq(oap_encode_report(&bed_entity, target, &cause, 1, 600, &message), 0);
        return oap_forward_report(
                        b->forward, bed_task(number, ours), target, &bed_entity, 71, b->now_ms, &message);
}

int bed_profile(ForwardBed *b, unsigned number, const char *task, size_t n_stacks, int32_t count) {
        char ours[TASK_ID_MAX], leaf[64];
        const char *frames[] = { leaf, "ngx_http_process_request", "ngx_process_events_and_timers", "main" };
        const OapFlush flush = {
                .ours = task ? NULL : bed_task(number, ours),
                .task = task,
                .target = OAP_TARGET_ON_CPU,
                .entity = bed_entity,
                .pid = 71,
                .start_ms = BED_START_MS,
                .now_ms = b->now_ms,
        };
        _cleanup_(oap_messages_done) OapMessages messages = {};

        for (size_t i = 0; i < n_stacks; i++) {
                OapBytes bytes = {};

                (void) snprintf(leaf, sizeof(leaf), "ngx_http_handler_%zu", i);
                cr_assert_eq(oap_encode_stack(
                                             OAP_TARGET_ON_CPU,
                                             NULL,
                                             &(const OapStack){ .user = frames,
                                                                .n_user = ELEMENTSOF(frames),
                                                                .user_id = (int32_t) i + 1,
                                                                .count = count },
                                             &bytes),
                             0);
                cr_assert_eq(oap_messages_push(&messages, &bytes), 0);
        }

        return oap_forward_profile(b->forward, &flush, &messages);
}

int bed_meters(ForwardBed *b, double value) {
        const OapMeter meter = { METRIC_PROCESS_CPU, "nginx", "GENERAL", NULL, value };
        _cleanup_(oap_messages_done) OapMessages messages = {};
        OapBytes bytes = {};

        cr_assert_eq(oap_encode_meters("shop", "host", b->now_ms, &meter, 1, &bytes), 0);
        cr_assert_eq(oap_messages_push(&messages, &bytes), 0);
        return oap_forward_meters(b->forward, b->now_ms, &messages);
}

void bed_answer_id(OapCall *call, const char *id) {
        Skywalking__V3__KeyStringValuePair pair = SKYWALKING__V3__KEY_STRING_VALUE_PAIR__INIT,
                                           *args[] = { &pair };
        Skywalking__V3__Command command = SKYWALKING__V3__COMMAND__INIT, *list[] = { &command };
        Skywalking__V3__Commands commands = SKYWALKING__V3__COMMANDS__INIT;
        uint8_t bytes[1024];

        pair.key = (char *) "TaskId";
        pair.value = (char *) (id ?: "");
        command.command = (char *) "ContinuousProfilingReportTask";
        command.args = args;
        command.n_args = 1;
        commands.commands = list;
        commands.n_commands = id ? 1 : 0;
        cr_assert_leq(skywalking__v3__commands__get_packed_size(&commands), sizeof(bytes));
        fake_call_answer(call, bytes, skywalking__v3__commands__pack(&commands, bytes));
}

void bed_make_known(ForwardBed *b, unsigned number, const char *id) {
        cr_assert_eq(bed_report(b, number, OAP_TARGET_ON_CPU), 0);
        forward_bed_advance(b, OAP_REPORT_SPACING_USEC);
        bed_answer_id(forward_bed_call(b, "reportProfilingTask"), id);
        forward_bed_advance(b, 0);
        cr_assert_gt(b->n_known, 0);
        cr_assert_str_eq(b->known[b->n_known - 1].text, id);
}

BedStream bed_read_stream(const OapCall *call) {
        BedStream s = { .n_messages = call->n_messages };

        for (size_t i = 0; i < call->n_messages; i++) {
                Skywalking__V3__EBPFProfilingData *d = skywalking__v3__ebpfprofiling_data__unpack(
                                NULL, call->messages[i].size, call->messages[i].data);

                cr_assert(d);
                cr_assert_eq(d->profiling_case, SKYWALKING__V3__EBPFPROFILING_DATA__PROFILING_ON_CPU);
                s.n_samples += d->oncpu->dumpcount;
                if (d->task) {
                        s.n_tasks++;
                        s.start_ms = d->task->profilingstarttime;
                        s.now_ms = d->task->currenttime;
                        (void) snprintf(s.task, sizeof(s.task), "%s", d->task->taskid);
                        (void) snprintf(s.process, sizeof(s.process), "%s", d->task->processid);
                }
                cr_assert(i > 0 || d->task, "item 29: the first message has the task");
                skywalking__v3__ebpfprofiling_data__free_unpacked(d, NULL);
        }

        return s;
}

OapForwardStatus bed_status(const ForwardBed *b) {
        OapForwardStatus s;

        oap_forward_status(b->forward, &s);
        return s;
}
