# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium behind chromedriver, spoken to with nothing but the standard library (W3C WebDriver)."""
import base64
import json
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request

ANSWER_SECONDS = 60
BROWSER_FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-quic", "--disable-dev-shm-usage",
    "--disable-default-apps", "--disable-extensions", "--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND",
    "--window-size=1440,960", "--force-device-scale-factor=1",
]
KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "Left": "\ue012", "Up": "\ue013", "Right": "\ue014", "Down": "\ue015",
        "Backspace": "\ue003"}


class WebDriverError(Exception):
    pass


class Browser:
    """Starts on entering, ends with everything it started on leaving."""

    def __init__(self, *flags):
        self.flags = [*BROWSER_FLAGS, *flags]
        self.session = None
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def __enter__(self):
        for program in ("chromium", "chromedriver"):
            if not shutil.which(program):
                raise WebDriverError(f"{program} is not installed (Debian: chromium chromium-driver)")

        self.data = tempfile.TemporaryDirectory(prefix="flamegraph-browser-", ignore_cleanup_errors=True)
        self.driver = subprocess.Popen(
            ["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            self.base = f"http://127.0.0.1:{self.read_port()}"
            answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
                "browserName": "chrome",
                "goog:loggingPrefs": {"browser": "ALL"},
                "goog:chromeOptions": {
                    "binary": shutil.which("chromium"),
                    "args": [*self.flags, f"--user-data-dir={self.data.name}"],
                },
            }}})
            self.session = answer["sessionId"]
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            if self.session:
                self.call("DELETE", f"/session/{self.session}")
        finally:
            self.driver.terminate()
            self.driver.wait(timeout=20)
            self.driver.stdout.close()
            self.data.cleanup()

    def read_port(self):
        for line in self.driver.stdout:
            found = re.search(r"started successfully on port (\d+)", line)
            if found:
                return int(found[1])
        raise WebDriverError("chromedriver did not start")

    def call(self, method, path, body=None):
        request = urllib.request.Request(
            self.base + path, method=method, headers={"Content-Type": "application/json"},
            data=None if body is None else json.dumps(body).encode())
        try:
            with self.opener.open(request, timeout=ANSWER_SECONDS) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise WebDriverError(json.load(error)["value"]["message"]) from error

    def do(self, method, path, body=None):
        return self.call(method, f"/session/{self.session}{path}", body)

    def open(self, path):
        self.do("POST", "/url", {"url": f"file://{path}"})

    def run(self, script, *args):
        """The value of a function body."""
        return self.do("POST", "/execute/sync", {"script": script, "args": list(args)})

    def wait(self, script, *args):
        """The value of a function body that calls its last argument with it."""
        return self.do("POST", "/execute/async", {"script": script, "args": list(args)})

    def pointer(self, *actions):
        self.do("POST", "/actions", {"actions": [{
            "type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": list(actions)}]})

    def move(self, x, y):
        self.pointer({"type": "pointerMove", "duration": 0, "x": round(x), "y": round(y)})

    def click(self, x, y, times=1):
        press = [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        self.pointer({"type": "pointerMove", "duration": 0, "x": round(x), "y": round(y)}, *press * times)

    def keys(self, *keys):
        """Types; names of KEYS are those keys, all else is text."""
        strokes = [c for key in keys for c in (KEYS[key] if key in KEYS else key)]
        self.do("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": [
            {"type": kind, "value": c} for c in strokes for kind in ("keyDown", "keyUp")]}]})

    def console(self):
        """What the page and the browser had to say since the last call, warnings and worse."""
        entries = self.do("POST", "/se/log", {"type": "browser"})
        return [e["message"] for e in entries if e["level"] in ("WARNING", "SEVERE")]

    def prefer_colors(self, scheme):
        self.do("POST", "/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": {
            "features": [{"name": "prefers-color-scheme", "value": scheme}]}})

    def screenshot(self, path):
        with open(path, "wb") as f:
            f.write(base64.b64decode(self.do("GET", "/screenshot")))
