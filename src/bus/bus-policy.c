/* SPDX-License-Identifier: Apache-2.0 */
/* Policies on the bus. Whoever adds one here writes the same file as an editor would. */
#include "bus/bus-private.h"

#include "basic/utf8.h"
#include "policy/policy-message.h"

#include <string.h>

static int check_name(const char *name, sd_bus_error *error) {
        char shown[POLICY_VALUE_SHOWN_MAX + 4];

        if (policy_name_is_valid(name))
                return 0;

        return sd_bus_error_setf(
                        error,
                        SD_BUS_ERROR_INVALID_ARGS,
                        "Bad policy name '%s': expected up to %u letters, digits and :-_.@\\, not beginning with a dot.",
                        policy_value_shown(name, shown),
                        POLICY_NAME_MAX);
}

static int check_size(const char *name, const char *text, sd_bus_error *error) {
        if (strlen(text) <= POLICY_FILE_SIZE_MAX)
                return 0;

        return sd_bus_error_setf(
                        error,
                        CPROF_BUS_ERROR_BAD_POLICY,
                        "%s.policy: text is larger than %u KiB.",
                        name,
                        POLICY_FILE_SIZE_MAX / 1024);
}

static int no_such_policy(const char *name, sd_bus_error *error) {
        return sd_bus_error_setf(error, CPROF_BUS_ERROR_NO_SUCH_POLICY, "No policy '%s'.", name);
}

static int add_failed(int r, const char *name, const char *message, sd_bus_error *error) {
        if (!message)
                return sd_bus_error_set_errnof(error, -r, "Failed to write policy '%s': %m", name);

        switch (r) {
        case -EINVAL:
        case -EOPNOTSUPP:
        case -E2BIG:
                return sd_bus_error_set(error, CPROF_BUS_ERROR_BAD_POLICY, message);
        case -EEXIST:
                return sd_bus_error_set(error, CPROF_BUS_ERROR_POLICY_EXISTS, message);
        case -EROFS:
                return sd_bus_error_set(error, CPROF_BUS_ERROR_POLICY_READ_ONLY, message);
        default: /* of writing */
                return sd_bus_error_set_errnof(error, -r, "%s", message);
        }
}

static int method_add_policy(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(freep) char *message = NULL;
        Bus *b = userdata;
        const char *name, *text;
        int runtime, r;

        r = sd_bus_message_read(m, "ssb", &name, &text, &runtime);
        if (r < 0)
                return r;

        r = check_name(name, error);
        if (r < 0)
                return r;

        r = check_size(name, text, error);
        if (r < 0)
                return r;

        r = policy_store_add(b->context.policies, name, text, runtime, &message);
        if (r < 0)
                return add_failed(r, name, message, error);

        return sd_bus_reply_method_return(m, NULL);
}

static int method_check_policy(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(policy_unrefp) Policy *policy = NULL;
        _cleanup_(freep) char *message = NULL, *path = NULL;
        const char *name, *text;
        int r;

        r = sd_bus_message_read(m, "ss", &name, &text);
        if (r < 0)
                return r;

        r = check_name(name, error);
        if (r < 0)
                return r;

        r = check_size(name, text, error);
        if (r < 0)
                return r;

        if (asprintf(&path, "%s.policy", name) < 0)
                return -ENOMEM;

        const PolicyText piece = { .path = path, .text = text, .length = strlen(text) };
        r = policy_parse(name, &piece, 1, &policy, &message);
        if (r < 0 && !message)
                return r;

        return sd_bus_reply_method_return(m, "s", message ?: "");
}

static int policy_read_only(Bus *b, const char *name, sd_bus_error *error) {
        const PolicyEntry *e = policy_store_find(b->context.policies, name);

        return sd_bus_error_setf(
                        error,
                        CPROF_BUS_ERROR_POLICY_READ_ONLY,
                        e && e->source == POLICY_SOURCE_OAP
                                        ? "Policy '%s' comes from SkyWalking's OAP: remove it there, or mask it here."
                                        : "Policy '%s' comes with a package; mask it instead.",
                        name);
}

static int method_remove_policy(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *b = userdata;
        const char *name;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;

        r = check_name(name, error);
        if (r < 0)
                return r;

        r = policy_store_remove(b->context.policies, name);
        if (r == -ENOENT)
                return no_such_policy(name, error);
        if (r == -EROFS)
                return policy_read_only(b, name, error);
        if (r < 0)
                return sd_bus_error_set_errnof(error, -r, "Failed to remove policy '%s': %m", name);

        return sd_bus_reply_method_return(m, NULL);
}

