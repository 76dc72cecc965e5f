/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "oap/oap.h"
#include "store/store.h"
#include "task/task-manager.h"

#include <systemd/sd-event.h>

/* The daemon's side of SkyWalking: who is registered, what is recorded for it, what the journal says of it.
 * Nothing of it exists without [OAP] Address= but the names that [Service] rules give. */
typedef struct DaemonOap DaemonOap;

/* The stages it works with; all borrowed. */
typedef struct DaemonOapContext {
        const Host *host;
        sd_event *event;
        TargetSet *targets;
        TaskManager *tasks;
        Store *store;
        Probe *probe;
        const char *state_directory;
        /* Files of policies changed. */
        void (*reload_policies)(void *userdata);
        /* Policies may match that unit now, or no more: it is registered as a whole. */
        void (*unit_named)(Unit *u, void *userdata);
        /* Of the connection; for the bus. */
        void (*state_changed)(void *userdata);
        /* As daemon_find_task(). */
        Task *(*find_task)(void *userdata, const char *id);
        /* As daemon_start_manual(). */
        int (*start_task)(
                        void *userdata,
                        Subject subject,
                        ProfileKinds kinds,
                        usec_t duration_usec,
                        char ret_id[static TASK_ID_MAX]);
        void *userdata;
} DaemonOapContext;

/* Takes *@config and *@rules over, also on failure, and names all that is there. Trouble with what [OAP]
 * says is logged and kept for the status; only -ENOMEM fails. */
int daemon_oap_new(
                const DaemonOapContext *context,
                OapConfig *config,
                ServiceRules *rules,
                DaemonOap **ret_oap);
/* Whether one made with these would be the same. */
bool daemon_oap_is_as(const DaemonOap *o, const OapConfig *config, ServiceRules *rules);
DaemonOap *daemon_oap_free(DaemonOap *o);
DEFINE_CLEANUP(DaemonOap *, daemon_oap_free)

/* Wired to TargetEvents: before the watch set gets them, after it gave them up. */
void daemon_oap_add_process(DaemonOap *o, Process *p);
void daemon_oap_remove_process(DaemonOap *o, Process *p);
void daemon_oap_remove_unit(DaemonOap *o, Unit *u);

/* From here on NULL is one that is off. */
void daemon_oap_tick(DaemonOap *o, usec_t now_usec);

/* For the list of sinks; NULL: off. */
struct SinkOap *daemon_oap_sink(DaemonOap *o);

/* Where policies of OAP are; NULL: there is no OAP. */
const char *daemon_oap_policy_directory(const DaemonOap *o);

IdentitySet *daemon_oap_identities(DaemonOap *o);       /* NULL: nobody has a name */
Oap *daemon_oap_oap(DaemonOap *o);                      /* NULL: off, or it could not be set up */
const OapConfig *daemon_oap_config(const DaemonOap *o); /* NULL: there is no OAP */
const char *daemon_oap_problem(const DaemonOap *o);     /* why it could not; NULL */
