#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""server.py PORT LOG [CERTIFICATE KEY]: the paths that test/http/load.py asks for, by http.server with a thread for each connection.
One line in LOG for each answer: STATUS METHOD TARGET MICROSECONDS, from the first read of the request to the last write."""
import http.server
import io
import socket
import ssl
import sys
import threading
import time

log = open(sys.argv[2], "w", buffering=1)
log_lock = threading.Lock()

ANSWERS = {
    "/api/orders": (200, b"served\n"),
    "/static/app.js": (200, b"served\n"),
    "/post": (200, b"served\n"),
    "/err": (500, b"broken\n"),
    "/busy": (503, b"busy\n"),
    "/empty": (204, None),
    "/cached": (304, None),
    "/big": (200, b"x" * 200000),
}


class TimedReads(socket.SocketIO):
    """When the first bytes of a request came."""

    first = None

    def readinto(self, buffer):
        n = super().readinto(buffer)
        if self.first is None:
            self.first = time.monotonic()
        return n


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.reads = TimedReads(self.connection, "r")
        self.rfile = io.BufferedReader(self.reads, 65536)

    def read_chunks(self):
        while True:
            size = int(self.rfile.readline().split(b";")[0], 16)
            if size == 0:
                break
            self.rfile.read(size + 2)
        while self.rfile.readline().strip():
            pass

    def read_body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            self.read_chunks()
        else:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def send(self, status, body):
        self.send_response(status)
        if body is not None:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if body and self.command != "HEAD":
            self.wfile.write(body)

    def send_chunked(self):
        self.send_response(200)
        if self.request_version == "HTTP/1.1":
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.close_connection = True
        self.end_headers()
        if self.command == "HEAD":
            return
        for i in range(3):
            piece = b"HTTP/1.1 500 piece %d\r\n\r\n" % i
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if self.request_version == "HTTP/1.1" else piece)
        if self.request_version == "HTTP/1.1":
            self.wfile.write(b"0\r\n\r\n")

    def answer(self):
        start = self.reads.first or time.monotonic()
        path = self.path.split("?")[0]
        self.read_body()
        status, body = ANSWERS.get(path, (404, b"nothing\n"))
        if path.startswith("/api/items/"):
            status, body = 200, b"served\n"
        if path in ("/delay", "/slow"):
            time.sleep(0.005 if path == "/delay" else 0.010)
            status, body = 200, b"late\n"
        if path == "/chunked":
            status = 200
            self.send_chunked()
        else:
            self.send(status, body)
        usec = (time.monotonic() - start) * 1e6
        self.reads.first = None
        with log_lock:
            log.write("%d %s %s %d\n" % (status, self.command, self.path, usec))

    do_GET = do_POST = do_HEAD = answer

    def log_message(self, *args):
        pass


def main():
    http.server.ThreadingHTTPServer.request_queue_size = 128
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    if len(sys.argv) > 3:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[3], sys.argv[4])
        # the handshake belongs to the thread of the connection
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


main()
