/* SPDX-License-Identifier: Apache-2.0 */
/* Changing the files of the search path: what AddPolicy() and its like do. Each function is followed by a
 * reload, so that files and store never disagree because of us. */
#include "basic/file-io.h"
#include "policy/policy-message.h"
#include "policy/policy-scan.h"
#include "policy/policy-store-internal.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* What stands at NAME.policy in one directory. */
typedef enum Present {
        PRESENT_NOTHING,
        PRESENT_MASK, /* link to /dev/null, or empty */
        PRESENT_FILE, /* anything else, broken links too */
} Present;

/* PATH_MAX holds NAME_MAX and any directory that can be opened. */
static int
make_path(const PolicyStore *s, PolicySource source, const char *name, char path[static PATH_MAX]) {
        int n = snprintf(path, PATH_MAX, "%s/%s.policy", s->directories[source], name);

        return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int look(const PolicyStore *s, PolicySource source, const char *name, Present *ret) {
        char path[PATH_MAX];
        struct stat st;
        int r;

        *ret = PRESENT_NOTHING;
        if (!s->directories[source])
                return 0;

        r = make_path(s, source, name, path);
        if (r < 0)
                return r;

        if (lstat(path, &st) < 0)
                return errno == ENOENT ? 0 : -errno;

        *ret = PRESENT_FILE;
        if (stat(path, &st) >= 0 &&
            ((S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)) ||
             (S_ISREG(st.st_mode) && st.st_size == 0)))
                *ret = PRESENT_MASK;

        return 0;
}

