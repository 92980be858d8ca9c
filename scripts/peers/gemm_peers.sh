#!/usr/bin/env bash
# Compares our matrix products with those of OpenBLAS, BLIS, oneDNN and MKL, if found, and prints a table.
#   scripts/peers/gemm_peers.sh [DIR [gemm_peers.py's options and shapes]]      (DIR of setup.sh; default: build/peers)
set -euo pipefail
cd "$(dirname "$0")/../.."
dir=${1:-build/peers}
shift || true
if [ -f "$dir/env.sh" ]; then source "$dir/env.sh"; fi
exec python3 scripts/peers/gemm_peers.py "$@"
