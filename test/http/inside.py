#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""inside.py BED: runs in the throw-away systemd. Installs cprofd, starts servers, loads them, and writes what each side counted to
/out/BED.json."""
import json
import math
import pathlib
import subprocess
import sys
import time
import traceback

import changes
import noise
import ours
import rules
import servers

GOES = 4  # more, to compare means
TLS_SLACK_USEC = 100  # of an answer: encrypting and the write, which are within what one side sees and not the other
HOOKS = ("socket", "cgroup", "syscall")


def install(hook):
    if ours.HARNESS_ONLY:
        return
    packages = [str(p) for p in pathlib.Path("/cprof/build/packages").glob("cprofd_*.deb")]
    subprocess.run(["dpkg", "-i", "--no-triggers", *packages], check=True)
    subprocess.run(["busctl", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "ReloadConfig"], check=True)
    if hook in HOOKS:
        directory = pathlib.Path("/etc/cprof/cprofd.conf.d")
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "hook.conf").write_text(f"[Http]\nHttpHook={hook}\n")
    subprocess.run(["systemctl", "enable", "--now", "cprofd"], check=True)


def command(*arguments):
    """Of a load."""
    return ["/usr/bin/python3", "-B", str(pathlib.Path(__file__).parent / "load.py"), *map(str, arguments)]


def load(*arguments):
    done = subprocess.run(command(*arguments), check=False, stdout=subprocess.PIPE, text=True)
    if not done.stdout:
        raise RuntimeError(f"load.py failed with {done.returncode}")
    return json.loads(done.stdout)


def make_row(server, after, logged, load):
    """@after: what cprofd counted meanwhile; @load: what load.py said."""
    n_slow = logged.total["/slow"]
    rounding = 3 * server.tick_usec / math.sqrt(12 * n_slow) if n_slow else 0
    return {
        "server": server.name,
        "hooks": sorted(after.hooks),
        "ours": after.counts,
        "theirs": logged.counts(),
        "sent": load["rules"] if load else None,
        "unanswered": load["unanswered"] if load else 0,
        "failures": load["failures"] if load else [],
        "mean_ours_usec": after.mean_usec("/slow"),
        "mean_theirs_usec": logged.usec["/slow"] / n_slow if n_slow else None,
        # 50 us, and what a clock of milliseconds makes of so many times in all but one of 400 cases
        # packets come before anybody reads them: by them, waiting for the process is part of the time
        "means_compare": "cgroup" not in after.hooks,
        "mean_tolerance_usec": 50 + rounding + server.slack_usec + (TLS_SLACK_USEC if server.tls else 0),
        "is_invisible": server.is_invisible,
        "notes": after.notes,
    }


def count(some, seed):
    """Loads one server after the other; sums are compared for all at once."""
    units = {s.unit for s in some}
    before = {u: ours.Snapshot(u) for u in units}
    loads = {}
    for server in some:
        if server.port:
            with noise.turn(alone=False):
                loads[server.name] = load(*server.load_arguments(seed, 1500))
    ours.settle()
    after = {u: ours.Snapshot(u).since(before[u]) for u in units}
    rows = []
    for server in some:
        logged = rules.read_log(servers.WORK / server.log)
        rows.append(make_row(server, after[server.unit], logged, loads.get(server.name)))
    for server, row in zip(some, rows):
        for _ in range(GOES):
            if not means_are_near(row):
                mean_again(server, row)
    return rows


def mean_again(server, row):
    """Asks for /slow alone once more: other work on the machine comes between the servers' clocks and ours, so what it makes a sleeper
    wait is allowed. Counts are final."""
    log = changes.Log(server.log)
    before = ours.Snapshot(server.unit)
    asked = next(s for s in servers.PROXIED if s.name == server.behind) if server.behind else server
    with noise.turn(alone=True):
        sleeper = noise.Sleeper()
        subprocess.run(command(*asked.load_arguments(9, 0)), check=True, stdout=subprocess.DEVNULL)
        late_usec = sleeper.stop()
        ours.settle()
    again = make_row(server, ours.Snapshot(server.unit).since(before), log.read(), None)
    for key in ("mean_ours_usec", "mean_theirs_usec", "mean_tolerance_usec"):
        row[key] = again[key]
    row["mean_tolerance_usec"] += late_usec


def means_are_near(row):
    mine, others = row["mean_ours_usec"], row["mean_theirs_usec"]
    return mine is None or others is None or not row["means_compare"] or abs(mine - others) <= row["mean_tolerance_usec"]


def run_hook(bed):
    servers.start_plain()
    servers.GUNICORN.is_invisible = bed == "cgroup"  # packets of TCP are all that it sees
    some = servers.PLAIN + servers.PROXIED + servers.URING
    servers.wait_for(some)
    ours.measure({s.unit for s in some})
    # each unit once at a time: its sums are those of all its ports
    return count(servers.PLAIN, 1) + count(servers.PROXIED, 2) + count(servers.URING, 3)


def run_tls(bed):
    servers.start_plain()
    servers.start_tls()
    servers.wait_for(servers.TLS)
    ours.measure({s.unit for s in servers.TLS}, {s.unit for s in servers.TLS if not s.is_invisible})
    return count(servers.TLS, 4)


def main():
    bed = sys.argv[1]
    runs = {"tls": run_tls, "changes": changes.run, **dict.fromkeys(HOOKS, run_hook)}
    began = time.monotonic()
    rows = []
    error = None
    try:
        install(bed)
        servers.make_files()
        rows = runs[bed](bed)
    except Exception:  # what was seen so far is in the log; the table says that it ended here
        error = traceback.format_exc()
        print(error)
        subprocess.run(["journalctl", "--no-pager", "-n", "60"], check=False)
    result = {"rows": rows, "error": error, "seconds": time.monotonic() - began}
    pathlib.Path(f"/out/{bed}.json").write_text(json.dumps(result, indent=1))


main()
