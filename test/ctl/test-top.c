/* SPDX-License-Identifier: Apache-2.0 */
/* "cprofctl top" on a terminal of our own and without one. */
#include "mock-cprofd.h"

#include "basic/cleanup.h"
#include "basic/file-io.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <utmp.h>

#define ENTER_SCREEN "\033[?1049h\033[?25l"
#define LEAVE_SCREEN "\033[?25h\033[?1049l"
#define FRAME "\033[H"
#define PATIENCE_MS 10000

static MockBus mock;

static void start(void) {
        if (mock_bus_start(&mock) < 0)
                cr_skip_test("dbus-daemon cannot be started");

        cr_assert_eq(mock_bus_start_service(&mock), 0);
        (void) setenv("DBUS_SYSTEM_BUS_ADDRESS", mock.address, 1);
        (void) setenv("LC_ALL", "C", 1);
        (void) setenv("TERM", "xterm", 1);
        (void) setenv("NO_COLOR", "1", 1);
        (void) unsetenv("COLUMNS");
}

static void stop(void) {
        mock_bus_stop(&mock);
}

TestSuite(top, .timeout = 60, .init = start, .fini = stop);

/* cprofctl on a terminal. */
typedef struct Session {
        int fd; /* the terminal's other end */
        int pid;
        struct termios before;
        char output[1 << 20];
        size_t length;
} Session;

static Session s;

static void session_start(const char *const argv[]) {
        const struct winsize size = { .ws_row = 24, .ws_col = 80 };
        int slave;

        s = (Session){};
        cr_assert_eq(openpty(&s.fd, &slave, NULL, NULL, &size), 0);
        cr_assert_eq(tcgetattr(slave, &s.before), 0);

        s.pid = fork();
        cr_assert_geq(s.pid, 0);
        if (s.pid == 0) {
                (void) close(s.fd);
                if (login_tty(slave) == 0)
                        execv(getenv("CPROFCTL"), (char **) argv);
                _exit(127);
        }
        (void) close(slave);
}

/* Reads until @text comes behind @from bytes of the output. Returns where it ends; 0 at the end of output.
 */
static size_t session_expect(size_t from, const char *text) {
        struct pollfd p = { .fd = s.fd, .events = POLLIN };

        for (;;) {
                const char *found = strstr(s.output + from, text);
                ssize_t n;

                if (found)
                        return (size_t) (found - s.output) + strlen(text);

                cr_assert_gt(poll(&p, 1, PATIENCE_MS), 0, "no '%s' in: %s", text, s.output + from);
                n = read(s.fd, s.output + s.length, sizeof(s.output) - 1 - s.length);
                if (n <= 0)
                        return 0; /* EIO: nobody has the terminal open */
                s.length += (size_t) n;
        }
}

static void session_type(const char *keys) {
        cr_assert_eq(write(s.fd, keys, strlen(keys)), (ssize_t) strlen(keys));
}

/* The program has ended by itself and has left the terminal as it was. */
static void session_ended(void) {
        struct termios after;
        int status;

        cr_assert_eq(session_expect(0, "(never printed)"), 0);
        cr_assert_eq(waitpid(s.pid, &status, 0), s.pid);
        cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0,
                  "status %#x: %s",
                  (unsigned) status,
                  s.output);

        cr_expect_eq(strncmp(s.output, ENTER_SCREEN, strlen(ENTER_SCREEN)), 0);
        cr_assert_geq(s.length, strlen(LEAVE_SCREEN));
        cr_expect_str_eq(s.output + s.length - strlen(LEAVE_SCREEN), LEAVE_SCREEN);

        cr_assert_eq(tcgetattr(s.fd, &after), 0);
        cr_expect_eq(after.c_lflag, s.before.c_lflag);
        cr_expect_eq(after.c_cc[VSUSP], s.before.c_cc[VSUSP]);
        (void) close(s.fd);
}

static const char *const list_argv[] = { "cprofctl", "top", NULL };

Test(top, q_leaves_the_terminal_as_it_was) {
        session_start(list_argv);
        (void) session_expect(0, "process-cpu >= 80%");
        session_type("q");
        session_ended();
}

static const char *const http_argv[] = { "cprofctl", "http", "nginx", "--delay=100ms", NULL };

Test(top, requests_are_shown_anew_in_eighty_columns_until_q) {
        size_t at;

        session_start(http_argv);
        at = session_expect(0, "412ms  3.21ms   987ms   12.3s");
        at = session_expect(at, FRAME);
        at = session_expect(at, "412ms  3.21ms   987ms   12.3s");
        cr_expect_not_null(strstr(s.output, "\r\nURI                         RATE/S"));
        session_type("q");
        session_ended();

        for (const char *line = strstr(s.output, "\r\n"); line; line = strstr(line + 2, "\r\n"))
                cr_expect_leq(strcspn(line + 2, "\033\r"), 80, "%.100s", line);
}

