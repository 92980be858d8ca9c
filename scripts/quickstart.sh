#!/usr/bin/env bash
# From a fresh clone to a trained model: installs missing packages, builds `hewn`, trains a model and generates text.
#   scripts/quickstart.sh           on the built-in tales, whose best possible loss is known exactly
#   scripts/quickstart.sh FILE      on your own text
# With HEWN_PROGRAM=FILE it builds nothing and runs that program. The run is kept in out/.
set -euo pipefail

# Measured on a fresh clone, without the time in which packages are downloaded.
takes="about 5 minutes on two cores of a server of 2023, 4 of them for the build"

case "${1:-}" in -*) echo "usage: scripts/quickstart.sh [FILE]" >&2; exit 2 ;; esac
text=
if [ $# -gt 0 ]; then
  if [ ! -f "$1" ]; then echo "quickstart.sh: $1: no such file" >&2; exit 2; fi
  text=$(realpath "$1")
fi
cd "$(dirname "$0")/.."

bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m' plain=$'\e[0m'; fi
say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }

# build LOG: builds hewn and shows progress: on a terminal in one line that is redrawn, elsewhere every 20 s.
build() {
  local start=$SECONDS shown=$SECONDS every=20 line left
  [ ! -t 1 ] || every=1
  cmake --build build --target hewn -j "$(nproc)" 2>&1 | while IFS= read -r line; do
    printf '%s\n' "$line" >>"$1"
    [[ $line =~ ^\[([0-9]+)/([0-9]+)\] ]] && [ $((SECONDS - shown)) -ge $every ] || continue
    shown=$SECONDS
    left=$(((SECONDS - start) * (BASH_REMATCH[2] - BASH_REMATCH[1]) / BASH_REMATCH[1]))
    line="building ${BASH_REMATCH[1]} of ${BASH_REMATCH[2]}, about $(((left + 9) / 10 * 10)) s left"
    if [ -t 1 ]; then printf '\r\e[K%s' "$line"; else echo "$line"; fi
  done
  local status=${PIPESTATUS[0]}
  [ ! -t 1 ] || printf '\r\e[K'
  return "$status"
}

# build_hewn: builds hewn as build/ is configured. After a configuration that failed, build/ has a cache, but no rules.
build_hewn() {
  local log=build/quickstart.log configure=(:)
  scripts/install-deps.sh build
  mkdir -p build
  if [ -e build/build.ninja ] || [ -e build/Makefile ]; then
    say "1. Building hewn, as build/ is configured:"
  else
    echo "quickstart.sh takes $takes."
    say "1. Building hewn (once; for this processor only, without GPU code):"
    configure=(cmake --preset release -G Ninja -DHEWN_TESTS=OFF -DHEWN_EXAMPLES=OFF -DHEWN_ISAS=native -DHEWN_CUDA=OFF)
  fi
  if ! "${configure[@]}" >"$log" 2>&1 || ! build "$log"; then
    tail -n 30 "$log" >&2
    echo "quickstart.sh: the build failed; its whole output is in $log" >&2
    exit 1
  fi
}

hewn=${HEWN_PROGRAM:-build/apps/hewn}
[ -n "${HEWN_PROGRAM:-}" ] || build_hewn
"$hewn" --version | head -n 1

if [ -n "$text" ]; then
  name=$(basename "$text") && name=${name%.*}
  run=out/${name//[^A-Za-z0-9._-]/-}
  data=(--dataset="$text")
else
  run=out/quickstart
  data=()
fi
config=configs/quickstart.toml

samples=(--num_samples=3)
[ -z "$text" ] || samples=(--max_new_tokens=300)

say "2. Samples of the untrained model:"
untrained=$(mktemp -d)
trap 'rm -rf "$untrained"' EXIT
"$hewn" train "$config" "${data[@]}" --max_iters=0 --decay_lr=false --out_dir="$untrained/run" --quiet
"$hewn" sample "$untrained/run" "${samples[@]}"

say "3. Training (about a minute):"
"$hewn" train "$config" "${data[@]}" --out_dir="$run" --force

say "4. Samples of the trained model, by $hewn sample $run ${samples[*]}:"
"$hewn" sample "$run" "${samples[@]}"

say "5. Evaluation:"
"$hewn" eval "$run"
[ -n "$text" ] || echo "(the lower bound is the loss of a model that knows the exact grammar of the tales)"

say "6. A page of pictures, for a browser:"
"$hewn" report "$run" --out="$run/report.html"

if [ -n "$text" ]; then
  longer="$config --dataset=$(printf %q "$text") --n_layer=4 --n_embd=128 --learning_rate=2e-3 --out_dir=out/larger"
  other=
else
  longer=configs/tales.toml
  other="  scripts/quickstart.sh FILE
      the same with your own text
"
fi
say "What to try next:"
cat <<EOF
$other  $hewn sample $run ${samples[*]} --seed=2
      more text
  $hewn sample $run --prompt='YOUR WORDS' --temperature=0.5
      continue your words
  $hewn train $longer
      a larger model, about ten minutes
  $hewn plan $config --n_embd=768 --n_layer=12
      what a large model would need
  $hewn report $run out/OTHER
      compare runs in one page
  $hewn --help
      all commands; docs/start-here.md explains how it works
EOF
say "Pictures of this run: $PWD/$run/report.html"
