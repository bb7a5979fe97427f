"""rename-node.py IN.onnx OUT.onnx: gives the first matrix product a name that JSON must escape."""
import sys, onnx

model = onnx.load(sys.argv[1])
node = next(n for n in model.graph.node if n.op_type in ("Gemm", "MatMul"))
node.name = 'quote" back\\ tab\t ü 界'
onnx.save(model, sys.argv[2])
