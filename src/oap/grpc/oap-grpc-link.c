/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/grpc/oap-grpc-private.h"

#include <grpc/compression.h>
#include <grpc/grpc_security.h>
#include <limits.h>
#include <stdlib.h>

/* Connections: one to each address, made when a call needs it and thrown away when one was not answered, so
 * that each attempt is a fresh one, with the name looked up again. */

OgRoute *og_route_of(OapTransport *t, OapChannel channel) {
        return t->routes[channel].n > 0 ? &t->routes[channel] : &t->routes[OAP_CHANNEL_MAIN];
}

static grpc_arg integer(const char *key, int value) {
        return (grpc_arg){ .type = GRPC_ARG_INTEGER, .key = (char *) key, .value.integer = value };
}

static grpc_arg string(const char *key, const char *value) {
        return (grpc_arg){ .type = GRPC_ARG_STRING, .key = (char *) key, .value.string = (char *) value };
}

static int backoff_max_ms(const OapTransport *t) {
        uint64_t ms = t->backoff_max_usec / 1000;

        if (ms < OG_BACKOFF_FIRST_MS)
                return OG_BACKOFF_FIRST_MS;

        return ms < INT_MAX ? (int) ms : INT_MAX;
}

static grpc_channel *channel_new(OapTransport *t, const char *target) {
        grpc_arg args[] = {
                integer(GRPC_ARG_ENABLE_HTTP_PROXY, 0),         /* of the environment: not meant for us */
                integer(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1), /* a new channel is a new connection */
                integer(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, (int) OAP_RESPONSE_MAX),
                /* That limit is one of what comes over the wire: nothing may swell afterwards. */
                integer(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1 << GRPC_COMPRESS_NONE),
                integer(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0),
                integer(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS,
                        OG_CONNECT_TIMEOUT_MS), /* how long one attempt may be */
                integer(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, OG_BACKOFF_FIRST_MS),
                integer(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, backoff_max_ms(t)),
                integer(GRPC_ARG_DNS_ARES_QUERY_TIMEOUT_MS, OG_CONNECT_TIMEOUT_MS),
                integer(GRPC_ARG_KEEPALIVE_TIME_MS,
                        INT_MAX), /* never: grpc-java takes pings for an attack */
                string(GRPC_ARG_PRIMARY_USER_AGENT_STRING, "cprofd"),
                string(GRPC_SSL_TARGET_NAME_OVERRIDE_ARG, t->server_name), /* the last: may be left out */
        };
        size_t n = sizeof(args) / sizeof(args[0]);
        grpc_channel_args all = { .num_args = t->server_name ? n : n - 1, .args = args };

        return grpc_channel_create(target, t->credentials, &all);
}

OgLink *og_link_get(OapTransport *t, OgAddress *address) {
        if (!address->link) {
                OgLink *link = calloc(1, sizeof(*link));

                if (!link)
                        return NULL;

                link->channel = channel_new(t, address->target);
                link->n_refs = 1;
                address->link = link;
        }

        address->link->n_refs++;
        return address->link;
}

OgLink *og_link_unref(OgLink *link) {
        if (!link || --link->n_refs > 0)
                return NULL;

        grpc_channel_destroy(link->channel);
        free(link);
        return NULL;
}

void og_route_failed(OgRoute *route, OgAddress *address, const OgLink *link) {
        if (address->link != link)
                return; /* another call saw it first */

        address->link = og_link_unref(address->link);
        if (&route->addresses[route->current] == address)
                route->current = (route->current + 1) % route->n;
}

bool og_route_is_connecting(const OgRoute *route) {
        for (size_t i = 0; i < route->n; i++) {
                const OgLink *link = route->addresses[i].link;

                if (link &&
                    grpc_channel_check_connectivity_state(link->channel, 0) == GRPC_CHANNEL_CONNECTING)
                        return true;
        }

        return false;
}
