#!/usr/bin/env bash
# Measures which lines and branches of core/, train/ and model/weights/ the tests execute.
#   scripts/coverage.sh [gcc | clang]         (default: gcc, which counts with gcov; clang counts in the source)
# Builds in build-coverage-gcc or build-coverage-clang, runs the tests in TESTS ("core|weights"; default: those that reach
# these folders) with one seed, and prints Markdown tables. Exits 1 if a folder has fewer than 95% of its lines or 90% of
# its branches, or a file that has fewer no reason in scripts/coverage/reasons.txt. Branches that only exceptions take are
# not counted (scripts/coverage/table.py). Needs the shared fixtures (HEWN_SHARED), and clang and llvm for clang.
set -euo pipefail
cd "$(dirname "$0")/.."

kind=${1:-gcc}
build=build-coverage-$kind
names=${TESTS:-core|weights|model|data|train|scores|fuzz|cli|trace|report|sweep|ranks|torture|faults}
options=(-DHEWN_TESTS=ON -DHEWN_EXAMPLES=ON -DHEWN_WERROR=ON -DHEWN_ISAS=all -DHEWN_CUDA=OFF)  # as scripts/test.sh
case "$kind" in
  gcc)
    needs=(build test)
    options+=("-DHEWN_LAYER_OPTIONS=--coverage;-fprofile-update=atomic;-O0")
    ;;
  clang)
    needs=(build test full coverage)
    options+=(-DCMAKE_CXX_COMPILER=clang++
              "-DHEWN_LAYER_OPTIONS=-fprofile-instr-generate;-fcoverage-mapping;-O0")
    ;;
  *) echo "usage: scripts/coverage.sh [gcc | clang]" >&2; exit 2 ;;
esac
scripts/install-deps.sh "${needs[@]}"
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=pch_defines,time_macros
command -v ccache >/dev/null && options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
[ -e "$build/CMakeCache.txt" ] || options+=(-G Ninja)
mkdir -p "$build"
log=$build/coverage.log
IFS='|' read -ra programs <<<"$names"
if ! cmake -B "$build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_UNITY_BUILD=ON "${options[@]}" >"$log" 2>&1 ||
   ! cmake --build "$build" -j "$(nproc)" --target hewn "${programs[@]/#/test_}" >>"$log" 2>&1; then
  tail -n 40 "$log" >&2
  exit 1
fi

# Counts of earlier runs would be added to.
find "$build" \( -name '*.gcda' -o -name '*.profraw' \) -delete
export HEWN_TEST_SEED=${HEWN_TEST_SEED:-1} HEWN_SLOW=${HEWN_SLOW:-0} OMP_WAIT_POLICY=passive
export LLVM_PROFILE_FILE=$PWD/$build/profiles/%4m.profraw
if ! ctest --test-dir "$build" -j "$(nproc)" -R "^($names)(_training)?\$" --output-on-failure >>"$log" 2>&1; then
  echo "coverage.sh: tests failed, see $log; what they executed counts all the same" >&2
fi
# What is done about errors of the system: all faults of two commands, and of a third that adds lines to a file, but those
# of memory, which are many (CONTRIBUTING.md).
if [[ "|$names|" = *"|faults|"* ]]; then
  for fault in {"data prepare --force",resume}", "{write,read,sync,rename,mkdir,open,close,mmap,remove,status,lock} \
               "resume, link" "judge, "{open,write,sync,status}; do
    HEWN_FAULT=$fault "$build/tests/test_faults" "every call*" >>"$log" 2>&1 ||
      echo "coverage.sh: tests of faults failed, see $log" >&2
  done
fi
exec python3 scripts/coverage/table.py "$kind" "$build" core train model/weights
