# SPDX-License-Identifier: Apache-2.0
"""The servers of the tables as units of the throw-away systemd, and how each is loaded."""
import dataclasses
import pathlib
import socket
import subprocess
import time

HERE = pathlib.Path(__file__).parent / "servers"
PROGRAMS = pathlib.Path("/out/programs")  # compiled by test/http/table
WORK = pathlib.Path("/tmp/http")


@dataclasses.dataclass
class Server:
    name: str  # in the table
    unit: str  # without ".service"
    port: int = 0
    tls: bool = False
    log: str = ""  # below WORK
    tick_usec: float = 0  # of the clock that the log's times come from; 0 = microseconds
    slack_usec: float = 0  # what its time has not: HAProxy's clock stands still while it works, Apache's ends before the write
    without: str = ""  # what load.py must not ask for
    garbage: bool = False  # the log has requests that are none
    is_invisible: bool = False  # nobody can see into this one's TLS: cprofd has to say so
    behind: str = ""  # it gets its requests from that one

    def load_arguments(self, seed, requests):
        arguments = ["--port", str(self.port), "--seed", str(seed), "--requests", str(requests), "--without", self.without]
        arguments += ["--tls"] if self.tls else []
        arguments += ["--garbage"] if self.garbage else []
        # the mean of rounded times has to be as good as one of exact times
        return arguments + ["--slow", "300" if self.tick_usec else "100"]


APACHE = Server("Apache httpd", "http-apache", 8110, log="apache.log", slack_usec=50)
PLAIN = (
    Server("nginx", "http-nginx", 8100, log="nginx.log", tick_usec=1000, garbage=True),
    APACHE,
    Server("HAProxy", "http-haproxy", 8120, log="haproxy.log", slack_usec=100),
    Server("Go net/http", "http-go", 8140, log="go.log"),
    Server("Node http", "http-node", 8150, log="node.log"),
    Server("Python http.server", "http-python", 8160, log="python.log"),
    Server("Java HttpServer", "http-java", 8170, log="java.log"),
)
# it calls us a while after its last write
GUNICORN = Server("gunicorn, Unix socket", "http-gunicorn", log="gunicorn.log", behind="nginx before gunicorn", slack_usec=100)
PROXIED = (
    Server("nginx before gunicorn", "http-nginx", 8102, log="nginx-proxy.log", tick_usec=1000),
    GUNICORN,
)
URING = (Server("io_uring", "http-uring", 8180, log="uring.log", without="chunked-requests,1.0,expect,/chunked"),)
TLS = (
    Server("nginx TLS", "http-nginx", 8101, tls=True, log="nginx-tls.log", tick_usec=1000),
    Server("Apache httpd TLS", "http-apache", 8111, tls=True, log="apache-tls.log", slack_usec=50),
    Server("HAProxy TLS", "http-haproxy-tls", 8121, tls=True, log="haproxy-tls.log", slack_usec=200),
    Server("lighttpd TLS (GnuTLS)", "http-lighttpd", 8131, tls=True, log="lighttpd-tls.log"),
    Server("Go crypto/tls", "http-go-tls", 8141, tls=True, log="go-tls.log"),
    Server("Node https", "http-node-tls", 8151, tls=True, log="node-tls.log"),
    Server("Python ssl", "http-python-tls", 8161, tls=True, log="python-tls.log"),
    Server("Java HttpsServer", "http-java-tls", 8171, tls=True, log="java-tls.log", is_invisible=True),
)

NGINX_SERVERS = {
    "nginx": """
        server { listen 8100 backlog=512; access_log /tmp/http/nginx.log lines; include PATHS; }
        server { listen 127.0.0.1:8101 ssl; access_log /tmp/http/nginx-tls.log lines; include PATHS; }
        server {
                listen 127.0.0.1:8102;
                access_log /tmp/http/nginx-proxy.log lines;
                location / { proxy_pass http://gunicorn; proxy_http_version 1.1; proxy_set_header Connection ''; }
        }
        """,
    # behind Apache, HAProxy and lighttpd
    "backend": "server { listen 127.0.0.1:8103; access_log off; include PATHS; }",
}