static int method_mask_policy(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *b = userdata;
        const char *name;
        int runtime, r;

        r = sd_bus_message_read(m, "sb", &name, &runtime);
        if (r < 0)
                return r;

        r = check_name(name, error);
        if (r < 0)
                return r;

        r = policy_store_mask(b->context.policies, name, runtime);
        if (r == -EEXIST)
                return sd_bus_error_setf(
                                error,
                                CPROF_BUS_ERROR_POLICY_EXISTS,
                                "A policy file '%s.policy' is in the way; remove it first.",
                                name);
        if (r < 0)
                return sd_bus_error_set_errnof(error, -r, "Failed to mask policy '%s': %m", name);

        return sd_bus_reply_method_return(m, NULL);
}

static int method_unmask_policy(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Bus *b = userdata;
        const char *name;
        int runtime, r;

        r = sd_bus_message_read(m, "sb", &name, &runtime);
        if (r < 0)
                return r;

        r = check_name(name, error);
        if (r < 0)
                return r;

        r = policy_store_unmask(b->context.policies, name, runtime);
        if (r == -ENOENT)
                return sd_bus_error_setf(
                                error,
                                CPROF_BUS_ERROR_NO_SUCH_POLICY,
                                "Policy '%s' is not masked there.",
                                name);
        if (r < 0)
                return sd_bus_error_set_errnof(error, -r, "Failed to unmask policy '%s': %m", name);

        return sd_bus_reply_method_return(m, NULL);
}

static int method_get_policy(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(freep) char *text = NULL, *path = NULL;
        const PolicyEntry *e;
        Bus *b = userdata;
        const char *name;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r < 0)
                return r;

        r = check_name(name, error);
        if (r < 0)
                return r;

        r = policy_store_get_text(b->context.policies, name, &text, &path);
        if (r == -ENOENT)
                return no_such_policy(name, error);
        if (r < 0)
                return sd_bus_error_set_errnof(error, -r, "Failed to read policy '%s': %m", name);

        if (!utf8_is_valid(text, strlen(text)))
                return sd_bus_error_setf(error, CPROF_BUS_ERROR_BAD_POLICY, "%s: not valid UTF-8", path);

        r = sd_bus_message_new_method_return(m, &reply);
        if (r < 0)
                return r;

        e = policy_store_find(b->context.policies, name);
        r = sd_bus_message_append(reply, "ss", text, path);
        if (r >= 0)
                r = bus_append_text(reply, e && e->message ? e->message : "");
        if (r < 0)
                return r;

        return sd_bus_send(NULL, reply, NULL);
}

const sd_bus_vtable bus_policy_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS(
                        "AddPolicy",
                        SD_BUS_ARGS("s", name, "s", text, "b", runtime),
                        SD_BUS_NO_RESULT,
                        method_add_policy,
                        0),
        SD_BUS_METHOD_WITH_ARGS(
                        "RemovePolicy", SD_BUS_ARGS("s", name), SD_BUS_NO_RESULT, method_remove_policy, 0),
        SD_BUS_METHOD_WITH_ARGS(
                        "MaskPolicy",
                        SD_BUS_ARGS("s", name, "b", runtime),
                        SD_BUS_NO_RESULT,
                        method_mask_policy,
                        0),
        SD_BUS_METHOD_WITH_ARGS(
                        "UnmaskPolicy",
                        SD_BUS_ARGS("s", name, "b", runtime),
                        SD_BUS_NO_RESULT,
                        method_unmask_policy,
                        0),
        SD_BUS_METHOD_WITH_ARGS(
                        "GetPolicy",
                        SD_BUS_ARGS("s", name),
                        SD_BUS_RESULT("s", text, "s", path, "s", message),
                        method_get_policy,
                        SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS(
                        "CheckPolicy",
                        SD_BUS_ARGS("s", name, "s", text),
                        SD_BUS_RESULT("s", message),
                        method_check_policy,
                        SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL_WITH_ARGS("PolicyAdded", SD_BUS_ARGS("s", name), 0),
        SD_BUS_SIGNAL_WITH_ARGS("PolicyRemoved", SD_BUS_ARGS("s", name), 0),
        SD_BUS_SIGNAL_WITH_ARGS("PolicyChanged", SD_BUS_ARGS("s", name), 0),
        SD_BUS_VTABLE_END,
};
