# shellcheck shell=bash disable=SC2016,SC2154  # sourced by scripts/test.sh, which sets work
# Tests of scripts/gpu-check.sh: a trial on the emulated GPU, and stand-ins for the programs where something fails. A
# test takes the pack, and its output explains a failure.

# A machine with neither sources nor git, compiler and python3 on the PATH.
make_bare_machine() {
  local tool
  mkdir -p "$work/bare/bin" "$work/bare/elsewhere"
  for tool in awk bash cat cp cut date dirname env getconf grep gzip head ldconfig mkdir mktemp mv nproc rm sed sleep sort \
    tail tar timeout tr; do
    ln -s "$(PATH=$PATH:/usr/sbin:/sbin command -v $tool)" "$work/bare/bin/$tool"
  done
}

# on_bare_machine PACK OPTION...: runs the check there, in an empty directory.
on_bare_machine() {
  local pack=$1
  shift
  (cd "$work/bare/elsewhere" && env -i HOME="$work/bare" PATH="$work/bare/bin" HEWN_PYTHON="$(command -v python3)" \
    "$pack/gpu-check.sh" --prebuilt="$pack" "$@")
}

# expect FILE PATTERN...: whether the file has lines with all of the patterns.
expect() {
  local file=$1 pattern
  shift
  for pattern in "$@"; do
    grep -E -e "$pattern" "$file" >/dev/null && continue
    echo "expected in $file: $pattern"
    cat "$file"
    return 1
  done
}

# with_programs PACK NAME: a copy of the pack, whose programs the test replaces; prints its folder.
with_programs() {
  local program
  mkdir -p "$work/$2"
  cp -r "$1/gpu-check.sh" "$1/gpu" "$1/peers" "$1/commit" "$work/$2"
  for program in hewn test_gpu test_train; do stand_in "$work/$2/$program" "exit 0"; done
  echo "$work/$2"
}

# stand_in FILE TEXT: a program that consists of this text.
stand_in() {
  printf '#!/usr/bin/env bash\n%s\n' "$2" >"$1"
  chmod +x "$1"
}

# All sections run, each timing section in less than a minute of processor time; report and logs are in --out, and the
# figures in the last 10,000 characters.
trial_runs() {
  local log=$work/trial.log report=$work/trial/report.md section
  on_bare_machine "$1" --dry --out="$work/trial" >"$log" 2>&1 || {
    cat "$log"
    sed -n '/^\*\*Failures/,/^| section/p' "$report"  # last, for those who see only the end
    return 1
  }
  if [ "$(ls "$work/trial")" != "logs.tgz"$'\n'"report.md" ] || [ -n "$(ls "$work/bare/elsewhere")" ]; then
    echo "expected report.md and logs.tgz in --out, and nothing elsewhere"
    ls "$work/trial" "$work/bare/elsewhere"
    return 1
  fi
  tail -c 10000 "$log" >"$log.end"
  expect "$log.end" '^\| figure ' '^\| prediction ' '^All parts that ran passed' || return 1
  tar -tzf "$work/trial/logs.tgz" >"$log.files" && expect "$log.files" smoke counters || return 1
  for section in smoke tests step peers products attention memory sanitizers counters; do
    expect "$report" "^\| $section \| [0-9]+ s \| [0-9]+ s \|" "^\| $section: .*(passed|PyTorch \| NOT RUN)" || return 1
  done
  ! grep -E '\| (FAILED|NOT FINISHED)' "$report" || return 1
  sed -n '/^| section | time/,/^$/p' "$report" >&3  # the terminal
}

# Tests that fail without an error of the GPU are named, with their first failures, and do not run again.
names_failed_tests() {
  local pack out=$work/named
  pack=$(with_programs "$1" named-pack)
  stand_in "$pack/test_gpu" 'line=$(printf "%079d" 0)
printf "%s\n" "${line//0/-}" "sums are right" "  of rows" "${line//0/-}" "x.cpp:1" "" "x.cpp:2: FAILED:" "  CHECK( 1 == 2 )" \
  "${line//0/=}" "test cases: 5 | 4 passed | 1 failed"
exit 1'
  ! on_bare_machine "$pack" --dry --only=tests --out="$out" || return 1
  expect "$out/report.md" 'FAILS: sums are right, of rows: x.cpp:2: FAILED: CHECK\( 1 == 2 \)' &&
    [ "$(grep -c 'FAILS:' "$out/report.md")" = 2 ]  # in both runs of test_gpu
}

