# SPDX-License-Identifier: Apache-2.0
"""What several beds do: a service at the OAP, its policies and tasks, and whether both sides have the same profile."""
import time

import graphql
import machine
from tap import expect, until

SERVICE = "shop"
RULE = ("PROCESS_CPU", "3", 10, 3)  # so that other work on the machine does not hide it
HOT = "resize_images"


def set_policy(bed, **targets):
    """As an operator does it who tries again when the server is not there."""

    def attempt():
        bed.ui.set_policy(SERVICE, **targets)
        return True

    until(60, attempt)


def processes(bed, **minutes):
    """pid -> what the OAP has of it."""
    found = {}
    for process in bed.ui.processes(SERVICE, machine.HOST, **minutes):
        attributes = {a["name"]: a["value"] for a in process["attributes"]}
        if attributes.get("pid", "").isdigit():
            found[int(attributes["pid"])] = {**process, "attributes": attributes}
    return found


def registered(bed, pid):
    process = processes(bed).get(pid)
    expect(process, f"no process with PID {pid} in {sorted(processes(bed))}")
    expect(process["detectType"] == "VM", f"detectType {process['detectType']}")
    expect(process["attributes"].get("support_ebpf_profiling") == "true", str(process["attributes"]))
    return process


def policy_arrived():
    policies = machine.policies_of_oap()
    expect(policies, "none of source oap")
    expect(all(p["state"] == "loaded" for p in policies), str(policies))
    return policies


def policy_gone():
    expect(not machine.policies_of_oap(), str(machine.policies_of_oap()))
    return True


def local_task(unit, pid, kind="on-cpu"):
    for task in machine.tasks(unit, kind):
        if task["pid"] == pid:
            return task
    raise AssertionError(f"no {kind} task of PID {pid} in {machine.tasks(unit)}")


def cause_of(task):
    causes = task["continuousProfilingCauses"]
    expect(len(causes) == 1, str(task))
    return causes[0]


def announced(bed, process, n=1):
    """The task of a process that was triggered here."""
    found = [t for t in bed.ui.triggered_tasks(SERVICE) if t["processName"] == process]
    expect(len(found) == n, f"{len(found)} tasks of {process}, not {n}: {found}")
    return found[0]


def check_announcement(bed, process):
    task = until(30, announced, bed, process)
    cause = cause_of(task)
    expect(task["targetType"] == "ON_CPU", str(task))
    expect(cause["type"] == "PROCESS_CPU", str(cause))
    # hundredths
    expect(cause["singleValue"]["threshold"] == 300, str(cause))
    expect(300 <= cause["singleValue"]["current"] <= 11000, str(cause))
    return task


def schedules(bed, task, process):
    found = [s for s in bed.ui.schedules(task) if s["process"]["name"] == process]
    expect(len(found) == 1, f"{len(found)} schedules of {process} in task {task}")
    return found


def trees_of(bed, task, process, aggregate="COUNT"):
    return bed.ui.analysis(schedules(bed, task, process), aggregate)


def same_oncpu(bed, task, process, local):
    """The flame graph at the OAP is the local profile."""
    trees = trees_of(bed, task, process)
    want = machine.sums(local)["samples/count"]
    expect(graphql.total(trees) == want, f"{graphql.total(trees)} samples at the OAP, {want} here")
    theirs, ours = graphql.self_counts(trees), dict(machine.leaves(local))
    expect(theirs == ours, f"leaves at the OAP {theirs}, here {ours}")
    return trees


def same_offcpu(bed, task, process, local):
    sums = machine.sums(local)
    for aggregate, key in (("COUNT", "switches/count"), ("DURATION", "offcpu/nanoseconds")):
        trees = trees_of(bed, task, process, aggregate)
        expect(graphql.total(trees) == sums[key], f"{aggregate}: {graphql.total(trees)} at the OAP, {sums[key]} here")
    return trees


def check_hot(trees):
    shares = graphql.self_counts(trees)
    whole = graphql.total(trees)
    expect(whole > 100, f"{whole} samples")
    # 60, 30 and 10 % by its making
    expect(0.4 < shares.get(HOT, 0) / whole < 0.75, str(shares))
    return "\n".join(graphql.draw(trees))


class Meter:
    """CPU time of a process between two moments, by the kernel, beside what the OAP has for that time."""

    def __init__(self, pid):
        self.pid = pid
        self.at, self.cpu = time.monotonic(), machine.cpu_sec(pid)

    def percent(self):
        return 100 * (machine.cpu_sec(self.pid) - self.cpu) / (time.monotonic() - self.at)

    def check(self, bed, process):
        measured = self.percent()
        values = [v / 10000 for _, v in bed.ui.meter("process_cpu", SERVICE, machine.HOST, process)]
        expect(values, "no values")
        # minutes differ with what else the machine does
        expect(min(values) - 10 <= measured <= max(values) + 10, f"{values} %, measured {measured:.1f} %")
        return values


def no_errors(bed):
    expect(not bed.oap.errors(), "\n".join(bed.oap.errors()[:5]))


def nothing_lost():
    spool = machine.ctl("oap", "status")["spool"]
    expect(set(spool["sent"]) == {"report", "meters", "profile"}, str(spool))
    expect(not any(spool["dropped"].values()) and not any(spool["refused"].values()), str(spool))


def connected():
    lines = machine.journal("Connected to")
    expect(lines, "the journal does not say so")
    return lines


def alive(pid):
    expect(machine.main_pid() == pid, f"main PID {machine.main_pid()}, was {pid}")
