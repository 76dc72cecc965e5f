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
        self.meanwhile = self.back = 0

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
        self.meanwhile = time.time()
        pid = self.pool.add_busy()
        return pid, until(20, story.local_task, "shop", pid)["id"]

    def said_once(self):
        # several attempts, and the end of a minute
        time.sleep(20)
        time.sleep(max(0, (self.meanwhile // 60 + 1) * 60 + 3 - time.time()))
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
        """Each minute since a worker began has its value, of the one that began while the OAP was away too."""
        for pid, local in ((self.first[0], self.first[2]), self.second):
            name = story.registered(self.bed, pid)["name"]
            begin = machine.task(local)["started_realtime_usec"] // 60_000_000
            values = self.bed.ui.meter("process_cpu", story.SERVICE, machine.HOST, name)
            minutes = {at // 60_000 - begin: value / 10000 for at, value in values}
            for minute in range(self.back // 60 - begin + 1):
                expect(minutes.get(minute, 0) > 1, f"{name}: minute {minute} has {minutes.get(minute)}: {minutes}")
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
    away.back = int(time.time())
    bed.case("away: it comes back, and cprofd connects", lambda: until(100, lambda: len(story.connected()) >= 2))
    bed.case("away: the flame graph of before and meanwhile is whole", away.whole)
    if away.second:
        bed.case("away: the task of meanwhile is announced, and its profile is whole", away.late)
    bed.case("away: the CPU curve has no gap", lambda: until(60, away.no_gap))
    bed.case("away: nothing was dropped or refused", story.nothing_lost)
    bed.case("away: the OAP's log has no ERROR", story.no_errors, bed)
