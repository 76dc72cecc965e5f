/* SPDX-License-Identifier: Apache-2.0 */
/* Puts the parts together and gives them the time. */
#include "oap/oap.h"

#include "basic/event-util.h"
#include "basic/file-io.h"
#include "basic/log.h"
#include "host/clock.h"
#include "oap/oap-secrets.h"

#include <fcntl.h>
#include <string.h>
#include <sys/random.h>

#define SPOOL_SEGMENTS 16U                /* of the room there is */
#define STEP_MIN_USEC (5 * USEC_PER_MSEC) /* between two steps, whatever the parts ask for */
#define STEP_MAX_USEC (10 * USEC_PER_SEC)
#define CATCHING_UP_RECORDS 32U /* in the spool, or more */

struct Oap {
        OapEvents events;
        IdentitySet *identities;
        usec_t meter_interval_usec, meters_taken_usec;
        int64_t meters_minute;   /* in which that was */
        usec_t meter_phase_usec; /* of this host: those that OAP came back to shall not stay together */
        bool was_connected;

        const OapTransportOps *ops;
        OapTransport *transport; /* the client's, once there is one */
        OapClient *client;
        OapRegistry *registry;
        OapForward *forward;
        OapPolicies *policies;
        OapRuns *runs;
        OapMeters *meters;

        int spool_fd, policies_fd;
        sd_event_source *io_source, *timer_source;
};

static void on_library_message(int level, const char *message) {
        /* its own retries are no news: the client says once what they come to */
        log_full(LOG_DEBUG, "gRPC: %s", message);
}

