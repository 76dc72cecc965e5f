#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""naive-watcher.py DIRECTORY PERCENT PID...: what people write instead of cprofd. Once a second it reads
/proc/PID/stat of each process; CPU use over PERCENT in two of three seconds starts "perf record -p". When all PIDs
have been recorded, it prints for each, in ms, how long after the decision the first sample was taken."""
import os
import subprocess
import sys
import time

directory, percent, pids = sys.argv[1], float(sys.argv[2]), [int(pid) for pid in sys.argv[3:]]
ticks_per_sec = os.sysconf("SC_CLK_TCK")
hits = {pid: [] for pid in pids}
before, recordings = {}, {}

while len(recordings) < len(pids):
    for pid in set(pids) - set(recordings):
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        now = time.monotonic(), (int(fields[11]) + int(fields[12])) / ticks_per_sec
        if pid in before:
            use = 100 * (now[1] - before[pid][1]) / (now[0] - before[pid][0])
            hits[pid] = (hits[pid] + [use >= percent])[-3:]
        before[pid] = now
        if sum(hits[pid]) >= 2:
            command = ["perf", "record", "-q", "-k", "CLOCK_MONOTONIC", "-F", "99", "-g", "-p", str(pid)]
            command += ["-o", f"{directory}/{pid}.data", "--", "sleep", "1"]
            recordings[pid] = time.monotonic(), subprocess.Popen(command, stderr=subprocess.DEVNULL)
    time.sleep(1)

for pid, (decided, process) in recordings.items():
    process.wait()
    command = ["perf", "script", "--ns", "-F", "time", "-i", f"{directory}/{pid}.data"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    times = [float(line.strip().rstrip(":")) for line in output.splitlines() if line.strip().endswith(":")]
    if times:
        print(1000 * (min(times) - decided), flush=True)
