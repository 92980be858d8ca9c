# shellcheck shell=bash disable=SC2154,SC2034  # sourced by gpu-check.sh
# The sections products, attention and memory: kernels by themselves, checked and timed.

# kernels SECONDS NAME ARGUMENT...
kernels() {
  local most=$1 name=$2
  shift 2
  table_of "$most" "$name" "${benches[@]}" "$@"
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

# against_cublas WHAT LEAST SHAPE: uses the log of the latest attempt.
against_cublas() {
  local found
  found=$(preferred 'if ("speedup" in at && index(f[3], "'"$3"' ") == 1 && f[at["speedup"]] != "")
    { name = f[3]; sub(/^[^ ]* /, "", name); text = text (text == "" ? "" : ", ") name " " f[at["speedup"]] }' "$log")
  figure "$1 $3" "$2 × cuBLAS" "$2" "$found" "$(echo "$found" | tr ',' '\n' | sed '/./!d; s/.* //' | lowest)"
}

# foretell_product KEY: TFLOP/s of the plain product in the log of the latest attempt.
foretell_product() {
  foretell "$1" "$(preferred 'if (f[3] ~ / NN$/) text = sprintf("%.1f", f[at["GFLOP/s"]] * 1e-3)' "$log")"
}

find_cublas() {
  compare=()
  [ "$device" = cuda ] || return 0
  [ -n "${HEWN_CUBLAS:-}" ] || HEWN_CUBLAS=$(find_library cublas 13 12)
  if [ -n "$HEWN_CUBLAS" ]; then
    export HEWN_CUBLAS
    compare=(--compare=cublas)
  else
    leave_out "cuBLAS" "not found; give its file as HEWN_CUBLAS"
  fi
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

section_products() {
  local square=4096x4096x4096 large=8192x8192x8192 few=1x50304x768,8x50304x768,1x3072x768,8x3072x768 compare
  [ "$device" = cuda ] || square=9x17x5 large=9x17x5 few=1x5x7,8x5x7
  find_cublas
  kernels 40 "products in bf16" "${compare[@]}" --op=matmul --dtype=bf16 --shape=$square --ladder -r3
  against_cublas "products in bf16" 0.55 $square
  foretell_product product-4096
  foretell copy "$(sed -n 's/^| copy .* \([0-9.]*\) GB.s .*/\1/p' "$log" | head -n 1 | awk '{ printf "%.2f", $1 / 1e3 }')"
  kernels 30 "large products in bf16" "${compare[@]}" --op=matmul --dtype=bf16 --shape=$large -r3
  against_cublas "products in bf16" 0.55 $large
  foretell_product product-8192
  kernels 40 "products in f32" "${compare[@]}" --op=matmul --shape=$square --ladder -r3
  against_cublas "products in f32" 0.9 $square
  foretell_product product-f32
  kernels 30 "products of few rows in bf16, as for decoding" "${compare[@]}" --op=matmul --dtype=bf16 --shape=$few -r3
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
    part 20 "$name" "${benches[@]}" -r3 --op=attention.forward --shapes-from="$work/attention.toml"
    [ "$verdict" = passed ] || { shift; ours=''; continue; }
    ours=$(preferred 'split(f[3], s, "x"); text = sprintf("%.1f", 2 * s[1] * s[2] * s[3] * s[3] * s[5] / f[at["best ms"]] * 1e-9)' "$log")
    found+="${found:+, }$T: $ours / $1"
    ratios+=$(awk -v ours="$ours" -v theirs="$1" 'BEGIN { print ours / theirs }')$'\n'
    shift
  done
  figure "attention forward, causal, D $D, TFLOP/s" "FlashAttention-2's on an H100" 1 "$found" "$(echo "$ratios" | sed '/./!d' | lowest)"
  foretell "attention-$D" "${ours:-}"
}

section_attention() {
  local lengths=(1024 2048 4096 8192 16384) tokens=16384 width=768 heads=8x12x1024x1024x64
  [ "$device" = cuda ] || lengths=(16) tokens=16 width=128 heads=1x2x5x9x8
  attention_figures 64 229 262 284 295 299
  attention_figures 128 260 298 319 333 335
  kernels 30 "attention in bf16, forward and backward" --op=attention --dtype=bf16 --shape=$heads --ladder -r3
}

# config FILE LAYERS KEY=VALUE...: writes a configuration for `hewn bench kernels --shapes-from`.
config() {
  local file=$1 layers=$2
  shift 2
  printf '%s\n' "${gpt2[@]}" "--vocab_size=${vocabularies[0]}" "--batch_size=$((batch < 8 ? batch : 8))" 'dtype = "bf16"' "$@" |
    sed "s/^--\(.*\)=\(.*\)/\1 = \2/; s/^n_layer.*/n_layer = $layers/" >"$file"
}

# memory_bound LOG...: judges the memory-bound kernels that move at least 16 MB.
memory_bound() {
  local found
  found=$(preferred 'part = f[at["roofline %"]]
    if (f[at["bound by"]] == "memory" && f[at["GB/s"]] * f[at["best ms"]] >= 16)
      { ++n; if (part >= 85) ++good; else low = low "; " f[2] " " f[3] " " part "%"
        text = good + 0 " of " n low }' "$@")
  figure "kernels bound by memory" "all at 85% of the copy's bandwidth" 1 "$found" \
    "$(echo "$found" | awk 'NF { print $1 / $3 }')"
}

# bound SECONDS NAME ARGUMENT...: kernels that memory_bound judges.
bound() {
  kernels "$@"
  [ "$verdict" != passed ] || bound+=("$log")
}

section_memory() {
  local rows=8192x1024 bound=()
  [ "$device" = cuda ] || rows=3x65
  bound 20 "softmax" --op=softmax --shape=$rows --ladder
  [ "$device" != cuda ] || [ -n "${HEWN_CUDNN:-}" ] || HEWN_CUDNN=$(find_library cudnn 9 8)
  if [ "$device" = cuda ] && [ -n "$HEWN_CUDNN" ]; then
    export HEWN_CUDNN
    kernels 20 "softmax beside cuDNN" --op=softmax --shape=$rows --compare=cudnn
  else
    leave_out "softmax beside cuDNN" "no GPU, or no cuDNN; give its file as HEWN_CUDNN"
  fi
  bound 20 "layernorm" --op=layernorm --shape=$rows --ladder
  config "$work/gpt2.toml" 2
  bound 40 "the other kernels in a step of GPT-2 with 2 layers" --shapes-from="$work/gpt2.toml" -r3 \
    --op=layernorm,activation,cross_entropy,embedding,copy,reduce,global_norm,optimizer
  config "$work/llama.toml" 1 'norm = "rmsnorm"' 'pos = "rope"' 'act = "swiglu"' 'bias = false' 'dropout = 0.1'
  bound 30 "kernels in a step of a Llama-like model, with dropout" --shapes-from="$work/llama.toml" -r3 \
    --op=rmsnorm,activation,rotary,dropout
  [ ${#bound[@]} = 0 ] || memory_bound "${bound[@]}"
}
