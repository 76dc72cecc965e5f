#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""inside.py BED [SEED]: runs in the throw-away systemd: a real OAP beside cprofd, and the cases of BED. Results go to /out/BED.tap."""
import importlib
import os
import pathlib
import subprocess
import sys
import traceback

import machine
import server
import tap

CONFIGURATION = """[OAP]
Address={address}
[Service]
Unit=shop.service shop-*.service
Service=shop
Instance={host}
[Service]
Unit=*
Register=no
"""

POST_MORTEM = (
    "cprofctl --no-pager oap status",
    "cprofctl --json=short oap status",
    "cprofctl --no-pager oap services",
    "cprofctl --no-pager policy list",
    "cprofctl --no-pager unit windows shop",
    "cprofctl --no-pager task list",
    "journalctl -q --no-pager -u cprofd -n 200",
)


class Bed:
    """What all cases need."""

    def __init__(self, name, seed):
        self.name = name
        self.seed = seed
        self.tap = tap.Tap(f"/out/{name}.tap")
        self.case, self.need = self.tap.case, self.tap.need
        self.oap = None
        self.ui = None

    def start_oap(self, **options):
        run = pathlib.Path(f"/out/{self.name}.oap")
        self.oap = server.Server(run, policy_cache_sec=1, **options)
        self.ui = importlib.import_module("graphql").Client(self.oap.url)
        self.oap.start()

    def configure(self):
        machine.configure(CONFIGURATION.format(address=self.oap.address, host=machine.HOST))


def main():
    name = sys.argv[1]
    os.environ.update(CPROF_OAP_JARS="/jars", SYSTEMD_PAGER="", SYSTEMD_COLORS="0", NO_COLOR="1", LANG="C.UTF-8")
    os.chdir("/tmp")
    bed = Bed(name, sys.argv[2] if len(sys.argv) > 2 else "")
    try:
        machine.install()
        importlib.import_module(f"cases_{name.partition('-')[0]}").run(bed)
        bed.tap.complete()
    except Exception:  # the result says that it ended here
        traceback.print_exc()
    finally:
        for command in POST_MORTEM:
            print(f"\n$ {command}", flush=True)
            subprocess.run(command.split(), check=False)
        if bed.oap:
            bed.oap.stop()


main()
