#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""on-terminal.py KEY COMMAND…: runs it on a terminal, presses the key after its second frame or so, and is good when it ended with 0,
left the alternate screen, showed the cursor and put the settings of the terminal back."""
import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time

key, command = sys.argv[1], sys.argv[2:]
master, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
settings = termios.tcgetattr(slave)

child = os.fork()
if child == 0:
    os.close(master)
    os.login_tty(slave) if hasattr(os, "login_tty") else (
        os.setsid(), fcntl.ioctl(slave, termios.TIOCSCTTY, 0), [os.dup2(slave, fd) for fd in (0, 1, 2)])
    os.environ["TERM"] = "xterm"
    os.execvp(command[0], command)

output = b""
begin = time.monotonic()
pressed = False
while time.monotonic() < begin + 15:
    if select.select([master], [], [], 0.1)[0]:
        output += os.read(master, 65536)
    if not pressed and time.monotonic() > begin + 2.5:
        os.write(master, key.encode())
        pressed = True
    ended, status = os.waitpid(child, os.WNOHANG)
    if ended:
        break
else:
    os.kill(child, 9)
    sys.exit(f"does not end on {key!r}: {output!r}")
while select.select([master], [], [], 0.1)[0]:
    output += os.read(master, 65536)

print(output[-2000:])
if os.waitstatus_to_exitcode(status) != 0:
    sys.exit(f"status {status}")
if not pressed:
    sys.exit("ended before the key")
for what in (b"\033[?1049h", b"\033[?1049l", b"\033[?25h"):
    if what not in output:
        sys.exit(f"{what!r} is missing")
if output.rindex(b"\033[?1049h") > output.rindex(b"\033[?1049l"):
    sys.exit("ends on the alternate screen")
if termios.tcgetattr(slave) != settings:
    sys.exit("the terminal has other settings now")
