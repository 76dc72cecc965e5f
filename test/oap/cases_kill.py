# SPDX-License-Identifier: Apache-2.0
"""The OAP is killed at a random moment of a short story, and comes back some seconds later."""
import random
import signal
import threading
import time

import graphql
import machine
import story
from tap import expect, until

STORY_SEC = 45  # about how long it takes without a kill
SERVER_WRITES_SEC = 1.5  # what was acknowledged later than this before the kill may never have reached its database


class Killer(threading.Thread):
    def __init__(self, oap, after_sec, away_sec):
        super().__init__(daemon=True)
        self.oap, self.after_sec, self.away_sec = oap, after_sec, away_sec
        self.killed_at = None
        self.error = None

    def run(self):
        time.sleep(self.after_sec)
        self.killed_at = time.time()
        self.oap.stop(signal.SIGKILL)
        time.sleep(self.away_sec)
        try:
            self.oap.start()
        except Exception as error:
            self.error = error


class Story:
    def __init__(self, bed, killer):
        self.bed, self.killer = bed, killer
        self.pool = self.busy = self.local = None

    def prepare(self):
        story.set_policy(self.bed, ON_CPU=[story.RULE])
        # an operator looks whether it is there: what is set in the moment of a kill may be lost to the server
        until(90, lambda: self.bed.ui.policy(story.SERVICE) or story.set_policy(self.bed, ON_CPU=[story.RULE]))
        return until(90, story.policy_arrived)

    def triggered(self):
        self.busy = self.pool.add_busy()
        self.local = until(20, story.local_task, "shop", self.busy)["id"]
        time.sleep(8)
        until(60, machine.has_samples, self.local, 200)
        task = machine.finish(self.local)
        return task

    def back(self):
        self.killer.join(120)
        expect(not self.killer.is_alive() and not self.killer.error, f"the OAP did not come back: {self.killer.error}")

    def announced(self):
        self.name = until(120, story.registered, self.bed, self.busy)["name"]
        tasks = until(60, lambda: [t for t in self.bed.ui.triggered_tasks(story.SERVICE) if t["processName"] == self.name])
        # an answer that was lost on its way makes the report go twice, and the OAP knows no better than two tasks
        expect(len(tasks) <= 2, str(tasks))
        return [t["taskId"] for t in tasks]

    def profile(self, ids):
        want = machine.sums(self.local)["samples/count"]

        def totals():
            found = []
            for identifier in ids:
                some = [s for s in self.bed.ui.schedules(identifier) if s["process"]["name"] == self.name]
                found.append(graphql.total(self.bed.ui.analysis(some)) if some else 0)
            return found

        allowed = self.may_be_lost()
        until(120, lambda: want - allowed <= sum(totals()) <= want)
        time.sleep(6)
        found = totals()
        self.bed.tap.note(f"{found} of {want} samples")
        expect(want - allowed <= sum(found) <= want, f"{found} of {want} samples; {allowed} may be lost")

    def may_be_lost(self):
        """Samples of a flush that the server had acknowledged and not yet written."""
        task = machine.task(self.local)
        begin, end = task["started_realtime_usec"] / 1e6, task["ended_realtime_usec"] / 1e6
        killed = self.killer.killed_at
        since = (killed - begin) % 5  # of the flush before; one each 5 s
        if killed < begin or (since > SERVER_WRITES_SEC + 0.5 and killed < end) or killed > end + 3:
            return 0
        return 520


def run(bed):
    seed = bed.seed or str(random.SystemRandom().randrange(1 << 32))
    chance = random.Random(seed)
    bed.start_oap(data="/tmp/oap-data")
    bed.configure()
    killer = Killer(bed.oap, chance.uniform(0, STORY_SEC), chance.uniform(1, 10))
    bed.tap.note(f"seed {seed}: killed after {killer.after_sec:.1f} s, for {killer.away_sec:.1f} s")
    one = Story(bed, killer)
    pid = machine.start()
    one.pool = machine.Pool("shop")
    killer.start()
    bed.need(f"{bed.name}: a policy arrives", one.prepare)
    bed.need(f"{bed.name}: its task runs", one.triggered)
    bed.case(f"{bed.name}: the OAP is back", one.back)
    ids = bed.case(f"{bed.name}: it knows the task with its process", one.announced)
    if ids:
        bed.case(f"{bed.name}: it has the profile", one.profile, ids)
    bed.case(f"{bed.name}: its log has no ERROR", story.no_errors, bed)
    bed.case(f"{bed.name}: the daemon is the one that was started", story.alive, pid)
