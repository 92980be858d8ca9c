# shellcheck shell=bash disable=SC2154,SC2034  # sourced by gpu-check.sh
# The sections sanitizers and counters: NVIDIA's tools, if they are installed.

# A trial runs the same commands without the tools, and few of the tests.
section_sanitizers() {
  local sanitizer='' tool check=() before=$failed pattern=$on_gpus
  if [ "$device" = cuda ]; then
    sanitizer=$(command -v compute-sanitizer || command -v /usr/local/cuda/bin/compute-sanitizer)
    [ -n "$sanitizer" ] || { leave_out "sanitizers" "there is no compute-sanitizer"; return; }
  else
    pattern="GPU step*"
  fi
  for tool in memcheck initcheck synccheck racecheck; do
    [ "$device" != cuda ] || check=("$sanitizer" --tool "$tool" --error-exitcode 9)
    part 20 "$tool, training, the last steps as graphs" "${check[@]}" "$hewn" train --dataset=tales "${model[@]}" \
      --dtype=bf16 --device="$device" --max_iters=5 --eval_iters=1 --out_dir="$work/$tool"
    [ -z "$refused" ] || { leave_out "the other sanitizers" "the same tool"; return; }
    part 45 "$tool, one in 50 cases of all rooms, and all other tests" env HEWN_TEST_SAMPLE=50 "${check[@]}" \
      "$test_gpu" -w NoTests "$pattern"
  done
  [ "$device" != cuda ] || figure "sanitizers" "all clean" 1 "$((failed - before)) failed" \
    "$([ "$failed" = "$before" ] && echo 1 || echo 0)"
}

# counted LAUNCHES NAME ARGUMENT...: what the hardware counters say of the first kernels that a case launches, or of
# the first ones with NAME, if it is not "any"; nothing if ncu does not work here.
counted() {
  local launches=$1 name=$2 filter=() what
  shift 2
  [ -z "$refused" ] || return 0
  what=$(echo "$*" | sed 's/--shapes-from=[^ ]*/step of GPT-2,/; s/--//g')
  [ "$name" = any ] || filter=(--kernel-name "regex:$name")
  if [ "$device" = cuda ]; then
    attempt 40 "$what" "$ncu" --clock-control none --launch-count "$launches" "${filter[@]}" "${measures[@]}" \
      --print-units base --page raw --csv "${benches[@]}" -r1 "$@"
  else
    attempt 40 "$what" "${benches[@]}" -r1 "$@"
  fi
  record "$what"
  [ "$verdict" != passed ] || counter_rows "$what" <"$log" >>"$work/counters"
}

# counter_rows WHAT: the table's rows for a CSV report of ncu on standard input.
counter_rows() {
  awk -v what="$1" '
    function cells(line, out, i, c, quoted, n, cell) {
      n = 0; cell = ""; quoted = 0
      for (i = 1; i <= length(line); ++i) {
        c = substr(line, i, 1)
        if (c == "\"") quoted = !quoted
        else if (c == "," && !quoted) { out[++n] = cell; cell = "" }
        else cell = cell c
      }
      out[++n] = cell
      return n
    }
    function value(pattern, i, best) {
      best = ""
      for (i = 1; i <= columns; ++i) if (head[i] ~ pattern && row[i] != "") {
        gsub(",", "", row[i])
        if (best == "" || row[i] + 0 > best + 0) best = row[i]
      }
      return best
    }
    function rounded(x, form) { return x == "" ? "" : sprintf(form, x) }
    function stalls(i, k, most, at, text, why) {
      for (k = 0; k < 3; ++k) {
        most = 0; at = 0
        for (i = 1; i <= columns; ++i) if (head[i] ~ /issue_stalled_.*_per_warp_active|issue_stalled_.*per_issue_active/ &&
            !(i in said) && row[i] + 0 > most) { most = row[i] + 0; at = i }
        if (!at) break
        said[at] = 1; why = head[at]; sub(/.*issue_stalled_/, "", why); sub(/_per_.*/, "", why)
        text = text (text == "" ? "" : ", ") why " " sprintf("%.1f", most)
      }
      for (i in said) delete said[i]
      return text
    }
    /^"ID",/ { columns = cells($0, head); units = 1; next }
    units { units = 0; next }
    columns && /^"[0-9]/ {
      cells($0, row)
      for (i = 1; i <= columns; ++i) if (head[i] == "Kernel Name") kernel = row[i]
      sub(/[(].*/, "", kernel); sub(/^void /, "", kernel)
      printf "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", kernel, what,
        rounded(value("^gpu__time_duration.sum$") * 1e-3, "%.1f"), rounded(value("pipe_tensor.*cycles_active.*pct"), "%.0f"),
        rounded(value("dram_throughput.*pct"), "%.0f"), rounded(value("lts__t.*throughput.*pct|^lts__throughput.*pct"), "%.0f"),
        rounded(value("bank_conflicts.*sum$"), "%d"), value("^launch__registers_per_thread$"),
        rounded(value("^sm__warps_active.avg.pct"), "%.0f"), stalls()
    }'
}

