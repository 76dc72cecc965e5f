#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A directory under src/ may include itself and those before it in the pipeline; libraries have their one home."""
import pathlib
import re
import sys

ORDER = "basic host probe target monitor window policy trigger task symbol store oap sink bus".split()
LIBRARIES = {
    r"bpf/|.*\.skel\.h": lambda f: f.parts[1] == "probe",
    r"grpc/|openssl/": lambda f: f.parts[1:3] == ("oap", "grpc"),
    r"protobuf-c/|.*\.pb-c\.h": lambda f: f.parts[1] == "oap" or (f.parts[1] == "store" and f.name.startswith("pprof")),
    r"libelf\.h|gelf\.h|elf\.h|libiberty/|lzma\.h|Zydis/": lambda f: f.parts[1] == "symbol",
    r"systemd/sd-bus\.h": lambda f: f.parts[1] in ("bus", "ctl") or f.name.startswith("discover-units") or f.parts[1].startswith("daemon"),
    r"libsmartcols": lambda f: f.parts[1] == "ctl",
    r"uthash\.h": lambda f: str(f) == "src/basic/hash.h",
}
GENERATED = {"cprof-config.h", "cprof-abi.h", "cprof-http.h"}
PROBE_ABI = {"cprof-offcpu.h", "cprof-http-hook.h", "cprof-http-tls.h"}  # between programs and their part of the probe
bad = []

for path in sorted(pathlib.Path("src").rglob("*.[ch]")):
    layer = path.parts[1] if len(path.parts) > 2 else None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r'#include [<"]([^>"]+)[>"]', line)
        if not match:
            continue
        name = match.group(1)
        for pattern, allowed in LIBRARIES.items():
            if re.match(pattern, name) and not allowed(path):
                bad.append(f"{path}:{number}: <{name}> is not for this directory")
        if not line.startswith('#include "') or name in GENERATED or layer is None:
            continue
        if name in PROBE_ABI and layer == "probe":
            continue
        home = name.split("/")[0] if "/" in name else "top of src"
        if layer == "ctl":
            allowed_here = home in ("basic", "ctl") or name == "bus/bus-names.h"
        elif layer == "catalog":
            allowed_here = False
        elif path.parts[1:3] == ("oap", "grpc"):  # a shared object of its own, without the rest of us
            allowed_here = name == "oap/oap-transport.h" or name.startswith("oap/grpc/")
        elif name.startswith("oap/grpc/"):
            allowed_here = False
        else:
            allowed_here = home in ORDER[: ORDER.index(layer) + 1] or home == "catalog" or (home, layer) == ("bpf", "probe")
        if not allowed_here and not name.endswith(".pb-c.h"):
            bad.append(f"{path}:{number}: {layer}/ may not see {name}")

print("\n".join(bad))
sys.exit(bool(bad))
