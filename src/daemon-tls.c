/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon-tls.h"

#include "basic/hash.h"
#include "basic/log.h"
#include "host/clock.h"
#include "host/procfs-pid.h"
#include "target/module-open.h"
#include "tls-files.h"

#include <string.h>
#include <utlist.h>

#define SLICE_USEC USEC_PER_MSEC
#define TICK_PROCESSES_MAX 16U /* asked at one tick whether they have TLS that is not seen */

static const char note_java[] = "Java's own TLS is not seen";
static const char note_refused[] = "the kernel refused probes on its TLS library";
static const char note_full[] = "too many processes have probes for TLS";

/* A file of the process that may have TLS functions. */
typedef struct Candidate {
        Module *module;
        bool is_program;
} Candidate;

typedef struct Watched {
        pid_t pid;        /* the key */
        Process *process; /* borrowed */

        bool is_queued, is_listed;
        Candidate candidates[TLS_FILES_OF_PROCESS_MAX]; /* while it is looked at */
        unsigned n_candidates, at;
        bool is_java;
        bool is_attached, is_refused; /* as told */
        const char *note;

        usec_t retry_usec;           /* not looked at again before */
        unsigned wait_sec;           /* until then; more each time that nothing was found */
        uint64_t n_tls_seen;         /* connections, when it was looked at */
        struct Watched *prev, *next; /* in the queue */
        UT_hash_handle hh;
} Watched;

struct DaemonTls {
        const Host *host; /* borrowed, as the next two */
        Probe *probe;
        HttpMonitor *monitor;

        ModuleTable *modules;
        TlsFiles *files;
        Watched *processes;
        Watched *queue; /* oldest first */
        pid_t tick_pid; /* the next tick goes on behind it */
        DaemonTlsCounters counters;
};

static void clear_candidates(Watched *w) {
        while (w->n_candidates > 0)
                (void) module_unref(w->candidates[--w->n_candidates].module);

        w->at = 0;
        w->is_listed = w->is_java = false;
}

static void enqueue(DaemonTls *t, Watched *w) {
        clear_candidates(w);
        if (w->is_queued)
                return;

        DL_APPEND(t->queue, w);
        w->is_queued = true;
}

static void dequeue(DaemonTls *t, Watched *w) {
        clear_candidates(w);
        if (!w->is_queued)
                return;

        DL_DELETE(t->queue, w);
        w->is_queued = false;
}

static void drop(DaemonTls *t, Watched *w) {
        dequeue(t, w);
        HASH_DEL(t->processes, w);
        free(w);
}

int daemon_tls_new(const Host *host, Probe *probe, HttpMonitor *monitor, DaemonTls **ret) {
        _cleanup_(daemon_tls_freep) DaemonTls *t = NULL;
        int r;

        assert(host);
        assert(probe);
        assert(monitor);
        assert(ret);

        t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;

        t->host = host;
        t->probe = probe;
        t->monitor = monitor;
        r = module_table_new(&t->modules);
        if (r >= 0)
                r = tls_files_new(&t->files);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(t);
        return 0;
}

DaemonTls *daemon_tls_free(DaemonTls *t) {
        Watched *w, *next;

        if (!t)
                return NULL;

        HASH_ITER(hh, t->processes, w, next)
        drop(t, w);

        (void) tls_files_free(t->files);
        if (t->modules)
                (void) module_table_free(t->modules);
        free(t);
        return NULL;
}

static Watched *find(const DaemonTls *t, pid_t pid) {
        Watched *w;

        HASH_FIND_INT(t->processes, &pid, w);
        return w;
}

int daemon_tls_process(DaemonTls *t, Process *p) {
        Watched *w = find(t, p->key.pid);

        if (!w) {
                if (HASH_COUNT(t->processes) >= TLS_PROCESSES_MAX) {
                        t->counters.n_over_cap++;
                        return -EUSERS;
                }

                w = calloc(1, sizeof(*w));
                if (!w)
                        return -ENOMEM;

                w->pid = p->key.pid;
                HASH_ADD_INT(t->processes, pid, w);
                if (!HASH_ADDED(w)) {
                        free(w);
                        return -ENOMEM;
                }
        }

        w->process = p;
        w->wait_sec = 0;
        enqueue(t, w);
        return 0;
}

