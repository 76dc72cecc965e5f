#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tally.py TESTLOG.json [AGAIN.json]: one TAP line per sub-test of a meson run; a program that prints no TAP counts as one test. Those of
AGAIN stand for those of the same name; what they said first is a remark. tally.py --failed TESTLOG.json: the programs that failed."""
import json
import re
import sys

RESULT = re.compile(r"^(ok|not ok)\b")
GOOD = ("OK", "SKIP", "EXPECTEDFAIL")


def read(path):
    with open(path, encoding="utf-8") as file:
        tests = [json.loads(line) for line in file]
    return {test["name"].split(" / ")[-1]: test for test in tests}


def rows(name, test):
    """Its TAP lines, and whether it failed."""
    found = [row for row in test.get("stdout", "").splitlines() if RESULT.match(row)]
    lines = [re.sub(r"^(ok|not ok)( \d+)?( -)?", rf"\1 - {name}:", row) for row in found]
    bad = test["result"] not in GOOD
    if not lines:
        return [f"{'not ok' if bad else 'ok'} - {name}{' # SKIP' if test['result'] == 'SKIP' else ''}"], bad
    if bad and not any(row.startswith("not ok") for row in found):
        lines.append(f"not ok - {name}: ended with {test['result']}")
    return lines, bad


def report(tests, again):
    for name, test in tests.items():
        last = again.get(name, test)
        lines, bad = rows(name, last)
        print("\n".join(lines))
        if bad:
            for row in (last.get("stdout", "") + last.get("stderr", "")).splitlines()[-40:]:
                print(f"# {row}")
        elif name in again:
            for line in rows(name, test)[0]:
                if line.startswith("not ok"):
                    print(f"# at the first go: {line}")


if sys.argv[1] == "--failed":
    print("".join(f"{name}\n" for name, test in read(sys.argv[2]).items() if test["result"] not in GOOD), end="")
else:
    report(read(sys.argv[1]), read(sys.argv[2]) if len(sys.argv) > 2 else {})
