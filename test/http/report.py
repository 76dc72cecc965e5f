#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""report.py table|tap DIRECTORY BED…: what the beds left in DIRECTORY as a table or as TAP. Fails when anything differs."""
import json
import pathlib
import sys

import rules

COLUMNS = ("server", "hook", "ours: total / 4xx / 5xx / URIs", "theirs", "mean ours / theirs, ms", "result")


def show(counts):
    total, client_errors, server_errors = counts["all"]
    return f"{total} / {client_errors} / {server_errors} / " + " ".join(str(counts[r][0]) for r in rules.NAMES[1:])


def mean(usec):
    return "-" if usec is None else f"{usec / 1000:.3f}"


def problems(row):
    """What is wrong with it, in words."""
    found = [f"load.py: {f}" for f in row["failures"]]
    if row["sent"] and row["sent"] != row["theirs"] and not row["unanswered"]:
        found.append(f"load.py got {show(row['sent'])}")
    if row["is_invisible"]:
        return found if row["notes"] else found + ["not said that it is not seen"]
    for rule in rules.NAMES:
        if row["ours"][rule] != row["theirs"][rule]:
            found.append(f"{rule}: {row['ours'][rule]} is not {row['theirs'][rule]}")
    if row["mean_theirs_usec"] is not None:
        if row["mean_ours_usec"] is None:
            found.append("no mean")
        elif row["means_compare"] and abs(row["mean_ours_usec"] - row["mean_theirs_usec"]) > row["mean_tolerance_usec"]:
            found.append(f"means differ by more than {row['mean_tolerance_usec']:.0f} us")
    return found


def cells(bed, row):
    """The columns of its line but the result."""
    hook = "+".join(row["hooks"]) or bed
    if row["is_invisible"]:
        return [row["server"], hook, "said: " + "; ".join(row["notes"]), show(row["theirs"]), "-"]
    means = f"{mean(row['mean_ours_usec'])} / {mean(row['mean_theirs_usec'])}" + ("" if row["means_compare"] else " *")
    return [row["server"], hook, show(row["ours"]), show(row["theirs"]), means]


def print_table(lines):
    widths = [max(len(line[i]) for line in [COLUMNS] + lines) for i in range(len(COLUMNS))]
    for line in [COLUMNS, ["-" * w for w in widths]] + lines:
        print("| " + " | ".join(text.ljust(width) for text, width in zip(line, widths)) + " |")


def main():
    form, directory, beds = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
    lines, wrong = [], []
    for bed in beds:
        path = directory / f"{bed}.json"
        result = json.loads(path.read_text()) if path.exists() else {"rows": [], "error": f"no results, see {directory}/{bed}.log"}
        for row in result["rows"]:
            found = problems(row)
            lines.append(cells(bed, row) + ["differs" if found else "equal"])
            name = f"{row['server']} by {bed}: what cprofd counts is what the server logged"
            wrong += [(name, found)] if found else []
            if form == "tap":
                print(f"{'not ok' if found else 'ok'} - {name}")
                print("".join(f"# {f}\n" for f in found), end="")
        if result["error"]:
            wrong.append((bed, result["error"].splitlines()[-1:]))
            if form == "tap":
                print(f"not ok - {bed}: the loads ran to their end\n# {wrong[-1][1]}")
    if form == "table":
        print(f"URIs: {'  '.join(rules.NAMES[1:])}\n")
        print_table(lines)
        if any(line[4].endswith("*") for line in lines):
            print("\n* from packet to packet, so waiting for the process is in it: not compared")
        for name, found in wrong:
            print(f"\n{name}:\n  " + "\n  ".join(found))
        print(f"\n{len(lines) - sum(line[-1] == 'differs' for line in lines)} of {len(lines)} equal")
    return bool(wrong) or not lines


sys.exit(main())
