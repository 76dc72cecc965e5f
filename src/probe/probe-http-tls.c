/* SPDX-License-Identifier: Apache-2.0 */
/* What processes read and write by way of TLS libraries: probes on the library's functions, in those
 * processes alone. The programs are loaded with the first one. */
#include "probe/probe-http.h"

#include "cprof-http-tls.h"

#include "probe/late-close.h"

#include "bpf/http-tls.skel.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <sys/stat.h>

/* Of all processes. A probe takes two descriptors; the daemon may have 16384. */
#define LINKS_MAX 5120U
#define FILES_OF_PROCESS_MAX 8U

#define CALLS_MAX 32768U       /* that have begun; waiting ones are as many as connections: 3 MiB */
#define CONNECTIONS_MAX 16384U /* 5 MiB */
#define SWEEP_KEYS_MAX 1024U   /* looked at in one go */

/* A file in a process. */
typedef struct TlsFile {
        dev_t dev;
        ino_t inode;
        size_t n_links;
        struct bpf_link *links[PROBE_TLS_FUNCTIONS_MAX + PROBE_TLS_FUNCTIONS_MAX * PROBE_TLS_RETURNS_MAX];
} TlsFile;

struct HttpTlsProcess {
        uint32_t serial;
        unsigned n_files;
        TlsFile *files[FILES_OF_PROCESS_MAX];
};

/* A walk over a map that takes out what belonged to attachments that are gone. */
typedef struct Sweep {
        bool is_due, is_begun;
        uint64_t key; /* the last one seen */
} Sweep;

struct HttpTls {
        struct cprof_http_tls *skel;
        size_t n_links;
        uint32_t serial; /* the last one given */
        Sweep calls, connections;
        LateClose late; /* of links */
};

static const enum cprof_tls_role program_roles[_PROBE_TLS_ROLE_MAX] = {
        [PROBE_TLS_SSL_READ] = CPROF_TLS_READ,
        [PROBE_TLS_SSL_READ_EX] = CPROF_TLS_READ_EX,
        [PROBE_TLS_SSL_WRITE] = CPROF_TLS_WRITE,
        [PROBE_TLS_SSL_WRITE_EX] = CPROF_TLS_WRITE_EX,
        [PROBE_TLS_SSL_WRITE_EX2] = CPROF_TLS_WRITE_EX2,
        [PROBE_TLS_SSL_SENDFILE] = CPROF_TLS_SENDFILE,
        [PROBE_TLS_SSL_FREE] = CPROF_TLS_END,
        [PROBE_TLS_GNUTLS_READ] = CPROF_TLS_READ_LONG,
        [PROBE_TLS_GNUTLS_WRITE] = CPROF_TLS_WRITE_LONG,
        [PROBE_TLS_GNUTLS_FREE] = CPROF_TLS_END,
        [PROBE_TLS_GO_READ] = CPROF_TLS_GO_READ,
        [PROBE_TLS_GO_WRITE] = CPROF_TLS_GO_WRITE,
        [PROBE_TLS_GO_CLOSE] = CPROF_TLS_GO_END,
};

static bool is_end(ProbeTlsRole role) {
        return role == PROBE_TLS_SSL_FREE || role == PROBE_TLS_GNUTLS_FREE || role == PROBE_TLS_GO_CLOSE;
}

static int load(ProbeHttp *h, HttpTls *t) {
        int r;

        t->skel = cprof_http_tls__open();
        if (!t->skel)
                return -errno;

        t->skel->rodata->http_n_cells = h->maps.n_cells;
        r = bpf_map__set_max_entries(t->skel->maps.tls_calls, CALLS_MAX);
        if (r >= 0)
                r = bpf_map__set_max_entries(t->skel->maps.tls_connections, CONNECTIONS_MAX);
        if (r >= 0)
                r = http_maps_share(&h->maps, t->skel->obj);
        if (r >= 0)
                r = cprof_http_tls__load(t->skel);

        return r;
}

