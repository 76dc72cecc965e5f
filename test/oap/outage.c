/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/outage.h"

#include "host/clock.h"

#include "skywalking.pb-c.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#define START_MS (INT64_C(1795230605) * 1000)
#define START_USEC (1000 * USEC_PER_SEC)
#define TASKS_MAX 4096U
#define FRAMES 28U
#define ROUND_TRIP_USEC (5 * USEC_PER_MSEC)
#define ROUNDS_MAX 10000000U

static const OapEntity entity = { "GENERAL", "shop", "host-17", "nginx: worker process" };
static const OapTarget targets[] = { OAP_TARGET_ON_CPU, OAP_TARGET_OFF_CPU };

/* One of OAP's, by the number in its id. */
typedef struct TaskAtOap {
        int64_t last_ms;
} TaskAtOap;

typedef struct OutageWorld {
        Outage *outage;
        const OutagePlan *plan;
        char path[64];
        int fd;
        OapTransport *transport;
        OapClient *client;
        OapForward *forward;
        usec_t now_usec;
        bool is_back;
        TaskAtOap tasks[TASKS_MAX];
} OutageWorld;

static int64_t now_ms(const OutageWorld *w) {
        return START_MS + (int64_t) ((w->now_usec - START_USEC) / USEC_PER_MSEC);
}

/* -- OAP -- */

static void answer_report(OutageWorld *w, OapCall *call) {
        Skywalking__V3__KeyStringValuePair pair = SKYWALKING__V3__KEY_STRING_VALUE_PAIR__INIT,
                                           *args[] = { &pair };
        Skywalking__V3__Command command = SKYWALKING__V3__COMMAND__INIT, *list[] = { &command };
        Skywalking__V3__Commands commands = SKYWALKING__V3__COMMANDS__INIT;
        uint8_t bytes[512];
        char id[65];

        (void) snprintf(id, sizeof(id), "%048" PRIu64, w->outage->n_tasks_at_oap++);
        pair.key = (char *) "TaskId";
        pair.value = id;
        command.command = (char *) "ContinuousProfilingReportTask";
        command.args = args;
        command.n_args = 1;
        commands.commands = list;
        commands.n_commands = 1;
        fake_call_answer(call, bytes, skywalking__v3__commands__pack(&commands, bytes));
}

static void note_task(OutageWorld *w, const Skywalking__V3__EBPFProfilingTaskMetadata *m) {
        unsigned long number = strtoul(m->taskid, NULL, 10);
        TaskAtOap *t = w->tasks + number % TASKS_MAX;

        w->outage->n_twice += m->currenttime == t->last_ms;
        w->outage->n_out_of_order += m->currenttime < t->last_ms;
        t->last_ms = m->currenttime;
}

static void take_profile(OutageWorld *w, const OapCall *call) {
        for (size_t i = 0; i < call->n_messages; i++) {
                Skywalking__V3__EBPFProfilingData *d = skywalking__v3__ebpfprofiling_data__unpack(
                                NULL, call->messages[i].size, call->messages[i].data);

                if (!d)
                        continue;
                if (d->task)
                        note_task(w, d->task);
                w->outage->n_samples_at_oap +=
                                (uint64_t) (d->oncpu ? d->oncpu->dumpcount : d->offcpu->switchcount);
                skywalking__v3__ebpfprofiling_data__free_unpacked(d, NULL);
        }
}

static void take_meters(OutageWorld *w, const OapCall *call) {
        for (size_t i = 0; i < call->n_messages; i++) {
                Skywalking__V3__MeterDataCollection *c = skywalking__v3__meter_data_collection__unpack(
                                NULL, call->messages[i].size, call->messages[i].data);

                w->outage->n_meters_at_oap += c ? c->n_meterdata : 0;
                if (c)
                        skywalking__v3__meter_data_collection__free_unpacked(c, NULL);
        }
}

static void serve(OapCall *call, void *userdata) {
        OutageWorld *w = userdata;

        if (!w->is_back) {
                w->outage->n_calls_away++;
                fake_call_fail(call, OAP_STATUS_UNAVAILABLE, "connection refused");
                return;
        }

        w->outage->n_calls_back++;
        if (strstr(call->method, "reportProfilingTask")) {
                answer_report(w, call);
                return;
        }

        if (strstr(call->method, "collectProfilingData"))
                take_profile(w, call);
        else
                take_meters(w, call);
        fake_call_answer(call, "", 0);
}

/* -- us -- */

static void on_known(const char *ours, OapTarget target, const char *id, void *userdata) {
        ((OutageWorld *) userdata)->outage->n_known++;
}

