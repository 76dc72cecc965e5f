# SPDX-License-Identifier: Apache-2.0
"""https-server.py python|asyncio: TLS on the socket itself, or through memory as event loops have it."""
import asyncio
import http.server
import os
import ssl
import sys


def tell(port):
    with open("port.new", "w") as f:
        f.write(f"{port}\n")
    os.rename("port.new", "port")


def status_of(path):
    return 503 if path == "/error" else 200


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = b"hello\n" * 1000
        self.send_response(status_of(self.path))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


async def talk(reader, writer):
    while line := await reader.readline():
        while (await reader.readline()).strip():
            pass
        status = status_of(line.split()[1].decode())
        writer.write(b"HTTP/1.1 %d Text\r\nContent-Length: 6\r\n\r\nhello\n" % status)
        await writer.drain()
    writer.close()


async def serve(context):
    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    tell(server.sockets[0].getsockname()[1])
    await server.serve_forever()


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("cert.pem", "key.pem")
if sys.argv[1] == "asyncio":
    asyncio.run(serve(context))
else:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    tell(server.server_address[1])
    server.serve_forever()
