/* SPDX-License-Identifier: Apache-2.0 */
/* The processes behind mock-cprofd.h: a message bus of our own and the service. */
#include "mock-cprofd.h"

#include "basic/cleanup.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static const char config[] =
                "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" "
                "\"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
                "<busconfig><type>session</type><listen>unix:path=%s/bus</listen>"
                "<auth>EXTERNAL</auth><policy context=\"default\">"
                "<allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/>"
                "<allow own=\"*\"/></policy></busconfig>\n";

/* Starts @argv, or else the service, in a child that dies with us and waits for its first line. */
static int start_child(const char *const argv[], const char *address, int *ret_pid) {
        _cleanup_(closep) int from = -EBADF, to = -EBADF;
        int fds[2], pid;
        char c;

        if (pipe(fds) < 0)
                return -errno;
        from = fds[0];
        to = fds[1];

        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (!argv)
                        _exit(mock_serve(address, to));
                (void) dup2(to, STDOUT_FILENO);
                execvp(argv[0], (char **) argv);
                _exit(127);
        }

        *ret_pid = pid;
        to = safe_close(to);
        do
                if (read(from, &c, 1) != 1)
                        return -ENOENT;
        while (c != '\n');

        return 0;
}

int mock_bus_start(MockBus *m) {
        _cleanup_(freep) char *file = NULL;
        FILE *f;

        *m = (MockBus){};
        snprintf(m->directory, sizeof(m->directory), "%s/cprof-test-XXXXXX", P_tmpdir);
        if (!mkdtemp(m->directory))
                return -errno;

        if (asprintf(&file, "--config-file=%s/bus.conf", m->directory) < 0 ||
            asprintf(&m->address, "unix:path=%s/bus", m->directory) < 0)
                return -ENOMEM;

        f = fopen(strchr(file, '=') + 1, "we");
        if (!f)
                return -errno;
        fprintf(f, config, m->directory);
        if (fclose(f) != 0)
                return -errno;

        return start_child(
                        (const char *const[]){ "dbus-daemon",
                                               file,
                                               "--nofork",
                                               "--nopidfile",
                                               "--print-address",
                                               NULL },
                        NULL,
                        &m->bus_pid);
}

int mock_bus_start_service(MockBus *m) {
        return start_child(NULL, m->address, &m->service_pid);
}

static void end_child(int pid) {
        if (pid <= 0)
                return;

        (void) kill(pid, SIGKILL);
        (void) waitpid(pid, NULL, 0);
}

void mock_bus_stop(MockBus *m) {
        static const char *const names[] = { "bus", "bus.conf" };

        if (!m->address)
                return;

        end_child(m->service_pid);
        end_child(m->bus_pid);

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_(freep) char *path = NULL;

                if (asprintf(&path, "%s/%s", m->directory, names[i]) >= 0)
                        (void) unlink(path);
        }
        (void) rmdir(m->directory);
        free(m->address);
        *m = (MockBus){};
}