static void on_refused(const char *ours, OapTarget target, const char *reason, void *userdata) {
        ((OutageWorld *) userdata)->outage->n_task_refused++;
}

static int open_all(OutageWorld *w) {
        const OapForwardConfig config = {
                .directory_fd = w->fd,
                .limits = { .bytes_max = w->plan->spool_bytes,
                            .age_max_ms = UINT64_C(3) * 86400 * 1000,
                            .segment_bytes = (uint32_t) (w->plan->spool_bytes / 16) },
                .report_attempts = OAP_REPORT_ATTEMPTS_DEFAULT,
        };
        const OapForwardEvents events = { on_known, on_refused, w };
        int r;

        w->transport = fake_transport_new();
        fake_transport_set_server(w->transport, serve, w);
        r = oap_client_new(&fake_transport_ops, w->transport, 7, NULL, NULL, &w->client);
        return r < 0 ? r : oap_forward_new(w->client, NULL, &config, &events, &w->forward);
}

/* What the spool dropped is of the process that dropped it. */
static void note_drops(OutageWorld *w) {
        OapForwardStatus s;

        oap_forward_status(w->forward, &s);
        for (unsigned i = 0; i < _OAP_SPOOL_KIND_MAX; i++)
                w->outage->n_dropped[i] += s.spool.n_dropped[i];
}

static void close_all(OutageWorld *w) {
        if (w->forward)
                note_drops(w);
        w->forward = oap_forward_free(w->forward);
        w->client = oap_client_free(w->client);
}

static double ms_since(usec_t usec) {
        return (double) (clock_monotonic_usec() - usec) / (double) USEC_PER_MSEC;
}

static void note_time(Outage *o, double *max, usec_t since_usec) {
        double ms = ms_since(since_usec);

        o->busy_ms += ms;
        if (ms > *max)
                *max = ms;
}

static void step(OutageWorld *w) {
        Outage *o = w->outage;
        usec_t begin = clock_monotonic_usec();
        OapForwardStatus s;

        oap_client_dispatch(w->client, w->now_usec);
        (void) oap_forward_step(w->forward, w->now_usec, now_ms(w));
        note_time(o, &o->step_ms_max, begin);
        oap_forward_status(w->forward, &s);
        o->bytes_max = MAX_OF(o->bytes_max, s.spool.bytes);
}

static const char *task_name(unsigned trigger, char buf[static TASK_ID_MAX]) {
        (void) snprintf(buf, TASK_ID_MAX, "20261121T031005-%04x", trigger);
        return buf;
}

static int trigger(OutageWorld *w, unsigned number) {
        const OapCause cause = { METRIC_PROCESS_CPU, NULL, 80, 97 };
        char ours[TASK_ID_MAX];
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(targets) && r >= 0; i++) {
                _cleanup_(oap_bytes_done) OapBytes message = {};

                r = oap_encode_report(&entity, targets[i], &cause, 1, 600, &message);
                if (r >= 0)
                        r = oap_forward_report(
                                        w->forward,
                                        task_name(number, ours),
                                        targets[i],
                                        &entity,
                                        71,
                                        now_ms(w),
                                        &message);
                w->outage->n_tasks++;
        }

        return r;
}

/* Stacks as a server has them: a common way in, then many different ones; names of C++ and C. */
static int make_stacks(OutageWorld *w, OapTarget target, OapMessages *ret) {
        char names[FRAMES][96];
        const char *frames[FRAMES];
        int r;

        for (unsigned i = 0; i < w->plan->n_stacks; i++) {
                OapStack stack = { .user = frames, .n_user = FRAMES, .user_id = (int32_t) i + 1 };
                OapBytes bytes = {};

                for (unsigned k = 0; k < FRAMES; k++) {
                        unsigned way = k < FRAMES / 2 ? (i * 7919 + k * 31) % 997 : 0;

                        frames[k] = names[k];
                        (void) snprintf(names[k],
                                        sizeof(names[k]),
                                        "shop::orders::Handler<%u>::process_request(std::string const&, int)_%u",
                                        way,
                                        k);
                }

                stack.count = 1 + (int32_t) ((w->now_usec / USEC_PER_SEC + i) % 9);
                stack.duration_nsec = target == OAP_TARGET_OFF_CPU ? stack.count * 1000003 : 0;
                w->outage->n_samples += (uint64_t) stack.count;
                r = oap_encode_stack(target, NULL, &stack, &bytes);
                if (r >= 0)
                        r = oap_messages_push(ret, &bytes);
                if (r < 0)
                        return r;
        }

        return 0;
}

