/* SPDX-License-Identifier: Apache-2.0 */
#include "bench-programs.h"

#include "basic/cleanup.h"
#include "bench-load.h"
#include "host/clock.h"

#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define START_USEC_MAX (10 * USEC_PER_SEC)
#define CC1PLUS "/usr/lib/gcc/x86_64-linux-gnu/12/cc1plus"

const BenchProgram bench_programs[] = {
        { "openssl-rsa", "/usr/bin/openssl", "exec openssl speed -seconds 90 rsa2048" },
        { "openssl-gcm", "/usr/bin/openssl", "exec openssl speed -seconds 90 -evp aes-256-gcm" },
        { "xz",
          "/usr/bin/xz",
          "exec xz -c -T1 < <(while cat /usr/lib/x86_64-linux-gnu/*.so.*; do :; done)" },
        { "python3", "/usr/bin/python3", "exec /usr/bin/python3 test/system/shop.py 0" },
        { "perl",
          "/usr/bin/perl",
          "exec /usr/bin/perl -e 'sub key { my %h; $h{$_ % 97} .= $_ for @_; join \",\", sort keys %h }"
          " sub page { my $t = shift; $t =~ s/(\\d+)/sprintf(\"%x\", $1)/ge; length $t }"
          " while (1) { $n += page(key(1..500)) + page(join \" \", reverse 1..300) }'" },
        /* each function makes another container of another type: a header-heavy source that never ends */
        { "cc1plus",
          CC1PLUS,
          "{ echo '#include <algorithm>'; echo '#include <array>'; echo '#include <map>';"
          " echo '#include <regex>'; echo '#include <string>';"
          " for i in $(seq 600); do echo \"int f$i(const std::string &s) { using K = std::array<char, $i>;"
          " std::map<K, std::regex> m; std::vector<K> v; m[K{}] = std::regex(s); v.resize(m.size());"
          " std::sort(v.begin(), v.end(), [](auto &a, auto &b) { return a[0] < b[0]; });"
          " return std::regex_match(s, m.begin()->second) + v[0][0]; }\"; done; } >$DIR/source.cc;"
          "exec " CC1PLUS
          " -quiet -imultiarch x86_64-linux-gnu -D_GNU_SOURCE -O2 $DIR/source.cc -o /dev/null" },
        { "sqlite3",
          "/usr/bin/sqlite3",
          "exec sqlite3 :memory: 'create table t as with recursive c(x) as (select 1 union all select x + 1"
          " from c where x < 20000) select x, x * 7919 % 10007 y, hex(x) z from c;"
          " create index i on t(y); with recursive r(n) as (select 1 union all select n + 1 from r where n < 1000000)"
          " select sum((select count(*) from t a join t b on a.y = b.x where a.z like \"%3\" || n % 9 || \"%\")) from r;'" },
        { "nginx",
          "/usr/sbin/nginx",
          "seq 40000 >$DIR/page; mkdir -p $DIR/logs; echo \"daemon off; master_process off; pid $DIR/pid;"
          " events {} http { access_log off; gzip on; gzip_types *; client_body_temp_path $DIR;"
          " proxy_temp_path $DIR; fastcgi_temp_path $DIR; uwsgi_temp_path $DIR; scgi_temp_path $DIR;"
          " server { listen unix:$DIR/http; root $DIR; } }\" >$DIR/nginx.conf; { sleep 1; exec /usr/bin/python3 -c '\n"
          "import socket, sys\n"
          "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
          "while True:\n"
          "  s.sendall(b\"GET /page HTTP/1.1\\r\\nHost: a\\r\\nAccept-Encoding: gzip\\r\\n\\r\\n\"); d = b\"\"\n"
          "  while not d.endswith(b\"\\r\\n0\\r\\n\\r\\n\"): d = (d + (s.recv(65536) or sys.exit()))[-7:]\n"
          "' $DIR/http; } & exec nginx -e $DIR/error -p $DIR -c $DIR/nginx.conf" },
        { "node",
          "/usr/bin/node",
          "exec node -e 'function w(n) { return n < 2 ? n : w(n - 1) + w(n - 2) }"
          " function page(i) { const o = {}; for (let k = 0; k < 300; k++) o[\"k\" + k * i] = [k, String(w(9))];"
          " return JSON.parse(JSON.stringify(o)) } let n = 0; for (let i = 1;; i++)"
          " n += Object.keys(page(i % 50)).sort().length'" },
};
const size_t bench_programs_n = ELEMENTSOF(bench_programs);

typedef struct Start {
        const char *command, *directory;
} Start;

/* A bench_fork() function. */
static void run_program(void *userdata) {
        const Start *s = userdata;
        int fd;

        (void) setpgid(0, 0);
        (void) setenv("DIR", s->directory, 1);
        fd = open("/dev/null", O_RDWR);
        if (fd < 0 || dup2(fd, STDIN_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0 ||
            dup2(fd, STDERR_FILENO) < 0)
                bench_fail("/dev/null", errno);

        (void) execl("/bin/bash", "bash", "-c", s->command, (char *) NULL);
        bench_fail("/bin/bash", errno);
}

static void read_exe(pid_t pid, char path[static PATH_MAX]) {
        char link[64];
        ssize_t n;

        (void) snprintf(link, sizeof(link), "/proc/%i/exe", (int) pid);
        n = readlink(link, path, PATH_MAX - 1);
        path[MAX_OF(n, 0)] = '\0';
}

pid_t bench_program_start(const BenchProgram *p, const char *directory) {
        usec_t give_up_usec = clock_monotonic_usec() + START_USEC_MAX;
        Start s = { .command = p->command, .directory = directory };
        char exe[PATH_MAX], wanted[PATH_MAX];
        pid_t pid;

        if (!realpath(p->exe, wanted))
                bench_fail(p->exe, errno);

        pid = bench_fork(p->name, run_program, &s);
        (void) setpriority(PRIO_PROCESS, (id_t) pid, -5); /* others take less of its CPU */
        for (;;) {
                read_exe(pid, exe);
                if (strcmp(exe, wanted) == 0)
                        return pid;
                if (clock_monotonic_usec() > give_up_usec)
                        bench_fail(p->command, ETIME);
                bench_sleep_until(clock_monotonic_usec() + 10 * USEC_PER_MSEC);
        }
}

void bench_program_stop(pid_t pid) {
        (void) kill(-pid, SIGKILL);
        (void) waitpid(pid, NULL, 0);
}

uint64_t bench_program_entry(pid_t pid, char exe[static PATH_MAX]) {
        _cleanup_(closep) int fd = -EBADF;
        Elf64_Ehdr header;

        read_exe(pid, exe);
        fd = open(exe, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || read(fd, &header, sizeof(header)) != sizeof(header))
                bench_fail(exe, errno);

        return header.e_entry;
}
