#!/usr/bin/env bash
# A throw-away Python environment with current PyTorch (CPU) from PyPI, for the comparisons beside this file.
#   scripts/peers/setup.sh [DIR]      (default: build/peers)
set -euo pipefail
cd "$(dirname "$0")/../.."
dir=${1:-build/peers}
if ! command -v python3 >/dev/null; then
  echo "python3 (with its venv module) is needed for this: apt-get install python3-venv" >&2
  exit 1
fi
[ -x "$dir/bin/python" ] || python3 -m venv "$dir"
"$dir/bin/pip" install --quiet --disable-pip-version-check torch numpy
"$dir/bin/python" -c 'import torch; print("PyTorch", torch.__version__, torch.backends.cpu.get_cpu_capability())'
