#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""bpf-runs.py PID SEC: how often the BPF programs for perf events that a process holds run in that time."""
import ctypes
import os
import struct
import sys
import time

SYS_BPF = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
BPF_ENABLE_STATS = 32
PERF_EVENT = "7"  # BPF_PROG_TYPE_PERF_EVENT


def count_runs(pid):
    runs = {}
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as lines:
                fields = dict(line.split(":", 1) for line in lines if ":" in line)
        except OSError:
            continue
        if fields.get("prog_type", "").strip() == PERF_EVENT:
            runs[fields["prog_id"].strip()] = int(fields["run_cnt"])
    return sum(runs.values()), len(runs)


attributes = struct.pack("=I", 0) + bytes(124)  # BPF_STATS_RUN_TIME
libc = ctypes.CDLL(None, use_errno=True)
if libc.syscall(SYS_BPF, BPF_ENABLE_STATS, attributes, 4) < 0:  # counts until we end
    sys.exit("BPF statistics: " + os.strerror(ctypes.get_errno()))
before, _ = count_runs(sys.argv[1])
time.sleep(float(sys.argv[2]))
after, n_programs = count_runs(sys.argv[1])
if n_programs == 0:
    sys.exit("the process holds no such program")
print(after - before)
