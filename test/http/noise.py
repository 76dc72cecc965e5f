# SPDX-License-Identifier: Apache-2.0
"""What else runs on the machine while two clocks are compared: how late a sleeper wakes up, and who may work at the same time."""
import contextlib
import fcntl
import threading
import time

SLEEP_SEC = 0.002
FASTEST = 10  # the part of the sleeps that nobody was in the way of: one in so many
# Beds that run beside each other share this file. Counts are loaded beside each other; means are measured alone.
LOCK = "/out/means.lock"


@contextlib.contextmanager
def turn(alone):
    with open(LOCK, "a", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


class Sleeper:
    """Sleeps again and again; how much later than its fastest sleeps the mean one was is what waiting for a CPU costs there."""

    def __init__(self):
        self.late = []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopping.is_set():
            began = time.monotonic()
            time.sleep(SLEEP_SEC)
            self.late.append(time.monotonic() - began - SLEEP_SEC)

    def stop(self):
        """Microseconds."""
        self.stopping.set()
        self.thread.join()
        if not self.late:
            return 0
        late = sorted(self.late)
        return 1e6 * (sum(late) / len(late) - late[len(late) // FASTEST])
