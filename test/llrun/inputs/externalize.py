#!/usr/bin/env python3
"""Writes a model with its weights in weights.bin beside it.

usage: externalize.py MODEL.onnx OUT.onnx
"""
import os, sys
import onnx

os.makedirs(os.path.dirname(sys.argv[2]), exist_ok=True)
onnx.save(onnx.load(sys.argv[1]), sys.argv[2], save_as_external_data=True, location="weights.bin", size_threshold=0)
