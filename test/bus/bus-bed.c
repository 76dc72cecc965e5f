/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/bus-bed.h"

#include "basic/file-io.h"
#include "basic/strv.h"
#include "bus/bus-names.h"
#include "host/clock.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#define WEB "/system.slice/web.service"
#define DB "/system.slice/db.service"

static TaskInstant instant(usec_t monotonic_usec) {
        return (TaskInstant){ monotonic_usec, clock_monotonic_to_realtime(monotonic_usec) };
}

static void on_task_started(Task *t, void *userdata) {
        BusBed *b = userdata;

        sinks_task_started(&b->sinks, t);
        bus_emit_task_started(b->bus, t);
}

static void on_task_ended(Task *t, void *userdata) {
        BusBed *b = userdata;

        bus_bed_finish(b);
        b->finishing = t;
}

static void on_process_added(Process *p, void *userdata) {
        BusBed *b = userdata;

        cr_assert_eq(watch_set_add_process(b->watches, p), 0);
        http_watch_process_changed(b->http_watch, p);
}

static void on_process_removed(Process *p, void *userdata) {
        BusBed *b = userdata;

        task_manager_process_removed(b->tasks, p, clock_monotonic_usec());
        watch_set_remove_process(b->watches, p);
        http_watch_process_removed(b->http_watch, p);
}

static void on_unit_added(Unit *u, void *userdata) {
        cr_assert_eq(watch_set_add_unit(((BusBed *) userdata)->watches, u), 0);
}

static void on_unit_removed(Unit *u, void *userdata) {
        watch_set_remove_unit(((BusBed *) userdata)->watches, u);
}

static void on_policy(const char *name, Policy *old, Policy *new, void *userdata) {
        BusBed *b = userdata;

        if (old)
                watch_set_remove_policy(b->watches, old);
        if (new)
                cr_assert_eq(watch_set_add_policy(b->watches, new), 0);
        bus_emit_policy_changed(b->bus, name, old != NULL, new != NULL);
}

static int reload(void *userdata) {
        BusBed *b = userdata;

        if (b->reload_error < 0)
                return b->reload_error;

        b->n_reloads++;
        return policy_store_reload(b->policies, NULL);
}

static int
start_task(void *userdata,
           Subject subject,
           ProfileKinds kinds,
           usec_t duration_usec,
           char ret_id[static TASK_ID_MAX]) {
        BusBed *b = userdata;
        usec_t now_usec = clock_monotonic_usec();
        TaskRequest request = {
                .kinds = kinds,
                .subject = subject,
                .duration_usec = duration_usec > 0 ? duration_usec : 30 * USEC_PER_SEC,
                .decided = instant(now_usec),
        };
        Task *task = NULL;
        int r;

        r = task_manager_start(b->tasks, &request, now_usec, &task);
        if (r < 0)
                return r;

        strcpy(ret_id, task->id);
        return 0;
}

static Task *find_task(void *userdata, const char *id) {
        BusBed *b = userdata;

        if (b->finishing && strcmp(b->finishing->id, id) == 0)
                return b->finishing;

        return task_manager_find(b->tasks, id);
}

static int resolve_id(void *userdata, const char *text, char ret_id[static TASK_ID_MAX]) {
        BusBed *b = userdata;

        return store_resolve_id(b->store, text, ret_id);
}

static int hottest(void *userdata, const char *unit, usec_t span_usec, unsigned max, BusHottest *request) {
        BusBed *b = userdata;

        if (b->hottest_error < 0)
                return b->hottest_error;

        cr_assert_str_eq(unit, "web.service");
        cr_assert_eq(span_usec, 5 * USEC_PER_SEC);
        cr_assert_eq(max, 2);
        b->hottest = request;
        return 0;
}

/* A filter of the client: notes signals. */
static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        BusBed *b = userdata;
        char *grown;
        const char *s;

        if (!sd_bus_message_is_signal(m, CPROF_BUS_INTERFACE, NULL) &&
            !sd_bus_message_is_signal(m, NULL, "PropertiesChanged"))
                return 0;

        cr_assert_geq(asprintf(&grown, "%s%s", b->signals, sd_bus_message_get_member(m)), 0);
        free(b->signals);
        b->signals = grown;

        while (sd_bus_message_read(m, "s", &s) > 0) {
                cr_assert_geq(asprintf(&grown, "%s %s", b->signals, s), 0);
                free(b->signals);
                b->signals = grown;
        }

        cr_assert_geq(asprintf(&grown, "%s\n", b->signals), 0);
        free(b->signals);
        b->signals = grown;
        return 1;
}