def run_unit(unit, *command, properties=()):
    options = [f"--property={p}" for p in properties]
    subprocess.run(["systemd-run", "--quiet", f"--unit={unit}", *options, *map(str, command)], check=True)


def wait_for_port(port, seconds=20):
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def make_files():
    (WORK / "www/static").mkdir(parents=True)
    for name in ("cert.pem", "key.pem", "both.pem", "store.p12"):
        (WORK / name).write_bytes((PROGRAMS / name).read_bytes())
    (WORK / "www/static/app.js").write_text("served\n")
    (WORK / "www/item").write_text("served\n")
    (WORK / "www/big").write_text("x" * 200000)
    (WORK / "www/chunked").write_text('HTTP/1.1 500 piece <!--#echo var="DATE_GMT" -->\n' * 3)
    subprocess.run(["chmod", "-R", "a+rX", WORK], check=True)
    subprocess.run(["chmod", "777", WORK], check=True)
    for name, servers in NGINX_SERVERS.items():
        (WORK / f"{name}.conf").write_text((HERE / "nginx.conf").read_text().replace("NAME", name))
        (WORK / f"{name}-servers.conf").write_text(servers.replace("PATHS", str(HERE / "nginx-paths.conf")))


def start_nginx(name, unit):
    (WORK / f"{name}.log").touch()
    run_unit(unit, "/usr/sbin/nginx", "-c", WORK / f"{name}.conf", properties=["Type=forking", f"PIDFile={WORK}/{name}.pid"])


def start_haproxy(unit, log, *properties):
    run_unit(unit, "/usr/sbin/haproxy", "-W", "-f", HERE / "haproxy.cfg", properties=[f"StandardOutput=append:{log}", *properties])


def start_plain():
    start_nginx("nginx", "http-nginx")
    start_nginx("backend", "backend")
    run_unit("http-apache", "/usr/sbin/apache2", "-DFOREGROUND", "-f", HERE / "apache.conf")
    start_haproxy("http-haproxy", WORK / "haproxy.log")
    run_unit("http-go", PROGRAMS / "go-server", "127.0.0.1:8140", WORK / "go.log")
    run_unit("http-node", "node", HERE / "server.js", 8150, WORK / "node.log")
    run_unit("http-python", "/usr/bin/python3", HERE / "server.py", 8160, WORK / "python.log")
    java = ["java", "-XX:+UseSerialGC", "-Dsun.net.httpserver.nodelay=true", "-cp", PROGRAMS, "Server"]
    run_unit("http-java", *java, 8170, WORK / "java.log")
    run_unit("http-uring", PROGRAMS / "uring-server", 8180, WORK / "uring.log")
    run_unit(
        "http-gunicorn", "/usr/bin/gunicorn", "-c", HERE / "gunicorn.conf.py", "wsgi",
        properties=[f"WorkingDirectory={HERE}", f"Environment=HTTP_LOG={WORK}/gunicorn.log PYTHONDONTWRITEBYTECODE=1"],
    )


def start_tls():
    start_haproxy("http-haproxy-tls", WORK / "haproxy-tls.log", "Environment=HTTP_TLS=1")
    run_unit("http-lighttpd", "/usr/sbin/lighttpd", "-D", "-f", HERE / "lighttpd.conf")
    files = [WORK / "cert.pem", WORK / "key.pem"]
    run_unit("http-go-tls", PROGRAMS / "go-server", "127.0.0.1:8141", WORK / "go-tls.log", *files)
    run_unit("http-node-tls", "node", HERE / "server.js", 8151, WORK / "node-tls.log", *files)
    run_unit("http-python-tls", "/usr/bin/python3", HERE / "server.py", 8161, WORK / "python-tls.log", *files)
    java = ["java", "-XX:+UseSerialGC", "-Dsun.net.httpserver.nodelay=true", "-cp", PROGRAMS, "Server"]
    run_unit("http-java-tls", *java, 8171, WORK / "java-tls.log", WORK / "store.p12")


def wait_for(servers):
    for server in servers:
        if server.port:
            try:
                wait_for_port(server.port)
            except OSError as e:
                raise RuntimeError(f"{server.name} does not listen on port {server.port}") from e