static int open_directory(const PolicyStore *s, PolicySource source, int *ret_fd) {
        int fd, r;

        r = mkdir_parents_at(AT_FDCWD, s->directories[source], 0755);
        if (r < 0)
                return r;

        fd = open(s->directories[source], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;

        *ret_fd = fd;
        return 0;
}

/* Refuses to write what would not come into force. */
static int
check_precedence(const PolicyStore *s, PolicySource target, const char *name, char **reterr_message) {
        for (int i = POLICY_SOURCE_ETC; i <= (int) target; i++) {
                Present present;
                int r;

                r = look(s, (PolicySource) i, name, &present);
                if (r < 0)
                        return policy_refuse(
                                        r,
                                        reterr_message,
                                        "%s/%s.policy: %s",
                                        s->directories[i],
                                        name,
                                        strerror(-r));

                if (present == PRESENT_MASK)
                        return policy_refuse(
                                        -EEXIST,
                                        reterr_message,
                                        "%s/%s.policy is masked, unmask first",
                                        s->directories[i],
                                        name);
                if (present == PRESENT_FILE && i < (int) target)
                        return policy_refuse(
                                        -EEXIST,
                                        reterr_message,
                                        "%s/%s.policy exists and would win",
                                        s->directories[i],
                                        name);
        }

        return 0;
}

/* A copy in /etc would stay as it is when OAP's changes, which nobody expects who changes it there. */
static int check_foreign(const PolicyStore *s, const char *name, char **reterr_message) {
        Present present;
        int r;

        r = look(s, POLICY_SOURCE_OAP, name, &present);
        if (r < 0 || present == PRESENT_NOTHING)
                return r;

        return policy_refuse(
                        -EROFS,
                        reterr_message,
                        "policy '%s' comes from SkyWalking's OAP: change it there, or mask it here",
                        name);
}

static int check_text(const char *name, const char *text, char **reterr_message) {
        _cleanup_(policy_unrefp) Policy *p = NULL;
        char path[POLICY_NAME_MAX + sizeof(".policy")];
        PolicyText t = { .path = path, .text = text, .length = strlen(text) };

        (void) snprintf(path, sizeof(path), "%s.policy", name);
        return policy_parse(name, &t, 1, &p, reterr_message);
}

int policy_store_add(
                PolicyStore *s, const char *name, const char *text, bool runtime, char **reterr_message) {
        PolicySource target = runtime ? POLICY_SOURCE_RUN : POLICY_SOURCE_ETC;
        char file[POLICY_NAME_MAX + sizeof(".policy")], shown[POLICY_VALUE_SHOWN_MAX + 4];
        _cleanup_(closep) int fd = -EBADF;
        int r;

        assert(s);
        assert(name);
        assert(text);

        if (reterr_message)
                *reterr_message = NULL;

        if (!policy_name_is_valid(name))
                return policy_refuse(
                                -EINVAL,
                                reterr_message,
                                "'%s' is not the name of a policy (letters, digits, ':-_.@\\', at most %u)",
                                policy_value_shown(name, shown),
                                POLICY_NAME_MAX);

        r = check_text(name, text, reterr_message);
        if (r < 0)
                return r;

        r = check_foreign(s, name, reterr_message);
        if (r < 0)
                return r;

        r = check_precedence(s, target, name, reterr_message);
        if (r < 0)
                return r;

        if (HASH_COUNT(s->entries) >= POLICIES_MAX && !policy_store_find(s, name))
                return policy_refuse(-E2BIG, reterr_message, "more than %u policies", POLICIES_MAX);

        (void) snprintf(file, sizeof(file), "%s.policy", name);
        r = open_directory(s, target, &fd);
        if (r >= 0)
                r = write_file_atomic_at(fd, file, text, strlen(text), 0644, FILE_SYNC_YES);
        if (r < 0)
                return policy_refuse(
                                r, reterr_message, "%s/%s: %s", s->directories[target], file, strerror(-r));

        return policy_store_reload(s, NULL);
}

/* Removes the drop-ins in DIRECTORY/NAME.policy.d, and it if nothing else is in there. Returns 1 if there
 * was any. */
static int remove_dropins(const PolicyStore *s, PolicySource source, const char *name) {
        _cleanup_(closedirp) DIR *dir = NULL;
        char path[PATH_MAX];
        struct dirent *entry;
        int fd, r;

        r = snprintf(path, sizeof(path), "%s/%s.policy.d", s->directories[source], name);
        if (r < 0 || (size_t) r >= sizeof(path))
                return -ENAMETOOLONG;

        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
                return 0;
        if (fd < 0 && (errno == ENOTDIR || errno == ELOOP)) /* a link: what it points to is not ours */
                return unlink(path) < 0 ? -errno : 1;
        if (fd < 0)
                return -errno;

        dir = fdopendir(fd);
        if (!dir) {
                r = -errno;
                safe_close(fd);
                return r;
        }

        while ((entry = readdir(dir)))
                if (policy_file_has_suffix(entry->d_name, ".conf", NULL) &&
                    unlinkat(fd, entry->d_name, 0) < 0 && errno != ENOENT)
                        return -errno;

        if (rmdir(path) < 0 && errno != ENOTEMPTY && errno != EEXIST && errno != ENOENT)
                return -errno;

        return 1;
}

/* Removes the main file in @source and then, so that a failure leaves no half policy, the drop-ins. */
static int remove_from(const PolicyStore *s, PolicySource source, const char *name, bool has_file) {
        char path[PATH_MAX];
        int r;

        r = make_path(s, source, name, path);
        if (r < 0)
                return r;

        if (has_file && unlink(path) < 0 && errno != ENOENT)
                return -errno;

        r = remove_dropins(s, source, name);
        return r < 0 ? r : has_file || r > 0;
}

int policy_store_remove(PolicyStore *s, const char *name) {
        Present present[_POLICY_SOURCE_MAX];
        bool removed = false;
        int r;

        assert(s);
        assert(name);

        if (!policy_name_is_valid(name))
                return -EINVAL;

        for (int i = 0; i < _POLICY_SOURCE_MAX; i++) {
                r = look(s, (PolicySource) i, name, &present[i]);
                if (r < 0)
                        return r;
        }

        if (present[POLICY_SOURCE_ETC] != PRESENT_FILE && present[POLICY_SOURCE_RUN] != PRESENT_FILE &&
            (present[POLICY_SOURCE_VENDOR] == PRESENT_FILE || present[POLICY_SOURCE_OAP] == PRESENT_FILE))
                return -EROFS;

        for (int i = POLICY_SOURCE_ETC; i < POLICY_SOURCE_VENDOR; i++) {
                r = remove_from(s, (PolicySource) i, name, present[i] == PRESENT_FILE);
                if (r < 0)
                        break;
                removed = removed || r > 0;
        }

        /* also after a failure: part of it may be done */
        int q = removed || r < 0 ? policy_store_reload(s, NULL) : -ENOENT;
        return r < 0 ? r : q;
}

int policy_store_mask(PolicyStore *s, const char *name, bool runtime) {
        PolicySource target = runtime ? POLICY_SOURCE_RUN : POLICY_SOURCE_ETC;
        char file[POLICY_NAME_MAX + sizeof(".policy")];
        _cleanup_(closep) int fd = -EBADF;
        Present present = PRESENT_NOTHING;
        int r;

        assert(s);
        assert(name);

        if (!policy_name_is_valid(name))
                return -EINVAL;

        for (int i = POLICY_SOURCE_ETC; i <= (int) target; i++) {
                r = look(s, (PolicySource) i, name, &present);
                if (r < 0)
                        return r;
                if (present == PRESENT_FILE)
                        return -EEXIST;
        }

        if (present == PRESENT_NOTHING) {
                r = open_directory(s, target, &fd);
                if (r < 0)
                        return r;

                (void) snprintf(file, sizeof(file), "%s.policy", name);
                if (symlinkat("/dev/null", fd, file) < 0)
                        return -errno;
        }

        return policy_store_reload(s, NULL);
}

int policy_store_unmask(PolicyStore *s, const char *name, bool runtime) {
        PolicySource target = runtime ? POLICY_SOURCE_RUN : POLICY_SOURCE_ETC;
        char path[PATH_MAX];
        Present present;
        int r;

        assert(s);
        assert(name);

        if (!policy_name_is_valid(name))
                return -EINVAL;

        r = look(s, target, name, &present);
        if (r < 0)
                return r;
        if (present != PRESENT_MASK)
                return -ENOENT;

        r = make_path(s, target, name, path);
        if (r < 0)
                return r;
        if (unlink(path) < 0)
                return -errno;

        return policy_store_reload(s, NULL);
}