# Only the metrics that this GPU has: an unknown name would end the run.
choose_measures() {
  local metric list=''
  measures=(--section SpeedOfLight --section LaunchStats --section Occupancy --section WarpStateStats)
  timeout -k 5 30 "$ncu" --query-metrics >"$work/metrics" 2>/dev/null || return 0
  for metric in sm__pipe_tensor_cycles_active.avg.pct_of_peak_sustained_active \
    sm__pipe_tensor_op_hmma_cycles_active.avg.pct_of_peak_sustained_active gpu__time_duration.sum \
    l1tex__data_bank_conflicts_pipe_lsu_mem_shared.sum gpu__dram_throughput.avg.pct_of_peak_sustained_elapsed \
    lts__throughput.avg.pct_of_peak_sustained_elapsed; do
    grep -q "^ *${metric%%.*} " "$work/metrics" && list+=${list:+,}$metric
  done
  [ -z "$list" ] || measures+=(--metrics "$list")
}

# The kernels that cost most of a step come first. A case's ceilings are known by then, so that its own kernels are the
# first that run.
section_counters() {
  local ncu measures square=8192x3072x768 heads=8x12x1024x1024x64 op
  ncu=$(command -v ncu || command -v /usr/local/cuda/bin/ncu)
  : >"$work/counters"
  if [ "$device" = cuda ] && [ -z "$ncu" ]; then
    leave_out "counters" "there is no ncu"
    return
  fi
  if [ "$device" = cuda ]; then
    choose_measures
  else
    square=9x17x5 heads=1x2x5x9x8
    printf '"ID","Kernel Name","gpu__time_duration.sum","launch__registers_per_thread"\n"","","ns",""\n"0","void f<1>(int)","2,500","96"\n' |
      counter_rows trial >>"$work/counters"
    grep -q '^| f<1> | trial | 2.5 |.* 96 ' "$work/counters" || complain "counter_rows misreads ncu's report"
  fi
  for op in bf16 f32; do
    part 30 "ceilings in $op" "${benches[@]}" -r3 --op=matmul --dtype=$op --shape=64x64x64
  done
  counted 1 any --op=matmul --dtype=bf16 --shape=$square
  counted 1 any --op=attention.forward --dtype=bf16 --shape=$heads
  counted 3 any --op=attention.backward --dtype=bf16 --shape=$heads
  config "$work/gpt2.toml" 2
  counted 1 any "--shapes-from=$work/gpt2.toml" --op=cross_entropy.fused
  counted 1 any "--shapes-from=$work/gpt2.toml" --op=layernorm.forward
  counted 2 any "--shapes-from=$work/gpt2.toml" --op=layernorm.backward
  counted 1 any "--shapes-from=$work/gpt2.toml" --op=optimizer.update
  counted 1 hopper --op=matmul --dtype=bf16 --shape=$square --ladder
  [ -z "$refused" ] || return 0
  tables+="**Counters**"$'\n\n'"| kernel | case | µs | tensor % | DRAM % | L2 % | bank conflicts | registers | occupancy % | stalls |"$'\n'
  tables+="|---|---|---|---|---|---|---|---|---|---|"$'\n'"$(cat "$work/counters")"$'\n\n'
}
