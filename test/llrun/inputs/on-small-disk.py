#!/usr/bin/env python3
"""Mounts a small file system on a folder while a command runs.

usage: on-small-disk.py FOLDER SIZE COMMAND...
"""
import subprocess, sys

folder, size, *command = sys.argv[1:]
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=" + size, "tmpfs", folder], check=True)
try:
    code = subprocess.run(command).returncode
finally:
    subprocess.run(["umount", folder], check=True)
sys.exit(code)
