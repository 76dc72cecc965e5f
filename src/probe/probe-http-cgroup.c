/* SPDX-License-Identifier: Apache-2.0 */
/* The hook on the packets of a control group: which groups, and which ports are whose. */
#include "probe/probe-http.h"

#include "bpf/http-cgroup.skel.h"
#include "host/procfs-sockets.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <sys/stat.h>

#define PORTS_MAX 64U       /* of one process */
#define CGROUP_ROOT_INODE 1 /* it has all that is not elsewhere: nobody's own */

/* A group that the programs are attached to. */
typedef struct Group {
        uint64_t id; /* the key */
        unsigned n_listeners;
        struct bpf_link *in, *out;
        UT_hash_handle hh;
} Group;

/* A process of a group. Those that share a listening socket have the same port: it is the one's that came
 * first, then the next one's. */
typedef struct Listener {
        pid_t pid; /* the key */
        Group *group;
        uint16_t ports[PORTS_MAX];
        size_t n_ports;
        UT_hash_handle hh;
} Listener;

typedef struct Groups {
        Host *host;
        Group *groups;
        Listener *listeners;
        pid_t looked_at; /* the last one whose ports were read again */
} Groups;

static struct cprof_http_cgroup *skel_of(HttpHook *hook) {
        return hook->skel;
}

static int cgroup_open(HttpHook *hook, const ProbeHttp *h) {
        struct cprof_http_cgroup *skel;
        Groups *g;
        int r;

        g = hook->more = calloc(1, sizeof(*g));
        if (!g)
                return -ENOMEM;

        r = host_new("/", &g->host);
        if (r < 0)
                return r;

        skel = cprof_http_cgroup__open();
        if (!skel)
                return -errno;

        http_set_constants(skel, h);
        http_hook_take(hook, skel);
        return 0;
}

static struct cprof_http_marks *cgroup_marks(HttpHook *hook) {
        return &skel_of(hook)->bss->http_marks;
}

static void free_group(Groups *g, Group *group) {
        HASH_DEL(g->groups, group);
        (void) bpf_link__destroy(group->in);
        (void) bpf_link__destroy(group->out);
        free(group);
}

static void free_listener(Groups *g, Listener *l) {
        HASH_DEL(g->listeners, l);
        if (--l->group->n_listeners == 0)
                free_group(g, l->group);
        free(l);
}

static void cgroup_destroy(HttpHook *hook) {
        Groups *g = hook->more;
        Listener *l, *next;

        if (g) {
                HASH_ITER(hh, g->listeners, l, next)
                free_listener(g, l);
                host_free(g->host);
        }

        cprof_http_cgroup__destroy(hook->skel);
        free(g);
}

/* Packets are let through before the group has its number, as those of others. */
static int attach_group(HttpHook *hook, Group *group, int fd) {
        struct cprof_http_cgroup *skel = hook->skel;

        group->in = bpf_program__attach_cgroup(skel->progs.http_packet_in, fd);
        if (!group->in)
                return -errno;

        group->out = bpf_program__attach_cgroup(skel->progs.http_packet_out, fd);
        if (!group->out)
                return -errno;

        return bpf_map_update_elem(bpf_map__fd(skel->maps.groups), &group->id, &group->id, BPF_ANY) < 0
                        ? -errno
                        : 0;
}

static int add_group(HttpHook *hook, uint64_t id, int fd, Group **ret_group) {
        Groups *g = hook->more;
        Group *group;
        int r;

        group = calloc(1, sizeof(*group));
        if (!group)
                return -ENOMEM;

        group->id = id;
        HASH_ADD(hh, g->groups, id, sizeof(group->id), group);
        if (!HASH_ADDED(group)) {
                free(group);
                return -ENOMEM;
        }

        r = attach_group(hook, group, fd);
        if (r < 0) {
                free_group(g, group);
                return r;
        }

        *ret_group = group;
        return 0;
}

static int find_group(HttpHook *hook, const char *path, Group **ret_group) {
        _cleanup_(closep) int fd = -EBADF;
        Groups *g = hook->more;
        struct stat st;
        Group *group;
        uint64_t id;

        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return errno == ENOENT ? -ENODEV : -errno;
        if (st.st_ino == CGROUP_ROOT_INODE)
                return -ENODEV;

        id = st.st_ino;
        HASH_FIND(hh, g->groups, &id, sizeof(id), group);
        if (!group)
                return add_group(hook, id, fd, ret_group);

        *ret_group = group;
        return 0;
}