static void connect_bus(BusBed *b) {
        const BusContext context = {
                .host = b->host.host,
                .probe = b->probe,
                .targets = b->targets,
                .watches = b->watches,
                .http = b->http,
                .http_watch = b->http_watch,
                .cooldown = b->cooldown,
                .policies = b->policies,
                .tasks = b->tasks,
                .store = b->store,
                .sinks = &b->sinks,
                .config_problems = &b->config_problems,
                .reload = reload,
                .start_task = start_task,
                .resolve_id = resolve_id,
                .find_task = find_task,
                .hottest = hottest,
                .identities = bus_bed_identities,
                .oap_status = bus_bed_oap_status,
                .userdata = b,
        };
        int fds[2];

        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);

        cr_assert_geq(sd_bus_new(&b->server), 0);
        cr_assert_geq(sd_bus_set_fd(b->server, fds[0], fds[0]), 0);
        cr_assert_geq(sd_bus_set_server(
                                      b->server,
                                      true,
                                      SD_ID128_MAKE(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)),
                      0);
        cr_assert_geq(sd_bus_negotiate_fds(b->server, true), 0);
        cr_assert_eq(bus_new(b->server, &context, &b->bus), 0);
        cr_assert_geq(sd_bus_start(b->server), 0);

        cr_assert_geq(sd_bus_new(&b->client), 0);
        cr_assert_geq(sd_bus_set_fd(b->client, fds[1], fds[1]), 0);
        cr_assert_geq(sd_bus_negotiate_fds(b->client, true), 0);
        cr_assert_geq(sd_bus_add_filter(b->client, NULL, on_message, b), 0);
        cr_assert_geq(sd_bus_start(b->client), 0);

        b->signals = strdup("");
        bus_bed_flush(b);
        cr_assert_gt(sd_bus_is_ready(b->client), 0, "the two ends do not agree");
}

static void make_stages(BusBed *b) {
        const TargetEvents target_events = {
                .unit_added = on_unit_added,
                .unit_removed = on_unit_removed,
                .process_added = on_process_added,
                .process_removed = on_process_removed,
                .userdata = b,
        };
        const TaskEvents task_events = { .started = on_task_started, .ended = on_task_ended, .userdata = b };
        const HttpWatchEvents http_events = {};
        const TaskManagerConfig config = { .running_max = BUS_BED_TASKS_MAX, .oncpu_hz = 99 };
        char directories[_POLICY_SOURCE_MAX][PATH_MAX], state[PATH_MAX];

        bus_bed_path(b, "etc", directories[POLICY_SOURCE_ETC]);
        bus_bed_path(b, "run", directories[POLICY_SOURCE_RUN]);
        bus_bed_path(b, "vendor", directories[POLICY_SOURCE_VENDOR]);
        bus_bed_path(b, "oap", directories[POLICY_SOURCE_OAP]);
        bus_bed_path(b, "state", state);

        cr_assert_eq(module_table_new(&b->modules), 0);
        cr_assert_eq(target_set_new(b->host.host, b->probe, &target_events, &b->targets), 0);
        monitor_init(&b->monitor, b->host.host, b->targets);
        cr_assert_eq(watch_set_new(&b->monitor, &b->watches), 0);
        cr_assert_eq(http_monitor_new(b->probe, PROBE_HTTP_HOOK_AUTO, &b->http), 0);
        cr_assert_eq(http_watch_new(b->host.host,
                                    b->targets,
                                    b->watches,
                                    b->http,
                                    &http_events,
                                    &b->http_watch),
                     0);
        b->monitor.http = b->http;
        cr_assert_eq(cooldown_new(&b->cooldown), 0);
        cr_assert_eq(policy_store_new(
                                     (const char *const[_POLICY_SOURCE_MAX]){ directories[0],
                                                                              directories[1],
                                                                              directories[2],
                                                                              directories[3] },
                                     on_policy,
                                     b,
                                     &b->policies),
                     0);
        cr_assert_eq(task_manager_new(
                                     b->host.host,
                                     b->probe,
                                     b->targets,
                                     b->modules,
                                     &config,
                                     &task_events,
                                     &b->tasks),
                     0);
        cr_assert_eq(symbolizer_new(b->host.host, NULL, &b->symbolizer), 0);
        cr_assert_eq(store_new(state, NULL, &b->store), 0);
        cr_assert_eq(sinks_add(&b->sinks, &sink_store_ops, b->store), 0);
}

void bus_bed_init(BusBed *b) {
        *b = (BusBed){};
        fake_host_init(&b->host);
        fake_host_set_process(&b->host, 10, 1000, "nginx", "/usr/sbin/nginx", WEB);
        fake_host_set_process(&b->host, 11, 1001, "worker", "/usr/sbin/nginx", WEB);
        fake_host_set_process(&b->host, 20, 2000, "postgres", "/usr/bin/postgres", DB);

        cr_assert_eq(fake_probe_new(&b->fake, &b->probe), 0);
        make_stages(b);

        /* the processes are those of the files; features are asked anew by each call */
        b->fake.fail[PROBE_FEATURE_TASK_ITERATOR] = -EOPNOTSUPP;
        cr_assert_eq(target_set_refresh(b->targets, clock_monotonic_usec()), 0);
        b->fake.fail[PROBE_FEATURE_TASK_ITERATOR] = 0;

        connect_bus(b);
}

void bus_bed_refresh(BusBed *b) {
        int saved = b->fake.fail[PROBE_FEATURE_TASK_ITERATOR];

        b->fake.fail[PROBE_FEATURE_TASK_ITERATOR] = -EOPNOTSUPP;
        cr_assert_eq(target_set_refresh(b->targets, clock_monotonic_usec()), 0);
        b->fake.fail[PROBE_FEATURE_TASK_ITERATOR] = saved;
}

