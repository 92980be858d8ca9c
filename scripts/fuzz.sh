#!/usr/bin/env bash
# Fuzzes every file parser with libFuzzer, starting from the seeds in tests/fuzz/corpus (needs clang and its
# compiler-rt: scripts/install-deps.sh full).
#   scripts/fuzz.sh MINUTES [TARGET...]     MINUTES in total, divided among the targets (default: all of them)
# A crash, an allocation of more than 100 MB or an input that takes over a second ends a target's run; the input is
# kept in build-fuzz/found. New inputs that increase coverage are kept in build-fuzz/corpus. For formats with a mutator
# (tests/fuzz/mutators) three of four mutations are its own. Prints the executions of each target and their sum; the
# last line also has the sum of all runs in this tree (build-fuzz/executions).
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

[[ "${1:-}" =~ ^[0-9]+$ ]] && [ "$1" -gt 0 ] || { echo "usage: scripts/fuzz.sh MINUTES [TARGET...]" >&2; exit 2; }
minutes=$1
shift

scripts/install-deps.sh build full || exit 1
options=()
command -v ccache >/dev/null && options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
[ -e build-fuzz/CMakeCache.txt ] || options+=(-G Ninja)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! cmake --preset fuzz "${options[@]}" >"$log" 2>&1 ||
   ! cmake --build build-fuzz -j "$(nproc)" --target fuzz_readers >>"$log" 2>&1; then
  tail -n 40 "$log"
  exit 1
fi

# Leaks are checked at the end of a run, and by the replay in the tests.
# Most readers open files: on a disk they would be two to three times as slow.
[ -w /dev/shm ] && export TMPDIR=/dev/shm
export ASAN_OPTIONS=quarantine_size_mb=16:detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
program=$PWD/build-fuzz/tests/fuzz_readers
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <("$program")
jobs=$(nproc)
seconds=$((minutes * 60 * jobs / ${#targets[@]}))
[ "$seconds" -gt 0 ] || seconds=1
mkdir -p build-fuzz/found build-fuzz/log

fuzz_one() { # TARGET SECONDS
  local target=$1 corpus=build-fuzz/corpus/$1 log=build-fuzz/log/$1.log
  mkdir -p "$corpus"
  HEWN_FUZZ_TARGET=$target "$program" -max_total_time="$2" -timeout=1 -malloc_limit_mb=100 -rss_limit_mb=1000 \
    -max_len=12288 -print_final_stats=1 -artifact_prefix="build-fuzz/found/$target-" \
    "$corpus" "tests/fuzz/corpus/$target" >"$log" 2>&1
  local status=$? executions
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
  printf '%-22s %12s executions  %s\n' "$target" "${executions:-0}" "$([ $status = 0 ] && echo ok || echo "FOUND: $log")"
}
export -f fuzz_one
export program

printf '%s\n' "${targets[@]}" | xargs -P "$jobs" -I '{}' bash -c "fuzz_one {} $seconds" | tee "$log"
awk '{ print $1, $2 }' "$log" >>build-fuzz/executions
all=$(awk '{ n += $2 } END { print n }' build-fuzz/executions)
awk -v all="$all" '{ n += $2 } /FOUND/ { f++ }
  END { printf "%d targets, %d executions (%d in all runs), %d with findings\n", NR, n, all, f; exit f > 0 }' "$log"