static int flush(OutageWorld *w, unsigned number, usec_t start_usec) {
        char ours[TASK_ID_MAX];
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(targets) && r >= 0; i++) {
                const OapFlush f = {
                        .ours = task_name(number, ours),
                        .target = targets[i],
                        .entity = entity,
                        .pid = 71,
                        .start_ms = START_MS + (int64_t) ((start_usec - START_USEC) / USEC_PER_MSEC),
                        .now_ms = now_ms(w),
                };
                _cleanup_(oap_messages_done) OapMessages messages = {};
                usec_t begin;

                r = make_stacks(w, targets[i], &messages);
                begin = clock_monotonic_usec();
                if (r >= 0)
                        r = oap_forward_profile(w->forward, &f, &messages);
                note_time(w->outage, &w->outage->append_ms_max, begin);
        }

        return r;
}

static int add_meters(OutageWorld *w) {
        _cleanup_(oap_messages_done) OapMessages messages = {};
        OapBytes bytes = {};
        OapMeter meters[256];
        unsigned n = MIN_OF(w->plan->n_meters, (unsigned) ELEMENTSOF(meters));
        int r;

        for (unsigned i = 0; i < n; i++)
                meters[i] = (OapMeter){ METRIC_PROCESS_CPU, entity.process, "GENERAL", NULL, i };

        r = oap_encode_meters(entity.service, entity.instance, now_ms(w), meters, n, &bytes);
        if (r >= 0)
                r = oap_messages_push(&messages, &bytes);
        w->outage->n_meters += n;
        return r < 0 ? r : oap_forward_meters(w->forward, now_ms(w), &messages);
}

/* What happens at second @t of the outage. */
static int live(OutageWorld *w, usec_t t) {
        const OutagePlan *p = w->plan;
        usec_t since = t % p->trigger_usec;
        unsigned number = (unsigned) (t / p->trigger_usec);
        int r = 0;

        if (p->restarts > 0 && t > 0 && t % (p->day_usec / (p->restarts + 1)) < USEC_PER_SEC) {
                close_all(w);
                r = open_all(w);
        }
        if (r >= 0 && number > 0 && since == 0)
                r = trigger(w, number);
        if (r >= 0 && number > 0 && since > 0 && since <= p->task_usec && since % p->flush_usec == 0)
                r = flush(w, number, w->now_usec - since);
        if (r >= 0 && p->n_meters > 0 && t % USEC_PER_MINUTE == 0)
                r = add_meters(w);

        return r;
}

static int come_back(OutageWorld *w) {
        usec_t begin = w->now_usec;
        OapForwardStatus s;

        oap_forward_status(w->forward, &s);
        w->outage->bytes_at_end = s.spool.bytes;
        w->outage->n_records_at_end = s.spool.n_records;

        w->is_back = true;
        for (unsigned i = 0; s.spool.n_records > 0; i++) {
                if (i == ROUNDS_MAX)
                        return -ETIMEDOUT;

                w->now_usec += ROUND_TRIP_USEC;
                step(w);
                oap_forward_status(w->forward, &s);
        }

        w->outage->back_usec = w->now_usec - begin;
        return 0;
}

int outage_run(Outage *ret, const OutagePlan *plan) {
        OutageWorld *w = calloc(1, sizeof(*w));
        int r;

        if (!w)
                return -ENOMEM;

        *ret = (Outage){ .world = w };
        *w = (OutageWorld){ .outage = ret, .plan = plan, .fd = -EBADF, .now_usec = START_USEC };
        strcpy(w->path, "/dev/shm/cprof-outage-XXXXXX"); /* thousands of times it waits for the disk */
        if (!mkdtemp(w->path))
                return -errno;
        w->fd = open(w->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (w->fd < 0)
                return -errno;

        r = open_all(w);
        for (usec_t t = 0; t < plan->day_usec && r >= 0; t += USEC_PER_SEC) {
                r = live(w, t);
                if (r >= 0)
                        step(w);
                w->now_usec += USEC_PER_SEC;
        }
        if (r >= 0)
                r = come_back(w);

        close_all(w);
        return r;
}

void outage_done(Outage *o) {
        OutageWorld *w = o->world;
        char command[128];

        if (!w)
                return;

        close_all(w);
        (void) safe_close(w->fd);
        (void) snprintf(command, sizeof(command), "rm -rf '%s'", w->path);
        (void) !system(command);
        free(w);
        o->world = NULL;
}
