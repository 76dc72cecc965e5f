# SPDX-License-Identifier: Apache-2.0
"""The host in a test: cprofd with its configuration, units that work, and what cprofctl says about them."""
import collections
import json
import os
import pathlib
import re
import subprocess
import time

from tap import expect, until

WORKLOAD = "/out/workload"
HOST = "host-a"


def run(*command, timeout=60):
    done = subprocess.run(
        [str(c) for c in command],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=timeout,
        text=True,
        errors="replace",
    )
    expect(done.returncode == 0, f"{' '.join(map(str, command))}: {done.returncode}: {done.stderr.strip()[-500:]}")
    return done.stdout


def ctl(*arguments):
    return json.loads(run("cprofctl", "--json=short", *arguments))


# ---- the daemon


def install():
    run("dpkg", "-i", "--no-triggers", *pathlib.Path("/cprof/build/packages").glob("cprofd_*.deb"))
    run("busctl", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "ReloadConfig")


def configure(text):
    directory = pathlib.Path("/etc/cprof/cprofd.conf.d")
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "oap.conf").write_text(text)


def start():
    run("systemctl", "enable", "--now", "cprofd")
    return main_pid()


def main_pid():
    return int(run("systemctl", "show", "-P", "MainPID", "cprofd"))


def threads(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


def rss_kib(pid):
    return int(re.search(r"^VmRSS:\s*(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1])


def maps(pid, word):
    return [line for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines() if word in line]


def journal(word=""):
    """The daemon's lines with @word."""
    subprocess.run(["journalctl", "--sync"], check=False, stderr=subprocess.DEVNULL)
    return [line for line in run("journalctl", "-q", "-o", "cat", "-u", "cprofd").splitlines() if word in line]


# ---- policies and tasks


def policies_of_oap():
    return [p for p in ctl("policy", "list") if p["source"] == "oap"]


def tasks(unit, kind=""):
    """Newest first."""
    return [t for t in ctl("task", "list") if t["unit"] == f"{unit}.service" and kind in t["kinds"].split()] if kind else [
        t for t in ctl("task", "list") if t["unit"] == f"{unit}.service"
    ]


def task(identifier):
    return ctl("task", "info", identifier)


def n_samples(identifier):
    return next(t["n_samples"] for t in ctl("task", "list") if t["id"] == identifier)


def has_samples(identifier, n):
    expect(n_samples(identifier) >= n, f"{n_samples(identifier)} samples, not {n}")
    return True


def finish(identifier):
    """Ends a task early."""
    if task(identifier)["state"] == "running":
        run("cprofctl", "task", "stop", identifier)
    until(20, lambda: task(identifier)["state"] != "running")
    return task(identifier)


def sums(identifier):
    """Of the local profile: "samples/count" and the like -> total."""
    path = f"/tmp/{identifier}.pb.gz"
    run("cprofctl", "task", "export", "-o", path, identifier)
    rows = run("/usr/bin/python3", "/cprof/test/system/pprof-sum.py", path).split()
    return {rows[i]: int(rows[i + 1]) for i in range(0, len(rows), 2)}


def leaves(identifier, form="folded"):
    """Innermost function -> its count."""
    counts = collections.Counter()
    for line in run("cprofctl", "task", "export", f"--format={form}", "-o", "-", identifier).splitlines():
        stack, _, count = line.rpartition(" ")
        counts[stack.rpartition(";")[2].removesuffix("_[k]")] += int(count)
    return counts


# ---- units


class Pool:
    """A unit with a worker that idles, and more workers when asked."""

    def __init__(self, unit):
        self.unit = unit
        self.fifo = f"/tmp/more-{unit}"
        os.mkfifo(self.fifo)
        # opened once and for both: else a writer that is slow to close would be the next line's end of file
        script = f'exec 3<>{self.fifo}; {WORKLOAD} - 0 & while read -r how <&3; do {WORKLOAD} $how 0 & done; wait'
        run("systemd-run", "--quiet", f"--unit={unit}", "-p", "Nice=-10", "bash", "-c", script)
        self.idle = until(10, self.workers)[0]

    def workers(self):
        cgroup = run("systemctl", "show", "-P", "ControlGroup", self.unit).strip()
        for root in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup"):
            path = pathlib.Path(f"{root}{cgroup}/cgroup.procs")
            if path.exists():
                pids = map(int, path.read_text().split())
                return sorted(p for p in pids if comm(p) == "workload")
        return []

    def add_busy(self):
        before = set(self.workers())
        pathlib.Path(self.fifo).write_text("0\n")
        return until(10, lambda: set(self.workers()) - before).pop()


def comm(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def cpu_sec(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def started(pid):
    """Seconds since 1970."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    since_boot = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return time.time() - since_boot
