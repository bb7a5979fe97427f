#!/usr/bin/env python3
"""Runs a command with a terminal of 100 columns as stderr, prints what it drew, one line for each redraw.

usage: on-terminal.py COMMAND...
"""
import fcntl, os, pty, struct, subprocess, sys, termios

master, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
run = subprocess.Popen(sys.argv[1:], stderr=slave, stdout=subprocess.DEVNULL)
os.close(slave)
drawn = b""
try:
    while part := os.read(master, 4096):
        drawn += part
except OSError:  # the other side is closed
    pass
if run.wait() or b"\r\x1b[K" not in drawn:
    sys.exit(f"exit code {run.returncode}, drew {drawn!r}")
print(drawn.decode().replace("\x1b[K", "").replace("\r", "\n"))
