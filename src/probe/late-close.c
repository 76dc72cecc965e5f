/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/late-close.h"

#include "basic/cleanup.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

/* The part of one thread; its own. */
typedef struct Batch {
        size_t n;
        int fds[];
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

/* Hands the last @n over. */
static int begin_thread(LateClose *l, size_t n, pthread_t *ret_thread) {
        _cleanup_(freep) Batch *b = malloc(sizeof(*b) + n * sizeof(b->fds[0]));
        sigset_t all, before;
        int r;

        if (!b)
                return -ENOMEM;

        b->n = n;
        memcpy(b->fds, l->fds + l->n - n, n * sizeof(b->fds[0]));

        /* signals are for the loop */
        (void) sigfillset(&all);
        (void) pthread_sigmask(SIG_SETMASK, &all, &before);
        r = pthread_create(ret_thread, NULL, close_batch, b);
        (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (r != 0)
                return -r;

        l->n -= n;
        TAKE_PTR(b);
        return 0;
}

void late_close_run(LateClose *l) {
        pthread_t thread;

        for (size_t left = LATE_CLOSE_THREADS; left > 0 && l->n > 0; left--) {
                if (begin_thread(l, (l->n + left - 1) / left, &thread) < 0)
                        return;
                (void) pthread_detach(thread);
        }
}

void late_close_done(LateClose *l) {
        pthread_t threads[LATE_CLOSE_THREADS_LAST];
        size_t n = 0;

        for (size_t left = ELEMENTSOF(threads); left > 0 && l->n > 0; left--) {
                if (begin_thread(l, (l->n + left - 1) / left, &threads[n]) < 0)
                        break;
                n++;
        }

        while (l->n > 0)
                (void) close(l->fds[--l->n]);
        while (n > 0)
                (void) pthread_join(threads[--n], NULL);

        free(l->fds);
        *l = (LateClose){};
}
