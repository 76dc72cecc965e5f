/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl-policy.h"

#include "ctl/json-out.h"
#include "ctl/view.h"

#include "basic/file-io.h"
#include "basic/log.h"
#include "basic/utf8.h"

#include <fcntl.h>
#include <string.h>

int policy_read_file(const char *path, char **ret_text) {
        bool from_stdin = strcmp(path, "-") == 0;
        const char *shown = from_stdin ? "standard input" : path;
        _cleanup_(freep) char *text = NULL;
        size_t length;
        int r;

        if (from_stdin)
                r = read_full_fd(STDIN_FILENO, POLICY_TEXT_SIZE_MAX, &text, &length);
        else
                r = read_full_file_at(AT_FDCWD, path, POLICY_TEXT_SIZE_MAX, &text, &length);
        if (r == -EFBIG)
                return log_error_errno(
                                r,
                                "%s is too large for a policy: at most %u bytes.",
                                shown,
                                POLICY_TEXT_SIZE_MAX);
        if (r < 0)
                return log_error_errno(r, "Failed to read %s: %m", shown);

        /* The bus carries nothing else, and its own refusal would not name the file. */
        if (strlen(text) != length || !utf8_is_valid(text, length))
                return log_error_errno(EINVAL, "%s is no text: it has bytes that are not UTF-8.", shown);

        *ret_text = TAKE_PTR(text);
        return 0;
}

/* Where it went and what it watches at this moment. A failure here leaves the policy added. */
static void report_added(Ctl *c, const char *name) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

        if (policy_rows_open(c, &reply) < 0)
                return;

        for (;;) {
                _cleanup_(policy_row_done) PolicyRow row = {};
                const char *subject;

                if (policy_rows_next(reply, &row) <= 0)
                        return;
                if (strcmp(row.name, name) != 0)
                        continue;

                printf("Policy %s added (%s).\n", name, row.path);
                (void) fflush(stdout); /* before what goes to standard error */
                if (strcmp(row.state, "masked") == 0)
                        log_warning("Policy '%s' is masked: it is not in force.", name);
                else if (row.n_subjects == 0)
                        log_warning("It watches nothing now: no running process or unit matches.");
                else {
                        subject = strcmp(row.scope, "unit") == 0 ? "unit" : "process";
                        printf("It watches %u %s%s now.\n",
                               row.n_subjects,
                               subject,
                               row.n_subjects == 1                 ? ""
                                               : subject[0] == 'u' ? "s"
                                                                   : "es");
                }
                return;
        }
}

int policy_send(Ctl *c, const char *name, const char *text) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        if (strlen(text) > POLICY_TEXT_SIZE_MAX)
                return log_error_errno(
                                EFBIG, "The policy is too large: at most %u bytes.", POLICY_TEXT_SIZE_MAX);

        r = ctl_connect(c);
        if (r < 0)
                return r;

        r = ctl_try_call(c, &error, "AddPolicy", NULL, "ssb", name, text, (int) c->options.runtime);
        if (r < 0 && sd_bus_error_has_name(&error, CPROF_BUS_ERROR_BAD_POLICY)) {
                _cleanup_(freep) char *message = utf8_sanitize(error.message, strlen(error.message));

                log_error("%s", message ?: error.message);
                return -EBADMSG;
        }
        if (r < 0)
                return bus_complain(r, &error, "add policy '%s'", name);

        if (c->options.json == JSON_MODE_OFF)
                report_added(c, name);

        return 0;
}

/* Whether a lone argument names a file rather than a policy. */
static bool looks_like_file(const char *word) {
        size_t n = strlen(word);

        return strchr(word, '/') || (n > 7 && strcmp(word + n - 7, ".policy") == 0);
}

static int add_from_file(Ctl *c, const char *name, const char *path) {
        _cleanup_(freep) char *text = NULL, *own_name = NULL;
        int r;

        if (!name) {
                r = policy_name_from_path(path, &own_name);
                if (r < 0)
                        return log_error_errno(r, "'%s' gives the policy no name.", path);
                name = own_name;
        }

        r = policy_read_file(path, &text);
        if (r < 0)
                return r;

        return policy_send(c, name, text);
}

static int add_from_flags(Ctl *c, const char *name) {
        _cleanup_(freep) char *text = NULL, *message = NULL;
        int r;

        r = policy_text_compose(&c->options.policy, &text, &message);
        if (r < 0) {
                if (message)
                        log_error("%s", message);
                return r == -ENOMEM ? log_error_errno(r, "Failed to compose the policy: %m") : r;
        }

        return policy_send(c, name, text);
}

int verb_policy_add(Ctl *c, int argc, char **argv) {
        bool flags = c->options.groups & (OPTION_GROUP_COMPOSE | OPTION_GROUP_DURATION);

        if (flags && argc > 1)
                return log_error_errno(EINVAL, "A policy comes from a file or from options, not from both.");
        if (flags)
                return add_from_flags(c, argv[0]);
        if (argc > 1)
                return add_from_file(c, argv[0], argv[1]);
        if (strcmp(argv[0], "-") == 0)
                return log_error_errno(
                                EINVAL, "A policy from standard input needs a name: policy add NAME -");
        if (looks_like_file(argv[0]))
                return add_from_file(c, NULL, argv[0]);

        return log_error_errno(
                        EINVAL,
                        "Nothing to add: give a FILE, '-' for standard input, or --when with a condition.");
}

/* The argument is a file, "-", or else the name of a policy that the daemon knows. */
static int text_to_check(Ctl *c, const char *word, char **ret_name, char **ret_text) {
        _cleanup_(freep) char *name = NULL;
        int r;

        if (strcmp(word, "-") == 0)
                name = strdup("stdin");
        else if (looks_like_file(word) || access(word, F_OK) == 0) {
                r = policy_name_from_path(word, &name);
                if (r < 0)
                        return log_error_errno(r, "'%s' gives the policy no name.", word);
        } else {
                r = ctl_call_string(c, "check the policy", "GetPolicy", word, ret_text);
                if (r < 0)
                        return r;

                *ret_name = strdup(word);
                return *ret_name ? 0 : -ENOMEM;
        }

        r = name ? policy_read_file(word, ret_text) : -ENOMEM;
        if (r < 0)
                return r;

        *ret_name = TAKE_PTR(name);
        return 0;
}

int verb_policy_check(Ctl *c, int argc, char **argv) {
        int result = EXIT_SUCCESS, r;

        for (int i = 0; i < argc; i++) {
                _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
                _cleanup_(freep) char *name = NULL, *text = NULL;
                const char *message;

                r = text_to_check(c, argv[i], &name, &text);
                if (r < 0)
                        return r;

                r = ctl_call(c, "check the policy", "CheckPolicy", &reply, "ss", name, text);
                if (r < 0)
                        return r;

                r = sd_bus_message_read(reply, "s", &message);
                if (r < 0)
                        return bus_complain_reply(r);

                if (message[0] == '\0')
                        printf("%s.policy: OK\n", name);
                else {
                        _cleanup_(freep) char *clean = utf8_sanitize(message, strlen(message));

                        printf("%s\n", clean ?: "?");
                        result = EXIT_FAILURE;
                }
        }

        return result;
}
