/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of OAP's channels, and when they may be used again. */
#include "oap/oap-client-private.h"
#include "oap/oap-text.h"

#include <string.h>

static const char *const state_names[_OAP_STATE_MAX] = {
        [OAP_STATE_CONNECTING] = "connecting",
        [OAP_STATE_CONNECTED] = "connected",
        [OAP_STATE_AWAY] = "away",
        [OAP_STATE_BUSY] = "busy",
        [OAP_STATE_REFUSED] = "refused",
};

const char *oap_state_to_string(OapState s) {
        return s >= 0 && s < _OAP_STATE_MAX ? state_names[s] : NULL;
}

/* SplitMix64. Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014. */
uint64_t client_random(OapClient *c, uint64_t below) {
        uint64_t z = c->random += UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        z ^= z >> 31;
        return below > 0 ? z % below : 0;
}

usec_t oap_client_jittered(OapClient *c, usec_t interval_usec) {
        assert(c);

        return interval_usec - interval_usec / 10 + client_random(c, interval_usec / 5 + 1);
}

OapChannel client_channel(const OapClient *c, OapChannel wanted) {
        return c->has_two_channels ? wanted : OAP_CHANNEL_MAIN;
}

static RefusedMethod *find_refused(const OapClient *c, OapChannel channel, const char *method) {
        for (size_t i = 0; i < METHODS_MAX; i++)
                if (c->refused[i].name && c->refused[i].channel == channel &&
                    strcmp(c->refused[i].name, method) == 0)
                        return (RefusedMethod *) c->refused + i;

        return NULL;
}

static void forget_refused(OapClient *c, RefusedMethod *m) {
        free(m->name);
        *m = (RefusedMethod){};
        c->n_refused--;
}

void client_refused_done(OapClient *c) {
        for (size_t i = 0; i < METHODS_MAX; i++)
                free(c->refused[i].name);
}

int client_gate(const OapClient *c, OapChannel channel, const char *method, usec_t now_usec) {
        const Channel *ch = c->channels + channel;
        const RefusedMethod *m = method ? find_refused(c, channel, method) : NULL;

        if (c->is_closing || (m && now_usec < m->retry_usec))
                return -EAGAIN;
        if (ch->is_open)
                return 0;

        return ch->is_tried || now_usec < ch->retry_usec ? -EAGAIN : 1;
}

usec_t oap_client_retry_usec(const OapClient *c, OapChannel channel, const char *method, usec_t now_usec) {
        const Channel *ch;
        const RefusedMethod *m;
        usec_t retry_usec = now_usec + USEC_PER_SEC;

        assert(c);
        assert(method);

        channel = client_channel(c, channel);
        ch = c->channels + channel;
        m = find_refused(c, channel, method);

        if (!ch->is_open && ch->retry_usec > now_usec)
                retry_usec = ch->retry_usec;
        if (m && m->retry_usec > retry_usec)
                retry_usec = m->retry_usec;

        return retry_usec;
}

static usec_t half_to_all(OapClient *c, usec_t interval_usec) {
        return interval_usec / 2 + client_random(c, interval_usec / 2 + 1);
}

/* Doubled, unless it held for longer than that. */
static usec_t next_backoff(const Channel *ch, bool was_open, usec_t now_usec) {
        if (ch->backoff_usec == 0 || (was_open && now_usec - ch->opened_usec >= ch->backoff_usec))
                return OAP_BACKOFF_MIN_USEC;

        return MIN_OF(2 * ch->backoff_usec, OAP_BACKOFF_MAX_USEC);
}

static OapState state_after(Verdict verdict) {
        switch (verdict) {
        case VERDICT_BUSY:
                return OAP_STATE_BUSY;
        case VERDICT_AWAY:
        case VERDICT_SLOW:
                return OAP_STATE_AWAY;
        default:
                return OAP_STATE_REFUSED;
        }
}

static void close_channel(OapClient *c, Channel *ch, Verdict verdict) {
        bool was_open = ch->is_open;
        usec_t wait_usec = OAP_REFUSED_BACKOFF_USEC;

        if (verdict != VERDICT_TOKEN && verdict != VERDICT_NO_METHOD)
                wait_usec = ch->backoff_usec = next_backoff(ch, was_open, c->now_usec);

        ch->is_open = ch->is_tried = ch->answered = false;
        ch->was_away |= verdict != VERDICT_BUSY;
        ch->state = state_after(verdict);
        ch->retry_usec = c->now_usec + half_to_all(c, wait_usec);
        ch->epoch++;
        if (verdict != VERDICT_BUSY)
                ch->peer[0] = '\0';
}

static void open_channel(OapClient *c, OapChannel channel) {
        Channel *ch = c->channels + channel;

        if (!ch->is_open) {
                ch->is_open = true;
                ch->opened_usec = c->now_usec;
                ch->retry_usec = 0;
        }

        if (!ch->was_away)
                return;

        ch->was_away = false;
        c->n_returns++;

        /* It may have been restarted with what it had not. */
        for (size_t i = 0; i < METHODS_MAX; i++)
                if (c->refused[i].name && c->refused[i].channel == channel)
                        forget_refused(c, c->refused + i);
}

