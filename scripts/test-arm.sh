#!/usr/bin/env bash
# Builds core/ and kernels/ for aarch64 with NEON and runs their tests under qemu-user: the same references,
# conformance tests, gradient checks and fixtures as on x86-64. Installs missing packages
# (scripts/install-deps.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# = 0 ] || { echo "usage: scripts/test-arm.sh" >&2; exit 2; }

scripts/install-deps.sh build test arm
log=$(mktemp)
trap 'rm -f "$log"' EXIT
options=()
command -v ccache >/dev/null && options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
if ! { cmake --preset arm -G Ninja "${options[@]}" && cmake --build --preset arm -j "$(nproc)"; } >"$log" 2>&1; then
  tail -n 60 "$log"
  echo "test-arm.sh: the build for aarch64 failed" >&2
  exit 1
fi
exec ctest --test-dir build-arm -j "$(nproc)" --output-on-failure -E "^(arch|docs)$"
