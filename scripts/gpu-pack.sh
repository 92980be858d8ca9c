#!/usr/bin/env bash
# Makes a folder to carry to a machine with a GPU that has neither compiler nor libraries: the programs for one GPU
# target, the check and the scripts that time PyTorch. There, from any directory: FOLDER/gpu-check.sh
#   scripts/gpu-pack.sh                    for Hopper, in build-gpu-pack/pack
#   scripts/gpu-pack.sh --target=80-real   for another GPU (a value of CMAKE_CUDA_ARCHITECTURES); none: without GPU code,
#                                          to test the scripts
#   scripts/gpu-pack.sh --out=DIR          in another folder, which is replaced if it is a pack, and must else not exist
#   scripts/gpu-pack.sh --build=DIR        builds in this directory, not in build-gpu-pack
#   scripts/gpu-pack.sh -- -DNAME=VALUE    with these CMake options
# The programs need no library but libc, libm, libstdc++ and libgcc_s; the folder has at most 40 MB.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() { echo "usage: scripts/gpu-pack.sh [--target=GPU] [--out=DIR] [--build=DIR] [-- CMAKE_OPTION...]" >&2; exit 2; }
target=90a-real out=build-gpu-pack/pack build=build-gpu-pack
while [ $# -gt 0 ]; do
  case "$1" in
    --target=?*) target=${1#*=} ;;
    --out=?*) out=${1#*=} ;;
    --build=?*) build=${1#*=} ;;
    --) shift; break ;;
    *) usage ;;
  esac
  shift
done
if [ -e "$out" ] && [ ! -e "$out/commit" ]; then
  echo "gpu-pack.sh: $out exists and is no pack; remove it or choose another --out" >&2
  exit 1
fi

mkdir -p "$build"
log=$build/pack.log programs=(hewn test_gpu test_train)
# shellcheck disable=SC2054  # commas for the linker
options=(-DHEWN_TESTS=ON -DHEWN_EMULATOR=ON -DHEWN_EXAMPLES=OFF
         # The static OpenMP runtime comes first, so that nothing needs the shared one, which -fopenmp adds.
         -DCMAKE_CXX_STANDARD_LIBRARIES="$(${CXX:-g++} -print-file-name=libgomp.a)")
link=-Wl,--as-needed
if [ "$target" = none ]; then
  options+=(-DHEWN_CUDA=OFF -UCMAKE_CUDA_ARCHITECTURES)
else
  options+=(-DHEWN_CUDA=ON -DCMAKE_CUDA_ARCHITECTURES="$target")
  # For size, the linker leaves out what nothing calls.
  options+=(-DCMAKE_CXX_FLAGS="-ffunction-sections -fdata-sections")
  link+=,--gc-sections
  # Compressed, GPU code takes a fifth of the room.
  nvcc=$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)
  ! "$nvcc" --help 2>/dev/null | grep -e --compress-mode >/dev/null || options+=(-DCMAKE_CUDA_FLAGS=--compress-mode=size)
fi
options+=(-DCMAKE_EXE_LINKER_FLAGS=$link)
command -v ccache >/dev/null && options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
[ -e "$build/CMakeCache.txt" ] || { command -v ninja >/dev/null && options+=(-G Ninja); }
if ! { cmake --preset release -B "$build" "${options[@]}" "$@" &&
       cmake --build "$build" -j "${HEWN_JOBS:-$(nproc)}" --target "${programs[@]}"; } >"$log" 2>&1; then
  tail -n 30 "$log" >&2
  echo "gpu-pack.sh: the build failed; its whole output is in $log" >&2
  exit 1
fi

rm -rf "$out"
mkdir -p "$out/gpu" "$out/peers"
strip -o "$out/hewn" "$build/apps/hewn"
for program in test_gpu test_train; do strip -o "$out/$program" "$build/tests/$program"; done
cp scripts/gpu-check.sh "$out"
cp scripts/gpu/* "$out/gpu"
cp scripts/peers/torch_step.py scripts/peers/torch_kernels.py "$out/peers"
commit=$(git rev-parse --short HEAD 2>/dev/null || echo 'unknown commit')
git diff --quiet HEAD 2>/dev/null || commit+=", changed"
echo "$commit, packed for $target" >"$out/commit"

for program in "${programs[@]}"; do
  needs=$(objdump -p "$out/$program" | sed -n 's/^ *NEEDED *//p' | grep -vxE 'lib(c|m|stdc\+\+|gcc_s)\.so\.[0-9]+|ld-linux.*' || true)
  if [ -n "$needs" ]; then
    echo "gpu-pack.sh: $program needs ${needs//$'\n'/ }, which the machine with the GPU may lack" >&2
    exit 1
  fi
done
bytes=$(du -sb "$out" | cut -f 1)
if [ "$bytes" -gt 40000000 ]; then
  echo "gpu-pack.sh: $out has $bytes bytes; expected at most 40000000" >&2
  exit 1
fi
newest() { objdump -T "$out/$1" | grep -o "$2_[0-9.]*" | sort -Vu | tail -n 1; }
libc=$(for program in "${programs[@]}"; do newest "$program" GLIBC; done | sort -V | tail -n 1)
libstdcxx=$(for program in "${programs[@]}"; do newest "$program" GLIBCXX; done | sort -V | tail -n 1)
echo "$out: $((bytes / 1000000)) MB for $target; needs $libc and $libstdcxx or newer. On the machine: $(basename "$out")/gpu-check.sh"