static int make(ProbeHttp *h) {
        HttpTls *t;
        int r;

        if (h->tls)
                return 0;

        t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;

        h->failed_step = "loading the programs for TLS libraries";
        r = load(h, t);
        if (r < 0) {
                cprof_http_tls__destroy(t->skel);
                free(t);
                return r;
        }

        h->tls = t;
        return 0;
}

void http_tls_unload(ProbeHttp *h, bool waits) {
        HttpTls *t = h->tls;

        if (!t)
                return;

        assert(t->n_links == 0);
        if (!waits)
                late_close_run(&t->late);
        late_close_done(&t->late);
        http_add_run_time(t->skel->obj, &h->run_ns, &h->run_count);
        cprof_http_tls__destroy(t->skel);
        free(t);
        h->tls = NULL;
}

void http_tls_run_time(const ProbeHttp *h, uint64_t *ns, uint64_t *count) {
        if (h->tls)
                http_add_run_time(h->tls->skel->obj, ns, count);
}

static bool serial_is_used(const HttpTls *t, uint64_t serial) {
        return serial <= CPROF_TLS_SERIAL_MAX &&
                        (t->skel->bss->tls_serials[serial / 64] >> (serial % 64) & 1);
}

/* The programs look at it for each call. */
static void mark_serial(HttpTls *t, uint32_t serial, bool is_used) {
        volatile __u64 *word = &t->skel->bss->tls_serials[serial / 64];
        uint64_t bit = UINT64_C(1) << (serial % 64);

        *word = is_used ? *word | bit : *word & ~bit;
}

/* The next one after the last, so that what it had before is swept away long since. */
static int take_serial(HttpTls *t, uint32_t *ret) {
        for (uint32_t i = 1; i <= CPROF_TLS_SERIAL_MAX; i++) {
                uint32_t serial = (t->serial + i) % CPROF_TLS_SERIAL_MAX + 1;

                if (serial_is_used(t, serial))
                        continue;

                mark_serial(t, serial, true);
                t->serial = serial - 1;
                *ret = serial;
                return 0;
        }

        return -EUSERS;
}

/* The probe goes with the last descriptor of its link, which is ours. */
static void file_free(HttpTls *t, TlsFile *f) {
        t->n_links -= f->n_links;
        while (f->n_links > 0) {
                struct bpf_link *link = f->links[--f->n_links];
                int fd = fcntl(bpf_link__fd(link), F_DUPFD_CLOEXEC, 3);

                (void) bpf_link__destroy(link);
                if (fd >= 0)
                        late_close_add(&t->late, fd);
        }
        free(f);
}

void http_tls_detach(ProbeHttp *h, HttpProcess *p) {
        HttpTlsProcess *a = p->tls;
        HttpTls *t = h->tls;

        if (!a)
                return;

        mark_serial(t, a->serial, false);
        while (a->n_files > 0)
                file_free(t, a->files[--a->n_files]);

        t->calls = t->connections = (Sweep){ .is_due = true };
        free(a);
        p->tls = NULL;
}

typedef struct Point {
        pid_t pid;
        const char *path;
        uint64_t offset;
        uint64_t cookie;
} Point;

static int add_link(HttpTls *t, TlsFile *f, struct bpf_program *program, const Point *at, bool is_return) {
        LIBBPF_OPTS(bpf_uprobe_opts, opts, .retprobe = is_return, .bpf_cookie = at->cookie);
        struct bpf_link *link;

        if (t->n_links >= LINKS_MAX || f->n_links >= ELEMENTSOF(f->links))
                return -EUSERS;

        link = bpf_program__attach_uprobe_opts(program, at->pid, at->path, at->offset, &opts);
        if (!link)
                return -errno;

        f->links[f->n_links++] = link;
        t->n_links++;
        return 0;
}

