"""Writes a model whose If nodes nest: nested.py FILE DEPTH (three messages each)."""
import sys


def varint(x):
    return bytes([x & 127 | 128]) + varint(x >> 7) if x > 127 else bytes([x])


def field(number, body):
    return varint(number << 3 | 2) + varint(len(body)) + body


graph = b""
for _ in range(int(sys.argv[2])):
    graph = field(1, field(5, field(6, graph)))  # graph.node.attribute.g
open(sys.argv[1], "wb").write(field(7, graph))
