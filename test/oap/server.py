#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A real SkyWalking OAP on the loopback address, for tests and the demo.

  server.py fetch               gets its jars from Maven Central, once, and prints the directory that keeps them
  server.py start RUN [OPTION]  starts one that keeps its log and ports in the directory RUN; prints the ports once it answers
      --data DIRECTORY          the database is there and outlives the server; without, it is in memory
      --token TEXT              asked of agents
      --policy-cache SECONDS    for how long it remembers a policy; 60, as in production
  server.py stop RUN            or "kill RUN", which leaves it no time to write anything

Jars are in $CPROF_OAP_JARS, else below ${XDG_CACHE_HOME:-/var/cache}/cprof-test. Needs Java 17, and Maven until they are there."""
import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import xml.sax.saxutils

HERE = pathlib.Path(__file__).resolve().parent / "server"
FETCH_PATIENCE_SEC = 600
START_PATIENCE_SEC = 180
STOP_PATIENCE_SEC = 10

POM = """<project>
<modelVersion>4.0.0</modelVersion>
<groupId>cprof.test</groupId><artifactId>oap</artifactId><version>1</version><packaging>pom</packaging>
<build><plugins><plugin>
<artifactId>maven-dependency-plugin</artifactId><version>2.8</version>
<configuration><artifactItems>
{items}
</artifactItems></configuration>
</plugin></plugins></build>
</project>
"""


class ServerError(RuntimeError):
    pass


def read_list():
    lines = (HERE / "jars").read_text().splitlines()
    return [line.split(":") for line in lines if line and not line.startswith("#")]


def cache_directory():
    if os.environ.get("CPROF_OAP_JARS"):
        return pathlib.Path(os.environ["CPROF_OAP_JARS"])
    # another list is another directory, and one that is there is complete
    digest = hashlib.sha256((HERE / "jars").read_bytes()).hexdigest()[:16]
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "/var/cache") / "cprof-test" / f"oap-{digest}"


def fetch():
    """The directory with the jars; by Maven, which knows the mirror of this machine, when they are not there yet."""
    jars = cache_directory()
    if jars.is_dir():
        return jars
    if not shutil.which("mvn"):
        raise ServerError(f"{jars} is not there, nor is mvn to fetch it: tools/install oap")
    jars.parent.mkdir(parents=True, exist_ok=True)
    with open(jars.parent / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not jars.is_dir():
            fetch_to(jars)
    return jars


def fetch_to(jars):
    partial = jars.with_name(jars.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    items = []
    # named one by one: nothing is resolved, so that no description of what they might need is read either
    for group, artifact, version in read_list():
        items.append(
            f"<artifactItem><groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
            f"<version>{xml.sax.saxutils.escape(version)}</version></artifactItem>"
        )
    pom = partial / "pom.xml"
    pom.write_text(POM.format(items="\n".join(items)))
    command = ["mvn", "-q", "-B", "-ntp", "-f", str(pom), "dependency:copy", f"-DoutputDirectory={partial}"]
    print("fetching the jars of the OAP", file=sys.stderr)
    done = subprocess.run(
        command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=FETCH_PATIENCE_SEC
    )
    found = len(list(partial.glob("*.jar")))
    if done.returncode != 0 or found != len(items):
        raise ServerError(f"mvn brought {found} of {len(items)} jars:\n{done.stdout.decode(errors='replace')[-2000:]}")
    partial.rename(jars)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """One OAP. It keeps its ports when it is started again."""

    def __init__(self, run, data=None, token="", policy_cache_sec=60):
        self.run = pathlib.Path(run)
        self.data = data
        self.token = token
        self.policy_cache_sec = policy_cache_sec
        self.process = None
        self.run.mkdir(parents=True, exist_ok=True)
        ports = self.run / "ports.json"
        if not ports.exists():
            ports.write_text(json.dumps({"grpc": free_port(), "http": free_port()}))
        self.ports = json.loads(ports.read_text())
        self.log = self.run / "log"

    @property
    def address(self):
        return f"127.0.0.1:{self.ports['grpc']}"

    @property
    def url(self):
        return f"http://127.0.0.1:{self.ports['http']}/graphql"

    def environment(self):
        # minutes in queries are those of the server's time zone
        database = "jdbc:h2:mem:oap;DB_CLOSE_DELAY=-1;DATABASE_TO_UPPER=FALSE"
        if self.data:
            # what was acknowledged by the database is there after a kill
            database = f"jdbc:h2:file:{pathlib.Path(self.data).resolve()}/oap;DATABASE_TO_UPPER=FALSE;WRITE_DELAY=0"
        return {
            **os.environ,
            "TZ": "UTC",
            "CPROF_OAP_GRPC": str(self.ports["grpc"]),
            "CPROF_OAP_HTTP": str(self.ports["http"]),
            "CPROF_OAP_DATABASE": database,
            "CPROF_OAP_TOKEN": self.token,
            "CPROF_OAP_POLICY_CACHE": str(self.policy_cache_sec),
        }

    def start(self):
        """Returns once it answers. The log is appended to."""
        jars = fetch()
        if not shutil.which("java"):
            raise ServerError("there is no java: tools/install oap")
        # it lives for minutes: what compiles quickly is better than what runs quickly
        options = ["-Xmx384m", "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Dcom.linecorp.armeria.warnNettyVersions=false"]
        command = ["java", *options, "-cp", f"{HERE / 'config'}:{jars}/*", "org.apache.skywalking.oap.server.starter.OAPServerStartUp"]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.run, env=self.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        (self.run / "pid").write_text(str(self.process.pid))
        end = time.monotonic() + START_PATIENCE_SEC
        while not self.answers():
            if self.process.poll() is not None:
                raise ServerError(f"the OAP ended with {self.process.returncode}:\n{self.tail()}")
            if time.monotonic() > end:
                self.stop(signal.SIGKILL)
                raise ServerError(f"the OAP does not answer after {START_PATIENCE_SEC} s:\n{self.tail()}")
            time.sleep(0.2)
        return self

    def answers(self):
        """Queries are the last thing that it has ready."""
        body = json.dumps({"query": "{version}"}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return "version" in (json.load(answer).get("data") or {})
        except (OSError, urllib.error.URLError, ValueError):
            return False

    def pid(self):
        """0: it does not run. A number that somebody else got meanwhile is not ours."""
        with contextlib.suppress(OSError, ValueError):
            pid = int((self.run / "pid").read_text())
            command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
            if b"OAPServerStartUp" in command and os.path.realpath(f"/proc/{pid}/cwd") == str(self.run.resolve()):
                return pid
        return 0

    def stop(self, number=signal.SIGTERM):
        end = time.monotonic() + STOP_PATIENCE_SEC
        while pid := self.pid():
            os.kill(pid, number)
            if self.process:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(0.2)
            else:
                time.sleep(0.2)
            if time.monotonic() > end:
                number = signal.SIGKILL
        self.process = None

    def errors(self):
        """What it answered OK to and did not do."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return [line for line in lines if " ERROR " in line]

    def tail(self):
        return self.log.read_text(errors="replace")[-3000:]


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("verb", choices=["fetch", "start", "stop", "kill"])
    parser.add_argument("run", nargs="?")
    parser.add_argument("--data")
    parser.add_argument("--token", default="")
    parser.add_argument("--policy-cache", type=int, default=60)
    arguments = parser.parse_args()
    if arguments.verb == "fetch":
        print(fetch())
        return
    if not arguments.run:
        parser.error("which RUN directory?")
    server = Server(arguments.run, arguments.data, arguments.token, arguments.policy_cache)
    if arguments.verb == "start":
        if server.pid():
            raise ServerError(f"it runs already, as {server.pid()}")
        began = time.monotonic()
        server.start()
        print(f"ready after {time.monotonic() - began:.1f} s", file=sys.stderr)
        print(f"address={server.address}\nurl={server.url}")
    else:
        server.stop(signal.SIGKILL if arguments.verb == "kill" else signal.SIGTERM)


if __name__ == "__main__":
    try:
        main()
    except ServerError as error:
        sys.exit(f"server.py: {error}")
