#!/usr/bin/env bash
# A throw-away environment for the comparisons in this folder: current PyTorch, safetensors, OpenBLAS, oneDNN and MKL from
# PyPI, and those peers that it can build from given source.
#   [ONEDNN=DIR] [BLIS=DIR] [LLMC=DIR] scripts/peers/setup.sh [DIR]      (default: build/peers)
# DIR/env.sh then lists the locations for the scripts. PyPI's only oneDNN with a processor engine and OpenMP
# is 3.2; a checkout of uxlfoundation/oneDNN in ONEDNN is built instead, which takes an hour on two cores.
# BLIS (flame/blis) is not on PyPI as a library.
set -euo pipefail
cd "$(dirname "$0")/../.."
dir=${1:-build/peers}
if ! command -v python3 >/dev/null; then
  echo "python3 with its venv module is required: apt-get install python3-venv" >&2
  exit 1
fi
[ -x "$dir/bin/python" ] || python3 -m venv "$dir"
dir=$(cd "$dir" && pwd)
"$dir/bin/pip" install --quiet --disable-pip-version-check torch safetensors numpy scipy-openblas32 onednn-cpu-gomp mkl
"$dir/bin/python" -c 'import torch; print("PyTorch", torch.__version__, torch.backends.cpu.get_cpu_capability())'

first() { find "$dir" -name "$1" 2>/dev/null | sort | head -n 1; }
openblas=$(first libscipy_openblas.so) mkl=$(first 'libmkl_rt.so*') onednn=$(first libdnnl.so.3) blis=

if [ -n "${ONEDNN:-}" ]; then
  cmake -G Ninja -S "$ONEDNN" -B "$dir/onednn" -DCMAKE_BUILD_TYPE=Release -DONEDNN_BUILD_EXAMPLES=OFF \
    -DONEDNN_BUILD_TESTS=OFF -DONEDNN_BUILD_GRAPH=OFF -DONEDNN_ENABLE_PRIMITIVE='MATMUL;REORDER' >/dev/null
  cmake --build "$dir/onednn"
  onednn=$(find "$dir/onednn" -name libdnnl.so.3)
fi
if [ -n "${BLIS:-}" ]; then
  mkdir -p "$dir/blis"
  source=$(cd "$BLIS" && pwd)
  (cd "$dir/blis" && "$source/configure" --enable-cblas --enable-threading=openmp \
    "$(grep -q avx512f /proc/cpuinfo && echo skx || echo auto)" >/dev/null && make -j"$(nproc)" >/dev/null)
  blis=$(find "$dir/blis" -name 'libblis.so*' | sort | head -n 1)
fi
if [ -n "${LLMC:-}" ]; then  # its CPU program, for each batch and length compared
  for size in 4x64 1x1024; do
    sed -e "s/int B = [0-9]*;/int B = ${size%x*};/" -e "s/int T = [0-9]*;/int T = ${size#*x};/" \
      "$LLMC/train_gpt2.c" >"$dir/llmc-$size.c"
    gcc -Ofast -march=native -fopenmp -DOMP -I"$LLMC" "$dir/llmc-$size.c" -lm -o "$dir/llmc-$size"
  done
fi

{
  # PyPI's libraries look for their dependencies in one folder.
  echo "export LD_LIBRARY_PATH=$dir/lib\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
  [ -z "$openblas" ] || echo "export HEWN_OPENBLAS=$openblas"
  [ -z "$mkl" ] || echo "export HEWN_MKL=$mkl"
  [ -z "$onednn" ] || echo "export HEWN_ONEDNN=$onednn"
  [ -z "$blis" ] || echo "export HEWN_BLIS=$blis"
} >"$dir/env.sh"
cat "$dir/env.sh"
