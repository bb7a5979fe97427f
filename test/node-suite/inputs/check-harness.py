#!/usr/bin/env python3
"""Feeds utils/node-suite wrong outputs: each kind must be noticed."""
import importlib.machinery
import importlib.util
import pathlib
import sys

import numpy as np

root = pathlib.Path(sys.argv[1])
loader = importlib.machinery.SourceFileLoader("node_suite", str(root / "utils/node-suite"))
suite = importlib.util.module_from_spec(importlib.util.spec_from_loader("node_suite", loader))
loader.exec_module(suite)

one = np.ones(3, np.float32)
noticed = bool(suite.difference(one, one * np.float32(1.01), 1e-3, 1e-7))  # value
noticed += bool(suite.difference(one, one.astype(np.float64), 1e-3, 1e-7))  # type
noticed += bool(suite.difference(one, one[:, None], 1e-3, 1e-7))  # shape
noticed += bool(suite.difference(np.array([np.nan, 1]), np.array([1, np.nan]), 1e-3, 1e-7))  # NaN where none belongs
assert not suite.difference(np.array([np.nan, np.inf]), np.array([np.nan, np.inf]), 1e-3, 1e-7)
print(f"{noticed} of 4 noticed")
