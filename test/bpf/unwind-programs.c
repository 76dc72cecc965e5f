/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/unwind-programs.h"

#include "basic/cleanup.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#define SCRIPT_PYTHON                                                  \
        "import json, re\n"                                            \
        "def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)\n" \
        "while True:\n"                                                \
        "  d = {str(i): [fib(8), 'x' * i] for i in range(200)}\n"      \
        "  s = json.dumps(d); json.loads(s); re.findall('x+', s)\n"    \
        "  sorted(d, key=lambda k: fib(5) - len(k))\n"

#define SCRIPT_PERL                                                     \
        "sub f { my $n = shift; $n < 2 ? $n : f($n - 1) + f($n - 2) } " \
        "while (1) { my %h = map { $_ => f(8) } 1..50; "                \
        "my $s = join ',', sort { $h{$a} <=> $h{$b} || $a cmp $b } keys %h; $s =~ s/(\\d+)/<$1>/g }"

#define SCRIPT_NODE                                                                              \
        "function f(n) { return n < 2 ? n : f(n - 1) + f(n - 2) } "                              \
        "for (;;) { const a = Array.from({ length: 500 }, (_, i) => ({ k: 'x' + f(i % 12) })); " \
        "a.sort((x, y) => x.k < y.k ? -1 : 1); JSON.parse(JSON.stringify(a)); 'xy'.repeat(500).replace(/y+/g, 'z') }"

#define SCRIPT_SQLITE                                                      \
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) " \
        "SELECT sum(length(printf('%d-%s', x * x % 7, hex(x)))) FROM c;"

#define REGEX(n) "bool f" #n "(std::string s) { return std::regex_match(s, std::regex(\"a*" #n "\")); }\n"
#define SOURCE_CXX                                                                                                                                  \
        "#include <functional>\n#include <map>\n#include <regex>\n#include <string>\n#include <unordered_map>\n" REGEX(                             \
                        1) REGEX(2) REGEX(3) REGEX(4) REGEX(5) REGEX(6) REGEX(7)                                                                    \
                        REGEX(8) "template<int N> struct T { std::map<int, T<N - 1>> m; std::function<int()> f = [this] { return m.size(); }; };\n" \
                                 "template<> struct T<0> {};\nint main() { T<60> t; return t.f(); }\n"

#define NGINX_SOCKET "/tmp/cprof-test-nginx.socket"
#define NGINX_DIRECTIVES \
        "daemon off; master_process off; error_log /dev/null; pid /tmp/cprof-test-nginx.pid;"
#define NGINX_CONFIG                                           \
        "events { worker_connections 64; }\n"                  \
        "http { access_log off; keepalive_requests 1000000;\n" \
        "  server { listen unix:" NGINX_SOCKET ";\n"           \
        "    location / { rewrite ^/(.*)$ /x/$1/$1 break; return 200 \"$uri $request_time $http_user_agent\"; } } }\n"

typedef struct Program {
        const char *name;
        const char *argv[20];
        const char *input; /* text for standard input */
        const char *input_path;
} Program;

static const Program programs[UNWIND_PROGRAMS] = {
        { "openssl sha256", { "openssl", "speed", "-seconds", "60", "sha256" } },
        { "openssl aes-256-gcm", { "openssl", "speed", "-seconds", "60", "-evp", "aes-256-gcm" } },
        { "openssl rsa2048", { "openssl", "speed", "-seconds", "60", "rsa2048" } },
        { "openssl chacha20", { "openssl", "speed", "-seconds", "60", "-evp", "chacha20-poly1305" } },
        { "openssl ecdsap256", { "openssl", "speed", "-seconds", "60", "ecdsap256" } },
        { "xz", { "xz", "-T2", "-6", "-c" }, .input_path = "/dev/urandom" },
        { "python3", { "/usr/bin/python3", "-c", SCRIPT_PYTHON } },
        { "perl", { "perl", "-e", SCRIPT_PERL } },
        { "cc1plus",
          { NULL, "-quiet", "-O2", "-imultiarch", "x86_64-linux-gnu", "-", "-o", "/dev/null" },
          .input = SOURCE_CXX },
        { "nginx",
          { "/usr/sbin/nginx", "-g", NGINX_DIRECTIVES, "-c", "/dev/stdin" },
          .input = NGINX_CONFIG },
        { "sqlite3", { "sqlite3", ":memory:", SCRIPT_SQLITE } },
        { "node", { "node", "-e", SCRIPT_NODE } },
        { "java",
          { "java",
            "-XX:+PreserveFramePointer",
            "-m",
            "java.base/sun.security.tools.keytool.Main",
            "-genkeypair",
            "-keyalg",
            "RSA",
            "-keysize",
            "16384",
            "-storepass",
            "secret",
            "-dname",
            "CN=x",
            "-keystore",
            "/nonexistent/store",
            "-alias",
            "x" } },
        { "torture", { NULL } },
};

