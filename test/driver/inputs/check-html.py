#!/usr/bin/env python3
"""Checks that a page is well formed, loads and runs nothing, and has as many elements as said.

usage: check-html.py PAGE.html [TAG[.CLASS]=COUNT…]
"""
import sys
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Checker(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.counts = [], {}

    def handle_starttag(self, tag, attrs):
        self.count(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.count(tag, attrs)

    def count(self, tag, attrs):
        assert tag not in ("script", "iframe", "object", "embed", "link", "img"), f"{tag} at {self.getpos()}"
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), f"attribute twice at {self.getpos()}"
        for name, value in attrs:
            assert not name.startswith("on") and name not in ("src", "href"), f"{name} at {self.getpos()}"
        for key in [tag] + [f"{tag}.{c}" for name, value in attrs if name == "class" for c in value.split()]:
            self.counts[key] = self.counts.get(key, 0) + 1

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> at {self.getpos()} closes {self.open[-3:]}"
        self.open.pop()


text = open(sys.argv[1], encoding="utf-8").read()
checker = Checker()
checker.feed(text)
checker.close()
assert not checker.open, f"left open: {checker.open}"
assert "url(http" not in text and "@import" not in text
for wanted in sys.argv[2:]:
    key, count = wanted.split("=")
    assert checker.counts.get(key, 0) == int(count), f"{key}: {checker.counts.get(key, 0)}, wanted {count}"
