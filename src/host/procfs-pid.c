/* SPDX-License-Identifier: Apache-2.0 */
/* Facts of one process from /proc/PID. */
#include "host/procfs-pid.h"

#include "basic/file-io.h"
#include "basic/parse.h"
#include "basic/utf8.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define PF_KTHREAD UINT64_C(0x00200000) /* linux/sched.h; part of the stat line, so it does not change */
#define PID_FILE_SIZE_MAX (64U * 1024U) /* cgroup and status */

static const char deleted[] = " (deleted)";

/* Numbers of the fields we read, from 1, proc(5). */
enum {
        STAT_PPID = 4,
        STAT_FLAGS = 9,
        STAT_UTIME = 14,
        STAT_STIME = 15,
        STAT_N_THREADS = 20,
        STAT_START = 22,
};

static int set_stat_field(ProcStat *s, unsigned field, uint64_t v) {
        switch (field) {
        case STAT_PPID:
                if (v > INT_MAX)
                        return -EBADMSG;
                s->ppid = (pid_t) v;
                break;
        case STAT_FLAGS:
                s->kernel_thread = v & PF_KTHREAD;
                break;
        case STAT_UTIME:
                s->utime_ticks = v;
                break;
        case STAT_STIME:
                s->stime_ticks = v;
                break;
        case STAT_N_THREADS:
                if (v > INT_MAX)
                        return -EBADMSG;
                s->n_threads = (unsigned) v;
                break;
        case STAT_START:
                s->start_ticks = v;
                break;
        }

        return 0;
}

static bool stat_field_is_signed(unsigned field) {
        return field != STAT_UTIME && field != STAT_STIME && field != STAT_N_THREADS &&
                        field != STAT_START && field != STAT_FLAGS && field != STAT_PPID;
}

/* Fields 4 to 22, separated by one blank each. */
static int parse_stat_numbers(const char *p, const char *end, ProcStat *s) {
        int r;

        for (unsigned field = STAT_PPID; field <= STAT_START; field++) {
                uint64_t v;

                if (p >= end || *p++ != ' ')
                        return -EBADMSG;
                if (p < end && *p == '-' && stat_field_is_signed(field))
                        p++;
                if (parse_field(&p, end, 10, &v) < 0)
                        return -EBADMSG;

                r = set_stat_field(s, field, v);
                if (r < 0)
                        return r;
        }

        return p == end || *p == ' ' || *p == '\n' ? 0 : -EBADMSG;
}

/* "816 (nginx) S 815 816 816 0 -1 4194624 …". The name may hold anything, also ") R 1": it ends at the last
 * ')'. */
int proc_stat_parse(const char *text, size_t length, ProcStat *ret) {
        const char *p = text, *end = text + length, *close;
        ProcStat s = {};
        uint64_t pid;
        size_t n;
        int r;

        assert(text || length == 0);
        assert(ret);

        if (parse_field(&p, end, 10, &pid) < 0 || pid < 1 || pid > INT_MAX)
                return -EBADMSG;
        if (end - p < 2 || p[0] != ' ' || p[1] != '(')
                return -EBADMSG;

        p += 2;
        close = memrchr(p, ')', (size_t) (end - p));
        if (!close || end - close < 3 || close[1] != ' ')
                return -EBADMSG;

        s.pid = (pid_t) pid;
        n = MIN_OF((size_t) (close - p), sizeof(s.comm) - 1);
        memcpy(s.comm, p, n);
        s.state = close[2];

        r = parse_stat_numbers(close + 3, end, &s);
        if (r < 0)
                return r;

        *ret = s;
        return 0;
}

static void pid_path(char buf[static 64], pid_t pid, const char *name) {
        (void) snprintf(buf, 64, "%i/%s", (int) pid, name);
}

