#!/usr/bin/env python3
"""Gives the first matrix product of a model another name.

usage: rename-node.py MODEL.onnx OUT.onnx NAME
"""
import sys
import onnx

model = onnx.load(sys.argv[1])
next(node for node in model.graph.node if node.op_type in ("Gemm", "MatMul")).name = sys.argv[3]
onnx.save(model, sys.argv[2])
