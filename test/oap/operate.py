#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What an operator does at SkyWalking, from a terminal.

  operate.py URL policy SERVICE TARGET TYPE THRESHOLD PERIOD COUNT   as in: shop ON_CPU PROCESS_CPU 50 10 4
  operate.py URL tasks SERVICE                                       those that were triggered, newest first
  operate.py URL tree SERVICE [FILE]                                 flame graph of the newest as text, beside the lines of FILE"""
import itertools
import pathlib
import sys
import time

import graphql

PATIENCE_SEC = 60
LEFT = 72  # columns for the tree


def set_policy(ui, service, target, kind, threshold, period, count):
    ui.set_policy(service, **{target: [(kind, threshold, int(period), int(count))]})
    for policy in ui.policy(service):
        for item in policy["checkItems"]:
            print(f"{service}: {policy['type']} when {item['type']} >= {item['threshold']} in {item['count']} of {item['period']} s")


def newest_first(ui, service):
    return sorted(ui.triggered_tasks(service), key=lambda task: -int(task["taskStartTime"]))


def show_tasks(ui, service):
    for task in wait_for(newest_first, ui, service):
        when = time.strftime("%H:%M:%S", time.gmtime(int(task["taskStartTime"]) / 1000))
        causes = "; ".join(cause["message"] for cause in task["continuousProfilingCauses"])
        print(f"{task['taskId'][:12]}… {when} {task['targetType']} of {task['processName']}: {causes}")


def wait_for(function, *arguments):
    end = time.monotonic() + PATIENCE_SEC
    while True:
        try:
            found = function(*arguments)
        except graphql.QueryError:
            found = None
        if found:
            return found
        if time.monotonic() > end:
            sys.exit(f"operate.py: the OAP has nothing after {PATIENCE_SEC} s")
        time.sleep(0.5)


def settled_trees(ui, task):
    """What does not become more any more: the last data follow the end of a recording."""
    known = 0
    while True:
        trees = wait_for(lambda: ui.analysis(ui.schedules(task["taskId"])))
        if graphql.total(trees) == known:
            return trees
        known = graphql.total(trees)
        time.sleep(6)


def show_tree(ui, service, beside=None):
    task = wait_for(newest_first, ui, service)[0]
    trees = settled_trees(ui, task)
    lines = graphql.draw(trees, least_percent=4, width=40)
    right = pathlib.Path(beside).read_text().splitlines() if beside else []
    print(f"{graphql.total(trees)} samples of {task['processName']} at the OAP".ljust(LEFT) + ("here" if right else ""))
    for a, b in itertools.zip_longest(lines, right, fillvalue=""):
        print(f"{a[:LEFT - 2]:{LEFT}}{b}".rstrip())


def main():
    verbs = {"policy": set_policy, "tasks": show_tasks, "tree": show_tree}
    if len(sys.argv) < 4 or sys.argv[2] not in verbs:
        sys.exit(__doc__)
    try:
        verbs[sys.argv[2]](graphql.Client(sys.argv[1]), *sys.argv[3:])
    except graphql.QueryError as error:
        sys.exit(f"operate.py: {error}")


main()
