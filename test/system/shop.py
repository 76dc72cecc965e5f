#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""shop.py IDLE_SEC: an ordinary web shop that goes bad: idles, then resizes images (zlib, in C), renders a template and parses headers,
in Python, for about 60, 25 and 15 % of the time, while another thread waits for a lock."""
import sys
import threading
import time
import zlib

IMAGE = bytes(range(256)) * 400
HEADERS = "Host: shop\r\nAccept: text/html\r\nCookie: id=1; basket=2\r\n" * 8
stock = threading.Lock()


def resize_images():
    for _ in range(6):
        zlib.compress(IMAGE, 6)


def render_row(n):
    return "<li class=item-%d>%s</li>" % (n, str(n) * 3)


def render_template():
    return "".join(render_row(n) for n in range(2900))


def parse_headers():
    parsed = {}
    for line in HEADERS.split("\r\n") * 250:
        name, _, value = line.partition(":")
        parsed[name.lower()] = value.strip()
    return parsed


def handle_request():
    with stock:
        resize_images()
    render_template()
    parse_headers()


def count_stock():
    while True:
        with stock:
            time.sleep(0.001)
        time.sleep(0.05)


def main():
    time.sleep(float(sys.argv[1]))
    threading.Thread(target=count_stock, daemon=True).start()
    while True:
        handle_request()


main()