void bus_bed_done(BusBed *b) {
        b->tasks = task_manager_free(b->tasks);
        bus_bed_finish(b);

        b->hottest = bus_hottest_free(b->hottest);
        b->bus = bus_free(b->bus);
        b->client = sd_bus_flush_close_unref(b->client);
        b->server = sd_bus_flush_close_unref(b->server);
        b->store = store_free(b->store);
        b->symbolizer = symbolizer_free(b->symbolizer);
        b->policies = policy_store_free(b->policies);
        b->cooldown = cooldown_free(b->cooldown);
        b->http_watch = http_watch_free(b->http_watch);
        b->watches = watch_set_free(b->watches);
        b->identities = identity_set_free(b->identities);
        b->targets = target_set_free(b->targets);
        b->http = http_monitor_free(b->http);
        b->modules = module_table_free(b->modules);
        b->probe = probe_free(b->probe);
        b->config_problems = strv_free(b->config_problems);
        free(b->signals);
        fake_host_done(&b->host);
}

void bus_bed_path(const BusBed *b, const char *path, char ret[static PATH_MAX]) {
        cr_assert_lt(snprintf(ret, PATH_MAX, "%s/%s", b->host.root, path), PATH_MAX);
}

void bus_bed_write(BusBed *b, const char *path, const char *text) {
        _cleanup_(closep) int fd = -EBADF;
        char full[PATH_MAX], *slash;

        bus_bed_path(b, path, full);
        slash = strrchr(full, '/');
        *slash = '\0';
        cr_assert_geq(mkdir_parents_at(AT_FDCWD, full, 0755), 0);
        *slash = '/';

        fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        cr_assert_geq(fd, 0);
        cr_assert_geq(write_full_fd(fd, text, strlen(text)), 0);
}

void bus_bed_store(BusBed *b) {
        TaskInstant at = { 1, BUS_BED_STORED_REALTIME };
        _cleanup_(task_freep) Task *t = NULL;

        cr_assert_eq(task_new(PROFILE_KIND_BIT(PROFILE_KIND_ON_CPU), BUS_BED_STORED_REALTIME, 0x9f3c, &t),
                     0);
        t->unit = strdup("old.service");
        t->process = strdup("java");
        t->key.pid = 77;
        t->duration_usec = USEC_PER_MINUTE;
        t->causes = calloc(1, sizeof(TaskCause));
        cr_assert_not_null(t->causes);
        t->n_causes = 1;
        t->causes[0] = (TaskCause){
                .policy = strdup("busy"),
                .metric = strdup("process-cpu"),
                .rule = strdup("process-cpu >= 80% for 5 of 10s"),
                .process = strdup("java"),
        };
        cr_assert_eq(task_set_state(t, TASK_STATE_RUNNING, NULL, at), 0);
        at.realtime_usec += USEC_PER_MINUTE;
        cr_assert_eq(task_set_state(t, TASK_STATE_FINISHED, "duration reached", at), 0);
        cr_assert_eq(store_write_task(b->store, t), 0);
}

void bus_bed_start(BusBed *b, const char *unit, uint32_t pid, char ret_id[static TASK_ID_MAX]) {
        sd_bus_message *reply = bus_bed_call(b, "StartTask", "sstu", unit, "on-cpu", UINT64_C(0), pid);
        const char *id;

        cr_assert(!sd_bus_message_is_method_error(reply, NULL),
                  "%s",
                  sd_bus_message_get_error(reply)->message);
        cr_assert_gt(sd_bus_message_read(reply, "s", &id), 0);
        cr_assert(task_id_is_valid(id));
        strcpy(ret_id, id);
        sd_bus_message_unref(reply);
}

void bus_bed_sample(BusBed *b, pid_t pid) {
        static const uint64_t frames[] = { 0x10010, 0x10020 };
        usec_t now_usec = clock_monotonic_usec();

        cr_assert_eq(fake_probe_push_sample(
                                     &b->fake, pid, pid, "nginx", now_usec * NSEC_PER_USEC, frames, 0, 2),
                     0);
        task_manager_drain(b->tasks, now_usec);
        task_manager_tick(b->tasks, now_usec);
}

void bus_bed_finish(BusBed *b) {
        _cleanup_(task_freep) Task *t = TAKE_PTR(b->finishing);
        _cleanup_(symbols_freep) Symbols *symbols = NULL;
        _cleanup_(symbol_job_freep) SymbolJob *job = NULL;

        if (!t)
                return;

        if (t->profile && profile_n_samples(t->profile) > 0) {
                cr_assert_eq(symbol_job_new(b->symbolizer, t->profile, &job), 0);
                while (symbol_job_step(job, USEC_PER_SEC) > 0)
                        ;
                symbols = symbol_job_take(job);
        }

        sinks_task_ended(&b->sinks, t, &(TaskEvidence){ .profile = t->profile, .symbols = symbols });
        if (b->bus)
                bus_emit_task_finished(b->bus, t);
}
