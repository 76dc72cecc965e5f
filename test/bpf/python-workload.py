# SPDX-License-Identifier: Apache-2.0
# python-workload.py WHAT [THREADS]: functions with known lines for ever. Says "ready" first.
import hashlib
import sys
import threading
import zlib


def innermost(n):
    x = 0
    for i in range(n):
        x += i * i  # line 12
    return x


def middle(n):
    return innermost(n)  # line 17


def outermost(n):
    return middle(n)  # line 21


def calls():
    outermost(2000)  # line 25


def sort_key(x):
    return innermost(x & 63)  # line 29


def sorting():
    sorted(range(500), key=sort_key)  # line 33: through C and back


def numbers(n):
    for i in range(n):
        yield innermost(i)  # line 38


def generator():
    sum(numbers(100))  # line 42


def hashing():
    hashlib.pbkdf2_hmac("sha256", b"secret", b"salt", 20000)  # line 46: without the lock


def compressing():
    zlib.compress(bytes(range(256)) * 4000, 6)  # line 50


def raising(n):
    if n == 0:
        raise ValueError(innermost(200))  # line 55
    raising(n - 1)


def exception():
    try:
        raising(10)
    except ValueError:
        pass


class Shape:
    def area(self):
        return innermost(1000)  # line 68


def méthode():
    Shape().area()  # line 72


def mixed():
    for f in calls, sorting, generator, hashing, compressing, exception, méthode:
        f()


def deep_step(n):
    return innermost(20000) if n == 0 else deep_step(n - 1)


def deep():
    deep_step(150)


def pause():
    import time  # here, for the lines above

    time.sleep(0.01)  # line 91


def sleeping():
    pause()  # line 95


def run(f):
    while True:
        f()


if __name__ == "__main__":
    what = globals()[sys.argv[1]]
    for _ in range(1, int(sys.argv[2]) if len(sys.argv) > 2 else 1):
        threading.Thread(target=run, args=(what,), daemon=True).start()
    print("ready", flush=True)
    run(what)
