/* SPDX-License-Identifier: Apache-2.0 */
/* Asks OAP for the policies of our services, again and again.
 *
 * OAP answers with what differs from the uuids that it is told, so that an answer without a service says
 * nothing of it. From 10.3 on it does not even look while all services of a query are in its cache: a
 * service that nobody has is asked for with each query, because that one is not. */
#include "oap/oap-policy-private.h"

#include "basic/log.h"
#include "host/clock.h"
#include "oap/oap-encode.h"

#include <string.h>
#include <sys/random.h>

#define METHOD "/skywalking.v3.ContinuousProfilingService/queryPolicies"
#define SERVICES_PER_QUERY 256U /* a policy has 5000 characters at most: OAP's column for it */
#define RETRY_USEC USEC_PER_SEC
/* No uuid of OAP's: what is there is said in full, also that there is nothing any more. To "" it says that
 * only of what it has. */
#define UUID_UNKNOWN "unknown"
/* A uuid that changes while the rules do not is not worth a write each time. */
#define SAVE_USEC (10 * USEC_PER_MINUTE)
/* Services that have no process for so long: their files are removed. OAP itself forgets a service after 7
 * days. */
#define FORGET_DAYS 30U
#define FORGET_USEC USEC_PER_DAY          /* between two looks */
#define FORGET_SETTLED_USEC USEC_PER_HOUR /* not before OAP has answered for so long */

static void make_pseudo(OapPolicies *p) {
        uint64_t random[2];

        if (getrandom(random, sizeof(random), GRND_NONBLOCK) != sizeof(random)) {
                random[0] = clock_realtime_usec();
                random[1] = (uint64_t) getpid();
        }

        (void) snprintf(p->pseudo,
                        sizeof(p->pseudo),
                        "cprofd-%016llx%016llx",
                        (unsigned long long) random[0],
                        (unsigned long long) random[1]);
}

int oap_policies_new(
                OapClient *client,
                OapRegistry *registry,
                int directory_fd,
                const OapPolicyEvents *events,
                OapPolicies **ret_policies) {
        _cleanup_(oap_policies_freep) OapPolicies *p = NULL;
        int r;

        assert(client);
        assert(registry);
        assert(directory_fd >= 0);
        assert(events && events->changed);
        assert(ret_policies);

        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;

        p->client = client;
        p->registry = registry;
        p->directory_fd = directory_fd;
        p->events = *events;
        p->refused_limit = (RateLimit){ .interval_usec = USEC_PER_HOUR, .burst = 256 };
        p->answer_limit = (RateLimit){ .interval_usec = USEC_PER_HOUR, .burst = 3 };
        make_pseudo(p);

        r = oap_cache_load(p);
        if (r < 0)
                return r;

        *ret_policies = TAKE_PTR(p);
        return 0;
}

static void save(OapPolicies *p, usec_t now_usec) {
        int r;

        r = oap_cache_save(p);
        if (r < 0)
                log_debug_errno(r, "Failed to remember OAP's policies, trying again: %m");
        p->is_dirty = r < 0;
        p->save_usec = now_usec + SAVE_USEC;
}

OapPolicies *oap_policies_free(OapPolicies *p) {
        OapService *s, *next;

        if (!p)
                return NULL;

        oap_client_forget(p->client, p);
        if (p->is_dirty)
                save(p, 0);
        oap_service_policies_done(&p->answer);
        HASH_ITER(hh, p->services, s, next) {
                oap_policies_drop(p, s);
        }
        free(p->problem);
        free(p->infos);
        free(p);
        return NULL;
}

static void on_answer(const OapCallResult *result, void *userdata) {
        OapPolicies *p = userdata;
        int r;

        p->is_asking = false;
        p->is_answered = true;
        p->has_policies = false;
        if (result->status != OAP_STATUS_OK || !result->response.data)
                return; /* the client says what is wrong */

        r = oap_command_policies(result->response.data, result->response.size, &p->answer, &p->problem);
        p->has_policies = r >= 0;
}

/* The next services of this round. Returns how many there are; 0 at its end. */
static size_t
choose(OapPolicies *p,
       const char *services[static SERVICES_PER_QUERY],
       const char *uuids[static SERVICES_PER_QUERY]) {
        unsigned day = (unsigned) (clock_realtime_usec() / USEC_PER_DAY);
        const char *const *names;
        size_t n_names, n = 0;

        names = oap_registry_services(p->registry, &n_names);
        if (n_names > 0 && p->n_done == 0)
                p->round++;

        for (; p->n_done < n_names && n < SERVICES_PER_QUERY; p->n_done++) {
                OapService *s;
                int r;

                r = oap_policies_get(p, names[p->n_done], &s);
                if (r < 0) {
                        if (!p->is_full)
                                log_warning_errno(
                                                r,
                                                "Failed to ask OAP for the policies of all services, ignoring some: %m");
                        p->is_full = true;
                        continue;
                }

                p->is_dirty = p->is_dirty || (s->uuid && s->day != day);
                s->day = day;
                s->round = p->round;
                s->is_asked = true;
                services[n] = s->name;
                uuids[n++] = s->uuid ? s->uuid : oap_service_hash(s->hashes) ? UUID_UNKNOWN : "";
        }

        return n;
}

