# shellcheck shell=bash disable=SC2154,SC2034  # sourced by gpu-check.sh
# The sections smoke, tests, step and peers: correctness, and the training step of GPT-2 124M beside PyTorch.

steps_by_kernel='' speeds=''
declare -A our_ms

# A driver, a training step, a product and an attention beside the CPU's, by the rungs that training uses.
section_smoke() {
  if [ "$device" = cuda ]; then
    attempt 10 "driver" nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
    # The programs need the driver's library, not this program.
    if [ "$verdict" = passed ]; then record "driver"; else leave_out "driver" "nvidia-smi: $(last_line "$log")"; fi
  fi
  part 15 "one training step" "$hewn" train --dataset=tales "${model[@]}" --device="$device" --max_iters=1 --eval_iters=1 \
    --out_dir="$work/first"
  [ "$failed" = 0 ] || return 0
  part 15 "one product beside the CPU's" "${benches[@]}" --op=matmul --dtype=bf16 --shape="$smoke_product" -r1
  part 15 "one attention beside the CPU's" "${benches[@]}" --op=attention --dtype=bf16 --shape="$smoke_heads" -r1
}

section_tests() {
  local before=$failed
  tests 100 "every rung against its reference, twice the same bits" "$test_gpu" "every GPU rung*" ""
  tests 60 "large tiles, pieces, rows, attention error, steps, the device" "$test_gpu" '~"every GPU rung*"'"$on_gpus" '~"large tiles*"'
  tests 75 "training, gradients, determinism, graphs, checkpoints, texts, plan" "$test_train" "[gpu]~[ranks]" "*checkpoints move*"
  tests 25 "ranks that share the GPU, their planned memory, NCCL with one rank" "$test_train" "[gpu][ranks]" "*several ranks*"
  part 40 "the same losses on CPU and GPU" "$hewn" verify --dataset=tales "${model[@]}" --devices=cpu,"$device" \
    --max_iters="$steps"
  figure "tests, gradients, determinism" "all pass" 1 "$((failed - before)) failed" "$([ "$failed" = "$before" ] && echo 1 || echo 0)"
}

# speed WHO VOCABULARY MILLISECONDS [MFU]
speed() {
  speeds+="| $1 | $2 | $3 | $(awk -v ms="$3" -v tokens="$tokens_a_step" 'BEGIN { printf "%.0f", tokens / ms * 1e3 }') | ${4:-} |"$'\n'
}

# kernels_of LOG: the table of kernels in the output of `bench train -v`.
kernels_of() { sed -n '/^kernel  *calls/,/^ *$/p' "$1"; }

# ms_of LOG PATTERN [except]: the milliseconds per step of the kernels whose operation matches, or of all others; "" if
# there are none.
ms_of() {
  kernels_of "$1" | awk -v pattern="$2" -v except="${3:-}" '$0 ~ /% of step/ { next }
    ($1 ~ pattern) == (except == "") { for (i = 2; i <= NF; ++i) if ($i ~ /^[0-9]+$/ && $(i + 1) ~ /^[0-9.]+$/) { sum += $(i + 1); some = 1; break } }
    END { if (some) printf "%.2f", sum }'
}

# step_of VOCABULARY: times the largest power of two of rows that fits, with all kernels.
step_of() {
  local name log_of
  while :; do
    name="GPT-2 124M, bf16, $batch x 1024 tokens a step, vocabulary $1"
    attempt 60 "$name" "$hewn" bench train "${gpt2[@]}" --vocab_size="$1" --batch_size="$batch" --dtype=bf16 \
      --device="$device" -r"$repeat" -v
    if [[ $verdict != FAILED* ]] || [ "$batch" = 1 ] || ! grep -q 'batch_size up to\|memory' "$log"; then break; fi
    batch=$((batch / 2))
  done
  tokens_a_step=$((batch * 1024)) log_of=$log
  record "$name"
  [ "$verdict" = passed ] || return 0
  our_ms[$1]=$(sed -n 's/^\([0-9.]*\) ms per step.*/\1/p' "$log_of" | tail -n 1)
  our_mfu=$(sed -n 's/.*, MFU \([0-9.]*\)%.*/\1/p' "$log_of")
  speed "this" "$1" "${our_ms[$1]}" "${our_mfu:+$our_mfu%}"
  tables+="**$name**"$'\n\n```\n'"$(cat "$log_of")"$'\n```\n\n'
  [ "$1" = "${vocabularies[0]}" ] || return 0
  first_log=$log_of
  steps_by_kernel=$(echo "A step by kernel, vocabulary $1:"; kernels_of "$log_of" | head -n 24)
}

# The name by which `hewn plan` knows this GPU; "" if it does not.
planned_gpu() {
  [ "$device" = cuda ] || { echo h100; return; }
  "$hewn" --version | sed -n 's/^ *cuda.*\(H100\|H200\|A100\|RTX [34]090\).*/\1/p' | head -n 1 | tr -d ' ' | tr '[:upper:]' '[:lower:]'
}