int procfs_read_stat(const Host *h, pid_t pid, ProcStat *ret) {
        char path[64], text[2048];
        ssize_t n;

        assert(h);

        pid_path(path, pid, "stat");
        n = read_small_file_at(h->proc_fd, path, text, sizeof(text));
        if (n < 0)
                return n == -ENOENT ? -ESRCH : (int) n;

        return proc_stat_parse(text, (size_t) n, ret);
}

static int read_pid_file(const Host *h, pid_t pid, const char *name, char **ret_text, size_t *ret_length) {
        char path[64];
        int r;

        assert(h);

        pid_path(path, pid, name);
        r = read_full_file_at(h->proc_fd, path, PID_FILE_SIZE_MAX, ret_text, ret_length);
        return r == -ENOENT ? -ESRCH : r;
}

/* The @index-th number (or, with UINT_MAX, the last) of a line "Key:\t1\t2\t3" of /proc/PID/status. @key
 * begins with the end of the line before it. */
static int read_status_number(const Host *h, pid_t pid, const char *key, unsigned index, uint64_t *ret) {
        _cleanup_(freep) char *text = NULL;
        const char *p, *end;
        uint64_t v = 0;
        int r;

        r = read_pid_file(h, pid, "status", &text, NULL);
        if (r < 0)
                return r;

        p = strstr(text, key);
        if (!p)
                return -ENOENT;

        p += strlen(key);
        end = p + strcspn(p, "\n");
        for (unsigned i = 0; i <= index && p < end; i++) {
                if (*p++ != '\t' || parse_field(&p, end, 10, &v) < 0)
                        return -EBADMSG;
        }

        *ret = v;
        return 0;
}

/* Not the owner of /proc/PID: that is root for processes which may not be dumped. */
int procfs_read_uid(const Host *h, pid_t pid, uid_t *ret) {
        uint64_t v;
        int r;

        r = read_status_number(h, pid, "\nUid:", 1, &v);
        if (r < 0)
                return r;

        *ret = (uid_t) v;
        return 0;
}

int procfs_read_ns_pid(const Host *h, pid_t pid, pid_t *ret) {
        uint64_t v;
        int r;

        r = read_status_number(h, pid, "\nNSpid:", UINT_MAX, &v);
        if (r < 0)
                return r;
        if (v < 1 || v > INT_MAX)
                return -EBADMSG;

        *ret = (pid_t) v;
        return 0;
}

int procfs_read_exe(const Host *h, pid_t pid, char **ret_path) {
        char path[64], target[PATH_MAX];
        struct stat st;
        ssize_t n;
        char *s;

        assert(h);
        assert(ret_path);

        pid_path(path, pid, "exe");
        n = readlinkat(h->proc_fd, path, target, sizeof(target) - 1);
        if (n < 0) {
                int error = errno;

                /* Also said of a process that is there and has no program any more. */
                pid_path(path, pid, "");
                if (error == ENOENT && fstatat(h->proc_fd, path, &st, 0) < 0)
                        return -ESRCH;
                return -error;
        }

        target[n] = '\0';
        if ((size_t) n > strlen(deleted) && strcmp(target + n - strlen(deleted), deleted) == 0)
                target[(size_t) n - strlen(deleted)] = '\0';

        s = strdup(target);
        if (!s)
                return -ENOMEM;

        *ret_path = s;
        return 0;
}

int procfs_read_comm(const Host *h, pid_t pid, char **ret_comm) {
        char path[64], text[128];
        ssize_t n;
        char *s;

        assert(h);
        assert(ret_comm);

        pid_path(path, pid, "comm");
        n = read_small_file_at(h->proc_fd, path, text, sizeof(text));
        if (n < 0)
                return n == -ENOENT ? -ESRCH : (int) n;
        if (n > 0 && text[n - 1] == '\n')
                n--;

        s = utf8_sanitize(text, (size_t) n);
        if (!s)
                return -ENOMEM;

        *ret_comm = s;
        return 0;
}

