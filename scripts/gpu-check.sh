#!/usr/bin/env bash
# Everything that only a GPU can tell, on a machine that has one; prints a Markdown block for docs/gpu-verification.md.
#   scripts/gpu-check.sh                  builds first (preset cuda), in build-gpu-check
#   scripts/gpu-check.sh --prebuilt DIR   takes hewn, test_gpu and test_train from DIR, or DIR/apps and DIR/tests
#   scripts/gpu-check.sh --minutes N      takes so long at most, after building; default 8, on a GPU
#   scripts/gpu-check.sh --dry            tries the script itself: every part, small, on the emulated GPU
# What a part printed is in gpu-check-logs/. Exits 1 when a part failed. No data from elsewhere is needed.
# Compared, where they are found: cuBLAS and cuDNN (HEWN_CUBLAS and HEWN_CUDNN name their files), and PyTorch of
# python3 (HEWN_PYTHON another).
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

prebuilt='' minutes=8 longest_part=150 device=cuda
while [ $# -gt 0 ]; do
  case "$1" in
    --prebuilt) prebuilt=${2:?"--prebuilt needs a directory"}; shift 2 ;;
    --minutes) minutes=${2:?"--minutes needs a number"}; shift 2 ;;
    --dry) device=emulated minutes=120 longest_part=1200; shift ;;  # times mean nothing then
    *) echo "usage: scripts/gpu-check.sh [--prebuilt DIR] [--minutes N] [--dry]" >&2; exit 2 ;;
  esac
done

logs=$PWD/gpu-check-logs
rm -rf "$logs" && mkdir -p "$logs" || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0 table='' tables='' verdict='' log=''

note() { table+="| $1 | $2 | $3 | $4 |"$'\n'; }

