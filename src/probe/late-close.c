/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/late-close.h"

#include "basic/cleanup.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

typedef struct Batch {
        size_t n;
        int fds[LATE_CLOSE_BATCH];
} Batch;

static void *close_batch(void *userdata) {
        Batch *b = userdata;

        for (size_t i = 0; i < b->n; i++)
                (void) close(b->fds[i]);

        free(b);
        return NULL;
}

void late_close_add(LateClose *l, int fd) {
        if (l->n == l->allocated) {
                size_t allocated = l->allocated * 2 ?: 64;
                int *fds = reallocarray(l->fds, allocated, sizeof(fds[0]));

                if (!fds) {
                        (void) close(fd);
                        return;
                }

                l->fds = fds;
                l->allocated = allocated;
        }

        l->fds[l->n++] = fd;
}

/* Takes @b over on success. */
static int begin_thread(Batch *b) {
        pthread_attr_t attributes;
        sigset_t all, before;
        pthread_t thread;
        int r;

        r = pthread_attr_init(&attributes);
        if (r != 0)
                return -r;

        /* signals are for the loop */
        (void) sigfillset(&all);
        (void) pthread_sigmask(SIG_SETMASK, &all, &before);
        (void) pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        r = pthread_create(&thread, &attributes, close_batch, b);
        (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
        (void) pthread_attr_destroy(&attributes);
        return -r;
}

void late_close_run(LateClose *l) {
        for (unsigned i = 0; i < LATE_CLOSE_THREADS_MAX && l->n > 0; i++) {
                _cleanup_(freep) Batch *b = malloc(sizeof(*b));

                if (!b)
                        return;

                b->n = MIN_OF(l->n, (size_t) LATE_CLOSE_BATCH);
                memcpy(b->fds, l->fds + l->n - b->n, b->n * sizeof(b->fds[0]));
                if (begin_thread(b) < 0)
                        return;

                l->n -= b->n;
                TAKE_PTR(b);
        }
}

void late_close_done(LateClose *l) {
        while (l->n > 0)
                (void) close(l->fds[--l->n]);

        free(l->fds);
        *l = (LateClose){};
}