int procfs_read_command_line(const Host *h, pid_t pid, size_t max, char **ret) {
        _cleanup_(freep) char *text = NULL, *clean = NULL;
        char path[64];
        ssize_t n;

        assert(h);
        assert(ret);

        text = malloc(max + 8); /* the longest character begins before @max */
        if (!text)
                return -ENOMEM;

        pid_path(path, pid, "cmdline");
        n = read_small_file_at(h->proc_fd, path, text, max + 8);
        if (n < 0)
                return n == -ENOENT ? -ESRCH : (int) n;

        for (; n > 0 && text[n - 1] == '\0';)
                n--;
        if (n == 0)
                return -ENODATA;

        for (ssize_t i = 0; i < n; i++)
                if (text[i] == '\0')
                        text[i] = ' ';

        clean = utf8_sanitize(text, (size_t) n);
        if (!clean)
                return -ENOMEM;

        clean[utf8_fit(clean, max)] = '\0';
        *ret = TAKE_PTR(clean);
        return 0;
}

/* The path of the line whose second field is @controllers: "1:name=systemd:/system.slice/x.service". */
static const char *find_hierarchy(const char *text, const char *controllers, size_t *ret_length) {
        size_t n = strlen(controllers);

        for (const char *line = text; *line;) {
                const char *end = line + strcspn(line, "\n"),
                           *field = memchr(line, ':', (size_t) (end - line));

                if (field && (size_t) (end - field) > n + 2 && memcmp(field + 1, controllers, n) == 0 &&
                    field[n + 1] == ':' && field[n + 2] == '/') {
                        *ret_length = (size_t) (end - field) - n - 2;
                        return field + n + 2;
                }

                line = end + (*end == '\n');
        }

        return NULL;
}

int proc_cgroup_parse(const char *text, CgroupLayout layout, char **ret_path) {
        const char *path = NULL;
        size_t n = 0;
        char *s;

        assert(text);
        assert(ret_path);

        if (layout != CGROUP_LAYOUT_UNIFIED)
                path = find_hierarchy(text, "name=systemd", &n);
        if (!path)
                path = find_hierarchy(text, "", &n);
        if (!path)
                return -ENOENT;
        if (n >= PATH_MAX)
                return -EBADMSG;

        /* The kernel marks a removed cgroup that still holds a process; ".." leads out of our cgroup
         * namespace. */
        if (n > strlen(deleted) && memcmp(path + n - strlen(deleted), deleted, strlen(deleted)) == 0)
                n -= strlen(deleted);
        if (n >= 3 && memcmp(path, "/..", 3) == 0 && (n == 3 || path[3] == '/'))
                n = 1;

        s = strndup(path, n);
        if (!s)
                return -ENOMEM;

        *ret_path = s;
        return 0;
}

int procfs_read_cgroup(const Host *h, pid_t pid, char **ret_path) {
        _cleanup_(freep) char *text = NULL;
        int r;

        r = read_pid_file(h, pid, "cgroup", &text, NULL);
        if (r < 0)
                return r;

        return proc_cgroup_parse(text, h->cgroup_layout, ret_path);
}

int procfs_for_each_pid(const Host *h, int (*fn)(pid_t pid, void *userdata), void *userdata) {
        _cleanup_(closedirp) DIR *d = NULL;
        _cleanup_(closep) int fd = -EBADF;
        struct dirent *entry;
        unsigned pid;
        int r;

        assert(h);
        assert(fn);

        fd = openat(h->proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;

        d = fdopendir(fd);
        if (!d)
                return -errno;
        (void) TAKE_FD(fd); /* the stream's now */

        for (;;) {
                errno = 0;
                entry = readdir(d);
                if (!entry)
                        return -errno;
                if (parse_uint(entry->d_name, 1, INT_MAX, &pid) < 0)
                        continue;

                r = fn((pid_t) pid, userdata);
                if (r < 0)
                        return r;
        }
}