# part NAME COMMAND...: runs it; a line of the table says how it ended and what it said last.
part() {
  local name=$1 start=$SECONDS status last left=$((60 * minutes - SECONDS))
  verdict=passed
  log=$logs/${name//[^A-Za-z0-9]/-}.log
  shift
  if [ $left -lt 5 ]; then
    verdict="NOT RUN"
    note "$name" "$verdict" "" "the $minutes minutes are over"
    return
  fi
  echo "== $name" >&2
  timeout $((left < longest_part ? left : longest_part)) "$@" >"$log" 2>&1
  status=$?
  if [ $status != 0 ]; then
    verdict="FAILED ($status)"
    failed=$((failed + 1))
    tail -n 20 "$log" >&2
  fi
  last=$(grep -v '^ *$' "$log" | tail -n 1 | cut -c 1-160)
  [ "${last:0:1}" = "|" ] && last="its table is below"
  note "$name" "$verdict" "$((SECONDS - start)) s" "${last//|//}"
}

# table_of NAME COMMAND...: a part that prints a Markdown table, which is shown whole.
table_of() {
  part "$@"
  [ "$verdict" = passed ] && tables+="**$1**"$'\n\n'"$(cat "$log")"$'\n\n'
}

# kernels NAME ARGUMENT...
kernels() {
  local name=$1
  shift
  table_of "$name" "$hewn" bench kernels --device=$device --md -q "$@"
}

# find_program NAME
find_program() {
  local place
  for place in "$dir" "$dir/apps" "$dir/tests"; do
    [ -x "$place/$1" ] && { echo "$place/$1"; return; }
  done
  echo "gpu-check.sh: there is no program $1 in $dir" >&2
  return 1
}

# find_library NAME VERSION...: by the name that the loader knows, or a file of CUDA's or PyTorch's.
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
    echo "gpu-check.sh: it does not build; all of it is in $logs/build.log" >&2
    exit 1
  fi
fi
hewn=$(find_program hewn) && test_gpu=$(find_program test_gpu) && test_train=$(find_program test_train) || exit 1
SECONDS=0
export HEWN_TEST_DEVICE=$device
python=${HEWN_PYTHON:-python3}
torch=$("$python" -c 'import torch; print(torch.__version__)' 2>/dev/null) || torch=
gpu=$("$hewn" --version | grep -i '^ *cuda') || gpu="no line about CUDA in hewn --version"

if [ $device = cuda ]; then
  every="every GPU rung*" pieces="GPU kernels that work in pieces*" models="[gpu]" steps=100 compare=()
  model=(--n_layer=2 --n_head=2 --n_embd=64 --block_size=160 --batch_size=8)
  gpt2=(--vocab_size=50304 --n_layer=12 --n_head=12 --n_embd=768 --block_size=1024 --batch_size=8)
  square=4096x4096x4096 square_f32=2048x2048x2048 heads=8x12x1024x1024x64 rows=8192x1024
  [ -n "${HEWN_CUBLAS:-}" ] || HEWN_CUBLAS=$(find_library cublas 13 12)
  [ -n "$HEWN_CUBLAS" ] && export HEWN_CUBLAS && compare=(--compare=cublas)
  [ -n "${HEWN_CUDNN:-}" ] || HEWN_CUDNN=$(find_library cudnn 9 8)
  torch_device=cuda torch_config=gpt2-8x1024
else
  every="gpu: bytes*" pieces="gpu: a graph*" models="a profile knows*" steps=2 compare=()
  model=(--n_layer=1 --n_head=1 --n_embd=8 --block_size=160 --batch_size=1)
  gpt2=(--vocab_size=50 --n_layer=1 --n_head=1 --n_embd=8 --block_size=8 --batch_size=1)
  square=9x17x5 square_f32=9x17x5 heads=1x2x5x9x8 rows=3x65
  torch_device=cpu torch_config=baby-gpt-cpu
fi

# Without a GPU this fails, in one line, and there is nothing more to find out.
part "device" "$hewn" train --dataset=tales "${model[@]}" --device=$device --max_iters=1 --eval_iters=1 --out_dir="$work/first"
if [ $failed = 0 ]; then
  part "conformance, twice the same bits" "$test_gpu" "$every"
  part "conformance of kernels that work in pieces" "$test_gpu" "$pieces"
  part "training, gradients, determinism, checkpoints, texts, plan" "$test_train" "$models"
  part "the same losses on CPU and GPU" "$hewn" verify --dataset=tales "${model[@]}" --devices=cpu,$device --max_iters=$steps

  kernels "products in bf16" "${compare[@]}" --op=matmul --dtype=bf16 --shape=$square --ladder
  kernels "products in f32" "${compare[@]}" --op=matmul --shape=$square_f32 --ladder
  kernels "attention in bf16" --op=attention --dtype=bf16 --shape=$heads --ladder
  kernels "attention in f32" --op=attention --shape=$heads --ladder
  kernels "softmax" --op=softmax --shape=$rows --ladder
  if [ $device = cuda ] && [ -n "$HEWN_CUDNN" ]; then
    export HEWN_CUDNN
    kernels "softmax beside cuDNN" --op=softmax --shape=$rows --compare=cudnn
  else
    note "softmax beside cuDNN" "NOT RUN" "" "no GPU, or no cuDNN; HEWN_CUDNN names its file"
  fi
  kernels "layernorm" --op=layernorm --shape=$rows --ladder
  printf '%s\n' "${gpt2[@]}" 'dtype = "bf16"' | sed 's/^--\(.*\)=\(.*\)/\1 = \2/; s/^n_layer.*/n_layer = 2/' >"$work/gpt2.toml"
  kernels "what a step of GPT-2 with 2 layers calls beside products and attention" --shapes-from="$work/gpt2.toml" -r3 \
    --op=layernorm,activation,cross_entropy,embedding,copy,reduce,global_norm,optimizer
  for dtype in f32 bf16; do
    part "GPT-2 124M, $dtype, 8 x 1024 tokens a step" "$hewn" bench train "${gpt2[@]}" --dtype=$dtype --device=$device -r5
  done
  if [ -n "$torch" ]; then
    table_of "PyTorch $torch" "$python" scripts/peers/torch_kernels.py --device=$torch_device
    for mode in eager compile; do
      part "PyTorch $torch, the same model, bf16, $mode" "$python" scripts/peers/torch_step.py --device=$torch_device \
        --config=$torch_config --dtype=bf16 --mode=$mode --seconds=3
    done
  else
    note "PyTorch" "NOT RUN" "" "$python has no torch; HEWN_PYTHON names another"
  fi
  [ ${#compare[@]} -gt 0 ] || note "cuBLAS" "NOT RUN" "" "not found; HEWN_CUBLAS names its file"
  for tool in memcheck initcheck synccheck racecheck; do
    if [ $device = cuda ] && command -v compute-sanitizer >/dev/null; then
      part "$tool" compute-sanitizer --tool "$tool" --error-exitcode 9 "$test_gpu" "$every"
    else
      note "$tool" "NOT RUN" "" "there is no GPU, or no compute-sanitizer"
    fi
  done
fi

echo "### $(date -u +%Y-%m-%d), $(git rev-parse --short HEAD 2>/dev/null || echo 'no commit known')"
echo
if [ $device = cuda ]; then
  driver=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null | head -n 1)
  echo "${gpu#"${gpu%%[![:space:]]*}"}; driver ${driver:-unknown}"
else
  echo "A trial of the script on the emulated GPU, with other sizes: nothing has run on a GPU, and no time means anything."
fi
echo
echo "| part | | time | last line |"
echo "|---|---|---|---|"
printf '%s\n%s' "$table" "$tables"
[ $failed = 0 ] && echo "All parts passed, but for those not run." || echo "$failed parts failed."
[ $failed = 0 ]
