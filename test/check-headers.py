#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check-headers.py BUILD: each header under src/ compiles alone, and its first line is the licence."""
import pathlib
import subprocess
import sys

build = sys.argv[1]
bad = []
headers = sorted(pathlib.Path("src").rglob("*.h")) + sorted(pathlib.Path("bpf/include").glob("*.h"))
flags = "-std=gnu17 -D_GNU_SOURCE -fsyntax-only -Wall -Wextra -Werror -Wno-unused-parameter -Isrc -Ibpf/include".split()
flags += [f"-I{build}", f"-I{build}/proto"]
for header in headers:
    text = header.read_text()
    if "SPDX-License-Identifier" not in text.splitlines()[0] or "#pragma once" not in text:
        bad.append(f"{header}: no licence line or no #pragma once")
    run = subprocess.run(["cc", *flags, "-x", "c", "-include", str(header), "/dev/null"], capture_output=True, text=True)
    if run.returncode != 0:
        bad.append(f"{header}: does not compile alone\n{run.stderr}")
print("\n".join(bad))
sys.exit(bool(bad))