void daemon_tls_forget(DaemonTls *t, const Process *p) {
        Watched *w = find(t, p->key.pid);

        if (w && w->process == p)
                drop(t, w);
}

void daemon_tls_mapped(DaemonTls *t, pid_t pid, const char *path) {
        Watched *w;

        if (HASH_COUNT(t->processes) == 0 || !tls_library_is_candidate(path, strlen(path)))
                return;

        w = find(t, pid);
        if (!w)
                return;

        w->wait_sec = 0;
        enqueue(t, w);
}

/* Without what the kernel adds. */
static size_t path_length(const MapsLine *l) {
        static const char deleted[] = " (deleted)";
        size_t n = strlen(deleted);

        if (l->path_length > n && memcmp(l->path + l->path_length - n, deleted, n) == 0)
                return l->path_length - n;

        return l->path_length;
}

static bool ends_with(const MapsLine *l, const char *end) {
        size_t n = strlen(end), length = path_length(l);

        return length >= n && memcmp(l->path + length - n, end, n) == 0;
}

typedef struct Listing {
        DaemonTls *tls;
        Watched *watched;
        const char *exe; /* NULL: not known */
} Listing;

static int add_candidate(const Listing *l, const MapsLine *line, bool is_program) {
        Watched *w = l->watched;
        Module *m = NULL;
        int r;

        r = module_open_mapping(l->tls->host, l->tls->modules, w->process->key, line, &m);
        if (r < 0)
                return r == -ENOMEM ? r : 0;

        for (unsigned i = 0; i < w->n_candidates; i++)
                if (w->candidates[i].module == m) {
                        (void) module_unref(m);
                        return 0;
                }

        if (m->type != MODULE_FILE || w->n_candidates >= ELEMENTSOF(w->candidates)) {
                if (m->type == MODULE_FILE)
                        l->tls->counters.n_over_cap++;
                (void) module_unref(m);
                return 0;
        }

        w->candidates[w->n_candidates++] = (Candidate){ .module = m, .is_program = is_program };
        return 0;
}

/* By the name alone: with one overlay on another the kernel tells different paths of the same file. */
static bool is_program(const Listing *l, const MapsLine *line) {
        const char *name = l->exe ? strrchr(l->exe, '/') : NULL;

        return name && name[1] != '\0' && ends_with(line, name);
}

static int on_mapping(const MapsLine *line, void *userdata) {
        const Listing *l = userdata;

        if (is_program(l, line))
                return add_candidate(l, line, true);
        if (tls_library_is_candidate(line->path, line->path_length))
                return add_candidate(l, line, false);
        if (ends_with(line, "/libjvm.so"))
                l->watched->is_java = true;

        return 0;
}

static void list_candidates(DaemonTls *t, Watched *w) {
        _cleanup_(freep) char *exe = NULL;
        HttpStatus status;
        Listing l;
        int r;

        /* what comes after this may be another library's */
        if (http_monitor_status(t->monitor, w->process, &status) >= 0)
                w->n_tls_seen = status.counters[CPROF_HTTP_SEEN_TLS];

        (void) procfs_read_exe(t->host, w->pid, &exe);
        l = (Listing){ .tls = t, .watched = w, .exe = exe };
        r = procfs_for_each_exec_mapping(t->host, w->pid, on_mapping, &l);
        if (r < 0)
                log_debug_errno(r, "Failed to look for TLS libraries of process %i: %m", (int) w->pid);

        w->is_listed = true;
        w->is_attached = w->is_refused = false;
        w->note = NULL;
}

