# SPDX-License-Identifier: Apache-2.0
"""Servers and networks that change under load: reload and end of workers, attaching in mid-traffic, loss of packets."""
import os
import pathlib
import subprocess
import threading
import time

import load
import ours
import rules
import servers

NGINX = servers.Server("nginx", "http-nginx", 8100, log="nginx.log", tick_usec=1000)
LOAD = str(pathlib.Path(__file__).parent / "load.py")
CLIENT = "10.99.0.2"


def row(name, after, logged, sent=None, mean=False):
    """As inside.make_row(); answers that only the log knows of are right when @sent is None."""
    return {
        "server": name,
        "hooks": sorted(after.hooks),
        "ours": after.counts,
        "theirs": logged.counts(),
        "sent": sent,
        "unanswered": 0,
        "failures": [],
        "mean_ours_usec": after.mean_usec("all") if mean else None,
        "mean_theirs_usec": logged.usec["all"] / logged.total["all"] if mean else None,
        "means_compare": True,
        "mean_tolerance_usec": 0,
        "is_invisible": False,
        "notes": after.notes,
    }


class Log:
    """What a server logs from now on."""

    def __init__(self, name):
        self.path = servers.WORK / name
        self.offset = self.path.stat().st_size

    def read(self):
        part = servers.WORK / "part.log"
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            part.write_bytes(file.read())
        return rules.read_log(part)


def workers():
    main = subprocess.run(["systemctl", "show", "-P", "MainPID", "http-nginx"], check=True, capture_output=True, text=True).stdout.strip()
    return subprocess.run(["pgrep", "-P", main], check=True, capture_output=True, text=True).stdout.split()


def reload_under_load():
    """New configuration twice and a worker that ends, each in a second of its own."""
    log = Log(NGINX.log)
    after = ours.Seconds("http-nginx")
    command = ["/usr/bin/python3", "-B", LOAD, "--port", "8100", "--seed", "7", "--requests", "1000000", "--slow", "0", "--seconds", "5"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    time.sleep(1)
    subprocess.run(["systemctl", "kill", "--kill-whom=main", "-s", "HUP", "http-nginx"], check=True)
    time.sleep(1.3)
    subprocess.run(["kill", "-QUIT", workers()[0]], check=True)
    time.sleep(1.3)
    subprocess.run(["systemctl", "kill", "--kill-whom=main", "-s", "HUP", "http-nginx"], check=True)
    process.wait()
    ours.settle()
    return row("nginx, two reloads and a worker's end under load", after.stop(), log.read())


class Holders:
    """Connections that are kept and used without a pause, until they are told to hold."""

    def __init__(self, n):
        self.options = load.parse(["--port", "8100"])
        self.go = threading.Event()
        self.end = False
        self.left = None  # requests each, None = for ever
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(n)]
        self.holding = threading.Barrier(n + 1)
        self.go.set()
        for thread in self.threads:
            thread.start()

    def ask(self, connection, path):
        connection.send(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode(), load.whole)
        connection.response("GET")

    def run(self, i):
        connection = load.Connection(self.options)
        paths = ("/api/orders", f"/api/items/{i}", "/err", "/static/app.js", "/missing")
        n = 0
        while self.go.is_set():
            self.ask(connection, paths[n % len(paths)])
            n += 1
        self.holding.wait()
        self.holding.wait()
        for n in range(200):
            self.ask(connection, paths[n % len(paths)])
        connection.close()

    def hold(self):
        self.go.clear()
        self.holding.wait()

    def resume(self):
        self.holding.wait()
        for thread in self.threads:
            thread.join()


def attach_in_mid_traffic():
    """Attaches while connections are busy; from then on the same connections are counted exactly."""
    log = Log(NGINX.log)
    holders = Holders(8)
    time.sleep(0.5)
    ours.measure({"http-nginx"})
    time.sleep(1)
    holders.hold()
    ours.settle()
    before = ours.Snapshot("http-nginx")
    first = log.read()
    lost = first.total["all"] - before.counts["all"][0]
    log = Log(NGINX.log)
    holders.resume()
    ours.settle()
    after = ours.Snapshot("http-nginx").since(before)
    print(f"attached in mid-traffic: {before.counts['all'][0]} of {first.total['all']} counted, {lost} were before")
    result = row("nginx, the same connections after attaching in mid-traffic", after, log.read())
    if lost < 0:
        result["failures"].append(f"counted {-lost} more than there were")
    return result


def make_client_namespace():
    drop = servers.PROGRAMS / "drop.bpf.o"
    os.environ["TC_BPF_MNT"] = "/run/bpf"  # ip(8) wants one, and below /sys there is no place
    for command in (
        "mkdir -p /run/bpf",
        "mount -t bpf bpf /run/bpf",
        "ip netns add client",
        "ip link add lossy0 type veth peer name lossy1 netns client",
        "ip address add 10.99.0.1/24 dev lossy0",
        "ip link set lossy0 up",
        f"ip -n client address add {CLIENT}/24 dev lossy1",
        "ip -n client link set lossy1 up",
        f"ip link set dev lossy0 xdpgeneric obj {drop} sec xdp",
        f"ip -n client link set dev lossy1 xdpgeneric obj {drop} sec xdp",
    ):
        subprocess.run(command.split(), check=True)


def packet_loss():
    """Three of a hundred packets get lost each way."""
    make_client_namespace()
    before = ours.Snapshot("http-nginx")
    log = Log(NGINX.log)
    command = ["ip", "netns", "exec", "client", "/usr/bin/python3", "-B", LOAD, "--host", "10.99.0.1", "--port", "8100", "--seed", "9"]
    command += ["--requests", "2000", "--connections", "16", "--slow", "0", "--timeout", "60"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    ours.settle()
    print(subprocess.run(["ip", "netns", "exec", "client", "grep", "^Tcp:", "/proc/net/snmp"], check=False, capture_output=True, text=True).stdout)
    return row("nginx, 3 % packet loss each way", ours.Snapshot("http-nginx").since(before), log.read())


def run(_bed):
    servers.start_nginx("nginx", "http-nginx")
    servers.wait_for((NGINX,))
    return [attach_in_mid_traffic(), packet_loss(), reload_under_load()]
