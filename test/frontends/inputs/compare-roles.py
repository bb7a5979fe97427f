"""Compares what the importer trains in each oracle model with the parameters that its case.json lists: compare-roles.py FOLDER [CASE…]."""
import json, os, re, subprocess, sys

wrong = compared = 0
for case in sys.argv[2:] or sorted(os.listdir(sys.argv[1])):
    folder = os.path.join(sys.argv[1], case)
    if not os.path.exists(folder + "/case.json"):
        continue
    info = json.load(open(folder + "/case.json"))
    flags = [f for f in info["flags"] if f.startswith(("--freeze", "--train"))]
    done = subprocess.run(["llcc-import", f"--batch={info['batch']}", *flags, folder + "/model.onnx"], capture_output=True, text=True)
    if done.returncode:
        print(f"{case}: not imported: {done.stderr.splitlines()[0]}")
        continue
    found = set(re.findall(r'llcc\.param = "([^"]*)", llcc\.trainable', done.stdout))
    want, also = set(info["trainable"]), set(info["also_trainable"])
    also |= set(info["not_in_file"])  # merged or removed by the exporter; the importer separates ("merged:reader") and restores
    also |= {name for name in found if name.split(":")[0] in want and info["not_in_file"]} - want
    compared += 1
    if found - also == want:
        print(f"{case}: {len(found)} parameters, as recorded")
        continue
    wrong += 1
    print(f"{case}: not trained: {sorted(want - found)}; trained: {sorted(found - want - also)}")
print(f"{compared} compared, {wrong} differ")