static int attach(DaemonTls *t, Watched *w, const Candidate *c, const TlsFunctions *functions) {
        ProbeTls tls = functions->tls;
        char path[64];
        int r;

        /* the file itself, whatever is at its path now, in whatever root */
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%i", c->module->fd);
        tls.path = path;
        r = probe_http_tls_attach(t->probe, w->pid, &tls);
        if (r < 0) {
                t->counters.n_refused++;
                w->is_refused = true;
                w->note = r == -EUSERS ? note_full : note_refused;
                return log_debug_errno(
                                r, "Failed to probe '%s' in process %i: %m", c->module->path, (int) w->pid);
        }

        log_debug("TLS of process %i is seen in '%s': %zu functions, %u of them dear.",
                  (int) w->pid,
                  c->module->path,
                  tls.n_functions,
                  functions->n_dear);
        t->counters.n_attached++;
        w->is_attached = true;
        return 0;
}

static void look_at_candidate(DaemonTls *t, Watched *w) {
        const Candidate *c = &w->candidates[w->at];
        const TlsFunctions *functions;
        int r;

        r = tls_files_get(t->files, c->module, c->is_program, &functions);
        if (r == 0)
                return;

        w->at++;
        if (r < 0) {
                t->counters.n_refused++;
                return;
        }

        w->note = functions->note ?: w->note;
        if (functions->tls.n_functions > 0)
                (void) attach(t, w, c, functions);
}

/* What is in the way of seeing TLS is said when there is some. */
static const char *note_of(const Watched *w) {
        if (w->is_attached || w->is_refused)
                return w->note;
        if (w->n_tls_seen == 0)
                return NULL;

        return w->note ?: w->is_java ? note_java : NULL;
}

static void conclude(DaemonTls *t, Watched *w) {
        w->wait_sec = w->wait_sec == 0 ? TLS_RETRY_SEC : MIN_OF(w->wait_sec * 2, TLS_RETRY_SEC_MAX);
        w->retry_usec = clock_monotonic_usec() + w->wait_sec * USEC_PER_SEC;
        http_monitor_set_tls(t->monitor, w->process, w->is_attached, note_of(w));
        dequeue(t, w);
}

static void step(DaemonTls *t) {
        Watched *w = t->queue;

        if (tls_files_is_busy(t->files))
                tls_files_step(t->files);
        else if (!w->is_listed)
                list_candidates(t, w);
        else if (w->at < w->n_candidates)
                look_at_candidate(t, w);
        else
                conclude(t, w);
}

bool daemon_tls_has_work(const DaemonTls *t) {
        return t->queue;
}

bool daemon_tls_step(DaemonTls *t) {
        usec_t end_usec = clock_monotonic_usec() + SLICE_USEC;

        while (t->queue) {
                step(t);
                if (clock_monotonic_usec() >= end_usec)
                        break;
        }

        return t->queue;
}

static bool may_have_more(DaemonTls *t, Watched *w) {
        HttpStatus status;

        return http_monitor_status(t->monitor, w->process, &status) >= 0 &&
                        status.counters[CPROF_HTTP_SEEN_TLS] > w->n_tls_seen;
}

void daemon_tls_tick(DaemonTls *t, usec_t now_usec) {
        Watched *w = find(t, t->tick_pid);
        unsigned n = MIN_OF(HASH_COUNT(t->processes), TICK_PROCESSES_MAX * 8);

        for (unsigned n_asked = 0; n > 0 && n_asked < TICK_PROCESSES_MAX; n--) {
                w = w && w->hh.next ? w->hh.next : t->processes;
                t->tick_pid = w->pid;
                if (w->is_queued || w->is_attached || w->retry_usec > now_usec)
                        continue;

                n_asked++;
                w->retry_usec = now_usec + w->wait_sec * USEC_PER_SEC;
                if (may_have_more(t, w))
                        enqueue(t, w);
        }
}

void daemon_tls_counters(const DaemonTls *t, DaemonTlsCounters *ret) {
        *ret = t->counters;
        ret->n_processes = HASH_COUNT(t->processes);
        ret->n_files = tls_files_n(t->files);
}
