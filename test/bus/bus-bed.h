/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "bus/bus.h"
#include "fake/fake-host.h"
#include "fake/fake-probe.h"

/* The bus interface on real stages below a temporary directory, with a client on the other end of a socket
 * pair. The machine has web.service (10 "nginx", 11 "worker") and db.service (20, "postgres"). */
typedef struct BusBed {
        FakeHost host; /* its root also holds etc, run, vendor, oap and state */
        FakeProbe fake;
        Probe *probe;
        ModuleTable *modules;
        TargetSet *targets;
        Monitor monitor;
        WatchSet *watches;
        HttpMonitor *http;
        HttpWatch *http_watch;
        Cooldown *cooldown;
        PolicyStore *policies;
        TaskManager *tasks;
        Store *store;
        Sinks sinks;
        Symbolizer *symbolizer;
        char **config_problems;

        int hottest_error;
        BusHottest *hottest; /* the question that waits; owned */

        IdentitySet *identities; /* NULL: nobody is named; owned */
        const BusOapStatus *oap; /* NULL: none is configured; borrowed */

        int reload_error;
        unsigned n_reloads;
        Task *finishing; /* over and not yet written; owned */

        sd_bus *server, *client;
        Bus *bus;
        char *signals; /* those the client got: "Name argument argument\n" each */
        int error;     /* of either connection */
} BusBed;

#define BUS_BED_TASKS_MAX 2U

#define BUS_BED_POLICY                                                 \
        "[Policy]\nDescription=Web servers\nUnit=web\nDuration=1min\n" \
        "Silence=20min\n[Trigger]\nWhen=process-cpu >= 80% for 5 of 10s\n"

void bus_bed_init(BusBed *b);
void bus_bed_done(BusBed *b);

/* Calls a method of the manager with arguments as sd_bus_message_append() takes them; returns the reply, be
 * it an error, to be unreferenced. A connection that breaks ends the test. */
sd_bus_message *bus_bed_call(BusBed *b, const char *method, const char *types, ...);
/* The same with a message of the test's own, which is taken over. */
sd_bus_message *bus_bed_send(BusBed *b, sd_bus_message *m);
/* The reply with the value of a property, entered. */
sd_bus_message *bus_bed_get(BusBed *b, const char *property);

/* Release @reply. @name NULL stands for org.freedesktop.DBus.Error.InvalidArgs. */
void bus_bed_succeeds(sd_bus_message *reply);
void bus_bed_fails(sd_bus_message *reply, const char *name, const char *message);

/* Lets the client read what has been sent. */
void bus_bed_flush(BusBed *b);

void bus_bed_write(BusBed *b, const char *path, const char *text); /* below the root; makes directories */
void bus_bed_path(const BusBed *b, const char *path, char ret[static PATH_MAX]);

/* A second pass over the processes. */
void bus_bed_refresh(BusBed *b);

/* Puts a finished task of process java (77) of old.service, started by policy "busy", into the store. */
#define BUS_BED_STORED_REALTIME (UINT64_C(1795230605) * USEC_PER_SEC) /* 2026-11-21T03:10:05Z */
#define BUS_BED_STORED_ID "20261121T031005-9f3c"
void bus_bed_store(BusBed *b);

/* Starts a task by StartTask. */
void bus_bed_start(BusBed *b, const char *unit, uint32_t pid, char ret_id[static TASK_ID_MAX]);
/* Gives running tasks a sample of @pid. */
void bus_bed_sample(BusBed *b, pid_t pid);
/* Writes the task that is over, as the daemon does when it has its names. */
void bus_bed_finish(BusBed *b);

/* For the context. */
IdentitySet *bus_bed_identities(void *userdata);
int bus_bed_oap_status(void *userdata, BusOapStatus *ret);
