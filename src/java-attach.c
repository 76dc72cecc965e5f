/* SPDX-License-Identifier: Apache-2.0 */
#include "java-attach.h"

#include "basic/cleanup.h"
#include "basic/file-io.h"
#include "java-process.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>

#define WAIT_STEP_MSEC 20
#define WAIT_STEPS 250
#define REPLY_MAX 4096U

typedef struct Attach {
        JavaProcess process;
        int proc_fd, pid_fd, tmp_fd;
        char socket_name[64], request_name[64];
} Attach;

static void attach_done(Attach *a) {
        (void) safe_close(a->proc_fd);
        (void) safe_close(a->pid_fd);
        (void) safe_close(a->tmp_fd);
}

/* What needs the daemon's own rights. */
static int attach_open(Attach *a, pid_t pid) {
        char path[64];
        int r;

        a->proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (a->proc_fd < 0)
                return -errno;

        /* first: from here on it is this process, whoever has its number later */
        a->pid_fd = (int) syscall(SYS_pidfd_open, pid, 0);
        if (a->pid_fd < 0)
                return -errno;

        r = java_process_read(a->proc_fd, pid, &a->process);
        if (r < 0)
                return r;

        (void) snprintf(path, sizeof(path), "%i/root/tmp", (int) pid);
        a->tmp_fd = openat(a->proc_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (a->tmp_fd < 0)
                return -errno;

        (void) snprintf(a->socket_name, sizeof(a->socket_name), ".java_pid%i", (int) a->process.ns_pid);
        (void) snprintf(a->request_name, sizeof(a->request_name), ".attach_pid%i", (int) a->process.ns_pid);
        return 0;
}

/* The virtual machine talks to its own user only, and that user may do no more to it than we need. */
static int become_user(const JavaProcess *p) {
        if (geteuid() == p->uid && getegid() == p->gid)
                return 0;

        if (setgroups(0, NULL) < 0 || setresgid(p->gid, p->gid, p->gid) < 0 ||
            setresuid(p->uid, p->uid, p->uid) < 0)
                return -errno;

        return 0;
}

static bool socket_is_there(const Attach *a) {
        struct stat st;

        return fstatat(a->tmp_fd, a->socket_name, &st, AT_SYMLINK_NOFOLLOW) >= 0 && S_ISSOCK(st.st_mode) &&
                        st.st_uid == a->process.uid;
}

/* Makes the virtual machine listen. */
static int wake_listener(const Attach *a) {
        const struct timespec step = { .tv_nsec = WAIT_STEP_MSEC * 1000 * 1000 };
        int fd, r = 0;

        fd = openat(a->tmp_fd, a->request_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;

        (void) close(fd);
        if (syscall(SYS_pidfd_send_signal, a->pid_fd, SIGQUIT, NULL, 0) < 0)
                r = -errno;

        for (unsigned i = 0; r >= 0 && !socket_is_there(a); i++) {
                if (i >= WAIT_STEPS)
                        r = -ETIMEDOUT;
                (void) nanosleep(&step, NULL);
        }

        (void) unlinkat(a->tmp_fd, a->request_name, 0);
        return r;
}

static int connect_listener(const Attach *a) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_(closep) int fd = -EBADF;

        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;

        (void) snprintf(address.sun_path,
                        sizeof(address.sun_path),
                        "/proc/self/fd/%i/%s",
                        a->tmp_fd,
                        a->socket_name);
        if (connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;

        return TAKE_FD(fd);
}

/* "0" on the first line of the answer is success. */
static int read_answer(int fd) {
        char answer[REPLY_MAX];
        size_t n = 0;

        while (n < sizeof(answer)) {
                ssize_t k = read(fd, answer + n, sizeof(answer) - n);

                if (k < 0)
                        return -errno;
                if (k == 0)
                        break;
                n += (size_t) k;
        }

        return n >= 2 && answer[0] == '0' && answer[1] == '\n' ? 0 : -EOPNOTSUPP; /* Java before 17 */
}

static int run_command(const Attach *a) {
        /* version of the protocol, command, three arguments */
        static const char command[] = "1\0jcmd\0Compiler.perfmap\0\0";
        _cleanup_(closep) int fd = -EBADF;
        int r;

        fd = connect_listener(a);
        if (fd < 0)
                return fd;

        r = write_full_fd(fd, command, sizeof(command));
        return r < 0 ? r : read_answer(fd);
}

int java_attach(pid_t pid) {
        _cleanup_(attach_done) Attach a = { .proc_fd = -EBADF, .pid_fd = -EBADF, .tmp_fd = -EBADF };
        int r;

        (void) alarm(JAVA_ATTACH_SEC);
        (void) umask(0077);

        r = attach_open(&a, pid);
        if (r >= 0)
                r = become_user(&a.process);
        if (r >= 0 && !socket_is_there(&a))
                r = wake_listener(&a);
        if (r >= 0)
                r = run_command(&a);

        return r;
}
