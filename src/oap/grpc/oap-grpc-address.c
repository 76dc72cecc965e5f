/* SPDX-License-Identifier: Apache-2.0 */
#include "oap/grpc/oap-grpc-private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

/* "HOST:PORT [V6]:PORT unix:/PATH" as the targets that gRPC has for them. */

#define BLANKS " \t\n"
#define HOST_MAX 255U /* RFC 1035: bytes of a name */

static bool port_is_valid(const char *text) {
        size_t n = strspn(text, "0123456789");
        unsigned long port;

        if (n == 0 || n > 5 || text[n])
                return false;

        port = strtoul(text, NULL, 10);
        return port > 0 && port <= UINT16_MAX;
}

/* All of it a name or an address of version 4. */
static bool host_is_valid(const char *text, size_t length) {
        static const char name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";

        return length > 0 && length <= HOST_MAX && strspn(text, name) >= length;
}

/* "unix:/PATH". */
static int target_of_path(const char *word, char **ret, char **reterr_message) {
        const char *path = word + strlen("unix:");

        if (path[0] != '/' || strspn(path, "/") == strlen(path))
                return og_refuse(reterr_message, "'%s': the path of a socket has to begin with '/'", word);
        if (strcspn(path, "%?#") < strlen(path))
                return og_refuse(reterr_message, "'%s': no '%%', '?' or '#' in the path of a socket", word);
        if (strlen(path) >= sizeof(((struct sockaddr_un *) NULL)->sun_path))
                return og_refuse(reterr_message, "'%s': the path of a socket is too long", word);

        /* not "unix:/PATH": what a call's peer is named, see call_peer() */
        return asprintf(ret, "unix://%s", path) < 0 ? -ENOMEM : 0;
}

/* "[ADDRESS]:PORT". */
static int target_of_v6(const char *word, char **ret, char **reterr_message) {
        size_t n = strspn(word + 1, "0123456789abcdefABCDEF:.");
        const char *end = word + 1 + n;

        if (n < 2 || end[0] != ']' || end[1] != ':' || !port_is_valid(end + 2))
                return og_refuse(reterr_message, "'%s' is not [ADDRESS]:PORT", word);

        /* a URI has no brackets in its path */
        return asprintf(ret, "dns:///%%5B%.*s%%5D%s", (int) n, word + 1, end + 1) < 0 ? -ENOMEM : 0;
}

static int target_of_host(const char *word, char **ret, char **reterr_message) {
        const char *colon = strchr(word, ':');

        if (!colon)
                return og_refuse(
                                reterr_message,
                                "'%s' has no port: HOST:PORT (OAP's default is 11800)",
                                word);
        if (strchr(colon + 1, ':'))
                return og_refuse(
                                reterr_message,
                                "'%s' is not HOST:PORT (an IPv6 address is in brackets: [ADDRESS]:PORT, and no "
                                "\"https://\" before it)",
                                word);
        if (!host_is_valid(word, (size_t) (colon - word)))
                return og_refuse(reterr_message, "'%s' has no valid host before the ':'", word);
        if (!port_is_valid(colon + 1))
                return og_refuse(reterr_message, "'%s' has no valid port after the ':'", word);

        return asprintf(ret, "dns:///%s", word) < 0 ? -ENOMEM : 0;
}

static int target_of_word(const char *word, char **ret, char **reterr_message) {
        if (strncmp(word, "unix:", strlen("unix:")) == 0)
                return target_of_path(word, ret, reterr_message);
        if (word[0] == '[')
                return target_of_v6(word, ret, reterr_message);

        return target_of_host(word, ret, reterr_message);
}

static int route_add(OgRoute *route, const char *word, char **reterr_message) {
        OgAddress *a = &route->addresses[route->n];
        int r;

        if (route->n == OG_ADDRESSES_MAX)
                return og_refuse(reterr_message, "more than %u addresses", OG_ADDRESSES_MAX);

        r = target_of_word(word, &a->target, reterr_message);
        if (r < 0)
                return r;

        route->n++;
        a->text = strdup(word);
        return a->text ? 0 : -ENOMEM;
}

int og_route_init(OgRoute *route, const char *text, char **reterr_message) {
        char *copy, *word, *rest = NULL;
        int r = 0;

        copy = strdup(text);
        if (!copy)
                return -ENOMEM;

        for (word = strtok_r(copy, BLANKS, &rest); r == 0 && word; word = strtok_r(NULL, BLANKS, &rest))
                r = route_add(route, word, reterr_message);

        free(copy);
        if (r == 0 && route->n == 0)
                return og_refuse(reterr_message, "no address");

        return r;
}

void og_route_done(OgRoute *route) {
        for (size_t i = 0; i < route->n; i++) {
                (void) og_link_unref(route->addresses[i].link);
                free(route->addresses[i].target);
                free(route->addresses[i].text);
        }

        *route = (OgRoute){};
}