# A test that fails with an error of the GPU is found by running each alone, with blocking launches.
isolates_failures() {
  local pack out=$work/isolated
  pack=$(with_programs "$1" isolated-pack)
  stand_in "$pack/test_gpu" 'case "$*" in
  *--list-test-names-only*) printf "one, that passes\nanother, that fails\n" ;;
  *"\"one, that passes\""*) echo "one passed" ;;
  *) echo "random inputs: HEWN_TEST_SEED=7"
     echo "due to unexpected exception with message:"
     echo "  kernel add with seed ${HEWN_TEST_SEED:-none}, blocking ${CUDA_LAUNCH_BLOCKING:-0}; run with CUDA_LAUNCH_BLOCKING=1"
     exit 1 ;;
esac'
  ! on_bare_machine "$pack" --dry --only=tests --out="$out" || return 1
  expect "$out/report.md" 'FAILS: another, that fails.*kernel add with seed 7, blocking 1' && ! grep 'FAILS: one' "$out/report.md"
}

# If smoke fails, nothing else runs.
smoke_ends_the_run() {
  local pack out=$work/smoke
  pack=$(with_programs "$1" smoke-pack)
  stand_in "$pack/hewn" 'echo "hewn: kernel add failed"; exit 1'
  ! on_bare_machine "$pack" --dry --out="$out" || return 1
  expect "$out/report.md" 'NOT RUN: everything after smoke' 'one training step: FAILED \(1\): hewn: kernel add failed' &&
    ! grep '^| products' "$out/report.md"
}

# goes_on_after_hangs: a part that hangs, even if it ignores signals, is ended and named; that is no failure.
goes_on_after_hangs() {
  local pack script='. "$1/gpu/run.sh"; . "$1/gpu/report.sh"
    device=cuda minutes=1 section=step SECONDS=0
    part 5 "sleeps" sleep 60
    part 5 "ignores signals" bash -c "trap \"\" TERM; while :; do sleep 0.1; done"
    part 5 "ends" echo "the end"
    echo "$failed failed; $not_finished"
    echo "$parts_table"'
  pack=$(with_programs "$1" hanging-pack)
  work=$pack logs=$pack bash -c "$script" hangs "$pack" >"$work/hangs.log" 2>&1
  expect "$work/hangs.log" '^0 failed; sleeps; ignores signals$' 'step: sleeps \| NOT FINISHED' \
    'step: ends \| passed .* the end'
}

# bounds_processor_time: a timing section of a trial that computes for a minute is a failure.
bounds_processor_time() {
  local script='. "$1/gpu/run.sh"; . "$1/gpu/report.sh"
    device=emulated section=products cpu_before=-60
    end_section
    echo "$failed failed: $failures"'
  bash -c "$script" bounds "$1" >"$work/bounds.log" 2>&1
  expect "$work/bounds.log" '^1 failed: .* products took 6[0-9] s of processor time in a trial; expected less than 60'
}

# leaves_out_refused_tools: profilers and sanitizers that do not work on a machine fail nothing, and are tried once.
leaves_out_refused_tools() {
  local pack out=$work/refused
  pack=$(with_programs "$1" refused-pack)
  stand_in "$work/bare/bin/ncu" '[ "$1" != --query-metrics ] || exit 0
echo "==ERROR== ERR_NVGPUCTRPERM - The user does not have permission to access NVIDIA GPU Performance Counters"; exit 1'
  stand_in "$work/bare/bin/compute-sanitizer" '[ -n "$GOMP_SPINCOUNT" ] || exit 9
echo "========= Error: Device not supported. Please refer to the documentation"; exit 1'
  on_bare_machine "$pack" --only=sanitizers,counters --out="$out" || return 1
  rm "$work/bare/bin/ncu" "$work/bare/bin/compute-sanitizer"
  expect "$out/report.md" 'counters: .* NOT RUN .* ERR_NVGPUCTRPERM' 'sanitizers: memcheck.* NOT RUN .* Device not supported' \
    'the other sanitizers \| NOT RUN' && [ "$(grep -c 'ERR_NVGPUCTRPERM' <(grep '^| counters' "$out/report.md"))" = 1 ]
}
