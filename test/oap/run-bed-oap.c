/* SPDX-License-Identifier: Apache-2.0 */
/* The side of OAP, and what stands between. */
#include "oap/run-bed-private.h"

#include "skywalking.pb-c.h"

#include <criterion/criterion.h>
#include <string.h>

#define ARGUMENTS_MAX 9U

typedef struct Command {
        Skywalking__V3__Command command;
        Skywalking__V3__KeyStringValuePair pairs[ARGUMENTS_MAX], *list[ARGUMENTS_MAX];
        char texts[ARGUMENTS_MAX][64];
} Command;

static void add(Command *c, const char *key, const char *value) {
        size_t i = c->command.n_args++;

        skywalking__v3__key_string_value_pair__init(c->pairs + i);
        (void) snprintf(c->texts[i], sizeof(c->texts[i]), "%s", value);
        c->pairs[i].key = (char *) key;
        c->pairs[i].value = c->texts[i];
        c->list[i] = c->pairs + i;
}

static void add_number(Command *c, const char *key, int64_t value) {
        char text[32];

        (void) snprintf(text, sizeof(text), "%lli", (long long) value);
        add(c, key, text);
}

/* As EBPFProfilingTaskCommand.java writes it. */
static void fill(Command *c, const BedTask *t) {
        skywalking__v3__command__init(&c->command);
        c->command.command = (char *) "EBPFProfilingTaskQuery";
        c->command.args = c->list;
        add(c, "SerialNumber", "00000000-0000-0000-0000-000000000000");
        add(c, "TaskId", t->task);
        add(c, "ProcessId", t->process);
        add_number(c, "TaskUpdateTime", t->update_ms);
        add(c, "TriggerType", t->trigger);
        add(c, "TargetType", t->target);
        add_number(c, "TaskStartTime", t->start_ms);
        add(c, "ExtensionConfigJSON", "null");
        if (strcmp(t->trigger, "FIXED_TIME") == 0)
                add_number(c, "FixedTriggerDuration", t->duration_sec);
}

static void read_query(RunBed *b, const OapCall *call) {
        Skywalking__V3__EBPFProfilingTaskQuery *q;

        cr_assert_str_eq(call->method, "/skywalking.v3.EBPFProfilingService/queryTasks");
        cr_assert_eq(call->channel, OAP_CHANNEL_EBPF);
        cr_assert_gt(call->timeout_usec, 0, "item 37");
        cr_assert_eq(call->n_messages, 1);
        q = skywalking__v3__ebpfprofiling_task_query__unpack(
                        NULL, call->messages[0].size, call->messages[0].data);
        cr_assert(q);
        b->since_ms = q->latestupdatetime;
        (void) snprintf(b->agent, sizeof(b->agent), "%s", q->roverinstanceid);
        skywalking__v3__ebpfprofiling_task_query__free_unpacked(q, NULL);
}

void run_bed_serve(OapCall *call, void *userdata) {
        static Command commands[BED_TASKS_MAX];
        static Skywalking__V3__Command *list[BED_TASKS_MAX];
        Skywalking__V3__Commands all = SKYWALKING__V3__COMMANDS__INIT;
        _cleanup_(freep) uint8_t *bytes = NULL;
        RunBed *b = userdata;
        size_t size;

        read_query(b, call);
        if (b->is_silent)
                return;

        all.commands = list;
        for (size_t i = 0; i < b->n_tasks && !b->is_broken; i++) {
                Command *c = commands + all.n_commands;

                if (b->tasks[i].update_ms <= b->since_ms)
                        continue;

                *c = (Command){};
                fill(c, b->tasks + i);
                list[all.n_commands++] = &c->command;
        }

        size = skywalking__v3__commands__get_packed_size(&all);
        bytes = malloc(size + 1);
        cr_assert(bytes);
        (void) skywalking__v3__commands__pack(&all, bytes);
        fake_call_answer(call, bytes, size);
}

/* Doubles of oap-registry.c. */
static int registry_object, forward_object;

OapRegistry *run_bed_registry(void) {
        return (OapRegistry *) &registry_object;
}

Identity *oap_registry_find(OapRegistry *r, const char *process_id) {
        RunBed *b = run_bed_current();

        for (unsigned i = 0; i < BED_PROCESSES; i++)
                if (!b->is_gone[i] && strcmp(b->identities[i].process, process_id) == 0)
                        return b->identities + i;

        return NULL;
}

void oap_registry_status(const OapRegistry *r, OapRegistryStatus *ret) {
        *ret = (OapRegistryStatus){ .n_registered = BED_PROCESSES };
}

/* Doubles of oap-forward.c. */
OapForward *run_bed_forward(void) {
        return (OapForward *) &forward_object;
}

int oap_forward_report(
                OapForward *f,
                const char *ours,
                OapTarget target,
                const OapEntity *entity,
                pid_t pid,
                int64_t at_ms,
                const OapBytes *message) {
        RunBed *b = run_bed_current();
        BedReport *r = b->reports + b->n_reports;

        if (b->forward_error < 0)
                return b->forward_error;

        if (b->is_counted_only) {
                b->n_counted++;
                return 0;
        }

        cr_assert_lt(b->n_reports++, ELEMENTSOF(b->reports));
        *r = (BedReport){ .target = target, .pid = pid, .at_ms = at_ms, .size = message->size };
        strcpy(r->ours, ours);
        strcpy(r->process, entity->process);
        r->message = malloc(message->size);
        cr_assert(r->message);
        memcpy(r->message, message->data, message->size);
        return 0;
}

const char *oap_forward_task_id(OapForward *f, const char *ours, OapTarget target) {
        return NULL;
}

static BedTold *get_told(RunBed *b, const OapFlush *flush) {
        const char *task = flush->task ?: flush->ours;
        BedTold *t = run_bed_told(b, task, flush->entity.process, flush->target);

        if (t)
                return t;

        cr_assert_lt(b->n_told, BED_TOLD_MAX);
        t = b->told + b->n_told++;
        *t = (BedTold){ .is_ours = flush->ours, .target = flush->target, .start_ms = flush->start_ms };
        strcpy(t->task, task);
        strcpy(t->process, flush->entity.process);
        return t;
}

int oap_forward_profile(OapForward *f, const OapFlush *flush, const OapMessages *messages) {
        RunBed *b = run_bed_current();
        BedTold *t;

        cr_assert_neq(!flush->ours, !flush->task, "one of them");
        cr_assert_gt(messages->n, 0);
        cr_assert_str_eq(flush->entity.layer, "GENERAL");
        cr_assert_str_eq(flush->entity.service, "shop");
        cr_assert_str_eq(flush->entity.instance, "host");
        if (b->forward_error < 0)
                return b->forward_error;

        if (b->is_counted_only) {
                b->n_counted++;
                return 0;
        }

        t = get_told(b, flush);
        cr_assert_eq(flush->start_ms, t->start_ms, "item 30: constant for the run");
        cr_assert_gt(flush->now_ms, t->last_ms, "item 30: increasing between flushes");
        cr_assert_geq(flush->now_ms, flush->start_ms);
        t->last_ms = flush->now_ms;
        t->pid = flush->pid;
        t->n_flushes++;
        analysis_add(&t->analysis, flush->target, messages);
        return 0;
}
