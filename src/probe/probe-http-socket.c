/* SPDX-License-Identifier: Apache-2.0 */
/* The hook where sockets are read and written: Linux 6.3. */
#include "probe/probe-http.h"

#include "bpf/http-sock.skel.h"

static int socket_open(HttpHook *hook, const ProbeHttp *h) {
        struct cprof_http_sock *skel;

        skel = cprof_http_sock__open();
        if (!skel)
                return -errno;

        http_set_constants(skel, h);
        http_set_uring(skel, h);
        http_hook_take(hook, skel);
        return 0;
}

static struct cprof_http_marks *socket_marks(HttpHook *hook) {
        return &((struct cprof_http_sock *) hook->skel)->bss->http_marks;
}

static void socket_destroy(HttpHook *hook) {
        cprof_http_sock__destroy(hook->skel);
}

const HttpHookType http_hook_socket = {
        .step = "loading the HTTP programs for sockets",
        .open = socket_open,
        .marks = socket_marks,
        .destroy = socket_destroy,
};
