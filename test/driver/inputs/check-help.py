"""A help text on stdin: at most 100 columns, each flag once and under a heading that says what it is about."""
import re
import sys

heading, seen = "", {}
for text in sys.stdin.read().splitlines():
    if len(text) > 100:
        sys.exit(f"{sys.argv[1]}: {len(text)} columns: {text}")
    if re.match(r"[A-Z][a-z ]+:$", text):
        heading = text[:-1]
    for flag in re.findall(r"^  (?:-\w, )?(--[a-z-]+)", text):
        if flag in seen:
            sys.exit(f"{sys.argv[1]}: {flag} stands twice")
        seen[flag] = heading
other = [flag for flag, at in seen.items() if at in ("", "Other") and flag not in ("--help", "--version")]
if other or len(seen) < 20:
    sys.exit(f"{sys.argv[1]}: {len(seen)} flags; add headings for {other} (CommandLine.cpp, setHeadings; Help.cpp)")