/* -ENOBUFS: no room to remember it. */
static int refuse_method(OapClient *c, OapChannel channel, const char *method) {
        RefusedMethod *m = find_refused(c, channel, method);

        for (size_t i = 0; !m && i < METHODS_MAX; i++)
                if (!c->refused[i].name) {
                        m = c->refused + i;
                        m->name = strdup(method);
                        if (!m->name)
                                return -ENOMEM;

                        m->channel = channel;
                        c->n_refused++;
                }

        if (!m)
                return -ENOBUFS;

        m->retry_usec = c->now_usec + half_to_all(c, OAP_REFUSED_BACKOFF_USEC);
        return 0;
}

static void book_no_method(OapClient *c, const CallFacts *call) {
        Channel *ch = c->channels + call->channel;
        bool is_current = call->epoch == ch->epoch;

        if (is_current)
                open_channel(c, call->channel);

        if (refuse_method(c, call->channel, call->method) < 0) {
                close_channel(c, ch, VERDICT_NO_METHOD);
                return;
        }

        if (is_current && !ch->answered)
                ch->state = OAP_STATE_REFUSED;
}

static void book_answer(OapClient *c, const CallFacts *call, const OapCallResult *result) {
        Channel *ch = c->channels + call->channel;
        RefusedMethod *m;

        ch->answer_usec = c->now_usec;
        if (call->epoch != ch->epoch)
                return;

        open_channel(c, call->channel);
        ch->answered = true;
        ch->state = OAP_STATE_CONNECTED;
        peer_words(result->peer, ch->peer, sizeof(ch->peer));

        m = find_refused(c, call->channel, call->method);
        if (m)
                forget_refused(c, m);
}

void client_book_nothing(OapClient *c, const CallFacts *call) {
        Channel *ch = c->channels + call->channel;

        if (call->is_trial && call->epoch == ch->epoch)
                ch->is_tried = false;
}

void client_book(OapClient *c, const CallFacts *call, const OapCallResult *result) {
        Channel *ch = c->channels + call->channel;
        Verdict verdict = verdict_of(result->status, result->message);

        if (result->status != OAP_STATUS_OK) {
                const Failure f = {
                        .verdict = verdict,
                        .status = result->status,
                        .message = result->message,
                        .method = call->method,
                        .address = ch->address ?: ch->peer,
                        .was_connected = ch->opened_usec > 0,
                };

                failure_words(&f, c->last_error, sizeof(c->last_error));
                c->n_failed++;
        }

        client_book_nothing(c, call);
        if (verdict == VERDICT_ANSWERED)
                book_answer(c, call, result);
        else if (verdict == VERDICT_NO_METHOD)
                book_no_method(c, call);
        else if (verdict == VERDICT_SLOW && ch->is_open && ch->answer_usec >= call->started_usec)
                return;
        else if (call->epoch == ch->epoch)
                close_channel(c, ch, verdict);
}

/* The one that is worse off. */
static const Channel *speaking_channel(const OapClient *c) {
        static const unsigned severity[_OAP_STATE_MAX] = {
                [OAP_STATE_CONNECTING] = 0, [OAP_STATE_CONNECTED] = 1, [OAP_STATE_BUSY] = 2,
                [OAP_STATE_AWAY] = 3,       [OAP_STATE_REFUSED] = 4,
        };
        const Channel *main = c->channels + OAP_CHANNEL_MAIN, *ebpf = c->channels + OAP_CHANNEL_EBPF;

        return c->has_two_channels && severity[ebpf->state] > severity[main->state] ? ebpf : main;
}

void client_tell(OapClient *c) {
        OapState before = c->state, now = speaking_channel(c)->state;
        OapClientStatus status;

        if (before == now && c->n_refused == c->n_refused_told)
                return;

        if (before != now) {
                c->state = now;
                c->since_usec = c->now_usec;
        }

        c->n_refused_told = c->n_refused;
        if (!c->fn)
                return;

        oap_client_status(c, &status);
        c->fn(&status, before, c->userdata);
}

void oap_client_status(const OapClient *c, OapClientStatus *ret) {
        const Channel *main = c->channels + OAP_CHANNEL_MAIN, *ebpf = c->channels + OAP_CHANNEL_EBPF,
                      *speaking = speaking_channel(c);

        assert(c);
        assert(ret);

        *ret = (OapClientStatus){
                .state = c->state,
                .since_usec = c->since_usec,
                .n_running = main->n_running + ebpf->n_running,
                .n_queued = c->n_queued,
                .n_refused_methods = c->n_refused,
                .n_calls = c->n_calls,
                .n_failed = c->n_failed,
                .n_bytes_sent = c->n_bytes_sent,
                .n_bytes_received = c->n_bytes_received,
                .retry_usec = speaking->is_open ? 0 : speaking->retry_usec,
        };
        memcpy(ret->last_error, c->last_error, sizeof(ret->last_error));

        if (*main->peer && *ebpf->peer && strcmp(main->peer, ebpf->peer) != 0)
                (void) snprintf(ret->peer, sizeof(ret->peer), "%s %s", main->peer, ebpf->peer);
        else
                (void) snprintf(ret->peer, sizeof(ret->peer), "%s", *main->peer ? main->peer : ebpf->peer);
}

uint64_t oap_client_n_returns(const OapClient *c) {
        assert(c);

        return c->n_returns;
}