Test(top, signals_leave_the_terminal_as_it_was) {
        static const int signals[] = { SIGTERM, SIGHUP, SIGINT };

        for (size_t i = 0; i < ELEMENTSOF(signals); i++) {
                session_start(list_argv);
                (void) session_expect(0, "NEAREST RULE");
                cr_assert_eq(kill(s.pid, signals[i]), 0);
                session_ended();
        }

        session_start(list_argv);
        (void) session_expect(0, "NEAREST RULE");
        session_type("\003"); /* Ctrl-C */
        session_ended();
}

Test(top, enter_shows_a_unit_and_escape_the_list_again) {
        size_t at;

        session_start(list_argv);
        at = session_expect(0, "> nginx.service");
        session_type("\033[B\033[A\r");
        at = session_expect(at, "nginx.service: policy web");
        at = session_expect(at, "Hottest functions of the last 10 s, 200 samples, 2.00 s on CPU");
        at = session_expect(at, "deflate(?[2J)");
        session_type("\033");
        (void) session_expect(at, "NEAREST RULE");
        session_type("q");
        session_ended();
}

/* The widest line and the number of lines of the frame at @from. */
static void measure(size_t from, size_t *ret_width, size_t *ret_lines) {
        size_t width = 0;

        *ret_width = 0;
        *ret_lines = 1;
        for (const char *p = s.output + from; *p && strncmp(p, "\033[J", 3) != 0; p++) {
                if (*p == '\033') {
                        while (*p && (*p < 'A' || *p > 'z' || *p == '['))
                                p++;
                        if (!*p)
                                return;
                } else if (*p == '\n') {
                        ++*ret_lines;
                        width = 0;
                } else if (*p != '\r')
                        width++;
                *ret_width = width > *ret_width ? width : *ret_width;
        }
}

Test(top, frames_fit_the_terminal_also_after_a_change_of_its_size) {
        const struct winsize small = { .ws_row = 6, .ws_col = 40 };
        size_t at, width, lines;

        session_start((const char *const[]){ "cprofctl", "top", "nginx", NULL });
        at = session_expect(0, FRAME);
        (void) session_expect(at, "\033[J");
        measure(at, &width, &lines);
        cr_expect_leq(width, 80);
        cr_expect_gt(width, 60, "80 columns are used");

        at = s.length;
        cr_assert_eq(ioctl(s.fd, TIOCSWINSZ, &small), 0);
        at = session_expect(at, FRAME);
        (void) session_expect(at, "\033[J");
        measure(at, &width, &lines);
        cr_expect_leq(width, 40);
        cr_expect_leq(lines, 6);
        session_type("q");
        session_ended();
}

static void expect_printed(const char *arguments, int status, const char *const *parts) {
        _cleanup_(freep) char *command = NULL, *output = NULL;
        const char *at;
        size_t length;
        FILE *f;

        cr_assert_gt(asprintf(&command, "'%s' top %s 2>&1", getenv("CPROFCTL"), arguments), 0);
        f = popen(command, "re");
        cr_assert_not_null(f);
        cr_assert_eq(read_full_fd(fileno(f), 1 << 20, &output, &length), 0);
        cr_expect_eq(WEXITSTATUS(pclose(f)), status, "%s", output);

        at = output;
        for (; *parts; parts++) {
                at = strstr(at, *parts);
                cr_assert_not_null(at, "top %s: no '%s' in: %s", arguments, *parts, output);
                at += strlen(*parts);
        }
        cr_expect_null(strchr(output, '\033'), "%s", output);
}

Test(top, without_a_terminal_frames_are_printed) {
        expect_printed("",
                       0,
                       (const char *const[]){
                                       "1 watched unit\n", "nginx.service", "97.2%", "4/5", "100%", NULL });
        expect_printed("-n 2 --delay 100ms",
                       0,
                       (const char *const[]){ "nginx.service", "UNIT", "nginx.service", NULL });
        expect_printed("nginx",
                       0,
                       (const char *const[]){ "4/5 of 10s",
                                              "75.0    75.0  ###############.....  deflate",
                                              "0.0   100.0",
                                              NULL });
        expect_printed("quiet",
                       0,
                       (const char *const[]){
                                       "4/5 of 10s", "Hottest functions: The recorder is off.\n", NULL });
        expect_printed("nope", 1, (const char *const[]){ "No unit 'nope.service'.", NULL });
        expect_printed("-n 0", 1, (const char *const[]){ "--count=", NULL });
        expect_printed("--delay 1ms", 1, (const char *const[]){ "--delay=", NULL });
        expect_printed("--json", 1, (const char *const[]){ "no JSON", NULL });
}
