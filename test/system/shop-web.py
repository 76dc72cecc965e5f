#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""shop-web.py serve PORT GOOD_SEC: a web shop. /api/products is always quick; /api/orders needs the stock, which a stocktaking keeps to
itself for half a second at a time, GOOD_SEC after the start. shop-web.py visit PORT: its customers."""
import http.client
import http.server
import sys
import threading
import time

stock = threading.Lock()


def reserve_stock():
    with stock:
        return "reserved"


def list_products():
    return ", ".join("item %d" % n for n in range(50))


class Shop(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.split("?")[0]
        status = 200
        if path == "/api/orders":
            text = reserve_stock()
        elif path == "/api/products":
            text = list_products()
        else:
            status, text = 404, "nothing here"
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def take_stock(good_sec):
    time.sleep(good_sec)
    while True:
        with stock:
            time.sleep(0.5)
        # a lock that is free for a moment only goes to who waits
        time.sleep(0.02)


def serve(port, good_sec):
    threading.Thread(target=take_stock, args=(good_sec,), daemon=True).start()
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Shop).serve_forever()


def visit(port):
    shop = http.client.HTTPConnection("127.0.0.1", port)
    n = 0
    while True:
        shop.request("GET", "/api/orders?customer=%d" % n if n % 3 == 0 else "/api/products")
        shop.getresponse().read()
        n += 1
        time.sleep(0.02)


def main():
    if sys.argv[1] == "serve":
        serve(int(sys.argv[2]), float(sys.argv[3]))
    for _ in range(3):
        threading.Thread(target=visit, args=(int(sys.argv[2]),)).start()


main()
