#!/usr/bin/env bash
# Everything that only a GPU can tell, on a machine that has one; prints a Markdown block for docs/gpu-verification.md.
#   scripts/gpu-check.sh                  builds first (preset cuda), in build-gpu-check
#   scripts/gpu-check.sh --prebuilt DIR   takes hewn, test_gpu and test_train from DIR, or DIR/apps and DIR/tests
# What a part printed is in gpu-check-logs/. Exits 1 when a part failed. No data from elsewhere is needed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

prebuilt=
case "${1:-}" in
  --prebuilt) prebuilt=${2:?"--prebuilt needs a directory"} ;;
  "") ;;
  *) echo "usage: scripts/gpu-check.sh [--prebuilt DIR]" >&2; exit 2 ;;
esac

logs=$PWD/gpu-check-logs
rm -rf "$logs" && mkdir -p "$logs" || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
table=

# part NAME COMMAND...: runs it; a line of the table says how it ended and what it said last.
part() {
  local name=$1 log start=$SECONDS verdict=passed status
  log=$logs/${name//[^A-Za-z0-9]/-}.log
  shift
  echo "== $name" >&2
  timeout 300 "$@" >"$log" 2>&1
  status=$?
  if [ $status != 0 ]; then
    verdict="FAILED ($status)"
    failed=$((failed + 1))
    tail -n 20 "$log" >&2
  fi
  note "$name" "$verdict" "$((SECONDS - start)) s" "$(grep -v '^ *$' "$log" | tail -n 1 | tr '|' '/' | cut -c 1-160)"
}

note() { table+="| $1 | $2 | $3 | $4 |"$'\n'; }

# find_program NAME
find_program() {
  local place
  for place in "$dir" "$dir/apps" "$dir/tests"; do
    [ -x "$place/$1" ] && { echo "$place/$1"; return; }
  done
  echo "gpu-check.sh: there is no program $1 in $dir" >&2
  return 1
}

if [ -n "$prebuilt" ]; then
  dir=$(cd "$prebuilt" && pwd) || exit 1
else
  dir=$PWD/build-gpu-check
  options=(-DHEWN_TESTS=ON -DHEWN_EMULATOR=ON)
  [ -e "$dir/CMakeCache.txt" ] || { command -v ninja >/dev/null && options+=(-G Ninja); }
  if ! { cmake --preset cuda -B "$dir" "${options[@]}" &&
         cmake --build "$dir" -j "$(nproc)" --target hewn test_gpu test_train; } >"$logs/build.log" 2>&1; then
    tail -n 40 "$logs/build.log"
    echo "gpu-check.sh: it does not build; all of it is in $logs/build.log" >&2
    exit 1
  fi
fi
hewn=$(find_program hewn) && test_gpu=$(find_program test_gpu) && test_train=$(find_program test_train) || exit 1
export HEWN_TEST_DEVICE=cuda

gpu=$("$hewn" --version | grep -i '^ *cuda') || gpu="no line about CUDA in hewn --version"
small=(--dataset=tales --n_layer=2 --n_head=2 --n_embd=64 --block_size=160 --batch_size=8)

# Without a GPU this fails, in one line, and there is nothing more to find out.
part "device" "$hewn" train "${small[@]}" --device=cuda --max_iters=1 --eval_iters=1 --out_dir="$work/first"
if [ $failed = 0 ]; then
  part "conformance, twice the same bits" "$test_gpu" "every GPU rung*"
  part "conformance of kernels that work in pieces" "$test_gpu" "GPU kernels that work in pieces*"
  part "training, gradients, determinism, checkpoints, texts, plan" "$test_train" "[gpu]"
  part "100 steps on CPU and GPU" "$hewn" verify "${small[@]}" --devices=cpu,cuda --max_iters=100
  if command -v compute-sanitizer >/dev/null; then
    for tool in memcheck initcheck synccheck racecheck; do
      part "$tool" compute-sanitizer --tool "$tool" --error-exitcode 9 "$test_gpu" "every GPU rung*"
    done
  else
    note "compute-sanitizer" "NOT RUN" "" "it is not installed"
  fi
  gpt2=(--vocab_size=50304 --n_layer=12 --n_head=12 --n_embd=768 --block_size=1024)
  part "GPT-2 124M, f32, 8 x 1024 tokens a step" "$hewn" bench train "${gpt2[@]}" --batch_size=8 --device=cuda -r5
  part "GPT-2 124M, bf16, 8 x 1024 tokens a step" "$hewn" bench train "${gpt2[@]}" --batch_size=8 --dtype=bf16 --device=cuda -r5
fi

echo "### $(date -u +%Y-%m-%d), $(git rev-parse --short HEAD 2>/dev/null || echo 'no commit known')"
echo
echo "${gpu#"${gpu%%[![:space:]]*}"}; driver $(nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null | head -n 1 || true)"
echo
echo "| part | | time | last line |"
echo "|---|---|---|---|"
printf '%s\n' "$table"
[ $failed = 0 ] && echo "All parts passed." || echo "$failed parts failed."
[ $failed = 0 ]
