# lit configuration: IR tests (.mlir) and command tests (.test). Run by `ninja -C build check`, or lit on any file of this folder.
import os
import shutil
import subprocess
import tempfile
import lit.formats

config.name = "llcc"
config.test_format = lit.formats.ShTest(True)
config.suffixes = [".mlir", ".test"]
config.excludes = ["inputs", "lit.cfg.py"]
here = os.path.dirname(os.path.abspath(__file__))
root = os.path.dirname(here)
build = os.environ.get("LLCC_BUILD", os.path.join(root, "build"))
config.test_source_root = here
config.test_exec_root = os.path.join(build, "test")
config.environment["PATH"] = os.pathsep.join([os.path.join(build, "bin"), "/usr/lib/llvm-22/bin", os.environ["PATH"]])
config.environment["FILECHECK_OPTS"] = "--enable-var-scope --dump-input=fail"
config.environment["HOME"] = os.environ.get("HOME", "/tmp")
config.substitutions += [("%python", os.path.join(build, "venv/bin/python")), ("%build", build), ("%root", root),
                         ("%shared", os.path.join(root, "../shared"))]
if os.path.isdir(os.path.join(root, "../shared/oracle")):
    config.available_features.add("shared")
if os.path.exists("/usr/local/cuda/bin/ptxas"):
    config.available_features.add("ptxas")
if os.path.exists(os.path.join(root, "build/fuzz/bin/fuzz-import")):  # utils/fuzz --build, where clang's libFuzzer is installed
    config.available_features.add("fuzzer")
if all(os.path.exists(os.path.join(build, "lib", f)) for f in ("libllcc_cuda.so", "libFakeDriver.so", "libFakeNccl.so")):
    config.available_features.add("cuda-plugin")  # built where the CUDA toolkit's headers are
if os.path.exists("/dev/nvidia0"):
    config.available_features.add("cuda")
# May a job be started by MPI, and may there be network namespaces here?
if shutil.which("mpirun") and os.path.exists(os.path.join(build, "lib/libllcc_mpi.so")):
    config.available_features.add("mpi")
name = f"llcc-lit-{os.getpid()}"
if shutil.which("ip") and not subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode:
    subprocess.run(["ip", "netns", "del", name], capture_output=True)
    config.available_features.add("netns")
# May a file system be mounted here (as root, outside a container that forbids it)?
with tempfile.TemporaryDirectory() as folder:
    if os.geteuid() == 0 and not subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True).returncode:
        subprocess.run(["umount", folder])
        config.available_features.add("mount")
