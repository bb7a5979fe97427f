# Writes small files that ask for much: constants computed while importing, packed numbers.
import sys
import onnx
from onnx import TensorProto, helper, numpy_helper
import numpy as np


def save(name, nodes, tensors, functions=()):
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", 1]) for n in "xy")
    graph = helper.make_graph(nodes, "large", [x], [y], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20), helper.make_opsetid("f", 1)], functions=functions, ir_version=9)
    open(f"{sys.argv[1]}/{name}.onnx", "wb").write(model.SerializeToString())


# A chain of constants of 2^20 elements each, of which a few bytes are read in the end.
size = numpy_helper.from_array(np.array([1 << 20]), "size")
nodes = [helper.make_node("ConstantOfShape", ["size"], ["c0"], name="fill")]
for i in range(8):
    nodes.append(helper.make_node("Add", [f"c{i}", f"c{i}"], [f"c{i + 1}"], name=f"twice{i}"))
nodes.append(helper.make_node("ReduceSum", ["c8"], ["s"], name="sum"))
nodes.append(helper.make_node("Add", ["x", "s"], ["y"], name="add"))
save("constants", nodes, [size])

# Dimensions of one byte each become numbers of eight.
w = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1] * (1 << 20))
save("packed", [helper.make_node("Add", ["x", "w"], ["y"], name="add")], [w])

save("longname", [helper.make_node("Relu", ["x"], ["y"], name="n" * 65537)], [])


def function(name, calls):
    """name(a) = calls(a), or Relu(a)."""
    inner = helper.make_node(calls, ["a"], ["b"], domain="f") if calls else helper.make_node("Relu", ["a"], ["b"])
    return helper.make_function("f", name, ["a"], ["b"], [inner], [helper.make_opsetid("", 20), helper.make_opsetid("f", 1)])


for count in (500, 600):
    chain = [function(f"f{i}", f"f{i - 1}" if i else None) for i in range(count)]
    save(f"calls-{count}", [helper.make_node(f"f{count - 1}", ["x"], ["y"], domain="f")], [], chain)
save("circle", [helper.make_node("f0", ["x"], ["y"], domain="f")], [], [function(f"f{i}", f"f{(i + 1) % 3}") for i in range(3)])
