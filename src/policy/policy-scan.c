/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy-scan.h"

#include <fcntl.h>
#include <string.h>

bool policy_file_has_suffix(const char *file, const char *suffix, size_t *ret_length) {
        size_t n = strlen(file), s = strlen(suffix);

        if (file[0] == '.' || n <= s || strcmp(file + n - s, suffix) != 0)
                return false;

        if (ret_length)
                *ret_length = n - s;
        return true;
}

static void names_truncate(PolicyNames *names, size_t n) {
        while (names->n > n)
                free(names->items[--names->n].name);
}

static int names_add(PolicyNames *names, const char *name, size_t length, PolicySource source) {
        char *copy;

        /* grown in powers of two, so the size need not be kept */
        if ((names->n & (names->n - 1)) == 0) {
                PolicyName *grown = reallocarray(
                                names->items, names->n > 0 ? names->n * 2 : 1, sizeof(grown[0]));

                if (!grown)
                        return -ENOMEM;
                names->items = grown;
        }

        copy = strndup(name, length);
        if (!copy)
                return -ENOMEM;

        names->items[names->n++] = (PolicyName){ .name = copy, .source = source };
        return 0;
}

int policy_name_compare(const void *a, const void *b) {
        const PolicyName *x = a, *y = b;
        int r;

        r = strcmp(x->name, y->name);
        if (r != 0)
                return r;

        return x->source < y->source ? -1 : x->source > y->source;
}

static int
add_file(PolicyScan *scan, PolicySource source, const char *file, size_t length, PolicyProblems *problems) {
        char name[NAME_MAX + 1];

        memcpy(name, file, length);
        name[length] = '\0';

        if (!policy_name_is_valid(name))
                return policy_problems_add(
                                problems,
                                "%s/%s: not the name of a policy (letters, digits, ':-_.@\\', "
                                "at most %u), ignoring",
                                scan->directories[source],
                                file,
                                POLICY_NAME_MAX);

        return names_add(&scan->files, name, length, source);
}

static int add_entry(PolicyScan *scan, PolicySource source, const char *file, PolicyProblems *problems) {
        size_t length;

        if (policy_file_has_suffix(file, ".policy", &length))
                return add_file(scan, source, file, length, problems);
        if (policy_file_has_suffix(file, ".policy.d", &length))
                return names_add(&scan->dropins, file, length, source);

        return 0;
}

static int read_names(PolicyScan *scan, PolicySource source, PolicyProblems *problems) {
        for (;;) {
                struct dirent *entry;
                int r;

                errno = 0;
                entry = readdir(scan->dirs[source]);
                if (!entry)
                        return -errno; /* 0 at the end */

                if (scan->files.n + scan->dropins.n >= POLICY_NAMES_MAX)
                        return policy_problems_add(
                                        problems,
                                        "%s: more than %u names, ignoring the rest",
                                        scan->directories[source],
                                        POLICY_NAMES_MAX);

                r = add_entry(scan, source, entry->d_name, problems);
                if (r < 0)
                        return r;
        }
}

static int refuse_directory(PolicyScan *scan, PolicySource source, int error, PolicyProblems *problems) {
        if (asprintf(&scan->unreadable[source], "%s: %s", scan->directories[source], strerror(-error)) < 0) {
                scan->unreadable[source] = NULL;
                return -ENOMEM;
        }

        return policy_problems_add(
                        problems, "%s, policies from there stay as they were", scan->unreadable[source]);
}

static int scan_directory(PolicyScan *scan, PolicySource source, PolicyProblems *problems) {
        size_t n_files = scan->files.n, n_dropins = scan->dropins.n;
        int r;

        if (!scan->directories[source])
                return 0;

        scan->dirs[source] = opendir(scan->directories[source]);
        if (!scan->dirs[source]) {
                r = -errno;
                return r == -ENOENT ? 0 : refuse_directory(scan, source, r, problems);
        }

        r = read_names(scan, source, problems);
        if (r >= 0 || r == -ENOMEM)
                return r;

        names_truncate(&scan->files, n_files);
        names_truncate(&scan->dropins, n_dropins);
        closedir(TAKE_PTR(scan->dirs[source]));
        return refuse_directory(scan, source, r, problems);
}

int policy_scan(PolicyScan *scan, const char *const *directories, PolicyProblems *problems) {
        int r;

        assert(scan);
        assert(directories);
        assert(problems);

        *scan = (PolicyScan){ .directories = directories };

        for (int i = 0; i < _POLICY_SOURCE_MAX; i++) {
                r = scan_directory(scan, (PolicySource) i, problems);
                if (r < 0)
                        return r;
        }

        policy_scan_sort(scan);
        return 0;
}

void policy_scan_done(PolicyScan *scan) {
        for (int i = 0; i < _POLICY_SOURCE_MAX; i++) {
                if (scan->dirs[i])
                        closedir(scan->dirs[i]);
                free(scan->unreadable[i]);
        }

        names_truncate(&scan->files, 0);
        names_truncate(&scan->dropins, 0);
        free(scan->files.items);
        free(scan->dropins.items);
        *scan = (PolicyScan){};
}

int policy_scan_add(PolicyScan *scan, const char *name, PolicySource source) {
        return names_add(&scan->files, name, strlen(name), source);
}

void policy_scan_sort(PolicyScan *scan) {
        if (scan->files.n > 1)
                qsort(scan->files.items, scan->files.n, sizeof(scan->files.items[0]), policy_name_compare);
        if (scan->dropins.n > 1)
                qsort(scan->dropins.items,
                      scan->dropins.n,
                      sizeof(scan->dropins.items[0]),
                      policy_name_compare);
}

bool policy_scan_has_dropins(const PolicyScan *scan, const char *name, PolicySource source) {
        PolicyName key = { .name = (char *) name, .source = source };

        return scan->dropins.n > 0 &&
                        bsearch(&key,
                                scan->dropins.items,
                                scan->dropins.n,
                                sizeof(key),
                                policy_name_compare);
}
