/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/signal-wait.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <time.h>

int signal_wait_init(SignalWait *w) {
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);

        w->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (w->fd < 0)
                return -errno;

        if (sigprocmask(SIG_BLOCK, &set, &w->before) < 0) {
                int r = -errno;

                w->fd = safe_close(w->fd);
                return r;
        }

        return 0;
}

void signal_wait_done(SignalWait *w) {
        if (w->fd < 0)
                return;

        w->fd = safe_close(w->fd);
        (void) sigprocmask(SIG_SETMASK, &w->before, NULL);
}

usec_t ctl_now(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (usec_t) ts.tv_sec * USEC_PER_SEC + (usec_t) ts.tv_nsec / NSEC_PER_USEC;
}

/* What poll(2) is to wait for on behalf of the bus; its own timeouts shorten @usec. */
static void prepare_bus(sd_bus *bus, struct pollfd *ret_poll, usec_t *usec) {
        uint64_t until;
        int events = sd_bus_get_events(bus);

        *ret_poll = (struct pollfd){ .fd = sd_bus_get_fd(bus), .events = (short) (events > 0 ? events : 0) };

        if (sd_bus_get_timeout(bus, &until) > 0 && until != UINT64_MAX) {
                usec_t now = ctl_now();

                *usec = MIN_OF(*usec, until > now ? until - now : 0);
        }
}

int signal_wait(SignalWait *w, sd_bus *bus, usec_t usec) {
        struct pollfd fds[2] = { { .fd = w->fd, .events = POLLIN }, { .fd = -EBADF } };
        struct signalfd_siginfo info;
        struct timespec timeout, *timeout_arg = NULL;

        if (bus)
                prepare_bus(bus, fds + 1, &usec);

        if (usec != USEC_INFINITY) {
                timeout.tv_sec = (time_t) (usec / USEC_PER_SEC);
                timeout.tv_nsec = (long) (usec % USEC_PER_SEC * NSEC_PER_USEC);
                timeout_arg = &timeout;
        }

        if (ppoll(fds, ELEMENTSOF(fds), timeout_arg, NULL) < 0)
                return errno == EINTR ? 0 : -errno;

        return read(w->fd, &info, sizeof(info)) == (ssize_t) sizeof(info);
}
