/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon-oap.h"

#include "basic/file-io.h"
#include "basic/log.h"
#include "host/clock.h"
#include "task/task-kind.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

struct DaemonOap {
        DaemonOapContext context;
        IdentitySet *identities;
        Oap *oap;
        char *problem;
        char *policy_directory;
};

static void on_identity_added(Identity *i, void *userdata) {
        DaemonOap *o = userdata;

        if (o->oap && oap_registry_add(oap_registry(o->oap), i) < 0)
                log_error("Out of memory, '%s' is not registered with SkyWalking.", i->process);
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

/* Said once per change. */
static void on_state(const OapClientStatus *status, OapState before, void *userdata) {
        switch (status->state) {
        case OAP_STATE_CONNECTED:
                log_notice("Connected to the SkyWalking OAP at %s.", status->peer[0] ? status->peer : "?");
                break;
        case OAP_STATE_AWAY:
        case OAP_STATE_BUSY:
        case OAP_STATE_REFUSED:
                log_warning("The SkyWalking OAP is %s: %s. What it is to have waits in the spool.",
                            oap_state_to_string(status->state),
                            status->last_error[0] ? status->last_error : "no reason given");
                break;
        default:
                break;
        }
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

Identity *daemon_oap_identity_of(DaemonOap *o, const Task *t) {
        Process *p;
        Unit *u;

        if (!o->identities)
                return NULL;

        if (t->key.pid > 0) {
                p = target_set_find_process(o->context.targets, t->key.pid);
                return p && p->key.start_ticks == t->key.start_ticks ? p->identity : NULL;
        }

        u = target_set_find_unit(o->context.targets, t->unit);
        return u ? u->identity : NULL;
}

static int open_oap_directory(DaemonOap *o) {
        _cleanup_(closep) int state_fd = -EBADF;
        int fd;

        state_fd = open(o->context.state_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (state_fd < 0)
                return -errno;
        if (mkdirat(state_fd, "oap", 0700) < 0 && errno != EEXIST)
                return -errno;

        fd = openat(state_fd, "oap", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        return fd < 0 ? -errno : fd;
}

static int set_up(DaemonOap *o, const OapConfig *config) {
        const OapEvents events = {
                .state_changed = on_state,
                .policies_changed = on_policies_changed,
                .runs = { .start = on_run_start, .find = on_run_find, .userdata = o },
                .userdata = o,
        };
        _cleanup_(closep) int fd = open_oap_directory(o);
        int r;

        if (fd < 0)
                return fd;

        if (asprintf(&o->policy_directory, "%s/oap/policies", o->context.state_directory) < 0) {
                o->policy_directory = NULL;
                return -ENOMEM;
        }

        r = oap_new(o->context.event,
                    o->context.host,
                    config,
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
                const OapConfig *config,
                ServiceRules *rules,
                DaemonOap **ret_oap) {
        _cleanup_(daemon_oap_freep) DaemonOap *o = NULL;
        IdentityEvents events = {
                .added = on_identity_added,
                .removed = on_identity_removed,
                .changed = on_identity_changed,
        };
        int r;

        o = calloc(1, sizeof(*o));
        if (!o)
                return -ENOMEM;

        o->context = *context;
        events.userdata = o;
        if (oap_config_is_on(config) || rules->n_rules > 0) {
                r = identity_set_new(context->host, rules, &events, &o->identities);
                if (r < 0)
                        return r;
        }

        if (oap_config_is_on(config)) {
                r = set_up(o, config);
                if (r < 0)
                        return r;
        }

        *ret_oap = TAKE_PTR(o);
        return 0;
}

DaemonOap *daemon_oap_free(DaemonOap *o) {
        if (!o)
                return NULL;

        identity_set_free(o->identities); /* tells the registry */
        oap_free(o->oap);
        free(o->policy_directory);
        free(o->problem);
        free(o);
        return NULL;
}

void daemon_oap_tick(DaemonOap *o, usec_t now_usec) {
        if (o->oap)
                oap_tick(o->oap, now_usec);
}

const char *daemon_oap_policy_directory(const DaemonOap *o) {
        return o->policy_directory;
}

IdentitySet *daemon_oap_identities(DaemonOap *o) {
        return o->identities;
}

Oap *daemon_oap_oap(DaemonOap *o) {
        return o->oap;
}

const char *daemon_oap_problem(const DaemonOap *o) {
        return o->problem;
}
