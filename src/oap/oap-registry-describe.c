/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of a process besides its names. */
#include "basic/strv.h"
#include "host/procfs-pid.h"
#include "oap/oap-registry-private.h"
#include "oap/oap-text.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#define KEY_MAX 128U

const char *const registry_support[] = { "support_ebpf_profiling", "true", NULL };

static bool has_key(char *const *pairs, const char *key) {
        for (size_t i = 0; pairs && pairs[i] && pairs[i + 1]; i += 2)
                if (strcmp(pairs[i], key) == 0)
                        return true;

        return false;
}

/* -ENOMEM. Values of any length are cut; the first one of a key stays. */
static int add(char ***pairs, const char *key, const char *value) {
        char short_key[KEY_MAX], short_value[OAP_COMMAND_LINE_MAX + 1];
        int r;

        oap_text_copy(short_key, sizeof(short_key), key);
        oap_text_copy(short_value, sizeof(short_value), value);
        if (!*short_key || has_key(*pairs, short_key))
                return 0;

        r = strv_pushf(pairs, "%s", short_key);
        return r < 0 ? r : strv_pushf(pairs, "%s", short_value);
}

static int add_command_line(const Host *host, pid_t pid, char ***pairs) {
        _cleanup_(freep) char *text = NULL;
        int r;

        r = procfs_read_command_line(host, pid, OAP_COMMAND_LINE_MAX, &text);
        if (r == -ENOMEM)
                return r;

        return r < 0 ? 0 : add(pairs, "command_line", text);
}

int registry_describe(const OapRegistry *r, const Identity *i, const char *host_ip, char ***ret_pairs) {
        _cleanup_(strv_freep) char **pairs = NULL;
        char pid[16];
        int error;

        /* OAP keeps the first one it ever gets: it must not be another's. */
        error = add(&pairs, registry_support[0], registry_support[1]);
        for (size_t k = 0; error >= 0 && i->properties && i->properties[k] && i->properties[k + 1]; k += 2)
                error = add(&pairs, i->properties[k], i->properties[k + 1]);

        (void) snprintf(pid, sizeof(pid), "%i", (int) i->pid);
        if (error >= 0)
                error = add(&pairs, "pid", pid);
        if (error >= 0 && *host_ip)
                error = add(&pairs, "host_ip", host_ip);
        if (error >= 0 && r->host && i->pid > 0)
                error = add_command_line(r->host, i->pid, &pairs);
        if (error < 0)
                return error;

        *ret_pairs = TAKE_PTR(pairs);
        return 0;
}

/* "10.0.0.1:11800", "[::1]:11800"; of two of them the first. */
static bool parse_peer(const char *peer, struct sockaddr_storage *ret, socklen_t *ret_size) {
        struct sockaddr_in *v4 = (struct sockaddr_in *) ret;
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *) ret;
        char host[128];
        size_t n;

        n = *peer == '[' ? strcspn(++peer, "]") : strcspn(peer, ": ");
        if (n >= sizeof(host))
                return false;

        memcpy(host, peer, n);
        host[n] = '\0';
        *ret = (struct sockaddr_storage){};
        if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
                v4->sin_family = AF_INET;
                v4->sin_port = htons(9);
                *ret_size = sizeof(*v4);
                return true;
        }
        if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
                v6->sin6_family = AF_INET6;
                v6->sin6_port = htons(9);
                *ret_size = sizeof(*v6);
                return true;
        }

        return false;
}

void registry_host_ip(const char *peer, char ret[static INET6_ADDRSTRLEN]) {
        _cleanup_(closep) int fd = -EBADF;
        struct sockaddr_storage address;
        socklen_t size;
        const void *ip;

        ret[0] = '\0';

        /* RFC 5737: an address that nobody has, beyond the default route */
        if (!parse_peer(peer, &address, &size) && !parse_peer("192.0.2.1:9", &address, &size))
                return;

        /* a datagram socket is told its own address by the routes, without a word to anyone */
        fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (const struct sockaddr *) &address, size) < 0)
                return;

        size = sizeof(address);
        if (getsockname(fd, (struct sockaddr *) &address, &size) < 0)
                return;

        ip = address.ss_family == AF_INET ? (const void *) &((struct sockaddr_in *) &address)->sin_addr
                                          : (const void *) &((struct sockaddr_in6 *) &address)->sin6_addr;
        if (!inet_ntop(address.ss_family, ip, ret, INET6_ADDRSTRLEN))
                ret[0] = '\0';
}
