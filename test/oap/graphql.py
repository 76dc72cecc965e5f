#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What an operator does at an OAP and sees there, by its GraphQL. From the command line: graphql.py URL QUERY [VARIABLES-AS-JSON]."""
import base64
import datetime
import hashlib
import json
import sys
import urllib.error
import urllib.request

TASK_FIELDS = """taskId targetType triggerType processName taskStartTime fixedTriggerDuration
  continuousProfilingCauses { type message singleValue { threshold current } uri { uriPath uriRegex threshold current } }"""


class QueryError(RuntimeError):
    pass


def encode(name):
    return base64.b64encode(name.encode()).decode()


def service_id(service):
    return f"{encode(service)}.1"  # ".1": it has an agent


def instance_id(service, instance):
    return f"{service_id(service)}_{encode(instance)}"


def process_id(service, instance, process):
    return hashlib.sha256(f"{process}_{instance_id(service, instance)}".encode()).hexdigest()


def spans(past_min=30, future_min=2):
    """Whole minutes of UTC around now, apart for each day: the server has tables for each day, and finds nothing in a span that begins on
    a day without. Nothing of tomorrow, which has none yet."""
    now = datetime.datetime.now(datetime.timezone.utc)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    start, end = now - datetime.timedelta(minutes=past_min), now + datetime.timedelta(minutes=future_min)
    minute, day = datetime.timedelta(minutes=1), datetime.timedelta(days=1)
    days = [(start, midnight - minute)] if start < midnight else []
    days.append((max(start, midnight), min(end, midnight + day - minute)))
    return [{"start": f"{a:%Y-%m-%d %H%M}", "end": f"{b:%Y-%m-%d %H%M}", "step": "MINUTE"} for a, b in days]


