#!/usr/bin/env bash
# Runs all comparisons with peers for the tables of docs/performance/: sets up the environment, then times
# matrix products, attention and training steps in alternation with Hewn's. Takes half an hour on a quiet machine.
#   [ONEDNN=DIR] [BLIS=DIR] [LLMC=DIR] scripts/peers/run.sh [DIR]       (default: build/peers)
# Needs a built `hewn` in build/.
set -euo pipefail
cd "$(dirname "$0")/../.."
dir=${1:-build/peers}
scripts/peers/setup.sh "$dir" >&2
scripts/peers/gemm_peers.sh "$dir"
for threads in 1 2; do
  "$dir/bin/python" scripts/peers/compare_attention.py --threads $threads
  for config in baby-gpt-cpu baby-gpt gpt2 gpt2-1024; do
    "$dir/bin/python" scripts/peers/compare_step.py --config $config --threads $threads --rounds 3
  done
  "$dir/bin/python" scripts/peers/compare_step.py --config gpt2 --dtype bf16 --threads $threads --rounds 3
done