static int give_ports(HttpHook *hook, const Listener *l) {
        uint32_t pid = (uint32_t) l->pid;

        for (size_t i = 0; i < l->n_ports; i++) {
                struct cprof_http_port port = { .group = l->group->id, .port = l->ports[i] };

                if (bpf_map_update_elem(bpf_map__fd(skel_of(hook)->maps.ports), &port, &pid, BPF_NOEXIST) <
                                    0 &&
                    errno != EEXIST)
                        return errno == E2BIG ? -ENOSPC : -errno;
        }

        return 0;
}

static void take_ports(HttpHook *hook, const Listener *l) {
        int fd = bpf_map__fd(skel_of(hook)->maps.ports);

        for (size_t i = 0; i < l->n_ports; i++) {
                struct cprof_http_port port = { .group = l->group->id, .port = l->ports[i] };
                uint32_t pid;

                if (bpf_map_lookup_elem(fd, &port, &pid) == 0 && pid == (uint32_t) l->pid)
                        (void) bpf_map_delete_elem(fd, &port);
        }
}

/* Ports that @gone had may be others', too. */
static void give_ports_of_group(HttpHook *hook, const Group *group, const Listener *gone) {
        Groups *g = hook->more;
        Listener *l, *next;

        HASH_ITER(hh, g->listeners, l, next) {
                if (l != gone && l->group == group)
                        (void) give_ports(hook, l);
        }
}

static void cgroup_unwatch(HttpHook *hook, const HttpProcess *p) {
        Groups *g = hook->more;
        Listener *l;

        HASH_FIND_INT(g->listeners, &p->pid, l);
        if (!l)
                return;

        take_ports(hook, l);
        give_ports_of_group(hook, l->group, l);
        free_listener(g, l);
}

/* Servers open ports later, too: one process after another is looked at again. */
static void cgroup_tick(HttpHook *hook) {
        Groups *g = hook->more;
        uint16_t ports[PORTS_MAX];
        Listener *l;
        int n;

        HASH_FIND_INT(g->listeners, &g->looked_at, l);
        l = l && l->hh.next ? l->hh.next : g->listeners;
        if (!l)
                return;

        g->looked_at = l->pid;
        n = procfs_read_listening_ports(g->host, l->pid, ports, PORTS_MAX);
        if (n < 0 ||
            ((size_t) n == l->n_ports && memcmp(ports, l->ports, (size_t) n * sizeof(ports[0])) == 0))
                return;

        take_ports(hook, l);
        l->n_ports = (size_t) n;
        memcpy(l->ports, ports, (size_t) n * sizeof(ports[0]));
        give_ports_of_group(hook, l->group, NULL);
}

static int cgroup_watch(HttpHook *hook, const HttpProcess *p, const ProbeHttpTarget *target) {
        Groups *g = hook->more;
        Listener *l;
        int r;

        if (!target->cgroup)
                return -ENODEV;

        l = calloc(1, sizeof(*l));
        if (!l)
                return -ENOMEM;

        l->pid = p->pid;
        r = procfs_read_listening_ports(g->host, p->pid, l->ports, PORTS_MAX);
        l->n_ports = r > 0 ? (size_t) r : 0;
        if (r == 0)
                r = -ENODEV;
        if (r > 0)
                r = find_group(hook, target->cgroup, &l->group);
        if (r < 0) {
                free(l);
                return r;
        }

        l->group->n_listeners++;
        HASH_ADD_INT(g->listeners, pid, l);
        if (!HASH_ADDED(l)) {
                if (--l->group->n_listeners == 0)
                        free_group(g, l->group);
                free(l);
                return -ENOMEM;
        }

        r = give_ports(hook, l);
        if (r < 0)
                cgroup_unwatch(hook, p);

        return r;
}

const HttpHookType http_hook_cgroup = {
        .step = "loading the HTTP programs for control groups",
        .open = cgroup_open,
        .marks = cgroup_marks,
        .destroy = cgroup_destroy,
        .watch = cgroup_watch,
        .unwatch = cgroup_unwatch,
        .tick = cgroup_tick,
};
