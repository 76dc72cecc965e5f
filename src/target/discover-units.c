/* SPDX-License-Identifier: Apache-2.0 */
/* Asks systemd what it knows of a unit, and listens to what changes. Never waits for an answer. */
#include "target/discover-units.h"

#include <utlist.h>

#define CALLS_IN_FLIGHT_MAX 32U
#define REQUESTS_MAX TARGETS_UNITS_MAX
#define CALL_TIMEOUT_USEC (30 * USEC_PER_SEC)

#define SYSTEMD_NAME "org.freedesktop.systemd1"
#define SYSTEMD_UNIT_PATH "/org/freedesktop/systemd1/unit"
#define UNIT_INTERFACE "org.freedesktop.systemd1.Unit"
#define SERVICE_INTERFACE "org.freedesktop.systemd1.Service"
#define PROPERTIES_INTERFACE "org.freedesktop.DBus.Properties"

/* Answers name no unit, so each call has its own object. */
typedef struct Request {
        UnitDiscovery *discovery;    /* borrowed, outlives us */
        sd_bus_slot *slot;           /* the call in flight, NULL while queued */
        bool service_step;           /* the unit's own properties are there, the service's are asked */
        bool again;                  /* asked for once more meanwhile */
        struct Request *next, *prev; /* queue */
        UT_hash_handle hh;           /* by unit name */
        char name[];
} Request;

struct UnitDiscovery {
        sd_bus *bus;    /* borrowed, outlives us */
        TargetSet *set; /* ditto */
        sd_bus_slot *match_slot, *subscribe_slot;

        Request *requests; /* by unit name: queued and in flight */
        Request *queue;
        unsigned n_in_flight;
};

static void pump(UnitDiscovery *d);

static Request *request_free(Request *q) {
        UnitDiscovery *d = q->discovery;

        if (q->slot)
                d->n_in_flight--;
        else
                DL_DELETE(d->queue, q);

        HASH_DEL(d->requests, q);
        (void) sd_bus_slot_unref(q->slot); /* no answer comes after this */
        free(q);
        return NULL;
}

/* A string property; "" counts as none. */
static int read_text(sd_bus_message *m, char **value) {
        const char *text;
        char *copy = NULL;
        int r;

        r = sd_bus_message_read(m, "v", "s", &text);
        if (r < 0)
                return r;

        if (text[0]) {
                copy = strdup(text);
                if (!copy)
                        return -ENOMEM;
        }

        free(*value);
        *value = copy;
        return 0;
}

static int read_invocation_id(sd_bus_message *m, char **value) {
        static const char digits[] = "0123456789abcdef";
        char hex[2 * 16 + 1] = "", *copy = NULL;
        const uint8_t *id;
        size_t size;
        int r;

        r = sd_bus_message_enter_container(m, 'v', "ay");
        if (r < 0)
                return r;
        r = sd_bus_message_read_array(m, 'y', (const void **) &id, &size);
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;

        if (size == 16) { /* empty before the first start */
                for (size_t i = 0; i < size; i++) {
                        hex[2 * i] = digits[id[i] >> 4];
                        hex[2 * i + 1] = digits[id[i] & 15];
                }
                copy = strdup(hex);
                if (!copy)
                        return -ENOMEM;
        }

        free(*value);
        *value = copy;
        return 0;
}

static int read_main_pid(sd_bus_message *m, pid_t *value) {
        uint32_t pid;
        int r;

        r = sd_bus_message_read(m, "v", "u", &pid);
        if (r >= 0)
                *value = (pid_t) pid;

        return r;
}

static int read_property(sd_bus_message *m, Unit *u) {
        const char *name;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;

        if (strcmp(name, "Description") == 0)
                return read_text(m, &u->description);
        if (strcmp(name, "ActiveState") == 0)
                return read_text(m, &u->active_state);
        if (strcmp(name, "InvocationID") == 0)
                return read_invocation_id(m, &u->invocation_id);
        if (strcmp(name, "MainPID") == 0)
                return read_main_pid(m, &u->main_pid);

        return sd_bus_message_skip(m, "v");
}

/* a{sv} as GetAll and PropertiesChanged have it. */
static int read_properties(sd_bus_message *m, Unit *u) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r < 0)
                return r;

        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = read_property(m, u);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }

        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static bool is_service(const char *name) {
        static const char suffix[] = ".service";
        size_t n = strlen(name);

        return n > strlen(suffix) && strcmp(name + n - strlen(suffix), suffix) == 0;
}

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *error);

/* Sends the next call of @q. A bus that is gone or full is an error. */
static int request_send(Request *q) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        _cleanup_(freep) char *path = NULL;
        UnitDiscovery *d = q->discovery;
        sd_bus_slot *slot;
        int r;

        r = sd_bus_path_encode(SYSTEMD_UNIT_PATH, q->name, &path);
        if (r < 0)
                return r;

        /* Not all of a service: its accounting properties make systemd read cgroup files. */
        r = sd_bus_message_new_method_call(
                        d->bus,
                        &m,
                        SYSTEMD_NAME,
                        path,
                        PROPERTIES_INTERFACE,
                        q->service_step ? "Get" : "GetAll");
        if (r < 0)
                return r;
        if (q->service_step)
                r = sd_bus_message_append(m, "ss", SERVICE_INTERFACE, "MainPID");
        else
                r = sd_bus_message_append(m, "s", UNIT_INTERFACE);
        if (r < 0)
                return r;
        r = sd_bus_message_set_auto_start(m, false); /* where there is no systemd, nobody is to become it */
        if (r < 0)
                return r;

        r = sd_bus_call_async(d->bus, &slot, m, on_reply, q, CALL_TIMEOUT_USEC);
        if (r < 0)
                return r;

        (void) sd_bus_slot_unref(q->slot);
        q->slot = slot;
        return 0;
}

