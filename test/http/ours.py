# SPDX-License-Identifier: Apache-2.0
"""What cprofd counted, as a person would ask for it: cprofctl."""
import json
import os
import subprocess
import threading
import time

import rules

NAME = "org.skywalking.ContinuousProfiling1"
POLICIES = "/etc/cprof/policies.d"
HARNESS_ONLY = "CPROF_HTTP_HARNESS_ONLY" in os.environ  # try the servers and loads without cprofd

# Measures, and never fires. Metrics are mixed: what is counted does not depend on them.
POLICY = """[Policy]
Unit={units}
[Trigger]
When=http-error-rate >= 100% for 600s
[Trigger]
Metric=http-avg-response-time
Threshold=3600s
URI={exact}
[Trigger]
When=http-request-rate >= 1000000 for 600s matching {regex[0]}
[Trigger]
Metric=http-p99-response-time
Threshold=3600s
URIRegex={regex[1]}
"""


def get_http(unit):
    """(rules, processes) of GetHttp: see dbus/org.skywalking.ContinuousProfiling1.xml."""
    command = ["busctl", "--json=short", "call", NAME, "/" + NAME.replace(".", "/"), NAME, "GetHttp", "s", unit + ".service"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{unit}: {done.stderr.strip()}")
    return json.loads(done.stdout)["data"]


def write_policy(units):
    os.makedirs(POLICIES, exist_ok=True)
    text = POLICY.format(units=" ".join(units), exact=" ".join(rules.EXACT), regex=rules.REGEX)
    # appears whole
    path = f"{POLICIES}/http.policy"
    with open(path + "~", "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(path + "~", path)


# Which sums of a rule's row in GetHttp.
LAST, TOTAL = 5, 7


class Snapshot:
    """Sums of one unit by rule, and what else is said of it."""

    def __init__(self, unit, which=TOTAL):
        self.counts = {r: [0, 0, 0] for r in rules.NAMES}
        self.usec = dict.fromkeys(rules.NAMES, 0.0)
        self.hooks = set()
        self.notes = []
        if not HARNESS_ONLY:
            self.read(unit, which)

    def read(self, unit, which):
        rows, processes = get_http(unit)
        for row in rows:
            if row[1] == 0:
                rule = row[2].removeprefix("~") or "all"
                self.counts[rule] = row[which][:3]
                self.usec[rule] = (row[which][3] or 0) * row[which][0] * 1000
        for name, pid, hook, state, reason, is_tls, tls_note, counters in processes:
            self.hooks |= {h for h in (hook, "tls" if is_tls else "") if h}
            for note in (reason, tls_note):
                if note and note not in self.notes:
                    self.notes.append(note)
            print(unit, name, pid, hook, state, reason, is_tls, tls_note, counters)

    def since(self, before):
        for rule in rules.NAMES:
            self.counts[rule] = [a - b for a, b in zip(self.counts[rule], before.counts[rule])]
            self.usec[rule] -= before.usec[rule]
        return self

    def mean_usec(self, rule):
        n = self.counts[rule][0]
        return self.usec[rule] / n if n else None


class Seconds(Snapshot):
    """Adds up the last seconds of a unit as they come, until stop(): those also have what processes did that are gone."""

    def __init__(self, unit):
        super().__init__(unit)
        self.counts = {r: [0, 0, 0] for r in rules.NAMES}
        self.unit = unit
        self.seen = None
        self.is_over = False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.is_over and not HARNESS_ONLY:
            rows = [row for row in get_http(self.unit)[0] if row[1] == 0]
            # two seconds under load never have the same sums and times
            if [row[LAST] for row in rows] != self.seen:
                self.seen = [row[LAST] for row in rows]
                for row in rows:
                    rule = row[2].removeprefix("~") or "all"
                    self.counts[rule] = [a + b for a, b in zip(self.counts[rule], row[LAST])]
            time.sleep(0.2)

    def stop(self):
        self.is_over = True
        self.thread.join()
        return self


def settle():
    """Sums of a second are read once it is over."""
    time.sleep(0 if HARNESS_ONLY else 2.3)


def measure(units, tls_units=(), seconds=30):
    """Returns when all processes of @units are measured, and TLS of those of @tls_units, or it is said why not."""
    if HARNESS_ONLY:
        return
    write_policy([f"{u}.service" for u in units])
    end = time.monotonic() + seconds
    left = list(units)
    while left:
        if time.monotonic() > end:
            raise TimeoutError(f"not measured: {[get_http(u) for u in left]}")
        time.sleep(0.2)
        left = [u for u in left if not is_measured(u, u in tls_units)]


def is_measured(unit, tls):
    try:
        processes = get_http(unit)[1]
    except RuntimeError:  # the daemon does not know it yet
        return False
    # measured, or why not
    return bool(processes) and all((p[2] and (not tls or p[5] or p[6])) or p[4] for p in processes)
