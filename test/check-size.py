#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No source file above 400 lines, every one with its licence line first, no line of code left as a promise."""
import pathlib
import re
import sys

bad = []
for root in ("src", "bpf", "test", "tools"):
    for path in sorted(pathlib.Path(root).rglob("*")):
        if path.suffix not in (".c", ".h", ".py", ".js", ".css") and not (root == "tools" and path.is_file()):
            continue
        lines = path.read_text().splitlines()
        if len(lines) > 400:
            bad.append(f"{path}: {len(lines)} lines")
        if not any("SPDX-License-Identifier" in line for line in lines[:3]):
            bad.append(f"{path}: no SPDX line")
        for number, line in enumerate(lines, 1):
            if path.name != "check-size.py" and re.search(r"\b(XXX|TODO|FIXME)\b", line):
                bad.append(f"{path}:{number}: {line.strip()}")
print("\n".join(bad))
sys.exit(bool(bad))