static void pump(UnitDiscovery *d) {
        while (d->queue && d->n_in_flight < CALLS_IN_FLIGHT_MAX) {
                Request *q = d->queue;

                if (request_send(q) < 0) {
                        (void) request_free(q);
                        continue;
                }

                DL_DELETE(d->queue, q);
                d->n_in_flight++;
        }
}

/* Asks the second question, or the first one again; false when there is none left. */
static bool request_continue(Request *q, bool known) {
        if (known && !q->service_step && is_service(q->name))
                q->service_step = true;
        else if (q->again)
                q->service_step = q->again = false;
        else
                return false;

        return request_send(q) >= 0;
}

static int on_reply(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Request *q = userdata;
        UnitDiscovery *d = q->discovery;
        Unit *u;
        bool known;

        /* The unit may be gone by now, or systemd may not know it: then there is nothing to tell. */
        u = target_set_find_unit(d->set, q->name);
        known = u && !sd_bus_message_is_method_error(m, NULL) &&
                        (q->service_step ? read_main_pid(m, &u->main_pid) : read_properties(m, u)) >= 0;

        if (!request_continue(q, known))
                (void) request_free(q);

        pump(d);
        return 0;
}

static int on_properties_changed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(freep) char *name = NULL;
        UnitDiscovery *d = userdata;
        const char *path, *interface;
        Unit *u;

        path = sd_bus_message_get_path(m);
        if (!path || sd_bus_path_decode(path, SYSTEMD_UNIT_PATH, &name) <= 0)
                return 0;
        if (sd_bus_message_read(m, "s", &interface) < 0)
                return 0;
        if (strcmp(interface, UNIT_INTERFACE) != 0 && strcmp(interface, SERVICE_INTERFACE) != 0)
                return 0;

        u = target_set_find_unit(d->set, name);
        if (u)
                (void) read_properties(m, u);

        return 0;
}

/* systemd sends signals only while someone subscribes. Without, the units keep what they had when they
 * appeared. */
static int on_subscribed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return 0;
}

static int subscribe(UnitDiscovery *d) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r;

        /* The sender matters: anybody may send signals. Without a bus daemon there is only one peer, and no
         * names. */
        r = sd_bus_add_match_async(
                        d->bus,
                        &d->match_slot,
                        sd_bus_is_bus_client(d->bus) > 0
                                        ? "type='signal',sender='" SYSTEMD_NAME
                                          "',interface='" PROPERTIES_INTERFACE
                                          "',member='PropertiesChanged',path_namespace='" SYSTEMD_UNIT_PATH
                                          "'"
                                        : "type='signal',interface='" PROPERTIES_INTERFACE
                                          "',member='PropertiesChanged',path_namespace='" SYSTEMD_UNIT_PATH
                                          "'",
                        on_properties_changed,
                        on_subscribed,
                        d);
        if (r < 0)
                return r;

        r = sd_bus_message_new_method_call(
                        d->bus,
                        &m,
                        SYSTEMD_NAME,
                        "/org/freedesktop/systemd1",
                        SYSTEMD_NAME ".Manager",
                        "Subscribe");
        if (r < 0)
                return r;
        r = sd_bus_message_set_auto_start(m, false);
        if (r < 0)
                return r;

        return sd_bus_call_async(d->bus, &d->subscribe_slot, m, on_subscribed, d, CALL_TIMEOUT_USEC);
}

int unit_discovery_new(sd_bus *bus, TargetSet *set, UnitDiscovery **ret) {
        _cleanup_(unit_discovery_freep) UnitDiscovery *d = NULL;
        int r;

        assert(bus);
        assert(set);
        assert(ret);

        d = calloc(1, sizeof(*d));
        if (!d)
                return -ENOMEM;

        d->bus = bus;
        d->set = set;
        r = subscribe(d);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(d);
        return 0;
}

UnitDiscovery *unit_discovery_free(UnitDiscovery *d) {
        Request *q, *next;

        if (!d)
                return NULL;

        HASH_ITER(hh, d->requests, q, next) {
                (void) request_free(q);
        }
        (void) sd_bus_slot_unref(d->subscribe_slot);
        (void) sd_bus_slot_unref(d->match_slot);
        free(d);
        return NULL;
}

void unit_discovery_ask(UnitDiscovery *d, const Unit *u) {
        size_t n;
        Request *q;

        assert(d);
        assert(u);

        if (strchr(u->name, '/'))
                return; /* another manager's */

        HASH_FIND_STR(d->requests, u->name, q);
        if (q) {
                q->again = q->slot != NULL;
                return;
        }

        n = strlen(u->name);
        if (HASH_COUNT(d->requests) >= REQUESTS_MAX)
                return;

        q = calloc(1, sizeof(*q) + n + 1);
        if (!q)
                return;

        memcpy(q->name, u->name, n + 1);
        q->discovery = d;
        HASH_ADD_KEYPTR(hh, d->requests, q->name, n, q);
        if (!HASH_ADDED(q)) {
                free(q);
                return;
        }

        DL_APPEND(d->queue, q);
        pump(d);
}
