#!/bin/sh
# step.sh MODEL MESH [STRATEGY [MICROBATCHES [SCHEDULE [OPTIMIZER [CLIP]]]]]: trains MODEL (a module with @forward) for three steps on all
# devices of MESH and on a single one, compares, and prints the collectives of the sharded step, by size.
# RECOMPUTE=mode=blocks: what llcc-recompute is to do.
set -e
model=$1 mesh=$2 strategy=${3-} microbatches=${4:-1} schedule=${5:-1f1b} optimizer=${6:-sgd} clip=${7:-0}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
sed "s/MESH/$mesh/" "$model" | llcc-opt --mlir-print-debuginfo --llcc-attach-loss=microbatches=$microbatches --llcc-split-modes --llcc-differentiate \
  --llcc-attach-optimizer="optimizer=$optimizer clip=$clip" --llcc-decompose --llcc-verify-train > "$dir/single.mlir"
llcc-opt --mlir-print-debuginfo --llcc-find-blocks --llcc-seed-sharding=strategy=$strategy --llcc-propagate-sharding --llcc-insert-reshards \
  --llcc-verify-placement --llcc-plan-reshards --llcc-insert-buckets --llcc-convert-to-spmd --llcc-split-pipeline="schedule=$schedule" --llcc-recompute="${RECOMPUTE:-mode=none}" \
  --llcc-verify-shard "$dir/single.mlir" > "$dir/sharded.mlir"
${INTERPRET:-llcc-interpret} --padding=undefined --compare="$dir/single.mlir" "$dir/sharded.mlir"
# "3 llcc.all_reduce <sum> over ["data"] : tensor<f32>": how often, what
grep -oE 'llcc\.(all_reduce|all_gather|reduce_scatter|all_to_all) .*|llcc\.send .* : [^ ]*' "$dir/sharded.mlir" | sed -E 's/%[^ ,]*,? ?//g; s/ ->.*//; s/ loc\(.*//; s/ tag [0-9]*//' | sort | uniq -c | sed 's/^ */count /'