/* Returns before begins: a begin whose return is not seen would be kept. */
static int add_function(HttpTls *t, TlsFile *f, const ProbeTlsFunction *function, Point at) {
        int r;

        at.offset = function->offset;
        if (is_end(function->role))
                return add_link(t, f, t->skel->progs.tls_end, &at, false);

        if (function->n_returns == 0) {
                r = add_link(t, f, t->skel->progs.tls_return, &at, true);
                if (r < 0)
                        return r;
        }

        for (unsigned i = 0; i < function->n_returns; i++) {
                at.offset = function->returns[i];
                r = add_link(t, f, t->skel->progs.tls_return, &at, false);
                if (r < 0)
                        return r;
        }

        at.offset = function->offset;
        return add_link(t, f, t->skel->progs.tls_enter, &at, false);
}

static int add_file(HttpTls *t, HttpTlsProcess *a, pid_t pid, const ProbeTls *tls, const struct stat *st) {
        TlsFile *f;
        int r;

        f = calloc(1, sizeof(*f));
        if (!f)
                return -ENOMEM;

        f->dev = st->st_dev;
        f->inode = st->st_ino;
        for (size_t i = 0; i < tls->n_functions; i++) {
                const ProbeTlsFunction *function = &tls->functions[i];
                enum cprof_tls_role role = program_roles[function->role];

                r = add_function(
                                t,
                                f,
                                function,
                                (Point){
                                                .pid = pid,
                                                .path = tls->path,
                                                .cookie = CPROF_TLS_COOKIE(pid, a->serial, role),
                                });
                if (r < 0) {
                        file_free(t, f);
                        return r;
                }
        }

        a->files[a->n_files++] = f;
        return 0;
}

static bool has_file(const HttpTlsProcess *a, const struct stat *st) {
        for (unsigned i = 0; i < a->n_files; i++)
                if (a->files[i]->dev == st->st_dev && a->files[i]->inode == st->st_ino)
                        return true;

        return false;
}

static int get_process(HttpTls *t, HttpProcess *p) {
        HttpTlsProcess *a;
        int r;

        if (p->tls)
                return 0;

        a = calloc(1, sizeof(*a));
        if (!a)
                return -ENOMEM;

        r = take_serial(t, &a->serial);
        if (r < 0) {
                free(a);
                return r;
        }

        p->tls = a;
        return 0;
}

int http_tls_attach(ProbeHttp *h, HttpProcess *p, const ProbeTls *tls) {
        struct stat st;
        int r;

        assert(tls->n_functions <= PROBE_TLS_FUNCTIONS_MAX);

        if (stat(tls->path, &st) < 0)
                return -errno;
        if (p->tls && has_file(p->tls, &st))
                return 0;
        if (p->tls && p->tls->n_files >= FILES_OF_PROCESS_MAX)
                return -EUSERS;

        r = make(h);
        if (r >= 0)
                r = get_process(h->tls, p);
        if (r < 0)
                return r;

        h->failed_step = "probing the functions of TLS libraries";
        r = add_file(h->tls, p->tls, p->pid, tls, &st);
        if (p->tls->n_files == 0)
                http_tls_detach(h, p);

        return r;
}

/* Some keys further. What is added meanwhile may be passed over: it is of a living attachment. */
static void sweep(const HttpTls *t, const struct bpf_map *map, Sweep *s) {
        int fd = bpf_map__fd(map);
        uint64_t next;

        for (unsigned i = 0; s->is_due && i < SWEEP_KEYS_MAX; i++) {
                bool is_last = bpf_map_get_next_key(fd, s->is_begun ? &s->key : NULL, &next) < 0;

                /* after the one behind it is known: deleting first would begin from the start */
                if (s->is_begun && !serial_is_used(t, s->key >> CPROF_TLS_SERIAL_SHIFT))
                        (void) bpf_map_delete_elem(fd, &s->key);

                s->is_begun = true;
                s->key = next;
                s->is_due = !is_last;
        }
}

void http_tls_sweep(ProbeHttp *h) {
        HttpTls *t = h->tls;

        if (!t)
                return;

        late_close_run(&t->late);
        sweep(t, t->skel->maps.tls_calls, &t->calls);
        sweep(t, t->skel->maps.tls_connections, &t->connections);
}