/* What is due now, and when to look again. */
static void step(Oap *o) {
        usec_t now_usec = clock_monotonic_usec(), due_usec = now_usec + STEP_MAX_USEC;
        int64_t now_ms = (int64_t) (clock_realtime_usec() / USEC_PER_MSEC);

        due_usec = MIN_OF(due_usec, oap_registry_step(o->registry, now_usec));
        due_usec = MIN_OF(due_usec, oap_policies_step(o->policies, now_usec));
        due_usec = MIN_OF(due_usec, oap_runs_step(o->runs, now_usec, now_ms));
        due_usec = MIN_OF(due_usec, oap_forward_step(o->forward, now_usec, now_ms));

        (void) sd_event_source_set_time(o->timer_source, MAX_OF(due_usec, now_usec + STEP_MIN_USEC));
        (void) sd_event_source_set_enabled(o->timer_source, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *s, uint64_t usec, void *userdata) {
        step(userdata);
        return 0;
}

static int on_io(sd_event_source *s, int fd, uint32_t events, void *userdata) {
        Oap *o = userdata;

        oap_client_dispatch(o->client, clock_monotonic_usec());
        step(o);
        return 0;
}

static void on_state(const OapClientStatus *status, OapState before, void *userdata) {
        Oap *o = userdata;

        o->events.state_changed(status, before, o->events.userdata);
}

static void take_meters(Oap *o, int64_t at_ms) {
        _cleanup_(oap_messages_done) OapMessages messages = {};
        int r;

        r = oap_meters_take(o->meters, at_ms, &messages);
        if (r >= 0 && messages.n > 0)
                r = oap_forward_meters(o->forward, at_ms, &messages);
        if (r < 0)
                log_debug_errno(r, "Failed to keep the values of an interval for OAP: %m");
}

/* Whether values go to OAP as they come. */
static bool is_live(Oap *o, usec_t now_usec) {
        OapClientStatus status;
        OapForwardStatus forward;
        bool is_connected;

        oap_client_status(o->client, &status);
        oap_forward_status(o->forward, &forward);
        is_connected = status.state == OAP_STATE_CONNECTED;
        if (is_connected && !o->was_connected)
                o->meters_taken_usec = now_usec - o->meter_phase_usec;
        o->was_connected = is_connected;

        return is_connected && forward.spool.n_records < CATCHING_UP_RECORDS;
}

/* While OAP is not there, or has much to get, an interval is a minute of the clock's: that is what OAP
 * keeps, and more of them would only fill the spool. It is dated into its minute. */
static void meters_tick(Oap *o, usec_t now_usec) {
        const int64_t minute_ms = (int64_t) (OAP_METER_INTERVAL_AWAY_USEC / USEC_PER_MSEC);
        int64_t now_ms = (int64_t) (clock_realtime_usec() / USEC_PER_MSEC);
        int64_t minute = now_ms / minute_ms;
        bool live = is_live(o, now_usec);

        if (now_usec < o->meters_taken_usec + o->meter_interval_usec)
                return;

        if (live)
                take_meters(o, now_ms);
        else if (minute != o->meters_minute)
                take_meters(o, minute * minute_ms - 1);
        else
                return;

        o->meters_taken_usec = now_usec;
        o->meters_minute = minute;
}

void oap_tick(Oap *o, usec_t now_usec) {
        assert(o);

        oap_meters_tick(o->meters, o->identities, now_usec);
        meters_tick(o, now_usec);
        step(o);
}

static int open_directory(int parent_fd, const char *name, int *ret_fd) {
        int fd;

        if (mkdirat(parent_fd, name, 0700) < 0 && errno != EEXIST)
                return -errno;

        fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return -errno;

        *ret_fd = fd;
        return 0;
}

static int open_transport(Oap *o, const OapConfig *config, char **reterr_message) {
        _cleanup_(oap_secrets_done) OapSecrets secrets = {};
        OapTransportConfig c = {
                .tls = config->tls,
                .backoff_max_usec = OAP_BACKOFF_MAX_USEC,
                .log = on_library_message,
        };
        int r;

        r = oap_secrets_read(config, getenv("CREDENTIALS_DIRECTORY"), &secrets, reterr_message);
        if (r < 0)
                return r;

        for (OapChannel i = 0; i < _OAP_CHANNEL_MAX; i++)
                c.addresses[i] = config->addresses[i] && config->addresses[i][0] ? config->addresses[i]
                                                                                 : NULL;
        c.ca = secrets.ca;
        c.certificate = secrets.certificate;
        c.key = secrets.key;
        c.token = secrets.token;
        c.server_name = config->server_name && config->server_name[0] ? config->server_name : NULL;

        r = oap_transport_load(NULL, &o->ops, reterr_message);
        return r < 0 ? r : o->ops->open(&c, &o->transport, reterr_message);
}

static int make_parts(Oap *o, const Host *host, const OapConfig *config) {
        const OapForwardConfig forward_config = {
                .directory_fd = o->spool_fd,
                .limits = {
                        .bytes_max = config->spool_bytes,
                        .age_max_ms = config->spool_age_usec / USEC_PER_MSEC,
                        .segment_bytes = (uint32_t) MIN_OF(config->spool_bytes / SPOOL_SEGMENTS,
                                                           (uint64_t) UINT32_MAX),
                },
                .report_attempts = OAP_REPORT_ATTEMPTS_DEFAULT,
        };
        const OapForwardEvents forward_events = {
                .task_known = o->events.task_known,
                .task_refused = o->events.task_refused,
                .userdata = o->events.userdata,
        };
        const OapPolicyEvents policy_events = {
                .changed = o->events.policies_changed,
                .userdata = o->events.userdata,
        };
        char agent[37];
        uint64_t seed = 0;
        int r;

        if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
                seed = clock_realtime_usec();
        o->meter_phase_usec = seed % o->meter_interval_usec;
        if (oap_agent_id(host, agent) < 0)
                log_warning("This host has no machine ID: SkyWalking will see another agent after each restart.");

        r = oap_client_new(o->ops, o->transport, seed, on_state, o, &o->client);
        if (r >= 0)
                r = oap_client_set_addresses(
                                o->client,
                                config->addresses[OAP_CHANNEL_MAIN],
                                config->addresses[OAP_CHANNEL_EBPF]);
        if (r >= 0)
                r = oap_registry_new(o->client, agent, &o->registry);
        if (r >= 0)
                oap_registry_set_host(o->registry, host);
        if (r >= 0)
                r = oap_forward_new(o->client, o->registry, &forward_config, &forward_events, &o->forward);
        if (r >= 0)
                r = oap_policies_new(o->client, o->registry, o->policies_fd, &policy_events, &o->policies);
        if (r >= 0)
                r = oap_runs_new(o->client, o->registry, o->forward, agent, &o->events.runs, &o->runs);
        if (r >= 0)
                r = oap_meters_new(&o->meters);
        return r;
}

static int watch(Oap *o, sd_event *event) {
        int r;

        r = sd_event_add_io(event, &o->io_source, o->ops->fd(o->transport), EPOLLIN, on_io, o);
        if (r < 0)
                return r;
        r = sd_event_add_time(event, &o->timer_source, CLOCK_MONOTONIC, 0, 1, on_timer, o);
        if (r < 0)
                return r;

        (void) sd_event_source_set_description(o->io_source, "oap");
        (void) sd_event_source_set_description(o->timer_source, "oap-timer");
        (void) sd_event_source_set_priority(o->io_source, EVENT_PRIORITY_OAP);
        return sd_event_source_set_priority(o->timer_source, EVENT_PRIORITY_OAP);
}

int oap_new(sd_event *event,
            const Host *host,
            const OapConfig *config,
            int state_directory_fd,
            IdentitySet *identities,
            const OapEvents *events,
            Oap **ret_oap,
            char **reterr_message) {
        _cleanup_(oap_freep) Oap *o = NULL;
        _cleanup_(closep) int fd = -EBADF;
        int r;

        assert(event);
        assert(config);
        assert(config->meter_interval_usec > 0);
        assert(identities);
        assert(events);
        assert(ret_oap);
        assert(reterr_message);

        o = calloc(1, sizeof(*o));
        if (!o)
                return -ENOMEM;

        o->events = *events;
        o->identities = identities;
        o->meter_interval_usec = config->meter_interval_usec;
        o->spool_fd = o->policies_fd = -EBADF;

        r = open_directory(state_directory_fd, "oap", &fd);
        if (r >= 0)
                r = open_directory(fd, "spool", &o->spool_fd);
        if (r >= 0)
                r = open_directory(fd, "policies", &o->policies_fd);
        if (r >= 0)
                r = open_transport(o, config, reterr_message);
        if (r >= 0)
                r = make_parts(o, host, config);
        if (r >= 0)
                r = watch(o, event);
        if (r < 0)
                return r;

        *ret_oap = TAKE_PTR(o);
        return 0;
}

Oap *oap_free(Oap *o) {
        if (!o)
                return NULL;

        (void) sd_event_source_disable_unref(o->timer_source);
        (void) sd_event_source_disable_unref(o->io_source);
        if (o->meters && o->forward) /* of an interval that has no end; sent after the restart */
                take_meters(o, (int64_t) (clock_realtime_usec() / USEC_PER_MSEC));
        oap_meters_free(o->meters);
        oap_runs_free(o->runs);
        oap_policies_free(o->policies);
        oap_forward_free(o->forward);
        oap_registry_free(o->registry);
        if (o->client)
                oap_client_free(o->client);
        else if (o->transport)
                o->ops->close(o->transport);
        safe_close(o->policies_fd);
        safe_close(o->spool_fd);
        free(o);
        return NULL;
}

OapClient *oap_client(Oap *o) {
        return o->client;
}

OapRegistry *oap_registry(Oap *o) {
        return o->registry;
}

OapForward *oap_forward(Oap *o) {
        return o->forward;
}

OapPolicies *oap_policies(Oap *o) {
        return o->policies;
}

OapRuns *oap_runs(Oap *o) {
        return o->runs;
}

OapMeters *oap_meters(Oap *o) {
        return o->meters;
}
