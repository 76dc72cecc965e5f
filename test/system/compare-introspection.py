#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""compare-introspection.py WANTED.xml LIVE.xml: says in what the interface of the two differs, in any order of members."""
import sys
import xml.etree.ElementTree as ElementTree

NAME = "org.skywalking.ContinuousProfiling1"


def members(path):
    root = ElementTree.parse(path).getroot()
    interface = next(i for i in root.iter("interface") if i.get("name") == NAME)
    found = set()
    for m in interface:
        what = (m.tag, m.get("name"))
        if m.tag == "property":
            changes = [a.get("value") for a in m.iter("annotation") if a.get("name").endswith("EmitsChangedSignal")]
            found.add(what + (m.get("type"), m.get("access"), (changes or ["true"])[0]))
        elif m.tag in ("method", "signal"):
            default = "in" if m.tag == "method" else "out"
            found.add(what + tuple((a.get("name"), a.get("type"), a.get("direction", default)) for a in m.iter("arg")))
    return found


wanted, live = members(sys.argv[1]), members(sys.argv[2])
for member in sorted(wanted - live, key=str):
    print("missing or different:", member)
for member in sorted(live - wanted, key=str):
    print("is there instead:    ", member)
sys.exit(wanted != live or not wanted)
