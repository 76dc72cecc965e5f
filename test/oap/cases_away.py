# SPDX-License-Identifier: Apache-2.0
"""The OAP is killed in the middle of a task and comes back with its data; meanwhile another task begins and cprofd is started again."""
import signal
import time

import machine
import story
from tap import expect, until


class Away:
    def __init__(self, bed):
        self.bed = bed
        self.pool = self.first = self.second = None
        self.began = time.time()

    def watched(self):
        until(20, story.connected)
        self.idle_name = until(40, story.registered, self.bed, self.pool.idle)["name"]
        story.set_policy(self.bed, ON_CPU=[story.RULE])
        return until(30, story.policy_arrived)

    def triggered(self):
        """pid, name, our task, theirs."""
        pid = self.pool.add_busy()
        local = until(20, story.local_task, "shop", pid)["id"]
        name = until(30, story.registered, self.bed, pid)["name"]
        task = story.check_announcement(self.bed, name)["taskId"]
        until(30, lambda: story.graphql.total(story.trees_of(self.bed, task, name)) > 100)
        return pid, name, local, task

    def goes_away(self):
        self.bed.oap.stop(signal.SIGKILL)
        lines = until(60, machine.journal, "OAP is away")
        until(60, machine.has_samples, self.first[2], machine.n_samples(self.first[2]) + 100)
        return lines

    def triggers_alone(self):
        pid = self.pool.add_busy()
        return pid, until(20, story.local_task, "shop", pid)["id"]

    def said_once(self):
        time.sleep(20)  # several attempts
        lines = machine.journal("OAP is away")
        expect(len(lines) == 1, "\n".join(lines))

    def restarted(self):
        """Without any OAP: what it had said before holds."""
        for identifier in (self.first[2], self.second[1]):
            machine.finish(identifier)
        machine.run("systemctl", "restart", "cprofd")
        until(10, story.policy_arrived)
        for identifier in (self.first[2], self.second[1]):
            expect(machine.task(identifier)["n_samples"] > 100, str(machine.task(identifier)))

    def whole(self):
        pid, name, local, task = self.first
        trees = until(60, story.same_oncpu, self.bed, task, name, local)
        story.check_hot(trees)
        expect(story.announced(self.bed, name)["taskId"] == task, "the task was announced again")

    def late(self):
        pid, local = self.second
        name = until(60, story.registered, self.bed, pid)["name"]
        task = until(60, story.announced, self.bed, name)["taskId"]
        until(60, story.same_oncpu, self.bed, task, name, local)

    def no_gap(self):
        """Each minute since the first worker began has its value."""
        pid, name, local, task = self.first
        begin = machine.task(local)["started_realtime_usec"] // 60_000_000 + 1
        minutes = {at // 60_000: value / 10000 for at, value in self.bed.ui.meter("process_cpu", story.SERVICE, machine.HOST, name)}
        for minute in range(begin, int(time.time()) // 60):
            expect(minutes.get(minute, 0) > 1, f"minute {minute - begin} has {minutes.get(minute)}: {minutes}")
        return True


def run(bed):
    bed.start_oap(data="/tmp/oap-data")
    bed.configure()
    away = Away(bed)
    machine.start()
    away.pool = machine.Pool("shop")
    bed.need("away: a service is watched as its OAP wants it", away.watched)
    away.first = bed.need("away: a task is announced and its data comes while it runs", away.triggered)
    bed.case("away: the OAP is killed; the task goes on", away.goes_away)
    away.second = bed.case("away: another worker triggers without any OAP", away.triggers_alone)
    bed.case("away: the journal says once that it is away", away.said_once)
    bed.case("away: policies survive a restart of cprofd, and profiles are kept", away.restarted)
    bed.oap.start()
    bed.case("away: it comes back, and cprofd connects", lambda: until(100, lambda: len(story.connected()) >= 2))
    bed.case("away: the flame graph of before and meanwhile is whole", away.whole)
    if away.second:
        bed.case("away: the task of meanwhile is announced, and its profile is whole", away.late)
    bed.case("away: the CPU curve has no gap", lambda: until(60, away.no_gap))
    bed.case("away: the OAP's log has no ERROR", story.no_errors, bed)
