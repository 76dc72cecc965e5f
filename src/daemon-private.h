/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "bus/bus.h"
#include "config.h"
#include "daemon-fetch.h"
#include "daemon-http.h"
#include "daemon-java.h"
#include "daemon-oap.h"
#include "daemon-python.h"
#include "daemon.h"
#include "target/discover-units.h"

#include <systemd/sd-event.h>

/* Private to daemon*.c. */

#define DAEMON_INOTIFY_MAX 128U

/* A task that is over and waits to be named and written. */
typedef struct Finishing {
        Task *task;
        TaskPart part;                    /* which is being named; _TASK_PART_MAX: all are */
        SymbolJob *job;                   /* NULL until its turn */
        usec_t not_before_usec;           /* its turn is not before; what names it is being written */
        Symbols *symbols[_TASK_PART_MAX]; /* of the parts that are done */
        usec_t fetch_end_usec; /* it waits for debug files of the part, so long at most; 0: it does not */
        bool fetched;          /* has waited */
        struct Finishing *next, *prev;
} Finishing;

/* A GetHottest whose functions are being named. */
typedef struct HottestRequest HottestRequest;

struct Daemon {
        DaemonOptions options;
        Config config;
        char **config_problems;

        /* in pipeline order */
        Host *host;
        Probe *probe;
        ModuleTable *modules;
        TargetSet *targets;
        Monitor monitor;
        WatchSet *watches;
        DaemonHttp *http;
        PolicyStore *policies;
        Cooldown *cooldown;
        Trigger *trigger;
        DaemonPython *python;
        DaemonJava *java;
        TaskManager *tasks;
        Symbolizer *symbolizer;
        Fetcher *fetcher; /* NULL: nothing is fetched */
        Store *store;
        Sinks sinks;
        DaemonOap *oap;
        sd_bus *connection;
        Bus *bus;
        UnitDiscovery *discovery;

        sd_event *event;
        sd_event_source *tick_source;
        sd_event_source *drain_source;
        sd_event_source *idle_source;
        sd_event_source *reload_source; /* delayed after a change on disk */
        sd_event_source *inotify_sources[DAEMON_INOTIFY_MAX];
        size_t n_inotify;
        bool policies_ready; /* the first load is over: changes go to the bus */
        bool stopping;

        usec_t slot_end_usec; /* of the second being evaluated */
        usec_t bus_retry_usec;

        Finishing *finishing; /* oldest first */
        HottestRequest *hottest_requests;

        /* The partial result of a running task, written from time to time so that a crash keeps it. */
        char checkpoint_id[TASK_ID_MAX];
        SymbolJob *checkpoint_job;
        usec_t checkpoint_next_usec;
        uint64_t checkpoint_cpu_nsec; /* that this one took so far */
};

/* daemon.c */
const char *daemon_state_directory(const Daemon *d);

/* daemon-watching.c */
int daemon_init_watching(Daemon *d);

/* daemon-services.c: who is who to SkyWalking. */
int daemon_init_services(Daemon *d);
/* Takes over what of @c is about it; 1 when that is not as before. */
int daemon_reload_services(Daemon *d, Config *c);
IdentitySet *daemon_identities(void *userdata);
int daemon_oap_status(void *userdata, BusOapStatus *ret);

/* daemon-reload.c */
int daemon_load(Daemon *d); /* the first time */
int daemon_reload(Daemon *d);
int daemon_reload_policies(Daemon *d); /* them alone */
void daemon_watch_directories(Daemon *d);
void daemon_arm_sampler(Daemon *d);

/* daemon-task.c: from causes to tasks to evidence. */
int daemon_init_tasks(Daemon *d);
void daemon_restore_silence(Daemon *d);
bool daemon_idle_work(Daemon *d);                         /* one slice; whether there is more to do */
void daemon_finish_all(Daemon *d);                        /* at the end: without slices */
void daemon_on_cause(const Cause *cause, void *userdata); /* userdata: Daemon */
int daemon_start_manual(
                void *userdata,
                Subject subject,
                ProfileKinds kinds,
                usec_t duration_usec,
                char ret_id[static TASK_ID_MAX]);
int daemon_resolve_id(void *userdata, const char *text, char ret_id[static TASK_ID_MAX]);
Task *daemon_find_task(void *userdata, const char *id);

/* daemon-finish.c */
/* Of the first in d->finishing that does not wait; returns false when all do. */
bool daemon_finish_step(Daemon *d, usec_t budget_usec);

/* daemon-hottest.c */
int daemon_hottest(void *userdata, const char *unit, usec_t span_usec, unsigned max, BusHottest *call);
bool daemon_hottest_step(Daemon *d);   /* one slice; whether there was anything to do */
void daemon_hottest_cancel(Daemon *d); /* without answers: the bus is going */

/* daemon-bus.c */
void daemon_connect_bus(Daemon *d, usec_t now_usec); /* tries again every few seconds; nothing needs it */
/* Runs the loop until the bus has given us our name, a short while at most: who was started after us finds
 * us. */
int daemon_wait_for_name(Daemon *d);
void daemon_disconnect_bus(Daemon *d);
