/* SPDX-License-Identifier: Apache-2.0 */
/* cprofd: command line, signals, then the daemon. */
#include "basic/log.h"
#include "basic/parse.h"
#include "check.h"
#include "cprof-config.h"
#include "daemon.h"
#include "fetch.h"
#include "java-attach.h"
#include "store/pprof.h"

#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <string.h>

typedef enum Action {
        ACTION_RUN,
        ACTION_CHECK,
        ACTION_CONVERT,
        ACTION_FETCH,
        ACTION_ATTACH_JAVA,
        ACTION_HELP,
        ACTION_VERSION,
} Action;

static Action arg_action = ACTION_RUN;
static PprofValue arg_value = PPROF_VALUE_DEFAULT;
static const char *arg_root = "";
static const char *arg_build_id;
static const char *arg_cache = FETCH_DIRECTORY;
static unsigned arg_pid;
static DaemonOptions arg_daemon = { .log_level = -1 };

static int help(void) {
        puts("cprofd [OPTIONS]\n"
             "\n"
             "Watch systemd units and record why they go bad.\n"
             "\n"
             "  -h --help                Show this help\n"
             "     --version             Show the version\n"
             "     --check               Check configuration and policies, then exit\n"
             "     --root=DIRECTORY      With --check: look below DIRECTORY\n"
             "     --state-directory=DIRECTORY\n"
             "                           Keep tasks there instead of /var/lib/cprof\n"
             "     --log-level=LEVEL     err, warning, notice, info or debug\n"
             "     --convert-profile[=offcpu]\n"
             "                           Read a profile.pb.gz on standard input and write\n"
             "                           folded stacks of samples (of microseconds that\n"
             "                           threads waited) to standard output\n"
             "     --fetch-debuginfo=BUILDID\n"
             "                           Get a debug file from a debuginfod server\n"
             "     --cache-directory=DIRECTORY\n"
             "                           Keep it there instead of " FETCH_DIRECTORY "\n"
             "     --attach-java=PID     Have that Java virtual machine name its compiled code\n"
             "                           in /tmp/perf-PID.map");
        return EXIT_SUCCESS;
}

/* Returns 1 to go on, 0 to exit well, negative for a bad command line (reported). */
static int parse_arguments(int argc, char **argv) {
        enum {
                ARG_VERSION = 0x100,
                ARG_CHECK,
                ARG_ROOT,
                ARG_STATE_DIRECTORY,
                ARG_LOG_LEVEL,
                ARG_CONVERT_PROFILE,
                ARG_FETCH,
                ARG_CACHE_DIRECTORY,
                ARG_ATTACH_JAVA,
        };
        static const struct option options[] = {
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, ARG_VERSION },
                { "check", no_argument, NULL, ARG_CHECK },
                { "root", required_argument, NULL, ARG_ROOT },
                { "state-directory", required_argument, NULL, ARG_STATE_DIRECTORY },
                { "log-level", required_argument, NULL, ARG_LOG_LEVEL },
                { "fetch-debuginfo", required_argument, NULL, ARG_FETCH },
                { "cache-directory", required_argument, NULL, ARG_CACHE_DIRECTORY },
                { "convert-profile", optional_argument, NULL, ARG_CONVERT_PROFILE },
                { "attach-java", required_argument, NULL, ARG_ATTACH_JAVA },
                {},
        };
        int c;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                switch (c) {
                case 'h':
                        arg_action = ACTION_HELP;
                        return 0;
                case ARG_VERSION:
                        arg_action = ACTION_VERSION;
                        return 0;
                case ARG_CHECK:
                        arg_action = ACTION_CHECK;
                        break;
                case ARG_ROOT:
                        arg_root = strcmp(optarg, "/") == 0 ? "" : optarg;
                        break;
                case ARG_STATE_DIRECTORY:
                        arg_daemon.state_directory = optarg;
                        break;
                case ARG_LOG_LEVEL:
                        arg_daemon.log_level = log_level_from_string(optarg);
                        if (arg_daemon.log_level < 0)
                                return log_error_errno(EINVAL, "--log-level=%s: unknown level.", optarg);
                        break;
                case ARG_CONVERT_PROFILE:
                        arg_action = ACTION_CONVERT;
                        arg_value = pprof_value_from_string(optarg ?: "default");
                        if (arg_value < 0)
                                return log_error_errno(
                                                EINVAL, "--convert-profile=%s: no such value.", optarg);
                        break;
                case ARG_FETCH:
                        arg_action = ACTION_FETCH;
                        arg_build_id = optarg;
                        break;
                case ARG_CACHE_DIRECTORY:
                        arg_cache = arg_daemon.cache_directory = optarg;
                        break;
                case ARG_ATTACH_JAVA:
                        if (parse_uint(optarg, 1, INT_MAX, &arg_pid) < 0)
                                return log_error_errno(
                                                EINVAL, "--attach-java=%s: no process number.", optarg);
                        arg_action = ACTION_ATTACH_JAVA;
                        break;
                default:
                        return -EINVAL; /* getopt has said why */
                }

        if (optind < argc)
                return log_error_errno(EINVAL, "'%s': cprofd takes no arguments.", argv[optind]);

        return 0;
}

static int convert(void) {
        int r;

        (void) signal(SIGPIPE, SIG_IGN);
        r = pprof_convert_folded(STDIN_FILENO, STDOUT_FILENO, arg_value);
        if (r < 0)
                (void) log_error_errno(r, "Failed to convert the profile: %m");

        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int fetch(void) {
        int r;

        r = fetch_run(arg_cache, arg_build_id);
        if (r < 0)
                (void) log_debug_errno(r, "Failed to fetch the debug file of '%s': %m", arg_build_id);

        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int attach_java(void) {
        int r;

        (void) signal(SIGPIPE, SIG_IGN);
        r = java_attach((pid_t) arg_pid);
        if (r < 0)
                (void) log_warning_errno(r, "Java process %u does not name its compiled code: %m", arg_pid);

        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run(void) {
        _cleanup_(daemon_freep) Daemon *d = NULL;
        sigset_t mask;
        int r;

        /* before anything that may start a thread; taken back by signalfd */
        (void) sigemptyset(&mask);
        (void) sigaddset(&mask, SIGTERM);
        (void) sigaddset(&mask, SIGINT);
        (void) sigaddset(&mask, SIGHUP);
        (void) sigprocmask(SIG_BLOCK, &mask, NULL);
        (void) signal(SIGPIPE, SIG_IGN);
        (void) signal(SIGCHLD, SIG_IGN); /* converters are reaped by the kernel */

        r = daemon_new(&arg_daemon, &d);
        if (r < 0) {
                (void) log_error_errno(r, "Failed to start: %m");
                return EXIT_FAILURE;
        }

        r = daemon_run(d);
        if (r < 0)
                (void) log_error_errno(r, "Event loop failed: %m");

        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv) {
        if (parse_arguments(argc, argv) < 0)
                return EXIT_FAILURE;

        switch (arg_action) {
        case ACTION_HELP:
                return help();
        case ACTION_VERSION:
                puts("cprofd " CPROF_VERSION);
                return EXIT_SUCCESS;
        case ACTION_CHECK:
                return check_run(arg_root);
        case ACTION_CONVERT:
                return convert();
        case ACTION_FETCH:
                return fetch();
        case ACTION_ATTACH_JAVA:
                return attach_java();
        default:
                return run();
        }
}