# floor_of VOCABULARY: what the step takes at least by the GPU's data sheet, by operation and shape.
floor_of() {
  local name="lower bound of the step by the data sheet, vocabulary $1" gpu
  gpu=$(planned_gpu)
  [ -n "$gpu" ] || { leave_out "$name" "hewn plan does not know this GPU"; return; }
  part 15 "$name" "$hewn" plan "${gpt2[@]}" --vocab_size="$1" --batch_size="$batch" --dtype=bf16 --device=cuda \
    --gpu="$gpu" --ops
  [ "$verdict" = passed ] || return 0
  speed "lower bound by the data sheet" "$1" "$(sed -n 's/^lower bound *\([0-9.]*\) ms.*/\1/p' "$log")"
  tables+="**$name**"$'\n\n```\n'"$(cat "$log")"$'\n```\n\n'
}

section_step() {
  local vocabulary products='^matmul' forward='^attention[.]forward' backward='^attention[.]backward'
  local classifier='^cross_entropy' rows='^(layernorm|copy|activation|reduce)'
  for vocabulary in "${vocabularies[@]}"; do
    step_of "$vocabulary"
    floor_of "$vocabulary"
  done
  foretell step "${our_ms[${vocabularies[0]}]:-}"
  foretell step-odd "${our_ms[${vocabularies[1]}]:-}"
  if [ -n "${first_log:-}" ]; then
    foretell step-products "$(ms_of "$first_log" "$products")"
    foretell step-attention-forward "$(ms_of "$first_log" "$forward")"
    foretell step-attention-backward "$(ms_of "$first_log" "$backward")"
    foretell step-classifier "$(ms_of "$first_log" "$classifier")"
    foretell step-rows "$(ms_of "$first_log" "$rows")"
    foretell step-rest "$(ms_of "$first_log" "$products|$forward|$backward|$classifier|$rows" except)"
  fi
  part 40 "GPT-2 124M, f32, at most 8 x 1024 tokens a step" "$hewn" bench train "${gpt2[@]}" --vocab_size="${vocabularies[0]}" \
    --batch_size=$((batch < 8 ? batch : 8)) --device="$device" -r3
  part 30 "GPT-2 124M generates, a token at a time" "$hewn" bench sample "${gpt2[@]}" --vocab_size="${vocabularies[0]}" \
    --max_new_tokens=$((steps * 2)) --dtype=bf16 --device="$device" -r3
  show_speeds
}

# torch_step MODE VOCABULARY
torch_step() {
  local ms
  part 150 "PyTorch $torch, the same model and batch, bf16, $1, vocabulary $2" "$python" "$here/peers/torch_step.py" \
    --batch="$batch" --vocab="$2" --device="$torch_device" --config="$torch_config" --dtype=bf16 --mode="$1" \
    --seconds="$torch_seconds"
  [ "$verdict" = passed ] || return 0
  ms=$(sed -n 's/.*"median_ms": \([0-9.]*\).*/\1/p' "$log")
  speed "PyTorch $torch, $1" "$2" "$ms"
  [ "$1" != compile ] || their_ms[$2]=$ms
}

# The same steps by PyTorch; its caches of compiled code are in the working directory.
section_peers() {
  local torch vocabulary ratio
  local -A their_ms
  local torch_device=cuda torch_config=gpt2-8x1024 torch_seconds=3
  [ "$device" = cuda ] || torch_device=cpu torch_config=baby-gpt-cpu torch_seconds=0
  tokens_a_step=$((batch * 1024))
  export TORCHINDUCTOR_CACHE_DIR=$work/inductor TRITON_CACHE_DIR=$work/triton
  torch=$("$python" -c 'import torch; print(torch.__version__)' 2>/dev/null) || torch=
  if [ -z "$torch" ]; then
    leave_out "PyTorch" "$python has no torch; give another interpreter as HEWN_PYTHON"
  else
    torch_step compile "${vocabularies[0]}"
    torch_step eager "${vocabularies[0]}"
    torch_step compile "${vocabularies[1]}"
    table_of 40 "PyTorch $torch" "$python" "$here/peers/torch_kernels.py" --device="$torch_device"
  fi
  for vocabulary in "${vocabularies[@]}"; do
    ratio=$(awk -v ours="${our_ms[$vocabulary]:-}" -v theirs="${their_ms[$vocabulary]:-}" \
      'BEGIN { if (ours && theirs) printf "%.2f", theirs / ours }')
    figure "GPT-2 124M, $batch x 1024 tokens a step, vocabulary $vocabulary" "0.7 × PyTorch under torch.compile" 0.7 \
      "${ratio:+$ratio ×}" "$ratio"
  done
  show_speeds
}

# show_speeds: the table of steps, which the sections step and peers fill.
show_speeds() {
  local head="**A step of GPT-2 124M, bf16, $batch x 1024 tokens**"
  [ -n "$speeds" ] || return 0
  steps_table="$head"$'\n\n'"| | vocabulary | ms | tokens/s | MFU |"$'\n'"|---|---|---|---|---|"$'\n'"$speeds"
}
