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

STORY_SEC = 24  # about how long it takes without a kill
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


class Acknowledged(threading.Thread):
    """When the OAP took pieces of a task's profile, and how many samples there were by then."""

    def __init__(self):
        super().__init__(daemon=True)
        self.local = None
        self.seen = [(0.0, 0), (0.0, 0)]

    def run(self):
        known = 0
        while True:
            try:
                n = machine.ctl("oap", "status")["spool"]["sent"].get("profile", 0)
                if n > known and self.local:
                    known = n
                    self.seen.append((time.time(), machine.n_samples(self.local)))
            except (AssertionError, ValueError, StopIteration):
                pass
            time.sleep(0.2)

    def at_risk(self, killed_at):
        """At most how many samples the OAP had taken and not yet written when it was killed: those since the piece but one before."""
        rows = [i for i, (at, _) in enumerate(self.seen) if killed_at - SERVER_WRITES_SEC <= at <= killed_at + 1]
        return max((self.seen[i][1] - self.seen[max(0, i - 2)][1] for i in rows), default=0)


class Story:
    def __init__(self, bed, killer):
        self.bed, self.killer = bed, killer
        self.acknowledged = Acknowledged()
        self.pool = self.busy = self.local = None

    def prepare(self):
        story.set_policy(self.bed, ON_CPU=[story.RULE])
        # an operator looks whether it is there: what is set in the moment of a kill may be lost to the server
        until(90, lambda: self.bed.ui.policy(story.SERVICE) or story.set_policy(self.bed, ON_CPU=[story.RULE]))
        return until(90, story.policy_arrived)

    def triggered(self):
        self.busy = self.pool.add_busy()
        self.local = until(20, story.local_task, "shop", self.busy)["id"]
        self.acknowledged.local = self.local
        time.sleep(16)
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

        allowed = self.acknowledged.at_risk(self.killer.killed_at)
        until(120, lambda: want - allowed <= sum(totals()) <= want)
        time.sleep(6)
        found = totals()
        self.bed.tap.note(f"{found} of {want} samples" + (f", {allowed} at risk" if allowed else ""))
        expect(want - allowed <= sum(found) <= want, f"{found} of {want} samples; {allowed} at risk")


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
    one.acknowledged.start()
    bed.need(f"{bed.name}: a policy arrives", one.prepare)
    bed.need(f"{bed.name}: its task runs", one.triggered)
    bed.case(f"{bed.name}: the OAP is back", one.back)
    ids = bed.case(f"{bed.name}: it knows the task with its process", one.announced)
    if ids:
        bed.case(f"{bed.name}: it has the profile", one.profile, ids)
    bed.case(f"{bed.name}: its log has no ERROR", story.no_errors, bed)
    bed.case(f"{bed.name}: nothing was dropped or refused", story.nothing_lost)
    bed.case(f"{bed.name}: the daemon is the one that was started", story.alive, pid)
