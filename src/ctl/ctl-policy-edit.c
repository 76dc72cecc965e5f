/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl-policy.h"

#include "basic/file-io.h"
#include "basic/log.h"

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

static const char *editor_command(void) {
        static const char *const variables[] = { "SYSTEMD_EDITOR", "VISUAL", "EDITOR" };

        for (size_t i = 0; i < ELEMENTSOF(variables); i++) {
                const char *e = getenv(variables[i]);

                if (e && e[0] != '\0')
                        return e;
        }

        return "vi";
}

/* The editor may be a command line; the file is its last argument. */
static int run_editor(const char *path) {
        const char *editor = editor_command();
        int status;
        pid_t pid;

        (void) fflush(NULL);
        pid = fork();
        if (pid < 0)
                return log_error_errno(errno, "Failed to start '%s': %m", editor);
        if (pid == 0) {
                _cleanup_(freep) char *script = NULL;

                if (asprintf(&script, "%s \"$1\"", editor) >= 0)
                        execlp("sh", "sh", "-c", script, "sh", path, (char *) NULL);
                _exit(127);
        }

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return log_error_errno(errno, "Failed to wait for '%s': %m", editor);

        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                return log_error_errno(EIO, "'%s' failed, nothing was changed.", editor);

        return 0;
}

static bool ask_to_edit_again(void) {
        char answer[16];

        if (!isatty(STDIN_FILENO))
                return false;

        fprintf(stderr, "Edit it again? [Y/n] ");
        if (!fgets(answer, sizeof(answer), stdin))
                return false;

        return answer[0] != 'n' && answer[0] != 'N';
}

/* Edits @path until the daemon takes it. Returns 0 when the file is no longer needed. */
static int edit_until_good(Ctl *c, const char *name, const char *path, const char *before) {
        for (;;) {
                _cleanup_(freep) char *after = NULL;
                int r;

                r = run_editor(path);
                if (r < 0)
                        return r;

                r = policy_read_file(path, &after);
                if (r >= 0 && strcmp(before, after) == 0) {
                        fprintf(stderr, "Nothing was changed.\n");
                        return 0;
                }

                if (r >= 0)
                        r = policy_send(c, name, after);
                if (r >= 0)
                        return 0;
                if (!ask_to_edit_again())
                        return r;
        }
}

static int make_temporary(const char *name, const char *text, char **ret_path) {
        _cleanup_(freep) char *path = NULL;
        _cleanup_(closep) int fd = -EBADF;
        const char *directory = getenv("TMPDIR");
        int r;

        if (!directory || directory[0] != '/')
                directory = P_tmpdir;

        if (strchr(name, '/') || asprintf(&path, "%s/%s.XXXXXX.policy", directory, name) < 0)
                return log_error_errno(EINVAL, "Bad policy name '%s'.", name);

        fd = mkostemps(path, (int) strlen(".policy"), O_CLOEXEC);
        if (fd < 0)
                return log_error_errno(errno, "Failed to make a file in '%s': %m", directory);

        r = write_full_fd(fd, text, strlen(text));
        if (r < 0) {
                (void) unlink(path);
                return log_error_errno(r, "Failed to write '%s': %m", path);
        }

        *ret_path = TAKE_PTR(path);
        return 0;
}

/* The daemon hands drop-ins out behind the main file, each below a comment with its path; they stay files of
 * their own. */
static int cut_drop_ins(const char *name, char *text) {
        _cleanup_(freep) char *directory = NULL;

        if (asprintf(&directory, "/%s.policy.d/", name) < 0)
                return log_error_errno(ENOMEM, "Failed to edit the policy: %m");

        for (char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
                char *found = line[0] == '#' ? strstr(line, directory) : NULL;

                if (found && found < line + strcspn(line, "\n")) {
                        *line = '\0';
                        break;
                }
        }

        return 0;
}

/* Said before the editor is opened: the daemon would refuse the text. */
static int check_is_ours(Ctl *c, const char *name) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = policy_rows_open(c, &reply);
        if (r < 0)
                return r;

        for (;;) {
                _cleanup_(policy_row_done) PolicyRow row = {};

                r = policy_rows_next(reply, &row);
                if (r <= 0)
                        return r;
                if (strcmp(row.name, name) == 0 && strcmp(row.source, "oap") == 0)
                        return log_error_errno(
                                        EROFS,
                                        "Policy '%s' comes from SkyWalking's OAP: change it there, or mask it here.",
                                        name);
        }
}

int verb_policy_edit(Ctl *c, int argc, char **argv) {
        _cleanup_(freep) char *text = NULL, *path = NULL;
        int r;

        r = check_is_ours(c, argv[0]);
        if (r < 0)
                return r;

        r = ctl_call_string(c, "edit the policy", "GetPolicy", argv[0], &text);
        if (r < 0)
                return r;

        r = cut_drop_ins(argv[0], text);
        if (r < 0)
                return r;

        r = make_temporary(argv[0], text, &path);
        if (r < 0)
                return r;

        r = edit_until_good(c, argv[0], path, text);
        if (r < 0) {
                fprintf(stderr, "The text is kept in %s\n", path);
                return r;
        }

        (void) unlink(path);
        return 0;
}
