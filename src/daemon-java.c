/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon-java.h"

#include "basic/hash.h"
#include "basic/log.h"
#include "basic/ratelimit.h"
#include "java-process.h"
#include "target/module-open.h"

#include <signal.h>
#include <spawn.h>

typedef struct Asked {
        pid_t pid; /* the key */
        uint64_t start_ticks;
        usec_t at_usec;
        UT_hash_handle hh;
} Asked;

struct DaemonJava {
        const Host *host; /* borrowed */
        Asked *asked;     /* oldest first */
        RateLimit limit;
};

int daemon_java_new(const Host *host, DaemonJava **ret) {
        DaemonJava *j;

        assert(host);
        assert(ret);

        j = calloc(1, sizeof(*j));
        if (!j)
                return -ENOMEM;

        *j = (DaemonJava){
                .host = host,
                .limit = { .interval_usec = USEC_PER_SEC, .burst = JAVA_ATTACH_PER_SEC },
        };
        *ret = j;
        return 0;
}

static void asked_drop(DaemonJava *j, Asked *a) {
        HASH_DEL(j->asked, a);
        free(a);
}

DaemonJava *daemon_java_free(DaemonJava *j) {
        Asked *a, *next;

        if (!j)
                return NULL;

        HASH_ITER(hh, j->asked, a, next)
        asked_drop(j, a);

        free(j);
        return NULL;
}

/* Also notes it. The order of the table is that of time, so the expired ones come first. */
static bool may_ask(DaemonJava *j, ProcessKey key, usec_t now_usec) {
        Asked *a;

        while (j->asked && now_usec - j->asked->at_usec >= JAVA_ATTACH_INTERVAL_USEC)
                asked_drop(j, j->asked);

        HASH_FIND_INT(j->asked, &key.pid, a);
        if (a && a->start_ticks == key.start_ticks)
                return false;
        if (a)
                asked_drop(j, a);

        if (HASH_COUNT(j->asked) >= JAVA_PROCESSES_MAX || !ratelimit_below(&j->limit, now_usec))
                return false;

        a = calloc(1, sizeof(*a));
        if (!a)
                return false;

        *a = (Asked){ .pid = key.pid, .start_ticks = key.start_ticks, .at_usec = now_usec };
        HASH_ADD_INT(j->asked, pid, a);
        if (!HASH_ADDED(a)) {
                free(a);
                return false;
        }

        return true;
}

static int spawn_attach(pid_t pid) {
        char number[16], *const argv[] = { (char *) "cprofd", (char *) "--attach-java", number, NULL };
        posix_spawnattr_t attributes;
        sigset_t none, defaults;
        pid_t child;
        int r;

        (void) snprintf(number, sizeof(number), "%i", (int) pid);

        r = posix_spawnattr_init(&attributes);
        if (r != 0)
                return -r;

        (void) sigemptyset(&none); /* ours are blocked for the event loop */
        (void) sigemptyset(&defaults);
        (void) sigaddset(&defaults, SIGALRM);
        (void) posix_spawnattr_setsigmask(&attributes, &none);
        (void) posix_spawnattr_setsigdefault(&attributes, &defaults);
        (void) posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

        r = posix_spawn(&child, "/proc/self/exe", NULL, &attributes, argv, environ);
        (void) posix_spawnattr_destroy(&attributes);
        return -r;
}

int daemon_java_ask(DaemonJava *j, ProcessKey key, usec_t now_usec) {
        JavaProcess p;
        int r;

        /* The child looks again, by its own handle of the process. */
        if (java_process_read(j->host->proc_fd, key.pid, &p) < 0 || !may_ask(j, key, now_usec))
                return 0;

        r = spawn_attach(key.pid);
        if (r < 0)
                return log_warning_errno(r, "Failed to attach to process %i, ignoring: %m", (int) key.pid);

        return 1;
}

typedef struct Question {
        DaemonJava *java;
        usec_t now_usec;
        unsigned n_seen, n_asked;
} Question;

static void ask_process(Process *p, void *userdata) {
        Question *q = userdata;

        if (q->n_seen++ < JAVA_PER_TASK_MAX && daemon_java_ask(q->java, p->key, q->now_usec) > 0)
                q->n_asked++;
}

unsigned daemon_java_ask_task(DaemonJava *j, TargetSet *targets, const Task *t, usec_t now_usec) {
        Question q = { .java = j, .now_usec = now_usec };

        if (t->key.pid > 0) {
                Process *p = target_set_find_process(targets, t->key.pid);

                if (p && p->key.start_ticks == t->key.start_ticks)
                        ask_process(p, &q);
        } else if (t->unit) {
                Unit *u = target_set_find_unit(targets, t->unit);

                if (u)
                        unit_for_each_process(targets, u, ask_process, &q);
        }

        return q.n_asked;
}

void daemon_java_open_maps(const DaemonJava *j, const Profile *profile) {
        for (unsigned i = 0; i < profile_n_modules(profile); i++) {
                Module *m = profile_module(profile, i);

                if (m && m->type == MODULE_ANON)
                        module_open_perf_map(j->host, m);
        }
}
