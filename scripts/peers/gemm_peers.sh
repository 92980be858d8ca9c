#!/bin/sh
# Builds and runs scripts/peers/gemm_peers.cpp: our matrix products beside OpenBLAS's and oneDNN's.
#   scripts/peers/gemm_peers.sh [-t THREADS]... [-s SECONDS] [-c] [MxNxK[:NN|NT|TN]]...
# Needs a build in $BUILD (default: build), and the Debian packages libopenblas0-openmp and libdnnl2.
set -eu
cd "$(dirname "$0")/../.."
build=${BUILD:-build}
[ -f "$build/CMakeCache.txt" ] || cmake -G Ninja -B "$build"
cmake --build "$build" --target hewn_kernels
# Not told, OpenBLAS 0.3.21 takes new AMD processors for Haswell and leaves half of their speed unused.
if grep -q avx512f /proc/cpuinfo; then export OPENBLAS_CORETYPE="${OPENBLAS_CORETYPE:-SkylakeX}"; fi
${CXX:-g++} -std=c++20 -O2 -fopenmp -pthread -I. scripts/peers/gemm_peers.cpp "$build/kernels/libhewn_kernels.a" \
    "$build/core/libhewn_core.a" -ldl -o "$build/gemm_peers"
exec "$build/gemm_peers" "$@"
