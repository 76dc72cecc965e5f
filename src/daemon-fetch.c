/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon-fetch.h"

#include "fetch.h"
#include "host/clock.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <utlist.h>

typedef struct Fetch {
        char build_id[160];
        int pid_fd;      /* owned; -EBADF: waits for its turn */
        usec_t end_usec; /* is killed then */
        struct Fetch *prev, *next;
} Fetch;

struct Fetcher {
        const char *directory; /* borrowed */
        Fetch *fetches;        /* oldest first */
        unsigned n, n_running;
};

int fetcher_new(const char *directory, const char *urls, Fetcher **ret_fetcher) {
        Fetcher *f;

        assert(directory);
        assert(ret_fetcher);

        if (urls && urls[0] != '\0' && setenv("DEBUGINFOD_URLS", urls, 1) < 0)
                return -errno;

        f = calloc(1, sizeof(*f));
        if (!f)
                return -ENOMEM;

        f->directory = directory;
        *ret_fetcher = f;
        return 0;
}

static void fetch_drop(Fetcher *f, Fetch *fetch) {
        if (fetch->pid_fd >= 0) {
                (void) syscall(SYS_pidfd_send_signal, fetch->pid_fd, SIGKILL, NULL, 0);
                (void) close(fetch->pid_fd);
                f->n_running--;
        }

        DL_DELETE(f->fetches, fetch);
        f->n--;
        free(fetch);
}

Fetcher *fetcher_free(Fetcher *f) {
        Fetch *fetch, *next;

        if (!f)
                return NULL;

        DL_FOREACH_SAFE(f->fetches, fetch, next)
        fetch_drop(f, fetch);
        free(f);
        return NULL;
}

/* What is known of it on disk. */
static bool has(const Fetcher *f, const char *build_id, const char *suffix, struct stat *ret) {
        char path[PATH_MAX];

        return fetch_path(f->directory, build_id, suffix, path, sizeof(path)) >= 0 && stat(path, ret) >= 0;
}

bool fetcher_has_file(const Fetcher *f, const char *build_id) {
        struct stat st;

        return has(f, build_id, ".debug", &st);
}

bool fetcher_is_busy(const Fetcher *f, const char *build_id) {
        const Fetch *fetch;

        DL_FOREACH(f->fetches, fetch)
        if (strcmp(fetch->build_id, build_id) == 0)
                return true;

        return false;
}

static bool was_missing(const Fetcher *f, const char *build_id) {
        usec_t now_sec = clock_realtime_usec() / USEC_PER_SEC;
        struct stat st;

        return has(f, build_id, ".none", &st) && st.st_mtim.tv_sec >= 0 &&
                        now_sec - (usec_t) st.st_mtim.tv_sec < FETCH_NONE_DAYS_MAX * 24 * 3600;
}

bool fetcher_ask(Fetcher *f, const char *build_id) {
        Fetch *fetch;

        assert(f);
        assert(build_id);

        if (!fetch_build_id_is_valid(build_id))
                return false;
        if (fetcher_is_busy(f, build_id) || fetcher_has_file(f, build_id))
                return true;
        if (f->n == FETCHES_MAX || was_missing(f, build_id))
                return false;

        fetch = calloc(1, sizeof(*fetch));
        if (!fetch)
                return false;

        (void) snprintf(fetch->build_id, sizeof(fetch->build_id), "%s", build_id);
        fetch->pid_fd = -EBADF;
        DL_APPEND(f->fetches, fetch);
        f->n++;
        return true;
}

static int spawn(const Fetcher *f, const char *build_id, int *ret_pid_fd) {
        char option[192], directory[PATH_MAX];
        char *const argv[] = { (char *) "cprofd", option, directory, NULL };
        posix_spawnattr_t attributes;
        sigset_t none, fatal;
        pid_t pid;
        int r, fd;

        (void) snprintf(option, sizeof(option), "--fetch-debuginfo=%s", build_id);
        (void) snprintf(directory, sizeof(directory), "--cache-directory=%s", f->directory);

        r = posix_spawnattr_init(&attributes);
        if (r != 0)
                return -r;

        (void) sigemptyset(&none); /* ours are blocked for the event loop, or ignored */
        (void) sigemptyset(&fatal);
        (void) sigaddset(&fatal, SIGPIPE);
        (void) posix_spawnattr_setsigmask(&attributes, &none);
        (void) posix_spawnattr_setsigdefault(&attributes, &fatal);
        (void) posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        r = posix_spawn(&pid, "/proc/self/exe", NULL, &attributes, argv, environ);
        (void) posix_spawnattr_destroy(&attributes);
        if (r != 0)
                return -r;

        fd = (int) syscall(SYS_pidfd_open, pid, 0);
        if (fd < 0)
                return -errno; /* it is over already */

        *ret_pid_fd = fd;
        return 0;
}

static bool is_over(const Fetch *fetch, usec_t now_usec) {
        struct pollfd p = { .fd = fetch->pid_fd, .events = POLLIN };

        return now_usec >= fetch->end_usec || poll(&p, 1, 0) != 0;
}

void fetcher_step(Fetcher *f, usec_t now_usec) {
        Fetch *fetch, *next;

        assert(f);

        DL_FOREACH_SAFE(f->fetches, fetch, next) {
                if (fetch->pid_fd >= 0) {
                        if (is_over(fetch, now_usec))
                                fetch_drop(f, fetch);
                        continue;
                }
                if (f->n_running == FETCHES_RUNNING_MAX)
                        continue;
                if (spawn(f, fetch->build_id, &fetch->pid_fd) < 0) {
                        fetch_drop(f, fetch);
                        continue;
                }

                f->n_running++;
                fetch->end_usec = now_usec + FETCH_SEC_MAX * USEC_PER_SEC;
        }
}
