/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon-oap.h"

#include "basic/log.h"
#include "host/clock.h"
#include "sink/sink-journal.h"
#include "sink/sink-oap.h"
#include "task/task-kind.h"

#include <fcntl.h>
#include <string.h>

struct DaemonOap {
        DaemonOapContext context;
        OapConfig config;
        SinkOap sink;
        IdentitySet *identities;
        Oap *oap;
        char *problem;
        char *policy_directory;
};

static void on_identity_added(Identity *i, void *userdata) {
        DaemonOap *o = userdata;

        if (o->oap && oap_registry_add(oap_registry(o->oap), i) < 0)
                log_error("Out of memory, '%s' is not registered with SkyWalking.", i->process);
        if (i->target_unit)
                o->context.unit_named(i->target_unit, o->context.userdata);
}

static void on_identity_removed(Identity *i, void *userdata) {
        DaemonOap *o = userdata;

        if (o->oap)
                oap_registry_remove(oap_registry(o->oap), i);
}

static void on_identity_changed(Identity *i, void *userdata) {
        DaemonOap *o = userdata;

        if (o->oap)
                oap_registry_changed(oap_registry(o->oap), i);
}

void daemon_oap_add_process(DaemonOap *o, Process *p) {
        int r;

        if (!o->identities)
                return;

        r = identity_set_add_process(o->identities, p);
        if (r < 0)
                log_debug_errno(r, "Failed to name process %i for SkyWalking: %m", (int) p->key.pid);
}

void daemon_oap_remove_process(DaemonOap *o, Process *p) {
        if (o->identities)
                identity_set_remove_process(o->identities, p);
}

void daemon_oap_remove_unit(DaemonOap *o, Unit *u) {
        if (o->identities)
                identity_set_remove_unit(o->identities, u);
}

/* Of an OAP that is there: a receiver of its own is off, or on again. */
static void tell_methods(const OapClientStatus *status) {
        if (status->n_refused_methods > 0)
                log_warning("The SkyWalking OAP does not take %u of our calls: %s.",
                            status->n_refused_methods,
                            status->last_error);
        else
                log_notice("The SkyWalking OAP takes all of our calls again.");
}

/* Said once per change. */
static void on_state(const OapClientStatus *status, OapState before, void *userdata) {
        DaemonOap *o = userdata;

        o->context.state_changed(o->context.userdata);
        if (status->state == before)
                tell_methods(status);
        else if (status->state == OAP_STATE_CONNECTED)
                log_notice("Connected to the SkyWalking OAP at %s.", status->peer[0] ? status->peer : "?");
        else if (status->state != OAP_STATE_CONNECTING)
                log_warning("The SkyWalking OAP is %s: %s. What it is to have waits in the spool.",
                            oap_state_to_string(status->state),
                            status->last_error[0] ? status->last_error : "no reason given");
}

static void on_policies_changed(void *userdata) {
        DaemonOap *o = userdata;

        o->context.reload_policies(o->context.userdata);
}

static Subject identity_subject(const Identity *i) {
        return i->target_unit ? (Subject){ .unit = i->target_unit }
                              : (Subject){ .process = i->target_process };
}

/* An OapRunOps.start. */
static int
on_run_start(Identity *i,
             ProfileKind kind,
             usec_t duration_usec,
             char ret_id[static TASK_ID_MAX],
             char **reterr_message,
             void *userdata) {
        DaemonOap *o = userdata;
        const char *reason = NULL;
        int r;

        *reterr_message = NULL;
        if (!i->target_process && !i->target_unit)
                return -ESRCH;

        r = task_kinds_possible(o->context.probe, PROFILE_KIND_BIT(kind), &reason) ? 0 : -EOPNOTSUPP;
        if (r >= 0)
                r = o->context.start_task(
                                o->context.userdata,
                                identity_subject(i),
                                PROFILE_KIND_BIT(kind),
                                duration_usec,
                                ret_id);
        if (r < 0 && r != -EEXIST)
                *reterr_message = strdup(reason ?: strerror(-r));
        return r;
}

static bool task_is_of(const Task *t, const Identity *i) {
        const Process *p = i->target_process;

        if (p)
                return t->key.pid == p->key.pid && t->key.start_ticks == p->key.start_ticks;

        return i->target_unit && t->key.pid == 0 && strcmp(t->unit, i->target_unit->name) == 0;
}

/* An OapRunOps.find. */
static const Task *on_run_find(Identity *i, ProfileKind kind, void *userdata) {
        DaemonOap *o = userdata;

        for (Task *t = task_manager_next(o->context.tasks, NULL); t;
             t = task_manager_next(o->context.tasks, t))
                if ((t->kinds & PROFILE_KIND_BIT(kind)) && task_is_of(t, i))
                        return t;

        return NULL;
}

/* A SinkOap.identity_of. */
static Identity *on_identity_of(const Task *t, void *userdata) {
        DaemonOap *o = userdata;
        Process *p;
        Unit *u;

        if (t->key.pid > 0) {
                p = target_set_find_process(o->context.targets, t->key.pid);
                return p && p->key.start_ticks == t->key.start_ticks ? p->identity : NULL;
        }

        u = target_set_find_unit(o->context.targets, t->unit);
        return u ? u->identity : NULL;
}