const char *unwind_program_name(size_t i) {
        return programs[i].name;
}

bool unwind_program_is_wanted(size_t i) {
        const char *wanted = getenv("CPROF_UNWIND_PROGRAMS");
        size_t n = strlen(programs[i].name);

        if (!wanted)
                return true;

        for (const char *at = wanted; (at = strstr(at, programs[i].name)); at += n)
                if ((at == wanted || at[-1] == ',') && (at[n] == '\0' || at[n] == ','))
                        return true;

        return false;
}

static pid_t fork_child(void) {
        pid_t pid = fork();

        if (pid < 0)
                abort();
        if (pid == 0)
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);

        return pid;
}

/* Asks nginx for the same page for ever, many times per connection. */
static void be_client(void) {
        static const char request[] =
                        "GET /some/page HTTP/1.1\r\nHost: localhost\r\nUser-Agent: test\r\n\r\n";
        const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = NGINX_SOCKET };
        char answer[4096];

        (void) signal(SIGPIPE, SIG_IGN);

        for (;;) {
                _cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

                if (connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0) {
                        (void) usleep(10000);
                        continue;
                }

                while (write(fd, request, sizeof(request) - 1) > 0 && read(fd, answer, sizeof(answer)) > 0)
                        ;
        }
}

static int open_input(const Program *p) {
        int fd;

        if (!p->input)
                return open(p->input_path ?: "/dev/null", O_RDONLY | O_CLOEXEC);

        fd = memfd_create("input", MFD_CLOEXEC);
        if (fd < 0 || write(fd, p->input, strlen(p->input)) < 0 || lseek(fd, 0, SEEK_SET) < 0)
                abort();

        return fd;
}

static void find_compiler(char *path, size_t size) {
        FILE *f = popen("g++ -print-prog-name=cc1plus 2>/dev/null", "re");

        if (!f)
                abort();
        if (!fgets(path, (int) size, f))
                path[0] = '\0';

        (void) pclose(f);
        path[strcspn(path, "\n")] = '\0';
}

static bool is_installed(const char *file) {
        char command[4200];

        (void) snprintf(command, sizeof(command), "command -v '%s' >/dev/null", file);
        return system(command) == 0;
}

int unwind_program_start(size_t i, pid_t *ret_pid, pid_t *ret_client) {
        const Program *p = programs + i;
        const char *file = p->argv[0];
        char path[4096], *argv[ELEMENTSOF(p->argv) + 1];
        pid_t pid, client = 0;

        if (strcmp(p->name, "cc1plus") == 0) {
                find_compiler(path, sizeof(path));
                file = path;
        } else if (strcmp(p->name, "torture") == 0)
                file = getenv("CPROF_TORTURE");

        if (!file || !is_installed(file))
                return -ENOENT;

        (void) unlink(NGINX_SOCKET); /* of a test that was killed */
        pid = fork_child();
        if (pid == 0) {
                int null = open("/dev/null", O_WRONLY);

                memcpy(argv, p->argv, sizeof(p->argv));
                argv[0] = (char *) file;
                argv[ELEMENTSOF(p->argv)] = NULL;
                (void) dup2(open_input(p), STDIN_FILENO);
                (void) dup2(null, STDOUT_FILENO);
                (void) dup2(null, STDERR_FILENO);
                (void) execvp(file, argv);
                abort();
        }

        if (strcmp(p->name, "nginx") == 0) {
                client = fork_child();
                if (client == 0)
                        be_client();
        }

        *ret_pid = pid;
        *ret_client = client;
        return 0;
}
