# SPDX-License-Identifier: Apache-2.0
"""The paths that test/http/load.py asks for, for gunicorn.conf.py."""
import time

ANSWERS = {
    "/api/orders": ("200 OK", b"served\n"),
    "/static/app.js": ("200 OK", b"served\n"),
    "/post": ("200 OK", b"served\n"),
    "/err": ("500 Internal Server Error", b"broken\n"),
    "/busy": ("503 Service Unavailable", b"busy\n"),
    "/empty": ("204 No Content", None),
    "/cached": ("304 Not Modified", None),
    "/big": ("200 OK", b"x" * 200000),
}

def chunks():
    for i in range(3):
        yield b"HTTP/1.1 500 piece %d\r\n\r\n" % i


def application(environ, start_response):
    path = environ["PATH_INFO"]
    environ["wsgi.input"].read()
    status, body = ANSWERS.get(path, ("404 Not Found", b"nothing\n"))
    if path.startswith("/api/items/"):
        status, body = "200 OK", b"served\n"
    if path in ("/delay", "/slow"):
        time.sleep(0.005 if path == "/delay" else 0.010)
        status, body = "200 OK", b"late\n"
    if path == "/chunked":
        start_response("200 OK", [])
        return chunks()
    start_response(status, [] if body is None else [("Content-Length", str(len(body)))])
    return [] if body is None or environ["REQUEST_METHOD"] == "HEAD" else [body]
