#!/usr/bin/env bash
# Runs all checks that need a GPU, on a machine with one; prints a Markdown block for docs/gpu-verification.md.
#   scripts/gpu-check.sh                  builds first (preset cuda), in build-gpu-check
#   scripts/gpu-check.sh --prebuilt DIR   uses hewn, test_gpu and test_train from DIR, or DIR/apps and DIR/tests
#   scripts/gpu-check.sh --minutes N      takes at most N minutes after building (default 8), on a GPU
#   scripts/gpu-check.sh --dry            tests the script itself: every part, at a small size, on the emulated GPU
# The output of each part is in gpu-check-logs/. The last line lists the parts that did not run. Exits 1 if a part
# failed, but not if a figure misses its target. No external data is needed.
# Compares with cuBLAS and cuDNN (HEWN_CUBLAS and HEWN_CUDNN name their files) and with the PyTorch of python3
# (HEWN_PYTHON names another interpreter), if they are found.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

prebuilt='' minutes=8 device=cuda
while [ $# -gt 0 ]; do
  case "$1" in
    --prebuilt) prebuilt=${2:?"--prebuilt needs a directory"}; shift 2 ;;
    --minutes) minutes=${2:?"--minutes needs a number"}; shift 2 ;;
    --dry) device=emulated minutes=120; shift ;;  # times are meaningless then
    *) echo "usage: scripts/gpu-check.sh [--prebuilt DIR] [--minutes N] [--dry]" >&2; exit 2 ;;
  esac
done

logs=$PWD/gpu-check-logs
rm -rf "$logs" && mkdir -p "$logs" || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0 not_run='' table='' tables='' figures='' missed=0 verdict='' log='' took=''

note() { table+="| $1 | $2 | $3 | $4 |"$'\n'; }

# leave_out NAME WHY
leave_out() {
  note "$1" "NOT RUN" "" "$2"
  not_run+="${not_run:+; }$1"
}

