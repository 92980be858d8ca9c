#!/usr/bin/env bash
# Runs the checks that need a GPU, on a machine with one; docs/gpu-verification.md says how to spend half an hour.
#   scripts/gpu-check.sh                  builds first (preset cuda), in build-gpu-check
#   scripts/gpu-check.sh --prebuilt=DIR   uses the programs of a folder that scripts/gpu-pack.sh made, or of a build:
#                                         needs neither sources nor git, compiler, libraries or network
#   --only=SECTION,...   only these, in this order: smoke (20 s; if it fails, nothing else runs), tests, step, peers,
#                        products, attention, memory, sanitizers, counters
#   --minutes=N          takes at most N minutes after building (default 25)
#   --out=DIR            where report.md and logs.tgz go (default gpu-check-out)
#   --dry                tests the scripts themselves: every part, at a small size, on the emulated GPU
# The last lines, at most 10,000 characters, are the figures and what failed or did not run. Exits 1 if a part failed,
# but not if one did not finish or a figure misses its target. No external data is needed.
# Compares with cuBLAS and cuDNN (HEWN_CUBLAS and HEWN_CUDNN name their files) and with the PyTorch of python3
# (HEWN_PYTHON names another interpreter), if they are found.
# shellcheck disable=SC2034,SC2154  # the files that it sources use and set variables
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) || exit 1
for part in run report step kernels tools; do
  # shellcheck source=/dev/null
  . "$here/gpu/$part.sh" || exit 1
done

all_sections=(smoke tests step peers products attention memory sanitizers counters)
usage() {
  echo "usage: gpu-check.sh [--prebuilt=DIR] [--only=SECTION,...] [--minutes=N] [--out=DIR] [--dry]" >&2
  [ $# = 0 ] || echo "$*" >&2
  exit 2
}

prebuilt='' minutes=25 device=cuda out=gpu-check-out only=''
[ ! -x "$here/hewn" ] || prebuilt=$here  # in a folder made by gpu-pack.sh
while [ $# -gt 0 ]; do
  case "$1" in
    --prebuilt=* | --only=* | --minutes=* | --out=*) option=${1%%=*} value=${1#*=} ;;
    --prebuilt | --only | --minutes | --out) option=$1 value=${2:-}; [ $# -lt 2 ] || shift ;;
    --dry) device=emulated; shift; continue ;;
    *) usage ;;
  esac
  [ -n "$value" ] || usage "$option needs a value"
  case "$option" in
    --prebuilt) prebuilt=$value ;;
    --only) only=$value ;;
    --minutes) minutes=$value ;;
    --out) out=$value ;;
  esac
  shift
done
[[ $minutes =~ ^[1-9][0-9]{0,3}$ ]] || usage "--minutes=$minutes is not a number of minutes from 1 to 9999"
[ $device = cuda ] || minutes=120  # times are meaningless then
sections=("${all_sections[@]}")
if [ -n "$only" ]; then
  sections=()
  for section in ${only//,/ }; do
    [[ " ${all_sections[*]} " = *" $section "* ]] || usage "there is no section '$section'; sections are: ${all_sections[*]}"
  done
  for section in "${all_sections[@]}"; do
    [[ ",$only," != *",$section,"* ]] || sections+=("$section")
  done
fi

mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 1
rm -f "$out/report.md" "$out/logs.tgz"
work=$(mktemp -d) && logs=$work/logs && mkdir "$logs" || exit 1
trap 'rm -rf "$work"' EXIT

# find_program NAME
find_program() {
  local place
  for place in "$dir" "$dir/apps" "$dir/tests"; do
    [ -x "$place/$1" ] && { echo "$place/$1"; return; }
  done
  echo "gpu-check.sh: no program $1 in $dir" >&2
  return 1
}

if [ -n "$prebuilt" ]; then
  dir=$(cd "$prebuilt" && pwd) || exit 1
else
  dir=$here/../build-gpu-check
  options=(-DHEWN_TESTS=ON -DHEWN_EMULATOR=ON)
  [ -e "$dir/CMakeCache.txt" ] || { command -v ninja >/dev/null && options+=(-G Ninja); }
  if ! { (cd "$here/.." && cmake --preset cuda -B "$dir" "${options[@]}") &&
         cmake --build "$dir" -j "$(nproc)" --target hewn test_gpu test_train; } >"$logs/build.log" 2>&1; then
    tail -n 40 "$logs/build.log" >&2
    cp "$logs/build.log" "$out/build.log"
    echo "gpu-check.sh: the build failed; its whole output is in $out/build.log" >&2
    exit 1
  fi
fi
hewn=$(find_program hewn) && test_gpu=$(find_program test_gpu) && test_train=$(find_program test_train) || exit 1
cd "$work" || exit 1
SECONDS=0

# hewn would set this variable and execute itself again (apps/cli/idle_threads.h), which tools of NVIDIA may not follow.
export GOMP_SPINCOUNT=500
# What runs where: full sizes on a GPU, small ones on the emulated GPU.
export HEWN_TEST_DEVICE=$device
on_gpus='~"emulator*"~"full size*"~"PTX*"~"machine code*"'  # without the tests that only use the host
python=${HEWN_PYTHON:-python3}
model=(--n_layer=2 --n_head=2 --n_embd=64 --block_size=160 --batch_size=8)
gpt2=(--n_layer=12 --n_head=12 --n_embd=768 --block_size=1024)
vocabularies=(50304 50257) batch=64 steps=100 repeat=5 smoke_product=512x768x384 smoke_heads=2x4x256x256x64
if [ $device = emulated ]; then
  export HEWN_TEST_SAMPLE=200
  model=(--n_layer=1 --n_head=1 --n_embd=8 --block_size=160 --batch_size=1)
  gpt2=(--n_layer=1 --n_head=1 --n_embd=8 --block_size=8)
  vocabularies=(56 50) batch=1 steps=2 repeat=2 smoke_product=9x17x5 smoke_heads=1x2x5x9x8
fi
benches=("$hewn" bench kernels "--device=$device" --md -q "--ceilings=$logs/ceilings.json")

stop() {
  [ -z "$running" ] || kill "$running" 2>/dev/null
  echo "gpu-check.sh: stopped by a signal" >&2
  not_run="${not_run:+$not_run; }the rest of $section and everything after it (stopped by a signal)"
  publish
  print_summary
  exit 1
}
trap stop INT TERM

for section in "${sections[@]}"; do
  begin_section
  "section_$section"
  end_section
  publish
  if [ "$section" = smoke ] && { [ "$failed" != 0 ] || [ -n "$not_finished" ]; }; then
    not_run="${not_run:+$not_run; }everything after smoke"
    break
  fi
done
publish
print_summary
[ "$failed" = 0 ] && [[ $not_run != *"everything after"* ]]