static int ask(OapPolicies *p, usec_t now_usec) {
        const char *services[SERVICES_PER_QUERY + 1], *uuids[SERVICES_PER_QUERY + 1];
        _cleanup_(oap_bytes_done) OapBytes bytes = {};
        size_t n, before = p->n_done;
        int r;

        for (OapService *s = p->services; s; s = s->hh.next)
                s->is_asked = false;

        n = choose(p, services, uuids);
        if (n == 0)
                return 0;

        services[n] = p->pseudo;
        uuids[n] = "";
        r = oap_encode_policy_query(services, uuids, n + 1, &bytes);
        if (r >= 0) {
                const OapSlice slice = { .data = bytes.data, .size = bytes.size };
                const OapCallRequest request = {
                        .channel = OAP_CHANNEL_EBPF,
                        .method = METHOD,
                        .messages = &slice,
                        .n_messages = 1,
                        .timeout_usec = OAP_CALL_TIMEOUT_USEC,
                };

                r = oap_client_call(p->client, &request, now_usec, on_answer, p);
        }
        if (r < 0) {
                p->n_done = before;
                return r;
        }

        p->n_queries++;
        p->is_asking = true;
        return 1;
}

/* The files of services that are long gone. */
static void forget(OapPolicies *p, usec_t now_usec) {
        unsigned day = (unsigned) (clock_realtime_usec() / USEC_PER_DAY);
        bool changed = false;
        OapService *s, *next;

        /* While OAP is away nothing is registered, and nothing is known of what it has. */
        if (p->answered_usec == 0 || now_usec - p->answered_usec > FORGET_SETTLED_USEC)
                p->forget_usec = MAX_OF(p->forget_usec, now_usec + FORGET_SETTLED_USEC);
        if (now_usec < p->forget_usec || p->is_asking)
                return;

        p->forget_usec = now_usec + FORGET_USEC;
        HASH_ITER(hh, p->services, s, next) {
                if ((s->round > 0 && s->round + 1 >= p->round) || s->day + FORGET_DAYS >= day)
                        continue;

                for (OapTarget t = 0; t < _OAP_TARGET_MAX; t++)
                        changed = oap_cache_put(p, s, t, NULL) > 0 || changed;
                log_info("Forgetting the policy of service '%s', which had no process for %u days.",
                         s->name,
                         FORGET_DAYS);
                oap_policies_drop(p, s);
                p->is_dirty = true;
        }

        if (changed)
                p->events.changed(p->events.userdata);
}

static void take_answer(OapPolicies *p, usec_t now_usec) {
        if (p->has_policies) {
                p->answered_usec = now_usec;
                oap_policies_apply(p, now_usec);
        } else
                p->n_done = SIZE_MAX; /* the rest of the round is not worth asking for */

        if (p->problem && ratelimit_below(&p->answer_limit, now_usec))
                log_warning("OAP answered the query for policies with %s, ignoring.", p->problem);

        oap_service_policies_done(&p->answer);
        free(TAKE_PTR(p->problem));
        p->is_answered = p->has_policies = false;
}

usec_t oap_policies_step(OapPolicies *p, usec_t now_usec) {
        int r;

        assert(p);

        if (p->is_unclean) {
                p->is_unclean = false;
                p->events.changed(p->events.userdata);
        }
        if (p->is_answered)
                take_answer(p, now_usec);
        if (p->is_dirty && now_usec >= p->save_usec)
                save(p, now_usec);
        forget(p, now_usec);

        if (p->is_asking)
                return now_usec + OAP_POLL_USEC;

        if (p->n_done == 0 && now_usec < p->due_usec)
                return p->due_usec;

        r = p->n_done == SIZE_MAX ? 0 : ask(p, now_usec);
        if (r == -EAGAIN || r == -ENOBUFS)
                return oap_client_retry_usec(p->client, OAP_CHANNEL_EBPF, METHOD, now_usec);
        if (r < 0)
                return now_usec + RETRY_USEC;
        if (r > 0)
                return now_usec + OAP_POLL_USEC;

        /* the round is over, or there is no service yet */
        p->due_usec = p->n_done == 0 ? now_usec + RETRY_USEC
                                     : now_usec + oap_client_jittered(p->client, OAP_POLL_USEC);
        p->n_done = 0;
        return p->due_usec;
}

size_t oap_policies_list(const OapPolicies *policies, const OapPolicyInfo **ret) {
        OapPolicies *p = (OapPolicies *) policies; /* the list is a cache */
        OapPolicyInfo *infos;
        size_t n = 0;

        assert(p);
        assert(ret);

        infos = reallocarray(p->infos, HASH_COUNT(p->services) + 1, sizeof(infos[0]));
        *ret = p->infos = infos ?: p->infos;
        if (!infos)
                return 0;

        for (const OapService *s = p->services; s; s = s->hh.next)
                if (s->round > 0)
                        infos[n++] = (OapPolicyInfo){
                                .service = s->name,
                                .uuid = s->uuid ?: "",
                                .n_items = s->n_items,
                                .n_refused = s->n_refused,
                        };

        return n;
}

uint64_t oap_policies_n_queries(const OapPolicies *p) {
        assert(p);

        return p->n_queries;
}