# attempt SECONDS NAME COMMAND...: runs the command, on a GPU for at most SECONDS; sets `verdict` to the outcome.
attempt() {
  local most=$1 name=$2 start=$SECONDS left=$((60 * minutes - SECONDS)) status
  log=$logs/${name//[^A-Za-z0-9]/-}.log verdict=passed took=''
  shift 2
  [ $device = cuda ] || most=1200
  if [ $left -lt 5 ]; then
    verdict="NOT RUN"
    return
  fi
  echo "== $name" >&2
  timeout -k 5 $((left < most ? left : most)) "$@" >"$log" 2>&1
  status=$?
  took="$((SECONDS - start)) s"
  [ $status = 0 ] || verdict="FAILED ($status)"
  [ $status != 124 ] && [ $status != 137 ] || verdict="NOT FINISHED"
}

# record NAME: adds a table row with the outcome of the attempt and its last line of output.
record() {
  local last
  if [ "$verdict" = "NOT RUN" ]; then
    leave_out "$1" "the time limit of $minutes minutes is reached"
    return
  fi
  last=$(grep -v '^ *$' "$log" | tail -n 1 | cut -c 1-160)
  [ "${last:0:1}" = "|" ] && last="table below"
  note "$1" "$verdict" "$took" "${last//|//}"
  [ "$verdict" != passed ] || return
  failed=$((failed + 1))
  tail -n 20 "$log" >&2
}

# part SECONDS NAME COMMAND...
part() {
  attempt "$@"
  record "$2"
}

# tests SECONDS NAME PROGRAM PATTERN FEWER: runs all tests that match PATTERN; in a dry run only those that
# also match FEWER. A pattern without matches is a failure.
tests() {
  local pattern=$4
  [ $device = cuda ] || pattern+=$5
  part "$1" "$2" "$3" -w NoTests "$pattern"
}

# table_of SECONDS NAME COMMAND...: a part that prints a Markdown table, which is included completely.
table_of() {
  part "$@"
  [ "$verdict" = passed ] && tables+="**$2**"$'\n\n'"$(cat "$log")"$'\n\n'
}

# kernels SECONDS NAME ARGUMENT...
kernels() {
  local most=$1 name=$2
  shift 2
  table_of "$most" "$name" "$hewn" bench kernels --device=$device --md -q "$@"
}

# preferred PROGRAM LOG...: runs an awk program over the tables of `bench kernels`. Calls it as `each()` for
# the preferred rung, which is the last of ours on each operation and shape, with the cells in f and the
# column of each heading in at.
preferred() {
  local each=$1
  shift
  awk -F ' *[|] *' "function each() { $each }"'
    function flush() { if (held != "") { split(held, f, " *[|] *"); each() } held = "" }
    $2 == "op" { flush(); delete at; for (i = 2; i < NF; ++i) at[$i] = i; next }
    $2 == "ceiling" { flush(); delete at; next }
    !("rung" in at) || NF < 8 || $at["rung"] !~ /^cuda/ { next }
    { now = $2 " " $3; if (now != before) flush(); before = now; held = $0 }
    END { flush(); print text }' "$@"
}

# figure WHAT WANTED LEAST FOUND VALUE: records one of the target figures with its value; "" if not measured.
figure() {
  local judged=PASS
  if [ -z "$5" ]; then
    judged="not measured"
  elif ! awk -v value="$5" -v least="$3" 'BEGIN { exit !(value >= least) }'; then
    judged=missed
  fi
  [ $device = cuda ] || judged="a trial"
  [ "$judged" != missed ] || missed=$((missed + 1))
  figures+="| $1 | $2 | $4 | $judged |"$'\n'
}

# lowest: the lowest of the numbers on standard input, one per line.
lowest() { sort -g | head -n 1; }

# against_cublas WHAT LEAST SHAPE: uses the log of the latest attempt.
against_cublas() {
  local found
  found=$(preferred 'if ("speedup" in at && index(f[3], "'"$3"' ") == 1 && f[at["speedup"]] != "")
    { name = f[3]; sub(/^[^ ]* /, "", name); text = text (text == "" ? "" : ", ") name " " f[at["speedup"]] }' "$log")
  figure "$1 $3" "$2 × cuBLAS" "$2" "$found" "$(echo "$found" | tr ',' '\n' | sed '/./!d; s/.* //' | lowest)"
}

# memory_bound LOG...: judges the memory-bound kernels that move at least 16 MB.
memory_bound() {
  local found
  found=$(preferred 'part = f[at["roof %"]]
    if (f[at["bound by"]] == "memory" && f[at["GB/s"]] * f[at["best ms"]] >= 16)
      { ++n; if (part >= 85) ++good; else low = low "; " f[2] " " f[3] " " part "%"
        text = good + 0 " of " n low }' "$@")
  figure "kernels bound by memory" "all at 85% of the copy's bandwidth" 1 "$found" \
    "$(echo "$found" | awk 'NF { print $1 / $3 }')"
}

# attention_figures D FLASH...: forward, causal, 16384 tokens of width 768, compared with FlashAttention-2's
# TFLOP/s on an H100.
attention_figures() {
  local D=$1 T ours found='' ratios='' name
  shift
  for T in "${lengths[@]}"; do
    name="attention forward, bf16, T $T, D $D"
    printf '%s\n' 'vocab_size = 50' 'n_layer = 1' "n_embd = $width" "n_head = $((width / D))" "block_size = $T" \
      "batch_size = $((tokens / T))" 'dtype = "bf16"' >"$work/attention.toml"
    part 20 "$name" "$hewn" bench kernels --device=$device --md -q -r3 --op=attention.forward --shapes-from="$work/attention.toml"
    [ "$verdict" = passed ] || { shift; continue; }
    ours=$(preferred 'split(f[3], s, "x"); text = sprintf("%.1f", 2 * s[1] * s[2] * s[3] * s[3] * s[5] / f[at["best ms"]] * 1e-9)' "$log")
    found+="${found:+, }$T: $ours / $1"
    ratios+=$(awk -v ours="$ours" -v theirs="$1" 'BEGIN { print ours / theirs }')$'\n'
    shift
  done
  figure "attention forward, causal, D $D, TFLOP/s" "FlashAttention-2's on an H100" 1 "$found" "$(echo "$ratios" | sed '/./!d' | lowest)"
}

# find_program NAME
find_program() {
  local place
  for place in "$dir" "$dir/apps" "$dir/tests"; do
    [ -x "$place/$1" ] && { echo "$place/$1"; return; }
  done
  echo "gpu-check.sh: no program $1 in $dir" >&2
  return 1
}

# find_library NAME VERSION...: by the name known to the dynamic loader, or a file of CUDA's or PyTorch's.
find_library() {
  local name=$1 version file packages
  shift
  packages=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])' 2>/dev/null)
  for version in "$@"; do
    file=lib$name.so.$version
    ldconfig -p 2>/dev/null | grep -F "$file " >/dev/null && { echo "$file"; return; }
    for file in /usr/local/cuda*/lib*/"$file" "$packages"/nvidia/*/lib/"$file"; do
      [ -e "$file" ] && { echo "$file"; return; }
    done
  done
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
    echo "gpu-check.sh: the build failed; its whole output is in $logs/build.log" >&2
    exit 1
  fi
fi
hewn=$(find_program hewn) && test_gpu=$(find_program test_gpu) && test_train=$(find_program test_train) || exit 1
SECONDS=0
export HEWN_TEST_DEVICE=$device
python=${HEWN_PYTHON:-python3}
torch=$("$python" -c 'import torch; print(torch.__version__)' 2>/dev/null) || torch=
gpu=$("$hewn" --version | grep -i '^ *cuda') || gpu="hewn --version has no line about CUDA"

compare=()
if [ $device = cuda ]; then
  steps=100 batch=64 torch_device=cuda torch_config=gpt2-8x1024 torch_seconds=3
  model=(--n_layer=2 --n_head=2 --n_embd=64 --block_size=160 --batch_size=8)
  gpt2=(--vocab_size=50304 --n_layer=12 --n_head=12 --n_embd=768 --block_size=1024)
  square=4096x4096x4096 large=8192x8192x8192 rows=8192x1024 lengths=(1024 2048 4096 8192 16384) tokens=16384 width=768
  few=1x50304x768,8x50304x768,1x3072x768,8x3072x768 heads=8x12x1024x1024x64
  [ -n "${HEWN_CUBLAS:-}" ] || HEWN_CUBLAS=$(find_library cublas 13 12)
  [ -n "$HEWN_CUBLAS" ] && export HEWN_CUBLAS && compare=(--compare=cublas)
  [ -n "${HEWN_CUDNN:-}" ] || HEWN_CUDNN=$(find_library cudnn 9 8)
else
  export HEWN_TEST_SAMPLE=200
  steps=2 batch=1 torch_device=cpu torch_config=baby-gpt-cpu torch_seconds=0
  model=(--n_layer=1 --n_head=1 --n_embd=8 --block_size=160 --batch_size=1)
  gpt2=(--vocab_size=50 --n_layer=1 --n_head=1 --n_embd=8 --block_size=8)
  square=9x17x5 large=9x17x5 rows=3x65 lengths=(16) tokens=16 width=128 few=1x5x7,8x5x7 heads=1x2x5x9x8
fi

# config FILE LAYERS KEY=VALUE...: writes a configuration for `hewn bench kernels --shapes-from`.
config() {
  local file=$1 layers=$2
  shift 2
  printf '%s\n' "${gpt2[@]}" "--batch_size=$((batch < 8 ? batch : 8))" 'dtype = "bf16"' "$@" |
    sed "s/^--\(.*\)=\(.*\)/\1 = \2/; s/^n_layer.*/n_layer = $layers/" >"$file"
}

# Without a GPU this fails with one line, and no other part can run.
part 60 "device" "$hewn" train --dataset=tales "${model[@]}" --device=$device --max_iters=1 --eval_iters=1 --out_dir="$work/first"
if [ $failed = 0 ]; then
  tests 100 "every rung against its reference, twice the same bits" "$test_gpu" "every GPU rung*" ""
  tests 60 "large tiles, pieces, rows, attention error, steps, the device" "$test_gpu" '~"every GPU rung*"' '~"large tiles*"'
  tests 75 "training, gradients, determinism, graphs, checkpoints, texts, plan" "$test_train" "[gpu]" "*checkpoints move*"
  part 40 "the same losses on CPU and GPU" "$hewn" verify --dataset=tales "${model[@]}" --devices=cpu,$device --max_iters=$steps

  sanitizer=$(command -v compute-sanitizer || command -v /usr/local/cuda/bin/compute-sanitizer)
  for tool in memcheck initcheck synccheck racecheck; do
    if [ $device = cuda ] && [ -n "$sanitizer" ]; then
      check=("$sanitizer" --tool "$tool" --error-exitcode 9)
      part 20 "$tool, training, the last steps as graphs" "${check[@]}" "$hewn" train --dataset=tales "${model[@]}" \
        --dtype=bf16 --device=$device --max_iters=5 --eval_iters=1 --out_dir="$work/$tool"
      part 35 "$tool, one in 50 cases of all rooms, and all other tests" env HEWN_TEST_SAMPLE=50 "${check[@]}" \
        "$test_gpu" -w NoTests "~emulator*"
    else
      leave_out "$tool" "there is no GPU, or no compute-sanitizer"
    fi
  done
  whole=$([ -z "$not_run" ] && [ $failed = 0 ] && echo 1)
  figure "tests, gradients, determinism, sanitizers" "all pass" 1 "$failed failed${not_run:+, NOT RUN: $not_run}" \
    "$([ $failed != 0 ] && echo 0 || echo "$whole")"

  kernels 40 "products in bf16" "${compare[@]}" --op=matmul --dtype=bf16 --shape=$square --ladder -r3
  against_cublas "products in bf16" 0.55 $square
  kernels 30 "large products in bf16" "${compare[@]}" --op=matmul --dtype=bf16 --shape=$large
  against_cublas "products in bf16" 0.55 $large
  kernels 40 "products in f32" "${compare[@]}" --op=matmul --shape=$square --ladder -r3
  against_cublas "products in f32" 0.9 $square
  kernels 30 "products of few rows in bf16, as for decoding" "${compare[@]}" --op=matmul --dtype=bf16 --shape=$few
  attention_figures 64 229 262 284 295 299
  attention_figures 128 260 298 319 333 335
  kernels 30 "attention in bf16, forward and backward" --op=attention --dtype=bf16 --shape=$heads --ladder -r3
  kernels 20 "softmax" --op=softmax --shape=$rows --ladder
  bound=("$log")
  if [ $device = cuda ] && [ -n "$HEWN_CUDNN" ]; then
    export HEWN_CUDNN
    kernels 20 "softmax beside cuDNN" --op=softmax --shape=$rows --compare=cudnn
  else
    leave_out "softmax beside cuDNN" "no GPU, or no cuDNN; give its file as HEWN_CUDNN"
  fi
  kernels 20 "layernorm" --op=layernorm --shape=$rows --ladder
  bound+=("$log")
  config "$work/gpt2.toml" 2
  kernels 30 "the other kernels in a step of GPT-2 with 2 layers" --shapes-from="$work/gpt2.toml" -r3 \
    --op=layernorm,activation,cross_entropy,embedding,copy,reduce,global_norm,optimizer
  bound+=("$log")
  config "$work/llama.toml" 1 'norm = "rmsnorm"' 'pos = "rope"' 'act = "swiglu"' 'bias = false' 'dropout = 0.1'
  kernels 30 "kernels in a step of a Llama-like model, with dropout" --shapes-from="$work/llama.toml" -r3 \
    --op=rmsnorm,activation,rotary,dropout
  bound+=("$log")
  for log in "${bound[@]}"; do [ -e "$log" ] && echo "$log"; done >"$work/bound"
  mapfile -t bound <"$work/bound"
  memory_bound "${bound[@]}"

  speeds='' ours='' mfu=''
  # speed WHO MILLISECONDS MFU
  speed() { speeds+="| $1 | $2 | $(awk -v ms="$2" -v tokens=$((batch * 1024)) 'BEGIN { printf "%.0f", tokens / ms * 1e3 }') | $3 |"$'\n'; }
  while :; do
    name="GPT-2 124M, bf16, $batch x 1024 tokens a step"
    attempt 60 "$name" "$hewn" bench train "${gpt2[@]}" --batch_size=$batch --dtype=bf16 --device=$device -r5
    if [[ $verdict != FAILED* ]] || [ $batch = 1 ] || ! grep -q 'batch_size up to\|memory' "$log"; then break; fi
    batch=$((batch / 2))  # finds the largest power of two that fits
  done
  record "$name"
  if [ "$verdict" = passed ]; then
    ours=$(sed -n 's/^\([0-9.]*\) ms per step.*/\1/p' "$log") mfu=$(sed -n 's/.*, MFU \([0-9.]*\)%.*/\1/p' "$log")
    speed "this" "$ours" "${mfu:+$mfu%}"
  fi
  part 40 "GPT-2 124M, f32, at most 8 x 1024 tokens a step" "$hewn" bench train "${gpt2[@]}" \
    --batch_size=$((batch < 8 ? batch : 8)) --device=$device -r3
  part 30 "GPT-2 124M generates, a token at a time" "$hewn" bench sample "${gpt2[@]}" --max_new_tokens=$((steps * 2)) --dtype=bf16 \
    --device=$device -r3
  theirs=''
  if [ -n "$torch" ]; then
    for mode in compile eager; do
      part 120 "PyTorch $torch, the same model and batch, bf16, $mode" "$python" scripts/peers/torch_step.py --batch=$batch \
        --device=$torch_device --config=$torch_config --dtype=bf16 --mode=$mode --seconds=$torch_seconds
      [ "$verdict" = passed ] || continue
      ms=$(sed -n 's/.*"median_ms": \([0-9.]*\).*/\1/p' "$log")
      [ $mode = compile ] && theirs=$ms
      speed "PyTorch $torch, $mode" "$ms" "$(awk -v mfu="$mfu" -v ours="$ours" -v ms="$ms" 'BEGIN { if (mfu) printf "%.1f%%", mfu * ours / ms }')"
    done
    table_of 40 "PyTorch $torch" "$python" scripts/peers/torch_kernels.py --device=$torch_device
  else
    leave_out "PyTorch" "$python has no torch; give another interpreter as HEWN_PYTHON"
  fi
  ratio=$(awk -v ours="$ours" -v theirs="$theirs" 'BEGIN { if (ours && theirs) printf "%.2f", theirs / ours }')
  figure "GPT-2 124M, $batch x 1024 tokens a step" "0.7 × PyTorch under torch.compile" 0.7 "${ratio:+$ratio ×}" "$ratio"
  [ -n "$speeds" ] && tables+="**A step of GPT-2 124M, bf16, $batch x 1024 tokens**"$'\n\n'"| | ms | tokens/s | MFU |"$'\n'"|---|---|---|---|"$'\n'"$speeds"$'\n'
  [ ${#compare[@]} -gt 0 ] || leave_out "cuBLAS" "not found, or no GPU; give its file as HEWN_CUBLAS"
fi

echo "### $(date -u +%Y-%m-%d), $(git rev-parse --short HEAD 2>/dev/null || echo 'unknown commit')"
echo
if [ $device = cuda ]; then
  driver=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null | head -n 1)
  echo "${gpu#"${gpu%%[![:space:]]*}"}; driver ${driver:-unknown}"
else
  echo "A trial of the script on the emulated GPU, with other sizes: nothing ran on a GPU, and the times are meaningless."
fi
echo
[ -n "$figures" ] && printf '| figure | target | found | |\n|---|---|---|---|\n%s\n' "$figures"
echo "| part | | time | last line |"
echo "|---|---|---|---|"
printf '%s\n%s' "$table" "$tables"
[ $failed = 0 ] && last="All parts that ran passed" || last="$failed parts failed"
echo "$last; figures missed: $missed; NOT RUN: ${not_run:-none}."
[ $failed = 0 ]
