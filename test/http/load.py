#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""load.py: random HTTP/1.x conversations with a server, of which it knows exactly what was asked and what came back. Prints sums by rule
as JSON. First several connections at once send everything there is; then one alone asks for /slow, whose time is compared."""
import argparse
import json
import random
import socket
import ssl
import sys
import threading
import time

import rules

# What a body says must not be counted.
LOOK_ALIKES = (
    b"GET /err HTTP/1.1\r\nHost: body\r\n\r\n",
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
    b"\r\n\r\n0\r\n\r\nPOST /api/orders HTTP/1.1\r\n\r\n",
    b"just a form=1&of=2",
    b"\0\x16\x03\x01" * 40,
)
PATHS = ("/api/orders", "/api/orders?id=7", "/api/items/%d", "/static/app.js?v=%d", "/err", "/busy", "/missing/%d", "/err/not")


class Gone(Exception):
    """The server ended the connection before the answer was complete."""


class Connection:
    def __init__(self, options):
        if options.unix:
            plain = socket.socket(socket.AF_UNIX)
            plain.connect(options.unix)
        else:
            plain = socket.create_connection((options.host, options.port))
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.settimeout(options.timeout)
        self.socket = plain
        if options.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            self.socket = context.wrap_socket(plain)
        self.input = b""

    def send(self, data, pieces):
        for piece in pieces(data):
            try:
                self.socket.sendall(piece)
            except (ConnectionError, ssl.SSLError) as e:
                raise Gone from e
            if len(piece) < len(data):
                time.sleep(0.0002)

    def more(self):
        try:
            data = self.socket.recv(65536)
        except (ConnectionError, ssl.SSLError):
            data = b""
        if not data:
            raise Gone
        self.input += data

    def take(self, n):
        while len(self.input) < n:
            self.more()
        data, self.input = self.input[:n], self.input[n:]
        return data

    def line(self):
        while b"\n" not in self.input:
            self.more()
        data, self.input = self.input.split(b"\n", 1)
        return data.rstrip(b"\r")

    def head(self):
        first = self.line()
        headers = {}
        while True:
            line = self.line()
            if not line:
                return int(first.split()[1]), headers
            name, _, value = line.partition(b":")
            headers[name.strip().lower()] = value.strip().lower()

    def body(self, headers):
        if headers.get(b"transfer-encoding") == b"chunked":
            while True:
                size = int(self.line().split(b";")[0], 16)
                if size == 0:
                    break
                self.take(size + 2)
            while self.line():
                pass
        elif b"content-length" in headers:
            self.take(int(headers[b"content-length"]))
        else:
            try:
                while True:
                    self.more()
            except Gone:
                self.input = b""

    def response(self, method):
        """The status of the next final answer."""
        status, headers = self.head()
        while status < 200:
            status, headers = self.head()
        if method != "HEAD" and status not in (204, 304):
            self.body(headers)
        return status

    def close(self):
        self.socket.close()


def whole(data):
    yield data


class Talk:
    """One thread's conversations, told by its seed."""

    def __init__(self, options, seed):
        self.options = options
        self.random = random.Random(seed)
        self.answers = []  # (status, method, target)
        self.n_unanswered = 0
        self.left = options.requests // options.connections

    def pieces(self):
        if self.random.random() < 0.8:
            return whole
        size = self.random.choice((1, 7, 37, 100))
        n_small = self.random.randrange(1, 40)

        def small(data):
            for i in range(min(n_small, len(data) // size)):
                yield data[i * size : (i + 1) * size]
            rest = data[min(n_small, len(data) // size) * size :]
            if rest:
                yield rest

        return small

    def path(self):
        path = self.random.choice(PATHS)
        return path % self.random.randrange(1000) if "%d" in path else path

    def body(self):
        body = self.random.choice(LOOK_ALIKES) * self.random.randrange(1, 4)
        if self.options.has("chunked-requests") and self.random.random() < 0.5:
            data = b""
            while body:
                n = self.random.randrange(1, len(body) + 1)
                data += b"%x%s\r\n%s\r\n" % (n, self.random.choice((b"", b";note=1")), body[:n])
                body = body[n:]
            return "Transfer-Encoding: chunked\r\n", data + b"0\r\n\r\n"
        return f"Content-Length: {len(body)}\r\n", body

    def request(self, last=False):
        """(method, target, bytes)"""
        method, target, extra, body = "GET", self.path(), "", b""
        kind = self.random.random()
        if kind < 0.12:
            method, target = "POST", "/post"
            extra, body = self.body()
        elif kind < 0.2:
            method = "HEAD"
        elif kind < 0.35:
            kinds = [k for k in ("/empty", "/cached", "/delay", "/chunked") if self.options.has(k)]
            target = self.random.choice(kinds)
        if target == "/cached":
            extra += "If-None-Match: *\r\n"
        if self.random.random() < 0.1:
            extra += "Cookie: " + "x" * self.random.randrange(1, 1000) + "\r\n"
        if last:
            extra += "Connection: close\r\n"
        return method, target, f"{method} {target} HTTP/1.1\r\nHost: test\r\n{extra}\r\n".encode() + body

    def answered(self, status, method, target):
        self.answers.append((status, method, target))
        self.left -= 1

    def one_by_one(self, connection):
        n = self.random.randrange(1, 30)
        for i in range(n):
            method, target, data = self.request(last=i + 1 == n and self.random.random() < 0.5)
            connection.send(data, self.pieces())
            self.answered(connection.response(method), method, target)

    def pipelined(self, connection):
        requests = [self.request() for _ in range(self.random.randrange(2, 8))]
        connection.send(b"".join(data for _, _, data in requests), self.pieces())
        for method, target, _ in requests:
            self.answered(connection.response(method), method, target)

    def large(self, connection):
        connection.send(b"GET /big HTTP/1.1\r\nHost: test\r\n\r\n", self.pieces())
        self.answered(connection.response("GET"), "GET", "/big")

    def expects(self, connection):
        body = LOOK_ALIKES[0]
        head = b"POST /post HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body)
        connection.send(head, whole)
        status, headers = connection.head()
        if status == 100:
            connection.send(body, whole)
            status, headers = connection.head()
        connection.body(headers)
        self.answered(status, "POST", "/post")

    def old(self, connection):
        target = self.path()
        connection.send(f"GET {target} HTTP/1.0\r\n\r\n".encode(), self.pieces())
        self.answered(connection.response("GET"), "GET", target)

    def garbage(self, connection):
        connection.send(b"GARBAGE \x01\x02\r\n\r\n", whole)
        self.answered(connection.response("GET"), "-", "-")

    def run(self):
        kinds = [self.one_by_one] * 12 + [self.large]
        kinds += [self.pipelined] * 4 if self.options.has("pipelining") else []
        kinds += [self.old] if self.options.has("1.0") else []
        kinds += [self.expects] if self.options.has("expect") else []
        kinds += [self.garbage] if self.options.garbage else []
        while self.left > 0 and time.monotonic() < self.options.end:
            connection = Connection(self.options)
            try:
                self.random.choice(kinds)(connection)
            except Gone:
                self.n_unanswered += 1
            connection.close()

    def run_slow(self):
        connection = Connection(self.options)
        for _ in range(self.options.slow):
            connection.send(b"GET /slow HTTP/1.1\r\nHost: test\r\n\r\n", whole)
            self.answered(connection.response("GET"), "GET", "/slow")
        connection.close()


def parse(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int)
    parser.add_argument("--unix")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--slow", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=1e9, help="end earlier")
    parser.add_argument("--timeout", type=float, default=20, help="of one read, s")
    parser.add_argument("--without", default="", help="what the server cannot do: pipelining,1.0,/chunked,…")
    parser.add_argument("--garbage", action="store_true", help="the server logs what is no request, too")
    options = parser.parse_args(arguments)
    options.end = time.monotonic() + options.seconds
    options.has = lambda feature: feature not in options.without.split(",")
    return options


def main():
    options = parse()
    talks = [Talk(options, options.seed * 1000 + i) for i in range(options.connections)]
    failures = []
    threading.excepthook = lambda e: failures.append(f"{e.exc_type.__name__}: {e.exc_value}")
    threads = [threading.Thread(target=t.run) for t in talks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    slow = Talk(options, 0)
    if options.slow:
        slow.run_slow()
    sums = rules.Sums()
    for talk in talks + [slow]:
        for status, _, target in talk.answers:
            sums.add(status, target)
    json.dump({"rules": sums.counts(), "unanswered": sum(t.n_unanswered for t in talks), "failures": failures}, sys.stdout)
    print()
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
