/* SPDX-License-Identifier: Apache-2.0 */
#include "bench-bus.h"

#include "basic/cleanup.h"
#include "bench-load.h"
#include "bus/bus-names.h"
#include "host/clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define TRIES 50U

static const char config[] =
                "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN\"\n"
                " \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
                "<busconfig><listen>unix:dir=%s</listen><auth>EXTERNAL</auth>"
                "<policy context=\"default\"><allow own=\"*\"/><allow send_destination=\"*\"/>"
                "<allow receive_sender=\"*\"/></policy></busconfig>\n";

typedef struct Start {
        char config[192], address[32];
        int fd;
} Start;

/* A bench_fork() function. */
static void run_bus(void *userdata) {
        const Start *s = userdata;
        int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

        if (fd < 0 || dup2(fd, STDERR_FILENO) < 0) /* it complains of limits */
                bench_fail("/dev/null", errno);

        (void) execlp("dbus-daemon", "dbus-daemon", "--nofork", s->config, s->address, (char *) NULL);
        bench_fail("dbus-daemon", errno);
}

static void connect_bus(BenchBus *b, const char *address) {
        sd_id128_t id;
        int r;

        (void) setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1);
        r = sd_bus_open_system(&b->connection);
        if (r >= 0)
                r = sd_bus_get_bus_id(b->connection, &id); /* says hello: there is a limit of time for it */
        if (r < 0)
                bench_fail(address, r);
}

void bench_bus_start(BenchBus *b) {
        char path[160], address[512] = "";
        Start s = {};
        int fds[2];
        ssize_t n;
        FILE *f;

        (void) snprintf(b->directory,
                        sizeof(b->directory),
                        "%s/bench-bus-XXXXXX",
                        getenv("TMPDIR") ?: "/var/tmp");
        if (!mkdtemp(b->directory) || pipe(fds) < 0)
                bench_fail(b->directory, errno);

        (void) snprintf(path, sizeof(path), "%s/config", b->directory);
        f = fopen(path, "we");
        if (!f || fprintf(f, config, b->directory) < 0 || fclose(f) != 0)
                bench_fail(path, errno);

        (void) snprintf(s.config, sizeof(s.config), "--config-file=%s", path);
        (void) snprintf(s.address, sizeof(s.address), "--print-address=%i", fds[1]);
        b->pid = bench_fork("bus", run_bus, &s);
        (void) close(fds[1]);

        n = read(fds[0], address, sizeof(address) - 1); /* a line, when it listens */
        (void) close(fds[0]);
        if (n <= 0)
                bench_fail("dbus-daemon", EIO);
        address[strcspn(address, "\n")] = '\0';
        connect_bus(b, address);
}

void bench_bus_stop(BenchBus *b) {
        char command[192];

        b->connection = sd_bus_flush_close_unref(b->connection);
        bench_kill(b->pid);
        (void) unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
        (void) snprintf(command, sizeof(command), "rm -rf '%s'", b->directory);
        (void) system(command);
}

void bench_bus_start_task(BenchBus *b, pid_t pid, usec_t duration_usec, char id[static 128]) {
        for (unsigned i = 0;; i++) {
                sd_bus_error error = SD_BUS_ERROR_NULL;
                sd_bus_message *reply = NULL;
                const char *text;
                int r;

                r = sd_bus_call_method(
                                b->connection,
                                CPROF_BUS_NAME,
                                CPROF_BUS_PATH,
                                CPROF_BUS_INTERFACE,
                                "StartTask",
                                &error,
                                &reply,
                                "sstu",
                                "-.slice",
                                "on-cpu",
                                (uint64_t) duration_usec,
                                (uint32_t) pid);
                if (r >= 0) {
                        r = sd_bus_message_read(reply, "s", &text);
                        if (r < 0)
                                bench_fail("StartTask", r);
                        (void) snprintf(id, 128, "%s", text);
                        (void) sd_bus_message_unref(reply);
                        return;
                }

                if (i == TRIES)
                        bench_fail(error.message ?: "StartTask", r);
                sd_bus_error_free(&error);
                bench_sleep_until(clock_monotonic_usec() + 100 * USEC_PER_MSEC);
        }
}
