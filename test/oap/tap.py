# SPDX-License-Identifier: Apache-2.0
"""Cases and their results in TAP, on standard output and in a file."""
import time
import traceback

import graphql


class Hopeless(RuntimeError):
    """The cases that follow need the one that failed."""


class Tap:
    def __init__(self, path):
        self.file = open(path, "w", buffering=1, encoding="utf-8")
        self.began = time.monotonic()

    def say(self, line):
        print(f"[{time.monotonic() - self.began:6.1f}] {line}", flush=True)
        self.file.write(line + "\n")

    def case(self, name, function, *arguments):
        """What @function returns; None when the case fails, which is when it raises anything."""
        print(f"[{time.monotonic() - self.began:6.1f}] == {name}", flush=True)
        try:
            result = function(*arguments)
        except Exception as error:  # of whatever kind: the other cases go on
            traceback.print_exc()
            self.say(f"not ok - {name}")
            for line in str(error).splitlines()[:12]:
                self.say(f"# {line[:400]}")
            return None
        self.say(f"ok - {name}")
        return result

    def need(self, name, function, *arguments):
        """A case without which the others are not worth a try; it returns something."""
        result = self.case(name, function, *arguments)
        if result is None:
            raise Hopeless(name)
        return result

    def note(self, text):
        self.say(f"# {text}")

    def complete(self):
        self.file.write("# complete\n")


def expect(condition, text):
    if not condition:
        raise AssertionError(text)


def until(seconds, function, *arguments):
    """Asks @function until what it returns is true, and returns that. AssertionError and QueryError are a "not yet"."""
    end = time.monotonic() + seconds
    while True:
        problem = None
        try:
            result = function(*arguments)
            if result:
                return result
        except (AssertionError, graphql.QueryError) as error:
            problem = error
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {problem or function.__name__}")
        time.sleep(0.25)
