/* SPDX-License-Identifier: Apache-2.0 */
#include "java-process.h"

#include "basic/file-io.h"
#include "basic/parse.h"

#include <limits.h>
#include <signal.h>
#include <string.h>

#define OPTIONS_TEXT_MAX \
        (256U * 1024) /* of /proc/PID/cmdline or environ; of a larger one nothing is known */
#define STATUS_TEXT_MAX 16384U

static const char keep_option[] = "-XX:+PreserveFramePointer", drop_option[] = "-XX:-PreserveFramePointer";

/* What an option says: 1 = keep, 0 = don't, -1 = nothing. */
static int option_says(const char *option, size_t length) {
        if (length != strlen(keep_option))
                return -1;
        if (memcmp(option, keep_option, length) == 0)
                return 1;

        return memcmp(option, drop_option, length) == 0 ? 0 : -1;
}

/* Options between blanks. The last one that says something decides. */
static void read_variable(const char *value, size_t length, bool *keep) {
        const char *end = value + length;

        while (value < end) {
                size_t n = strcspn(value, " \t\n\"'"); /* stops at the NUL behind the text at the latest */
                int says = option_says(value, MIN_OF(n, (size_t) (end - value)));

                if (says >= 0)
                        *keep = says;
                value += n + 1;
        }
}

static void read_environment(const char *text, size_t size, const char *name, bool *keep) {
        size_t n_name = strlen(name);

        for (const char *p = text, *end = text + size; p < end;) {
                size_t n = strnlen(p, (size_t) (end - p));

                if (n > n_name && p[n_name] == '=' && memcmp(p, name, n_name) == 0)
                        read_variable(p + n_name + 1, n - n_name - 1, keep);
                p += n + 1;
        }
}

/* Up to the first argument that is no option: what follows is the program's. Options with a separate value
 * look like its end; that of a class path is the only one in use. */
static void read_arguments(const char *text, size_t size, bool *keep) {
        bool first = true, value_follows = false;

        for (const char *p = text, *end = text + size; p < end;) {
                size_t n = strnlen(p, (size_t) (end - p));
                int says = option_says(p, n);

                if (!first && !value_follows && p[0] != '-' && p[0] != '@')
                        return;
                if (says >= 0)
                        *keep = says;

                value_follows = (n == 3 && memcmp(p, "-cp", n) == 0) ||
                                (n == 10 && memcmp(p, "-classpath", n) == 0) ||
                                (n == 12 && memcmp(p, "--class-path", n) == 0) ||
                                (n == 2 && memcmp(p, "-p", n) == 0) ||
                                (n == 13 && memcmp(p, "--module-path", n) == 0) ||
                                (n == 13 && memcmp(p, "--add-modules", n) == 0) ||
                                (n == 11 && memcmp(p, "--add-opens", n) == 0) ||
                                (n == 13 && memcmp(p, "--add-exports", n) == 0);
                first = false;
                p += n + 1;
        }
}

bool java_options_keep_frame_pointers(
                const char *cmdline, size_t cmdline_size, const char *environment, size_t environment_size) {
        bool keep = false;

        /* in the order in which the virtual machine lets one override the other */
        read_environment(environment, environment_size, "JAVA_TOOL_OPTIONS", &keep);
        read_environment(environment, environment_size, "JDK_JAVA_OPTIONS", &keep);
        read_arguments(cmdline, cmdline_size, &keep);
        read_environment(environment, environment_size, "_JAVA_OPTIONS", &keep);
        return keep;
}

/* The field @index of the line that starts with @key. */
static int status_field(const char *text, const char *key, unsigned index, unsigned base, uint64_t *ret) {
        const char *p = strstr(text, key), *end;

        if (!p)
                return -ENOENT;

        p += strlen(key);
        end = p + strcspn(p, "\n");
        for (unsigned i = 0;; i++) {
                while (p < end && (*p == ' ' || *p == '\t'))
                        p++;
                if (parse_field(&p, end, base, ret) < 0)
                        return -EBADMSG;
                if (i == index)
                        return 0;
        }
}

/* The last number of the line: in the innermost namespace. */
static int status_ns_pid(const char *text, uint64_t *ret) {
        unsigned n = 0;

        while (status_field(text, "\nNSpid:", n, 10, ret) >= 0)
                n++;

        return n > 0 ? 0 : -ENOENT;
}

int java_status_parse(const char *text, JavaProcess *ret) {
        uint64_t caught, uid, gid, ns_pid;

        if (status_field(text, "\nSigCgt:", 0, 16, &caught) < 0 ||
            status_field(text, "\nUid:", 1, 10, &uid) < 0 || status_field(text, "\nGid:", 1, 10, &gid) < 0 ||
            status_ns_pid(text, &ns_pid) < 0)
                return -EBADMSG;
        if (uid >= UINT32_MAX || gid >= UINT32_MAX || ns_pid < 1 || ns_pid > INT_MAX)
                return -EBADMSG;
        if (!(caught & UINT64_C(1) << (SIGQUIT - 1)))
                return -ENOTSUP;

        *ret = (JavaProcess){ .ns_pid = (pid_t) ns_pid, .uid = (uid_t) uid, .gid = (gid_t) gid };
        return 0;
}

static int
read_proc(int proc_fd, pid_t pid, const char *name, size_t max, char **ret_text, size_t *ret_size) {
        char path[64];

        (void) snprintf(path, sizeof(path), "%i/%s", (int) pid, name);
        return read_full_file_at(proc_fd, path, max, ret_text, ret_size);
}

static bool maps_jvm(int proc_fd, pid_t pid) {
        _cleanup_(freep) char *maps = NULL;
        size_t size;

        return read_proc(proc_fd, pid, "maps", 4U << 20, &maps, &size) >= 0 &&
                        strstr(maps, "/libjvm.so") != NULL;
}

int java_process_read(int proc_fd, pid_t pid, JavaProcess *ret) {
        _cleanup_(freep) char *cmdline = NULL, *environment = NULL, *status = NULL;
        size_t n_cmdline, n_environment, n_status;
        int r;

        r = read_proc(proc_fd, pid, "cmdline", OPTIONS_TEXT_MAX, &cmdline, &n_cmdline);
        if (r >= 0)
                r = read_proc(proc_fd, pid, "environ", OPTIONS_TEXT_MAX, &environment, &n_environment);
        if (r < 0)
                return r;

        if (!java_options_keep_frame_pointers(cmdline, n_cmdline, environment, n_environment) ||
            !maps_jvm(proc_fd, pid))
                return -ENOENT;

        r = read_proc(proc_fd, pid, "status", STATUS_TEXT_MAX, &status, &n_status);
        return r < 0 ? r : java_status_parse(status, ret);
}
