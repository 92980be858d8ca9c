#!/bin/bash
# `hewn` as tests of printed commands call it: with the numbers of large models and long trainings cut down. Before that,
# the options are checked as they were written. With CHECK_ONLY=1 nothing more happens.
check() { "$REAL_HEWN" --help "$@" >/dev/null || exit; }
if [ -n "${CHECK_ONLY:-}" ]; then
  check "$@"
  exit 0
fi

# The largest value of a key, for those that make a command slow.
declare -A most=([batch_size]=2 [block_size]=160 [entries]=2 [epochs]=1 [gradient_accumulation_steps]=8 [iters]=3
  [max_iters]=4 [max_length]=128 [max_new_tokens]=8 [mb]=1 [n_embd]=96 [n_layer]=2 [num_samples]=2 [prompt_tokens]=8
  [repeat]=2 [seconds]=1 [seeds]=2 [tales]=20 [vocab_size]=300 [warmup_iters]=1)
[ "$1" != import ] || most[block_size]=4
[ -z "${UNLIMITED:-}" ] || most=()
words=()
for word; do
  if [[ $word =~ ^--([a-z_]+)=([0-9]+)$ ]] && [ "${BASH_REMATCH[2]}" -gt "${most[${BASH_REMATCH[1]}]:-9999999999}" ]; then
    word=--${BASH_REMATCH[1]}=${most[${BASH_REMATCH[1]}]}
  fi
  case $word in
    --shape=*) word=$(sed -E 's/[0-9]{3,}/64/g' <<<"$word") ;;
  esac
  words+=("$word")
done
[ "${words[*]}" = "$*" ] || check "$@"

# What the command line does not give comes from here rather than from a configuration.
export HEWN_MAX_NEW_TOKENS=8 HEWN_REPEAT=1 HEWN_TALES=20 HEWN_TIMEOUT=1 HEWN_RETRIES=0
[[ "$*" == *--out* ]] || export HEWN_TRAINING=false
case "$*" in
  train* | sweep* | plan* | gradcheck* | trace* | verify* | 'bench train'* | 'bench sample'*)
    export HEWN_N_LAYER=1 HEWN_N_EMBD=96 HEWN_BATCH_SIZE=2 HEWN_BLOCK_SIZE=160 HEWN_MAX_ITERS=2 HEWN_EVAL_ITERS=1
    export HEWN_EVAL_INTERVAL=1000 HEWN_ENTRIES=1 HEWN_DATASET=book.txt HEWN_WARMUP_ITERS=0
    ;;
  'learn start '* | 'learn check '[1-9]*)
    solution=$(echo "solutions/$(printf %02d "$3")"-*)
    lesson=lessons/$(basename "$solution" .cpp)
    rm -rf "$lesson"
    if [ "$2" = check ]; then mkdir -p "$lesson" && cp "$solution" "$lesson/lesson.cpp"; fi
    ;;
  finetune*) export HEWN_EPOCHS=1 ;;
  'bench kernels'*--shape* | 'bench kernels'*--rung*) ;;
  'bench kernels'*--shapes*) words+=(--shapes_from=book --op=layernorm) ;;
  'bench kernels'*) words+=(--op=softmax --shape=64x64) ;;
esac
export OMP_NUM_THREADS=1
exec -a hewn "$REAL_HEWN" "${words[@]}"