/* Says what OAP knows of it now, unless that is known already. */
static int note_running(DaemonOap *o, Task *t, ProfileKind kind, const char *id, const char *refused) {
        int r;

        r = task_set_oap(t, kind, id, refused);
        if (r <= 0)
                return r;

        (void) sink_journal_oap(t, kind, id, refused);
        return store_write_task(o->context.store, t);
}

static int note_over(DaemonOap *o, const char *ours, ProfileKind kind, const char *id, const char *refused) {
        _cleanup_(task_freep) Task *t = NULL;
        int r;

        r = store_annotate_oap(o->context.store, ours, kind, id, refused);
        if (r > 0)
                r = store_find(o->context.store, ours, &t);
        if (t)
                (void) sink_journal_oap(t, kind, id, refused);
        return r;
}

/* A task that may be over by now. */
static void
note_task(DaemonOap *o, const char *ours, OapTarget target, const char *id, const char *refused) {
        Task *t = o->context.find_task(o->context.userdata, ours);
        ProfileKind kind = oap_target_kind(target);
        int r;

        r = t ? note_running(o, t, kind, id, refused) : note_over(o, ours, kind, id, refused);
        if (r < 0 && r != -ENOENT)
                log_debug_errno(r, "Failed to note OAP's ID of task '%s': %m", ours);
}

static void on_task_known(const char *ours, OapTarget target, const char *id, void *userdata) {
        note_task(userdata, ours, target, id, NULL);
}

static void on_task_refused(const char *ours, OapTarget target, const char *reason, void *userdata) {
        note_task(userdata, ours, target, NULL, reason);
}

static int set_up(DaemonOap *o) {
        const OapEvents events = {
                .state_changed = on_state,
                .policies_changed = on_policies_changed,
                .task_known = on_task_known,
                .task_refused = on_task_refused,
                .runs = { .start = on_run_start, .find = on_run_find, .userdata = o },
                .userdata = o,
        };
        _cleanup_(closep) int fd = -EBADF;
        int r;

        fd = open(o->context.state_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;

        if (asprintf(&o->policy_directory, "%s/oap/policies", o->context.state_directory) < 0) {
                o->policy_directory = NULL;
                return -ENOMEM;
        }

        r = oap_new(o->context.event,
                    o->context.host,
                    &o->config,
                    fd,
                    o->identities,
                    &events,
                    &o->oap,
                    &o->problem);
        if (r < 0 && r != -ENOMEM) {
                if (!o->problem)
                        o->problem = strdup(strerror(-r));
                log_error("[OAP] %s; going on without SkyWalking.", o->problem ?: strerror(-r));
                return 0; /* policies that came before stay in force */
        }

        return r;
}

int daemon_oap_new(
                const DaemonOapContext *context,
                OapConfig *config,
                ServiceRules *rules,
                DaemonOap **ret_oap) {
        _cleanup_(daemon_oap_freep) DaemonOap *o = NULL;
        IdentityEvents events = {
                .added = on_identity_added,
                .removed = on_identity_removed,
                .changed = on_identity_changed,
        };
        int r = 0;

        o = calloc(1, sizeof(*o));
        if (!o) {
                oap_config_done(config);
                service_rules_done(rules);
                return -ENOMEM;
        }

        o->context = *context;
        o->config = *config;
        *config = (OapConfig){};
        events.userdata = o;
        if (oap_config_is_on(&o->config) || rules->is_given)
                r = identity_set_new(context->host, rules, &events, &o->identities);
        else
                service_rules_done(rules);
        if (r >= 0 && oap_config_is_on(&o->config))
                r = set_up(o);
        if (r >= 0 && o->identities)
                r = identity_set_add_all(o->identities, context->targets);
        if (r < 0)
                return r;

        if (o->oap)
                o->sink = (SinkOap){ oap_runs(o->oap), on_identity_of, o };
        *ret_oap = TAKE_PTR(o);
        return 0;
}

bool daemon_oap_is_as(const DaemonOap *o, const OapConfig *config, ServiceRules *rules) {
        bool wants_names = oap_config_is_on(config) || rules->is_given;

        if (!o || !oap_config_equal(&o->config, config) || wants_names != (o->identities != NULL))
                return false;
        if (!wants_names)
                return true;
        if (!rules->is_given && service_rules_default(rules) < 0)
                return true;

        return service_rules_equal(identity_set_rules(o->identities), rules);
}

DaemonOap *daemon_oap_free(DaemonOap *o) {
        if (!o)
                return NULL;

        identity_set_free(o->identities); /* tells the registry */
        oap_free(o->oap);
        free(o->policy_directory);
        free(o->problem);
        oap_config_done(&o->config);
        free(o);
        return NULL;
}

void daemon_oap_tick(DaemonOap *o, usec_t now_usec) {
        if (o && o->oap)
                oap_tick(o->oap, now_usec);
}

const char *daemon_oap_policy_directory(const DaemonOap *o) {
        return o ? o->policy_directory : NULL;
}

SinkOap *daemon_oap_sink(DaemonOap *o) {
        return o && o->oap ? &o->sink : NULL;
}

IdentitySet *daemon_oap_identities(DaemonOap *o) {
        return o ? o->identities : NULL;
}

Oap *daemon_oap_oap(DaemonOap *o) {
        return o ? o->oap : NULL;
}

const OapConfig *daemon_oap_config(const DaemonOap *o) {
        return o && oap_config_is_on(&o->config) ? &o->config : NULL;
}

const char *daemon_oap_problem(const DaemonOap *o) {
        return o ? o->problem : NULL;
}
