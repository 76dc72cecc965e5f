#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tally.py TESTLOG.json: one TAP line per sub-test of a meson run; a program that prints no TAP counts as one test."""
import json
import re
import sys

RESULT = re.compile(r"^(ok|not ok)\b")

for line in open(sys.argv[1], encoding="utf-8"):
    test = json.loads(line)
    name = test["name"].split(" / ")[-1]
    rows = [row for row in test.get("stdout", "").splitlines() if RESULT.match(row)]
    failed = [row for row in rows if row.startswith("not ok")]
    for row in rows:
        print(re.sub(r"^(ok|not ok)( \d+)?( -)?", rf"\1 - {name}:", row))
    bad = test["result"] not in ("OK", "SKIP", "EXPECTEDFAIL")
    if not rows:
        print(f"{'not ok' if bad else 'ok'} - {name}{' # SKIP' if test['result'] == 'SKIP' else ''}")
    elif bad and not failed:
        print(f"not ok - {name}: ended with {test['result']}")
    if bad:
        for row in (test.get("stdout", "") + test.get("stderr", "")).splitlines()[-40:]:
            print(f"# {row}")
