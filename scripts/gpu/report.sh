# shellcheck shell=bash disable=SC2154,SC2034  # sourced by gpu-check.sh
# The report: figures with their targets and predictions, parts, tables, failures.

parts_table='' sections_table='' tables='' figures='' failures='' alone='' foretold='' steps_table='' missed=0

note() { parts_table+="| $section: $1 | $2 | $3 | $4 |"$'\n'; }

# figure WHAT WANTED LEAST FOUND VALUE: records one of the target figures with its value; "" if not measured.
figure() {
  local judged=PASS
  if [ -z "$5" ]; then
    judged="not measured"
  elif ! awk -v value="$5" -v least="$3" 'BEGIN { exit !(value >= least) }'; then
    judged=missed
  fi
  [ "$device" = cuda ] || judged="a trial"
  [ "$judged" != missed ] || missed=$((missed + 1))
  figures+="| $1 | $2 | $4 | $judged |"$'\n'
}

# foretell KEY VALUE: records a measured value next to its prediction (gpu/predictions.txt).
foretell() {
  local line what unit predicted
  line=$(grep "^$1|" "$here/gpu/predictions.txt") || { complain "no prediction is named $1 in predictions.txt"; return; }
  IFS='|' read -r _ what predicted unit _ <<<"$line"
  foretold+="| $what | $predicted $unit | ${2:-not measured} | $(awk -v p="$predicted" -v v="$2" \
    'BEGIN { if (v != "" && p > 0) printf "%.2f", v / p }') |"$'\n'
}

# lowest: the lowest of the numbers on standard input, one per line.
lowest() { sort -g | head -n 1; }

# commit: what was checked.
commit() {
  if [ -r "$dir/commit" ]; then
    cat "$dir/commit"
  else
    git -C "$here" rev-parse --short HEAD 2>/dev/null || echo 'unknown commit'
  fi
}

heading() {
  local gpu driver
  echo "### $(date -u +%Y-%m-%d), $(commit)"
  echo
  if [ "$device" = cuda ]; then
    gpu=$("$hewn" --version | sed -n 's/^ *\(cuda.*\)/\1/p')
    driver=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null | head -n 1)
    echo "${gpu:-hewn --version has no line about CUDA}; driver ${driver:-unknown}"
  else
    echo "A trial of the scripts on the emulated GPU, with other sizes: nothing ran on a GPU, and the times are meaningless."
  fi
  echo
}

outcome() {
  local last="All parts that ran passed"
  [ "$failed" = 0 ] || last="$failed failed"
  echo "$last; figures missed: $missed; not finished: ${not_finished:-none}; NOT RUN: ${not_run:-none}."
}

shown_figures() {
  [ -z "$figures" ] || printf '| figure | target | found | |\n|---|---|---|---|\n%s\n' "$figures"
  [ -z "$foretold" ] || printf '| prediction | predicted | found | found / predicted |\n|---|---|---|---|\n%s\n' "$foretold"
}

shown_failures() {
  [ -z "$failures" ] || printf '**Failures**\n\n%s\n' "$failures"
  [ -z "$alone" ] || printf '**Tests that failed; after an error of the GPU, each test ran alone, with blocking launches**\n\n%s\n' "$alone"
}

# publish: writes the report and the logs of everything so far.
publish() {
  {
    heading
    shown_figures
    shown_failures
    printf '| section | time | processor time |\n|---|---|---|\n%s\n' "$sections_table"
    printf '| part | | time | last line |\n|---|---|---|---|\n%s\n' "$parts_table"
    [ -z "$steps_table" ] || printf '%s\n' "$steps_table"
    printf '%s' "$tables"
    outcome
  } >"$out/report.md.new" && mv "$out/report.md.new" "$out/report.md"
  tar -czf "$out/logs.tgz" -C "$work" logs
}

# print_summary: the figures, in at most 10,000 characters, for those who see only the end of the output.
print_summary() {
  {
    heading
    shown_failures | cut -c 1-500 | head -c 3500
    echo
    shown_figures
    printf '%s\n' "$steps_table"
    printf '%s\n' "$steps_by_kernel" | head -c 2500
  } >"$work/summary"
  head -c 9000 "$work/summary"
  echo
  outcome | cut -c 1-700
  echo "Report and logs: $out/report.md, $out/logs.tgz"
}
