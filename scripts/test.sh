#!/usr/bin/env bash
# Builds Hewn and runs its tests; installs missing packages first (scripts/install-deps.sh).
#   scripts/test.sh           checks the build that quickstart.sh makes, for this processor's instruction set: under
#                             10 minutes on 2 cores. One in four of the longest tests, with another seed others
#   scripts/test.sh --ci      checks a commit: under 45 minutes on 2 cores. All tests with gcc (the longest sampled),
#                             clang's check of the syntax, the engine alone, and one of these, in turn by the number of
#                             commits: address + undefined sanitizers over the libraries or over the commands (this
#                             processor's kernels); the GPU check and the patches of the exercises; clang; aarch64;
#                             CUDA and packages; thread sanitizer. On a slow machine, where the rest has taken those 45
#                             minutes already, it is left out. With PARTs, only these
#   scripts/test.sh --full    checks a release: everything, with every long test
#   scripts/test.sh PART...   only these: house syntax engine gcc gpu-script clang address address-libraries address-commands
#                             thread aarch64 cuda patches package aarch64-package bare
# The last line is a summary: N passed, N failed, N skipped.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

usage() { echo "usage: scripts/test.sh [--ci [PART...] | --full | PART...]" >&2; exit 2; }

# The parts that --ci runs only this time. In a shallow clone, which lacks the number of commits, the hash determines them.
turn() {
  local number=0 parts=(address-libraries "gpu-script patches" address-commands clang aarch64 "cuda package" thread)
  if [ "$(git rev-parse --is-shallow-repository 2>/dev/null)" = false ]; then
    number=$(git rev-list --count HEAD)
  elif number=$(git rev-parse --short=7 HEAD 2>/dev/null); then
    number=$((16#${number:0:7}))
  fi
  echo "${parts[number % ${#parts[@]}]}"
}

all_parts=(house syntax engine gcc gpu-script clang address thread aarch64 cuda patches package aarch64-package bare)
rest=() long=HEWN_SLOW=0 one_in=1 asan_isas=all isas=all
case "${1:-}" in
  "") parts=(gcc) one_in=4 isas=native ;;
  --full) parts=("${all_parts[@]}") long=HEWN_SLOW=1 ;;
  --ci)
    # A commit has the same random inputs and the same samples whenever it is checked.
    export HEWN_TEST_SEED=${HEWN_TEST_SEED:-$((16#0$(git rev-parse --short=7 HEAD 2>/dev/null | cut -c1-7)))}
    parts=(house syntax engine gcc) rest=($(turn)) long=HEWN_SLOW=1 one_in=3 asan_isas=native
    if [ $# -gt 1 ]; then parts=("${@:2}") rest=(); fi
    ;;
  *) parts=("$@") long=HEWN_SLOW=1 ;;
esac
for part in "${parts[@]}"; do
  [[ " ${all_parts[*]} address-libraries address-commands " = *" $part "* ]] || usage
done

jobs=$(nproc)
# Lets clones in different directories share ccache's results, if it is installed.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=pch_defines,time_macros
passed=0 failed=0 skipped=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "FAILED: $*"
  failed=$((failed + 1))
}

build_dir() { if [ "$1" = release ]; then echo build; else echo "build-$1"; fi; }

# Options are set because quickstart.sh leaves a build directory without tests and examples.
# configure_and_build NAME PRESET [OPTION...] [-- TARGET...]
configure_and_build() {
  local name=$1 preset=$2 log=$work/$2.log start=$SECONDS
  local options=(-DHEWN_TESTS=ON -DHEWN_EXAMPLES=ON -DHEWN_WERROR=ON "-DHEWN_ISAS=$isas")
  shift 2
  while [ $# -gt 0 ] && [ "$1" != -- ]; do options+=("$1"); shift; done
  [ $# -gt 0 ] && shift
  command -v ccache >/dev/null && options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  [ -e "$(build_dir "$preset")/CMakeCache.txt" ] || options+=(-G Ninja)
  if ! cmake --preset "$preset" "${options[@]}" >"$log" 2>&1 ||
     ! cmake --build --preset "$preset" -j "$jobs" ${1:+--target "$@"} >>"$log" 2>&1; then
    tail -n 60 "$log"
    fail "$name does not build"
    return 1
  fi
  if grep -q 'warning:' "$log"; then
    grep -A4 'warning:' "$log" | head -n 40
    fail "$name builds with warnings"
  fi
  echo "== $name: built in $((SECONDS - start)) s"
}

# run_tests NAME BUILD_DIR [VARIABLE=VALUE...] [CTEST_OPTION...]: the test programs report the counts
# (tests/support/main.cpp).
run_tests() {
  local name=$1 dir=$2 log=$work/tests.log start=$SECONDS ok=yes p=0 f=0 s=0 a b c
  shift 2
  local variables=()
  while [[ "${1:-}" = *=* ]]; do variables+=("$1"); shift; done
  rm -rf "$work/tally" && mkdir "$work/tally"
  env "${variables[@]}" HEWN_TEST_TALLY="$work/tally" ctest --test-dir "$dir" -j "$jobs" --output-on-failure "$@" >"$log" 2>&1 || ok=no
  for file in "$work"/tally/*; do
    [ -f "$file" ] || continue
    read -r a b c <"$file"
    p=$((p + a)) f=$((f + b)) s=$((s + c))
  done
  [ $((p + f + s)) -gt 0 ] || ok=no
  [ $ok = no ] && [ $f = 0 ] && f=1 # a program that failed without a failing test: a sanitizer error, a leak
  [ $f = 0 ] || cat "$log"
  # By reason, with the number of tests.
  grep -hs '^skipped: .*; test: ' "$dir"/Testing/Temporary/LastTest.log | sort -u | sed 's/; test: .*//' | uniq -c |
    sort -rn | sed -E 's/^ *([0-9]+) (.*)/\2: \1 tests/; s/: 1 tests$/: 1 test/'
  # Tests that compare with reference values must find them: tests/fixtures is part of the source.
  local oracles
  oracles=$(grep -hs '^skipped: .*\(fixture\|oracle\).*; test: ' "$dir"/Testing/Temporary/LastTest.log | sort -u | wc -l)
  echo "== $name: oracle tests skipped: $oracles"
  [ "$oracles" = 0 ] || fail "$name: $oracles oracle tests were skipped"
  echo "== $name: $p passed, $f failed, $s skipped in $((SECONDS - start)) s"
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

# sampled NUMBER: runs one in NUMBER of the longest tests, and fewer where --ci samples too.
sampled() { echo "HEWN_TEST_SAMPLE=$(($1 * one_in))"; }

part_gcc() {
  configure_and_build "gcc release" release -DHEWN_CUDA=OFF -DHEWN_EMULATOR=ON &&
    run_tests "gcc release" build "$long" "$(sampled 1)"
}

# The engine, with nothing but a compiler: it builds, trains and writes.
part_engine() {
  local start=$SECONDS log=$work/engine.log build=$work/engine
  local options=(-DHEWN_ENGINE_ONLY=ON -DHEWN_TESTS=OFF -DHEWN_EXAMPLES=ON -DHEWN_WERROR=ON -DHEWN_ISAS=native -DHEWN_CUDA=OFF
                 -DCMAKE_DISABLE_FIND_PACKAGE_nlohmann_json=ON -DCMAKE_DISABLE_FIND_PACKAGE_Utf8proc=ON)
  command -v ccache >/dev/null && options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  if ! cmake --preset release -B "$build" -G Ninja "${options[@]}" >"$log" 2>&1 ||
     ! cmake --build "$build" -j "$jobs" --target example_engine >>"$log" 2>&1 ||
     ! "$build/examples/example_engine" >>"$log" 2>&1 || ! tail -n 4 "$log" | grep -q 'The fox that sang'; then
    tail -n 40 "$log"
    fail "the engine alone"
    return
  fi
  echo "== the engine alone: built and trained in $((SECONDS - start)) s"
  passed=$((passed + 1))
}

# Everything that clang would reject or warn of, without compiling it.
part_syntax() {
  local start=$SECONDS log=$work/syntax.log build=$work/syntax commands=$work/commands count
  if ! cmake --preset clang -B "$build" -G Ninja -DHEWN_TESTS=ON -DHEWN_EXAMPLES=ON -DHEWN_WERROR=ON -DHEWN_ISAS=native \
    -DHEWN_CUDA=OFF -DHEWN_EMULATOR=ON -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON >"$log" 2>&1; then
    tail -n 40 "$log"
    fail "clang is not configured"
    return
  fi
  sed -n 's/^ *"command": "\(.*\)",\{0,1\}$/\1/p' "$build/compile_commands.json" |
    sed -E 's/\\"/"/g; s/\\\\/\\/g; s/ -o [^ ]+\.o / -fsyntax-only /' | grep -v '/commit\.cpp$' >"$commands"
  count=$(wc -l <"$commands")
  if ! (cd "$build" && tr '\n' '\0' <"$commands" | xargs -0 -P "$jobs" -n 1 bash -c) >"$log" 2>&1 || [ "$count" -lt 50 ]; then
    head -n 60 "$log"
    fail "clang's syntax check"
    return
  fi
  echo "== clang, syntax: $count units in $((SECONDS - start)) s"
  passed=$((passed + 1))
}

part_clang() {
  configure_and_build "clang release" clang && run_tests "clang release" build-clang "$(sampled 3)"
}

# address_tests TARGETS CTEST_OPTION...
address_tests() {
  # clang's OpenMP does not free its allocations for threads that began a region and have ended.
  echo "leak:libomp.so" >"$work/leaks"
  export LSAN_OPTIONS=suppressions=$work/leaks:print_suppressions=0
  export ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
  # shellcheck disable=SC2086
  configure_and_build "clang, address + undefined sanitizers" asan "-DHEWN_ISAS=$asan_isas" -- $1 &&
    run_tests "address + undefined" build-asan "$(sampled 8)" "${@:2}"
}

# `ranks` also starts programs with MPI, which frees little of its memory.
part_address() { address_tests all -E "^(arch|docs|install|ranks)$"; }
# The tests of one program each, without the long ones of `hewn bench` and of kills.
libraries="core kernels cases gpu tokenizer weights model data train scores fuzz" commands="cli trace learn report sweep"
part_address-libraries() { address_tests "$(printf 'test_%s ' $libraries)" -R "^(${libraries// /|})$"; }
part_address-commands() { address_tests "$(printf 'test_%s ' $commands)" -R "^(${commands// /|})$"; }

# Tests of multi-threaded code. Archer, a tool that clang's OpenMP loads, informs the sanitizer about OpenMP's
# synchronisation; the runtime itself is not instrumented.
part_thread() {
  local archer
  archer=$(find /usr/lib/llvm-*/lib -name libarcher.so 2>/dev/null | sort -V | tail -n 1)
  if [ -z "$archer" ]; then
    echo "skipped: the thread sanitizer needs clang's libarcher.so (Debian: libomp-dev)"
    skipped=$((skipped + 1))
    return 0
  fi
  export OMP_TOOL_LIBRARIES=$archer TSAN_OPTIONS=halt_on_error=1:ignore_noninstrumented_modules=1
  local threaded="core kernels cases tokenizer weights data train"
  configure_and_build "clang, thread sanitizer" tsan -- $(printf 'test_%s ' $threaded) &&
    run_tests "thread" build-tsan "$(sampled 8)" -R "^(${threaded// /|})$"
}

# These tests are counted like all others; HEWN_TEST_TALLY reaches them through ctest and qemu.
part_aarch64() {
  local start=$SECONDS
  mkdir -p "$work/arm"
  if ! env "$(sampled 8)" HEWN_TEST_TALLY="$work/arm" scripts/test-arm.sh >"$work/arm.log" 2>&1; then
    cat "$work/arm.log"
    fail "aarch64"
  fi
  local p=0 a
  for file in "$work/arm"/*; do [ -f "$file" ] && read -r a _ <"$file" && p=$((p + a)); done
  echo "== aarch64 under qemu: $p passed in $((SECONDS - start)) s"
  passed=$((passed + p))
}

# slow_kernels LOG: ptxas messages that mean slow code, which count as errors: registers that spill to memory,
# serialised WGMMAs (C7508, C7510). Templates with an argument `double` are only for tests and may spill, but
# not those with a pointer to double.
slow_kernels() {
  c++filt <"$1" | sed 's/(anonymous namespace)/anonymous/g' | grep -E 'warning|C7508|C7510|[Ss]erializ' |
    grep -vE "spilled to local memory in function '[^(]*[<,] *double[,>]"
}

# without_targets PROGRAM FILES TARGET...: the targets for which a program lacks code in some of its FILES
# kernel files, according to cuobjdump.
without_targets() {
  local list there target program=$1 files=$2
  shift 2
  list=$("$cuobjdump" --list-elf "$program" && "$cuobjdump" --list-ptx "$program") || { echo "cuobjdump fails"; return; }
  for target in "$@"; do
    there=$(echo "$list" | grep -c "\.$target\$")
    [ "$there" -ge "$files" ] || echo "$there of $files files are compiled for $target"
  done
}

# Compiles every GPU kernel for every GPU.
part_cuda() {
  local log=$work/cuda.log start=$SECONDS count bad targets=(sm_80.cubin sm_90a.cubin sm_100.cubin sm_80.ptx)
  if ! command -v nvcc >/dev/null && [ ! -x /usr/local/cuda/bin/nvcc ]; then
    echo "skipped: CUDA is not compiled (no nvcc)"
    skipped=$((skipped + 1))
    return 0
  fi
  local options=(-DHEWN_TESTS=OFF -DHEWN_EMULATOR=OFF -DHEWN_WERROR=ON -DHEWN_ISAS=native) cuobjdump
  cuobjdump=$(command -v cuobjdump || command -v /usr/local/cuda/bin/cuobjdump)
  command -v ccache >/dev/null && options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  [ -e build-cuda/CMakeCache.txt ] || options+=(-G Ninja)
  if ! cmake --preset cuda "${options[@]}" >"$log" 2>&1 || ! cmake --build --preset cuda -j "$jobs" --target clean >>"$log" 2>&1 ||
     ! cmake --build --preset cuda -j "$jobs" >>"$log" 2>&1; then
    tail -n 60 "$log"
    fail "CUDA does not build"
    return
  fi
  # The combination that scripts/gpu-check.sh builds: the same CUDA objects, with the emulator and tests.
  if ! cmake --preset cuda -DHEWN_TESTS=ON -DHEWN_EMULATOR=ON >>"$log" 2>&1 ||
     ! cmake --build --preset cuda -j "$jobs" --target test_gpu >>"$log" 2>&1 ||
     ! build-cuda/tests/test_gpu -w NoTests "gpu: without CUDA*" >>"$log" 2>&1; then
    tail -n 60 "$log"
    fail "CUDA with the emulator and tests"
    return
  fi
  if ! build-cuda/tests/test_gpu "machine code*" >"$work/code.log" 2>&1; then
    head -n 60 "$work/code.log"
    fail "the kernels' machine code"
    return
  fi
  if grep -hs '^skipped:' "$work/code.log"; then skipped=$((skipped + 1)); fi
  bad=$(slow_kernels "$log")
  if [ -n "$bad" ]; then
    echo "$bad" | head -n 40
    fail "CUDA builds with warnings"
    return
  fi
  if ! no_gpu_is_said build-cuda/apps/hewn; then
    fail "--device=cuda without a GPU"
    return
  fi
  count=$(find core kernels apps -name '*.cu' | wc -l)
  if [ -n "$cuobjdump" ]; then
    bad=$(without_targets build-cuda/apps/hewn "$count" "${targets[@]}")
    if [ -n "$bad" ]; then
      echo "$bad"
      fail "CUDA is not compiled for every GPU"
      return
    fi
  else
    echo "skipped: the GPUs that the program has code for are not checked (no cuobjdump)"
    skipped=$((skipped + 1))
  fi
  echo "== CUDA: $count files compiled for ${targets[*]}, in $((SECONDS - start)) s"
  passed=$((passed + count))
}

# Packs the GPU check, with programs without GPU code, and tests it on a bare machine (tests/scripts/gpu_check.sh).
part_gpu-script() {
  local start=$SECONDS pack=$work/pack test
  # shellcheck source=/dev/null
  . tests/scripts/gpu_check.sh
  if ! HEWN_JOBS=$jobs scripts/gpu-pack.sh --target=none --build=build --out="$pack" -- -DHEWN_WERROR=ON -DHEWN_ISAS=all \
    -DHEWN_EXAMPLES=ON; then
    fail "scripts/gpu-pack.sh"
    return
  fi
  make_bare_machine
  for test in trial_runs names_failed_tests isolates_failures smoke_ends_the_run goes_on_after_hangs bounds_processor_time \
    leaves_out_refused_tools; do
    if "$test" "$pack" 3>&1 >"$work/script.log" 2>&1; then
      passed=$((passed + 1))
    else
      cat "$work/script.log"
      fail "the GPU check: $test"
    fi
  done
  echo "== the GPU check: completed in $((SECONDS - start)) s"
}

# A program with CUDA starts on a machine without a driver and reports that in one line. CUDA is shown no GPU,
# so that the test also works on machines with one.
no_gpu_is_said() {
  local said status
  ! ldd "$1" | grep -q libcuda || return 1
  said=$(CUDA_VISIBLE_DEVICES= "$1" train --dataset=tales --device=cuda --out_dir="$work/none" 2>&1)
  status=$?
  "$1" --version >/dev/null || return 1
  [ $status = 1 ] && [ "$(echo "$said" | wc -l)" = 1 ] && echo "$said" | grep -q "device cuda is not usable"
}

# script FILE [OPTION...]: runs one of the project's own checks; its last line is the result, or the reason why it was skipped.
script() {
  local start=$SECONDS log=$work/script.log last
  if ! "$@" >"$log" 2>&1; then
    cat "$log"
    fail "$*"
    return
  fi
  last=$(tail -n 1 "$log")
  echo "== $*: $last, in $((SECONDS - start)) s"
  if [[ $last = skipped* ]]; then skipped=$((skipped + 1)); else passed=$((passed + 1)); fi
}

# Limits on lines per file and places to touch.
part_house() { script scripts/house.sh; }

# The patches of the documentation's exercises: each must apply, build and pass.
part_patches() { [ ! -e scripts/try-patches.sh ] || script scripts/try-patches.sh; }

# The packages, installed and run: the Debian package and the tarball in a bare root, the wheel in an empty environment.
part_package() { script scripts/package-test.sh; }
part_aarch64-package() { script scripts/package-test.sh --aarch64; }

# The commands of README.md, on a machine with nothing installed.
part_bare() { script scripts/bare-machine.sh; }

sets=(build test)
[ ${#parts[@]} -gt 1 ] && sets+=(several)
[[ " ${parts[*]} " = *" gcc "* ]] && [ $# -gt 0 ] && sets+=(mpi)
[[ " ${parts[*]} ${rest[*]} " =~ \ (clang|syntax|address|thread) ]] && sets+=(full)
scripts/install-deps.sh "${sets[@]}" || exit 1

for part in "${parts[@]}"; do "part_$part"; done
for part in "${rest[@]}"; do
  if [ $SECONDS -lt 2700 ]; then
    "part_$part"
  else
    echo "skipped: $part: 45 minutes have passed (scripts/test.sh $part)"
    skipped=$((skipped + 1))
  fi
done

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
