#!/usr/bin/env python3
"""Adds multi-device annotations to the nodes of a model that read a tensor.

usage: annotate.py IN.onnx OUT.onnx TENSOR:AXIS:PARTS[:PARTS]... [stage:N] [stage@NODE:N]...
stage:N is for all nodes, stage@NODE:N for one.
"""
import sys
import onnx

model = onnx.load(sys.argv[1])
model.ir_version = 11
model.configuration.add(name="two", num_devices=2)
for text in sys.argv[3:]:
    if text.startswith("stage@"):
        wanted, number = text[6:].rsplit(":", 1)
        [node] = [node for node in model.graph.node if node.name == wanted]
        node.device_configurations.add(configuration_id="two", pipeline_stage=int(number))
        continue
    name, axis, *parts = text.split(":")
    for node in model.graph.node:
        if name == "stage" or name in node.input:
            config = node.device_configurations.add(configuration_id="two")
            if name == "stage":
                config.pipeline_stage = int(axis)
                continue
            dim = config.sharding_spec.add(tensor_name=name).sharded_dim.add(axis=int(axis))
            for n in parts:
                dim.simple_sharding.add(num_shards=int(n))
onnx.save(model, sys.argv[2])
