# SPDX-License-Identifier: Apache-2.0
"""The URI rules that the tables are about, and sums by rule of answers that a server logged or a client received."""
import re

# As they stand in policies: exact paths by "/…", patterns otherwise.
EXACT = ("/api/orders", "/err", "/slow")
REGEX = (r"\.js$", r"^/api/items/\d+$")
NAMES = ("all",) + EXACT + REGEX


def path_of(target):
    """The request target up to its query, of an absolute one what stands behind the host."""
    target = re.sub(r"^[a-z]+://[^/]*", "", target)
    return re.split(r"[?#]", target)[0]


def rules_of(target):
    path = path_of(target)
    return ["all"] + [r for r in EXACT if r == path] + [r for r in REGEX if re.search(r, path)]


class Sums:
    """What stands in the tables, for each rule."""

    def __init__(self):
        self.total = dict.fromkeys(NAMES, 0)
        self.client_errors = dict.fromkeys(NAMES, 0)
        self.server_errors = dict.fromkeys(NAMES, 0)
        self.usec = dict.fromkeys(NAMES, 0.0)

    def add(self, status, target, usec=0.0):
        for rule in rules_of(target):
            self.total[rule] += 1
            self.client_errors[rule] += 400 <= status <= 499
            self.server_errors[rule] += 500 <= status <= 599
            self.usec[rule] += usec

    def counts(self):
        return {r: [self.total[r], self.client_errors[r], self.server_errors[r]] for r in NAMES}

    def mean_ms(self, rule):
        return self.usec[rule] / self.total[rule] / 1000 if self.total[rule] else float("nan")


def read_log(path, skip=()):
    """Lines "STATUS METHOD TARGET [HTTP/…] TIME", TIME in microseconds, or in seconds or milliseconds as "1.5s" or "1500 ms"; other lines
    are skipped."""
    sums = Sums()
    with open(path, encoding="latin-1") as lines:
        for line in lines:
            words = line.split()
            if len(words) < 4 or not words[0].isdigit() or words[2] in skip:
                continue
            time = "".join(w for w in words[3:] if not w.startswith("HTTP/"))
            if time == "-":
                usec = 0.0
            elif time.endswith("ms"):
                usec = float(time[:-2]) * 1e3
            elif time.endswith("s"):
                usec = float(time[:-1]) * 1e6
            else:
                usec = float(time)
            sums.add(int(words[0]), words[2], usec)
    return sums