class Client:
    def __init__(self, url):
        self.url = url

    def query(self, text, **variables):
        body = json.dumps({"query": text, "variables": variables}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                reply = json.load(answer)
        except (OSError, urllib.error.URLError, ValueError) as error:
            raise QueryError(f"{self.url}: {error}") from error
        if reply.get("errors"):
            raise QueryError(json.dumps(reply["errors"])[:500])
        return reply["data"]

    def query_each_day(self, text, minutes, **variables):
        """The field "a" of the answers for spans(**@minutes), which are $d of the query."""
        return [self.query(text, d=span, **variables)["a"] for span in spans(**minutes)]

    # ---- policies

    def set_policy(self, service, **targets):
        """@targets: ON_CPU=[("PROCESS_CPU", "50", 10, 3)], each with threshold, period, count; none: removes all."""
        rows = []
        for target, items in targets.items():
            checks = [{"type": kind, "threshold": threshold, "period": period, "count": count} for kind, threshold, period, count in items]
            rows.append({"targetType": target, "checkItems": checks})
        reply = self.query(
            "mutation ($r: ContinuousProfilingPolicyCreation!) { a: setContinuousProfilingPolicy(request: $r) { status errorReason } }",
            r={"serviceId": service_id(service), "targets": rows},
        )["a"]
        if not reply["status"]:
            raise QueryError(reply["errorReason"])

    def policy(self, service):
        return self.query(
            """query ($s: ID!) { a: queryContinuousProfilingServiceTargets(serviceId: $s) {
                 type triggeredCount checkItems { type threshold period count uriList uriRegex } } }""",
            s=service_id(service),
        )["a"]

    # ---- who is there

    def services(self):
        return self.query("{ a: listServices { name layers } }")["a"]

    def processes(self, service, instance, **minutes):
        """Those of which something was heard within spans(@minutes)."""
        answers = self.query_each_day(
            """query ($d: Duration!, $i: ID!) { a: listProcesses(duration: $d, instanceId: $i) {
                 id name detectType labels attributes { name value } } }""",
            minutes,
            i=instance_id(service, instance),
        )
        return list({process["id"]: process for answer in answers for process in answer}.values())

    def can_be_profiled(self, service):
        return self.query(
            "query ($s: ID!) { a: queryPrepareCreateEBPFProfilingTaskData(serviceId: $s) { couldProfiling } }", s=service_id(service)
        )["a"]["couldProfiling"]

    # ---- tasks and what they brought

    def triggered_tasks(self, service):
        return self.tasks(service, "CONTINUOUS_PROFILING")

    def tasks(self, service, trigger="FIXED_TIME"):
        return self.query(
            f"query ($s: ID, $t: EBPFProfilingTriggerType) {{ a: queryEBPFProfilingTasks(serviceId: $s, triggerType: $t) {{ {TASK_FIELDS} }} }}",
            s=service_id(service),
            t=trigger,
        )["a"]

    def create_task(self, service, target, duration_sec=60):
        """The id of a task for all processes of @service, from now on; the server refuses less than a minute."""
        reply = self.query(
            """mutation ($r: EBPFProfilingTaskFixedTimeCreationRequest!) {
                 a: createEBPFProfilingFixedTimeTask(request: $r) { status errorReason id } }""",
            r={"serviceId": service_id(service), "processLabels": [], "startTime": 0, "duration": duration_sec, "targetType": target},
        )["a"]
        if not reply["status"]:
            raise QueryError(reply["errorReason"])
        return reply["id"]

    def schedules(self, task):
        return self.query(
            """query ($t: ID!) { a: queryEBPFProfilingSchedules(taskId: $t) { scheduleId startTime endTime process { id name } } }""",
            t=task,
        )["a"]

    def analysis(self, schedules, aggregate="COUNT"):
        """Trees of some schedules of one task: lists of elements with id, parentId (0: a root), symbol, stackType and dumpCount."""
        answer = self.query(
            """query ($s: [ID!]!, $r: [EBPFProfilingAnalyzeTimeRange!]!, $a: EBPFProfilingAnalyzeAggregateType) {
                 a: analysisEBPFProfilingResult(scheduleIdList: $s, timeRanges: $r, aggregateType: $a) {
                   tip trees { elements { id parentId symbol stackType dumpCount } } } }""",
            s=[s["scheduleId"] for s in schedules],
            r=[{"start": s["startTime"], "end": s["endTime"]} for s in schedules],
            a=aggregate,
        )["a"]
        if answer["tip"]:
            raise QueryError(answer["tip"])
        return [tree["elements"] for tree in answer["trees"]]

    # ---- curves

    def meter(self, name, service, instance, process, **minutes):
        """(ms since 1970, value) for each minute that has one; scaled as the server's rules say."""
        answers = self.query_each_day(
            """query ($x: String!, $e: Entity!, $d: Duration!) { a: execExpression(expression: $x, entity: $e, duration: $d) {
                 error results { values { id value } } } }""",
            minutes,
            x=f"continuous_profiling_{name}",
            e={"serviceName": service, "normal": True, "serviceInstanceName": instance, "processName": process},
        )
        for answer in answers:
            if answer["error"]:
                raise QueryError(answer["error"])
        values = (v for answer in answers for r in answer["results"] for v in r["values"])
        return [(int(v["id"]), float(v["value"])) for v in values if v["value"] is not None]


def total(trees):
    """Of the roots: a node has the sum of what is below it, and of what ends in it."""
    return sum(e["dumpCount"] for tree in trees for e in tree if int(e["parentId"]) == 0)


def self_counts(trees):
    """Symbol -> what ended in it."""
    counts = {}
    for tree in trees:
        own = {e["id"]: e["dumpCount"] for e in tree}
        for e in tree:
            if int(e["parentId"]) != 0:
                own[e["parentId"]] -= e["dumpCount"]
        for e in tree:
            counts[e["symbol"]] = counts.get(e["symbol"], 0) + own[e["id"]]
    return {symbol: count for symbol, count in counts.items() if count}


def draw(trees, least_percent=2, width=60):
    """Lines of text, a branch below the one it comes from, the biggest first, in percent of all. Of functions that do nothing but call
    the next one the first and the last are shown."""
    whole = total(trees) or 1
    lines = []
    children = {}
    for n, tree in enumerate(trees):
        for e in tree:
            children.setdefault((n, e["parentId"]) if int(e["parentId"]) else None, []).append((n, e))

    def below(key):
        big = [pair for pair in children.get(key, []) if 100 * pair[1]["dumpCount"] / whole >= least_percent]
        return sorted(big, key=lambda pair: -pair[1]["dumpCount"])

    def label(e):
        return e["symbol"][:width] + (" [kernel]" if e["stackType"] == "KERNEL_SPACE" else "")

    def add(key, depth):
        for n, e in below(key):
            last, length = e, 1
            while len(next_ones := below((n, last["id"]))) == 1 and next_ones[0][1]["dumpCount"] >= 0.97 * e["dumpCount"]:
                last, length = next_ones[0][1], length + 1
            text = label(e) if length == 1 else f"{label(e)} {'…' if length > 2 else '>'} {label(last)}"
            lines.append(f"{100 * last['dumpCount'] / whole:6.1f} %  {'  ' * depth}{text}")
            add((n, last["id"]), depth + 1)

    add(None, 0)
    return lines


if __name__ == "__main__":
    arguments = json.loads(sys.argv[3]) if len(sys.argv) > 3 else {}
    json.dump(Client(sys.argv[1]).query(sys.argv[2], **arguments), sys.stdout, indent=2)
    print()
