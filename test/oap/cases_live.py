# SPDX-License-Identifier: Apache-2.0
"""A day in the life: policy, trigger, profile, curve; tasks on demand; a worker that comes and one that dies; the policy is removed."""
import os
import signal
import time

import graphql
import machine
import story
from tap import expect, until

ON_DEMAND_SEC = 60


class Live:
    def __init__(self, bed):
        self.bed = bed
        self.pid = 0
        self.pool = None
        self.busy = self.busy_name = self.idle_name = None
        self.local = self.task = None

    def connected(self):
        until(20, story.connected)
        expect(machine.maps(self.pid, "libgrpc"), "no gRPC is mapped: what suite off looks for is not what it looks like")
        return True

    def registered(self):
        # rows are written each 2 s, and a service is listed a second later
        process = until(40, story.registered, self.bed, self.pool.idle)
        services = {s["name"]: s["layers"] for s in until(20, self.bed.ui.services)}
        expect(services == {story.SERVICE: ["GENERAL"]}, str(services))
        expect(until(20, self.bed.ui.can_be_profiled, story.SERVICE), "it cannot be profiled")
        return process["name"]

    def policy_arrives(self):
        story.set_policy(self.bed, ON_CPU=[story.RULE])
        policy = until(30, story.policy_arrived)[0]
        expect(policy["triggers"] == ["process-cpu >= 3% for 3 of 10s"], str(policy))
        expect(policy["profiles"] == ["on-cpu"], str(policy))
        return policy

    def newcomer(self):
        """Three full seconds complete the rule; the first began at most a second after the process."""
        self.busy = self.pool.add_busy()
        self.curve = story.Meter(self.busy)
        born = machine.started(self.busy)
        self.local = until(15, story.local_task, "shop", self.busy)
        late = self.local["started_realtime_usec"] / 1e6 - born
        self.bed.tap.note(f"recording began {late:.2f} s after the second worker, of a rule about 3 s")
        expect(late < 5.5, f"{late:.2f} s after it began")
        self.busy_name = until(30, story.registered, self.bed, self.busy)["name"]
        expect(self.busy_name != self.idle_name, f"both are called {self.idle_name}")
        return self.busy_name

    def told(self):
        self.task = story.check_announcement(self.bed, self.busy_name)
        expect(len(self.bed.ui.triggered_tasks(story.SERVICE)) == 1, "more than one task")

    def profile(self):
        until(60, machine.has_samples, self.local["id"], 300)
        local = machine.finish(self.local["id"])
        self.bed.tap.note(f"{local['n_samples']} samples")
        trees = until(30, story.same_oncpu, self.bed, self.task["taskId"], self.busy_name, self.local["id"])
        self.bed.tap.note(story.check_hot(trees).replace("\n", "\n# "))

    def curve_is_there(self):
        values = until(20, self.curve.check, self.bed, self.busy_name)
        self.bed.tap.note(f"CPU by minute: {values}")
        idle = [v / 10000 for _, v in self.bed.ui.meter("process_cpu", story.SERVICE, machine.HOST, self.idle_name)]
        expect(idle and max(idle) < 5, f"of the idle one: {idle}")

    def on_demand(self):
        asked = {}
        for target in ("ON_CPU", "OFF_CPU"):
            asked[target] = self.bed.ui.create_task(story.SERVICE, target, ON_DEMAND_SEC)
        on = until(30, self.fresh, "on-cpu", self.busy)
        off = until(30, self.fresh, "off-cpu", self.pool.idle)
        return asked, on, off

    def fresh(self, kind, pid):
        found = [t for t in machine.tasks("shop", kind) if t["pid"] == pid and t["id"] != self.local["id"]]
        expect(len(found) == 1, f"{found}")
        return found[0]["id"]

    def on_demand_results(self, asked, on, off):
        for identifier in (on, off):
            until(ON_DEMAND_SEC + 20, lambda: machine.task(identifier)["state"] == "finished")
        trees = until(30, story.same_oncpu, self.bed, asked["ON_CPU"], self.busy_name, on)
        story.check_hot(trees)
        trees = until(30, story.same_offcpu, self.bed, asked["OFF_CPU"], self.idle_name, off)
        expect("usleep" in str(trees), "\n".join(graphql.draw(trees)))

    def dead_stays_dead(self, died):
        """Minutes after the one of its death know the living only."""
        last_minute = int(died + 3) // 60
        while int(time.time()) // 60 <= last_minute:
            time.sleep(1)
        past = int(time.time()) // 60 - last_minute - 1
        until(40, lambda: self.pool.idle in story.processes(self.bed, past_min=past))
        time.sleep(20)  # a whole interval of keep-alive
        past = int(time.time()) // 60 - last_minute - 1
        names = [p["name"] for p in self.bed.ui.processes(story.SERVICE, machine.HOST, past_min=past)]
        expect(self.idle_name in names and self.busy_name not in names, f"{names}; dead: {self.busy_name}")
        pids = [row["pid"] for row in machine.ctl("oap", "services")]
        expect(self.pool.idle in pids and self.busy not in pids, f"cprofctl oap services has {pids}")
        # the question can be answered otherwise
        expect(self.busy in story.processes(self.bed), "it was never there")

    def removed(self):
        story.set_policy(self.bed)
        until(40, story.policy_gone)


def run(bed):
    bed.start_oap()
    bed.configure()
    live = Live(bed)
    live.pid = machine.start()
    live.pool = machine.Pool("shop")
    bed.need("the daemon connects", live.connected)
    live.idle_name = bed.need("a process of a unit is registered and can be profiled", live.registered)
    bed.need("a policy that is set at the OAP is in force here", live.policy_arrives)
    bed.need("13: a second worker of a known service is watched from its first full second", live.newcomer)
    bed.case("the OAP's task list has the task with its process and cause", live.told)
    bed.case("its flame graph there is the local one: the same total, the same leaves", live.profile)
    bed.case("its CPU curve is there, in percent x 10000", live.curve_is_there)
    started = bed.case("tasks on demand are started", live.on_demand)
    if started:
        bed.case("their flame graphs are the local ones, on-CPU and off-CPU", live.on_demand_results, *started)
    os.kill(live.busy, signal.SIGKILL)
    bed.case("13: a dead process is never reported again", live.dead_stays_dead, time.time())
    bed.case("a policy that is removed at the OAP is gone here", live.removed)
    bed.case("nothing was dropped or refused", story.nothing_lost)
    bed.case("36: the OAP's log has no ERROR", story.no_errors, bed)
    bed.case("the daemon is the one that was started", story.alive, live.pid)
    bed.tap.note(f"VmRSS with [OAP] {machine.rss_kib(live.pid)} KiB, {machine.threads(live.pid)} threads")
