/* SPDX-License-Identifier: Apache-2.0 */
#include "host/procfs-sockets.h"

#include "basic/file-io.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

TestSuite(sockets, .timeout = 10);

#define HEADING \
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
#define REST " 00000000:00000000 00:00000000 00000000  1000        0 "

static int parse(const char *line, TcpLine *ret) {
        return proc_tcp_line_parse(line, strlen(line), ret);
}

Test(sockets, a_line_gives_port_state_and_inode) {
        TcpLine l;

        cr_assert_eq(parse("   0: 0100007F:1F90 00000000:0000 0A" REST "33160 1 0000 100 0 0 10 0", &l), 0);
        cr_expect_eq(l.local_port, 8080);
        cr_expect(l.is_listening);
        cr_expect_eq(l.inode, 33160u);

        cr_assert_eq(parse("  12: 00000000000000000000000000000001:FFFF "
                           "00000000000000000000000000000001:C350 01" REST "7 1",
                           &l),
                     0);
        cr_expect_eq(l.local_port, 65535);
        cr_expect_not(l.is_listening);
        cr_expect_eq(l.inode, 7u);
}

Test(sockets, lines_that_are_none_are_refused) {
        static const char *const bad[] = {
                "",
                HEADING,
                "   0:",
                "   0: 0100007F",
                "   0: 0100007F:1F90",
                "   0: 0100007F:10000 00000000:0000 0A" REST "1 1", /* no such port */
                "   0: 0100007F:1F90 00000000:0000 0A" REST,
                "   0: 0100007F:1F90 00000000:0000 0A" REST "33160",
                "   0: 0100007F:1F90 00000000:0000 0A" REST "x 1",
                "   x: 0100007F:1F90 00000000:0000 0A" REST "1 1",
                "   0: 0100007F:1F90 00000000:0000 0A" REST "99999999999999999999 1",
        };
        TcpLine l;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                cr_expect_eq(parse(bad[i], &l), -EBADMSG, "'%s'", bad[i]);
}

static void write_file(int dir_fd, const char *path, const char *text) {
        int fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

        cr_assert_geq(fd, 0);
        cr_assert_eq(write_full_fd(fd, text, strlen(text)), 0);
        (void) close(fd);
}

/* A tree with process 7, which has the sockets 100, 101 and 300 and a file. */
static void make_tree(char *path) {
        static const char tcp[] = HEADING "   0: 00000000:0050 00000000:0000 0A" REST "100 1 0\n"
                                          "   1: 00000000:01BB 00000000:0000 0A" REST
                                          "200 1 0\n" /* another process's */
                                          "   2: 00000000:0019 00000000:0000 0A" REST "101 1 0\n"
                                          "   3: 0100007F:0050 0100007F:C350 01" REST "300 1 0\n"
                                          "   4: 00000000:0051 00000000:0000 0A" REST
                                          "300 1 0\n"; /* never after connections */
        static const char tcp6[] = HEADING "   0: 0:0050 0:0000 0A" REST "100 1 0\n";
        int fd;

        cr_assert_not_null(mkdtemp(path));
        fd = open(path, O_RDONLY | O_DIRECTORY);
        cr_assert_eq(mkdir_parents_at(fd, "proc/7/net", 0755), 0);
        cr_assert_eq(mkdir_parents_at(fd, "proc/7/fd", 0755), 0);
        cr_assert_eq(symlinkat("/dev/null", fd, "proc/7/fd/0"), 0);
        cr_assert_eq(symlinkat("socket:[100]", fd, "proc/7/fd/1"), 0);
        cr_assert_eq(symlinkat("socket:[300]", fd, "proc/7/fd/2"), 0);
        cr_assert_eq(symlinkat("socket:[101]", fd, "proc/7/fd/3"), 0);
        cr_assert_eq(symlinkat("pipe:[200]", fd, "proc/7/fd/4"), 0);
        write_file(fd, "proc/7/net/tcp", tcp);
        write_file(fd, "proc/7/net/tcp6", tcp6);
        (void) close(fd);
}

Test(sockets, ports_of_a_process_are_those_of_its_own_listening_sockets) {
        _cleanup_(host_freep) Host *h = NULL;
        char path[] = "/tmp/test-sockets-XXXXXX";
        char command[64];
        uint16_t ports[8];

        make_tree(path);
        cr_assert_eq(host_new(path, &h), 0);

        cr_assert_eq(procfs_read_listening_ports(h, 7, ports, ELEMENTSOF(ports)), 2);
        cr_expect_eq(ports[0], 25);
        cr_expect_eq(ports[1], 80);
        cr_expect_eq(procfs_read_listening_ports(h, 7, ports, 1), 1, "no more than there is room for");
        cr_expect_eq(procfs_read_listening_ports(h, 8, ports, ELEMENTSOF(ports)), -ESRCH);

        (void) snprintf(command, sizeof(command), "rm -rf %s", path);
        cr_expect_eq(system(command), 0);
}
