#!/bin/sh
# step.sh DIR MODEL MESH STRATEGY [MICROBATCHES [SCHEDULE [OPTIMIZER [CLIP]]]]: compiles MODEL (a module with @forward) for one device and for
# MESH, and lets test-compare-artifacts train both.
set -e
dir=$1 model=$2 mesh=$3 strategy=$4 microbatches=${5:-1} schedule=${6:-1f1b} optimizer=${7:-sgd} clip=${8:-0}
mkdir -p "$dir"
batch=$(grep -oE 'llcc.batch = [0-9]+' "$model" | grep -oE '[0-9]+' || echo 0)
lower() {
  llcc-opt --mlir-print-debuginfo --llcc-seed-sharding=strategy=$1 --llcc-propagate-sharding --llcc-insert-reshards --llcc-verify-placement \
    --llcc-plan-reshards --llcc-insert-buckets --llcc-convert-to-spmd --llcc-split-pipeline=schedule=$schedule --llcc-verify-shard \
    --llcc-fuse-kernels --llcc-plan-memory --llcc-convert-kernels-to-loops "$2" -o "$3.mlir"
  test-emit-artifact "$3.mlir" "$3.llx" cpu:x86-64-v2 $batch
}
for which in '["data"],[1]' "$mesh"; do
  sed "s/MESH/$which/" "$model" | llcc-opt --mlir-print-debuginfo --llcc-attach-loss=microbatches=$microbatches --llcc-differentiate \
    --llcc-attach-optimizer="optimizer=$optimizer clip=$clip" --llcc-decompose --llcc-verify-train > "$dir/step.mlir"
  if [ "$which" = "$mesh" ]; then lower "$strategy" "$dir/step.mlir" "$dir/many"; else lower data "$dir/step.mlir" "$dir/one"; fi
done
test-compare-artifacts "$dir/one.llx" "$dir/many.llx" 2e-5
