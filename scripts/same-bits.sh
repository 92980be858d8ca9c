#!/usr/bin/env bash
# Runs small trainings with two builds of `hewn` and compares every file of weights and moments byte by byte.
#   scripts/same-bits.sh OLD NEW [NAME...]    OLD and NEW: two programs; NAME: only these trainings; default: all
# A training that OLD cannot run is skipped, visibly: with --ranks, older builds need mpirun and libhewn_mpi.so beside
# them. Prints a line for each training; the last line is a summary. Exits 1 if a file differs or NEW fails.
set -uo pipefail
usage() { echo "usage: scripts/same-bits.sh OLD NEW [NAME...]" >&2; exit 2; }
if [ $# -lt 2 ] || [ ! -x "$1" ] || [ ! -x "$2" ]; then usage; fi
old=$(realpath "$1") new=$(realpath "$2")
shift 2
only=" $* "
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

for i in {1..200}; do echo "$i sheep went over the hill, and $((i * 7 % 13)) came back to the $((i * 3 % 11)) goats"; done >text
{
  echo text,label
  for i in {1..60}; do echo "$i sheep went over the hill,$([ $((i % 3)) = 0 ] && echo few || echo many)"; done
} >rows.csv
for i in {1..40}; do
  echo "{\"instruction\": \"count $i sheep\", \"input\": \"\", \"output\": \"$((i * 7 % 13)) sheep\"}"
done >talks.jsonl
for i in {1..40}; do
  echo "{\"prompt\": \"count $i sheep\", \"chosen\": \"$i sheep\", \"rejected\": \"$((i % 5)) goats\"}"
done >pairs.jsonl

passed=0 failed=0 skipped=0 failure='' hewn=''

# checks NAME: whether this training was asked for.
checks() { [ "$only" = "  " ] || [[ $only = *" $1 "* ]]; }

# train FLAGS...: trains a tiny model in the run directory `run`.
train() {
  "$hewn" train --dataset=../text --n_layer=2 --n_embd=32 --n_head=2 --block_size=16 --batch_size=4 --max_iters=6 \
    --eval_interval=3 --eval_iters=1 --learning_rate=0.01 --keep=100 --out_dir=run "$@"
}
# begin: trains a model to go on from, with a tokenizer that can end a text.
begin() { train --max_iters=3 --tokenizer=bpe --vocab_size=300 --block_size=256; }
# finetune KIND FILE FLAGS...: fine-tunes that model on the rows of a file.
finetune() {
  begin && "$hewn" finetune "$1" --data="../$2" --init_from=run --out_dir=tuned --batch_size=4 --max_iters=6 \
    --eval_interval=3 --keep=100 "${@:3}"
}
# adapted FLAGS...: trains adapters of that model.
adapted() {
  begin && "$hewn" train --dataset=../text --init_from=run --train=lora --out_dir=adapted --max_iters=6 \
    --eval_interval=3 --eval_iters=1 --keep=100 "$@"
}
# A model of several blocks of the gradient's norm, exchanged in several buckets.
ranks() {
  train --n_embd=128 --n_layer=4 --batch_size=2 --gradient_accumulation_steps=4 --grad_shards=4 --bucket_mb=1 --ranks=2 "$@"
}
resumed() {
  train --max_iters=4 "$@" && "$hewn" train --init_from=resume --out_dir=run --max_iters=8
}
emulated() { train --device=emulated --n_layer=1 --n_embd=16 --batch_size=2 --max_iters=3 "$@"; }

# runs PROGRAM FOLDER COMMAND...: runs a command for one of the programs in a folder of its own; `failure` says why it failed.
runs() {
  hewn=$1
  mkdir -p "$2"
  (cd "$2" && "${@:3}") >"$2/log" 2>&1 </dev/null || { failure=$(grep -m1 error "$2/log" || tail -n 1 "$2/log"); return 1; }
}

# files FOLDER: its files of weights and moments.
files() { (cd "$1" && find . -name '*.safetensors' | sort); }

# compare NAME COMMAND...: runs a training with both programs and compares what they wrote.
compare() {
  local name=$1 file different=''
  shift
  checks "$name" || return
  if ! runs "$old" old "$@"; then
    skipped=$((skipped + 1))
    echo "$name: skipped, OLD fails: $failure"
  elif ! runs "$new" new "$@"; then
    failed=$((failed + 1))
    echo "$name: NEW fails: $failure"
  else
    for file in $( (files old; files new) | sort -u); do cmp -s "old/$file" "new/$file" || different+=" $file"; done
    if [ -n "$different" ] || [ -z "$(files new)" ]; then
      failed=$((failed + 1))
      echo "$name: different:${different:- no file was written}"
    else
      passed=$((passed + 1))
      echo "$name: $(files new | wc -l) files with the same bits"
    fi
  fi
  rm -rf old new
}

compare f32 train
compare bf16 train --dtype=bf16
compare stochastic_rounding resumed --dtype=bf16 --stochastic_rounding
compare f64 train --dtype=f64
compare sgd train --optimizer=sgd --weight_decay=0.1
compare adam train --optimizer=adam --grad_clip=0
compare lora finetune instruct talks.jsonl --train=lora --lora_rank=2
compare lora_text adapted --dtype=bf16
compare last_block train --train=last:1
compare classify finetune classify rows.csv --balance=weight
compare instruct finetune instruct talks.jsonl
compare prefer finetune prefer pairs.jsonl
compare prefer_mixed finetune prefer pairs.jsonl --dtype=bf16 --recompute --gradient_accumulation_steps=2
compare recompute train --recompute
compare resume resumed --dropout=0.1
compare accumulation train --gradient_accumulation_steps=8 --grad_shards=4
compare update_ratios train --log_update_ratios --log_grad_norms
compare ranks ranks
compare ranks_whole ranks --shard_optimizer=false
compare ranks_bf16 ranks --dtype=bf16
compare ranks_rounding ranks --dtype=bf16 --stochastic_rounding
compare ranks_lora adapted --gradient_accumulation_steps=2 --grad_shards=2 --ranks=2
compare ranks_resume resumed --gradient_accumulation_steps=2 --grad_shards=2 --ranks=2
compare emulated emulated
compare emulated_bf16 emulated --dtype=bf16
compare emulated_no_graph emulated --cuda_graph=false
compare emulated_groups emulated --gradient_accumulation_steps=4 --grad_shards=2
compare emulated_ranks emulated --gradient_accumulation_steps=2 --grad_shards=2 --ranks=2

echo "$passed with the same bits, $failed not, $skipped skipped"
[ $failed = 0 ] && [ $passed -gt 0 ]
