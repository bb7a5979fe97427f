"""usage: run-kernel.py KERNEL.mlir N BLOCKS THREADS [SEED]    runs one gpu.func @k0(x, y, coords) on the simulated GPU

x is 1, 2, …, N as f32; prints y, or the line that says why there is none. Makes the artifact with test-emit-artifact.
"""
import os, subprocess, sys, tempfile
import numpy as np

kernel, n, blocks, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
body = open(kernel).read().replace("KERNEL", f'kernel attributes {{llcc.kernel = "map", llcc.text = "", llcc.ins = 1 : i64, llcc.outs = 1 : i64, llcc.grid = array<i64: {blocks}, 1, 1>, llcc.block = array<i64: {threads}, 1, 1>}}')
bytes_ = (4 * n + 63) // 64 * 64
module = f'''module attributes {{llcc.variables = [], llcc.inputs = [{{name = "x", type = tensor<{n}xf32>, batched = true}}], llcc.outputs = [{{name = "y", type = tensor<{n}xf32>}}]}} {{
  gpu.module @kernels {{
{body}
  }}
  llcc.program @infer "infer" stage 0 arena {2 * bytes_} {{
    %x = llcc.buffer "input" "x" at 0 : memref<{n}xf32>
    %y = llcc.buffer "output" "y" at {bytes_} : memref<{n}xf32>
    llcc.exec "Feed" ins() outs(%x : memref<{n}xf32>) stream 0 waits [] args {{ints = array<i64: 0>}}
    llcc.exec "Launch" @k0 ins(%x : memref<{n}xf32>) outs(%y : memref<{n}xf32>) stream 0 waits [] args {{ints = array<i64: {n}, 1>}}
    llcc.exec "Capture" ins(%y : memref<{n}xf32>) outs() stream 0 waits [] args {{ints = array<i64: 3>, name = "y"}}
  }}
}}
'''
environment = {k: v for k, v in os.environ.items() if k != "LLCC_CUDASIM_SEED"}
if len(sys.argv) > 5:
    environment["LLCC_CUDASIM_SEED"] = sys.argv[5]
with tempfile.TemporaryDirectory() as folder:
    open(folder + "/k.mlir", "w").write(module)
    np.savez(folder + "/in.npz", x=np.arange(1, n + 1, dtype="f4"))
    for command in (["test-emit-artifact", folder + "/k.mlir", folder + "/k.llx", "cudasim"],
                    ["llrun", "infer", folder + "/k.llx", f"--data={folder}/in.npz", f"--out={folder}/out.npz"]):
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        if done.returncode:
            wrong = [line for line in done.stderr.splitlines() if "kernel" in line or "error" in line]
            print(f"exit {done.returncode}:", (wrong or done.stderr.splitlines())[0].replace(folder, ""))
            sys.exit()
    print(*(f"{v:g}" for v in np.load(folder + "/out.npz")["y"]))
