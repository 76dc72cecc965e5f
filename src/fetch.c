/* SPDX-License-Identifier: Apache-2.0 */
/* cprofd --fetch-debuginfo: one file from a debuginfod server. */
#include "fetch.h"

#include "basic/cleanup.h"
#include "basic/file-io.h"
#include "basic/time-util.h"
#include "host/clock.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define CACHED_MAX 65536U

/* libdebuginfod is loaded here and not linked: it brings megabytes of a HTTP client that the daemon itself
 * has no use for, and may be missing. */
typedef struct Client {
        void *library;
        void *(*begin)(void);
        int (*find)(void *client, const unsigned char *build_id, int length, char **ret_path);
        void (*end)(void *client);
} Client;

bool fetch_build_id_is_valid(const char *build_id) {
        size_t length = strspn(build_id, "0123456789abcdef");

        return build_id[length] == '\0' && length >= 16 && length <= 128 && length % 2 == 0;
}

int fetch_path(const char *directory,
               const char *build_id,
               const char *suffix,
               char *ret,
               unsigned long size) {
        int n = snprintf(ret, size, "%s/.build-id/%.2s/%s%s", directory, build_id, build_id + 2, suffix);

        return n < 0 || (unsigned long) n >= size ? -ENAMETOOLONG : 0;
}

static void *find_function(const Client *c, const char *name) {
        return dlsym(c->library, name);
}

static int load_client(Client *ret) {
        Client c = { .library = dlopen("libdebuginfod.so.1", RTLD_NOW) };
        void *begin, *find, *end;

        if (!c.library)
                return -EOPNOTSUPP;

        begin = find_function(&c, "debuginfod_begin");
        find = find_function(&c, "debuginfod_find_debuginfo");
        end = find_function(&c, "debuginfod_end");
        if (!begin || !find || !end)
                return -EOPNOTSUPP;

        /* a pointer to an object does not convert to one to a function */
        memcpy(&c.begin, &begin, sizeof(begin)); /* NOLINT */
        memcpy(&c.find, &find, sizeof(find));    /* NOLINT */
        memcpy(&c.end, &end, sizeof(end));       /* NOLINT */
        *ret = c;
        return 0;
}

/* Whoever speaks to a server needs none of the powers of who reads the memory of others. */
static int drop_capabilities(void) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct none[2] = {};

        return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

static int set_limits(const char *directory) {
        const struct rlimit size = { FETCH_BYTES_MAX, FETCH_BYTES_MAX };
        char path[PATH_MAX], number[32];

        if (setrlimit(RLIMIT_FSIZE, &size) < 0)
                return -errno;
        (void) alarm(FETCH_SEC_MAX);

        (void) snprintf(path, sizeof(path), "%s/client", directory);
        if (setenv("DEBUGINFOD_CACHE_PATH", path, 1) < 0)
                return -errno;
        (void) snprintf(number, sizeof(number), "%u", FETCH_SEC_MAX - 5);
        if (setenv("DEBUGINFOD_MAXTIME", number, 1) < 0 || setenv("DEBUGINFOD_TIMEOUT", "20", 1) < 0)
                return -errno;
        (void) snprintf(number, sizeof(number), "%llu", (unsigned long long) FETCH_BYTES_MAX);
        return setenv("DEBUGINFOD_MAXSIZE", number, 1) < 0 ? -errno : 0;
}

typedef struct Cached {
        char name[2 + 1 + NAME_MAX + 1]; /* "xx/yyyy.debug" */
        time_t at;
        uint64_t size;
} Cached;

static int compare_age(const void *a, const void *b) {
        const Cached *x = a, *y = b;

        return x->at < y->at ? -1 : x->at > y->at;
}

/* Adds what is in one of the directories. */
static void list_directory(int fd, const char *name, Cached *list, size_t *n) {
        int sub_fd = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        _cleanup_(closedirp) DIR *d = sub_fd >= 0 ? fdopendir(sub_fd) : NULL;
        struct dirent *entry;
        struct stat st;

        while (d && *n < CACHED_MAX && (entry = readdir(d))) {
                Cached *c = list + *n;

                if (fstatat(sub_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
                        continue;

                (void) snprintf(c->name, sizeof(c->name), "%.2s/%s", name, entry->d_name);
                c->at = st.st_mtim.tv_sec;
                c->size = (uint64_t) st.st_size;
                (*n)++;
        }
}

/* The oldest files go until the rest may stay. */
static int vacuum(const char *directory) {
        _cleanup_(closedirp) DIR *d = NULL;
        _cleanup_(freep) Cached *list = NULL;
        time_t oldest = (time_t) (clock_realtime_usec() / USEC_PER_SEC) - FETCH_CACHE_DAYS_MAX * 24 * 3600;
        struct dirent *entry;
        char path[PATH_MAX];
        uint64_t total = 0;
        size_t n = 0;

        (void) snprintf(path, sizeof(path), "%s/.build-id", directory);
        d = opendir(path);
        if (!d)
                return errno == ENOENT ? 0 : -errno;

        list = calloc(CACHED_MAX, sizeof(list[0]));
        if (!list)
                return -ENOMEM;

        while ((entry = readdir(d)))
                if (entry->d_name[0] != '.')
                        list_directory(dirfd(d), entry->d_name, list, &n);

        for (size_t i = 0; i < n; i++)
                total += list[i].size;
        qsort(list, n, sizeof(list[0]), compare_age);

        for (size_t i = 0; i < n && (total > FETCH_CACHE_BYTES_MAX || list[i].at < oldest); i++) {
                total -= list[i].size;
                (void) unlinkat(dirfd(d), list[i].name, 0);
        }

        return 0;
}

/* The path of the file in the library's own directory. */
static int ask_server(const char *build_id, char **ret_path) {
        _cleanup_(closep) int fd = -EBADF;
        char *path = NULL;
        void *client;
        Client c;
        int r;

        r = load_client(&c);
        if (r < 0)
                return r;

        client = c.begin();
        if (!client)
                return -ENOMEM;

        fd = c.find(client, (const unsigned char *) build_id, 0, &path);
        c.end(client);
        if (fd < 0)
                return fd;

        *ret_path = path;
        return 0;
}

static void note_none(const char *path) {
        _cleanup_(closep) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);

        if (fd >= 0)
                (void) futimens(fd, NULL);
}

int fetch_run(const char *directory, const char *build_id) {
        _cleanup_(freep) char *fetched = NULL;
        char path[PATH_MAX], parent[PATH_MAX];
        int r;

        if (!fetch_build_id_is_valid(build_id))
                return -EINVAL;

        r = fetch_path(directory, build_id, ".debug", path, sizeof(path));
        if (r < 0)
                return r;

        (void) snprintf(parent, sizeof(parent), "%.*s", (int) (strrchr(path, '/') - path), path);
        r = mkdir_parents_at(AT_FDCWD, parent, 0755);
        if (r >= 0)
                r = vacuum(directory);
        if (r >= 0)
                r = drop_capabilities();
        if (r >= 0)
                r = set_limits(directory);
        if (r < 0)
                return r;

        r = ask_server(build_id, &fetched);
        if (r >= 0 && rename(fetched, path) < 0)
                r = -errno;
        if (r < 0 && fetch_path(directory, build_id, ".none", path, sizeof(path)) >= 0)
                note_none(path);

        return r;
}
