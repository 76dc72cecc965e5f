# SPDX-License-Identifier: Apache-2.0
"""gunicorn -c gunicorn.conf.py wsgi: pre-forked workers behind a Unix socket. One line in $HTTP_LOG for each answer: STATUS METHOD
TARGET MICROSECONDS, from the first read of the request to the last write."""
import os
import time

import gunicorn.http.unreader

bind = "unix:/run/http-gunicorn.sock"
workers = 2
log = os.open(os.environ["HTTP_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

read_chunk = gunicorn.http.unreader.SocketUnreader.chunk


def timed_chunk(self):
    data = read_chunk(self)
    if not hasattr(self, "first"):
        self.first = time.monotonic()
    return data


gunicorn.http.unreader.SocketUnreader.chunk = timed_chunk


def post_request(worker, request, environ, response):
    usec = (time.monotonic() - request.unreader.first) * 1e6
    line = "%s %s %s %d\n" % (response.status.split()[0], request.method, request.uri, usec)
    os.write(log, line.encode())
