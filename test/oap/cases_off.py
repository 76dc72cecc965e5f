# SPDX-License-Identifier: Apache-2.0
"""Without an address nothing of SkyWalking is there."""
import pathlib
import time

import machine
from tap import expect


def nothing_loaded():
    pid = machine.main_pid()
    for word in ("libgrpc", "libabsl", "libre2"):
        expect(not machine.maps(pid, word), f"{word} is mapped: {machine.maps(pid, word)[:1]}")
    expect(machine.threads(pid) == 1, f"{machine.threads(pid)} threads")


def nothing_said():
    lines = [line for line in machine.journal() if "oap" in line.lower() or "skywalking" in line.lower()]
    expect(not lines, "\n".join(lines))


def nothing_kept():
    expect(not pathlib.Path("/var/lib/cprof/oap").exists(), "/var/lib/cprof/oap is there")
    expect(not machine.policies_of_oap(), "a policy of an OAP is there")


def run(bed):
    machine.start()
    pool = machine.Pool("shop")
    pool.add_busy()
    time.sleep(3)
    bed.case("off: no library of gRPC is loaded, and there is one thread", nothing_loaded)
    bed.case("off: nothing is kept", nothing_kept)
    bed.case("off: the journal has no word of it", nothing_said)
    bed.tap.note(f"VmRSS without [OAP] {machine.rss_kib(machine.main_pid())} KiB")
