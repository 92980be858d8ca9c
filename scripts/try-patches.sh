#!/usr/bin/env bash
# Applies each patch of tests/house, and then those of tests/lessons together, to a copy of this tree, builds and tests
# it. The patches are the exercises of docs/start-here.md and prove the promises of CONTRIBUTING.md on how few changes an
# addition needs.
#   scripts/try-patches.sh [PATCH...]     default: tests/house/*.patch tests/lessons/*.patch
# Patches of tests/lessons do not affect each other: all of them are applied, then built once.
# A patch begins with a header, before its first "diff ":
#   places: 2                  maximum number of places changed: a file, or a new folder with all its files
#   targets: test_cases hewn   the targets to build; several such lines add up
#   run: build/tests/test_...  a command that must succeed, in the root of the copy; one line per command
#   refused: TEXT              instead of `run`: the build must fail, with TEXT among its messages
# Prints a line for each patch, with its time in seconds; the last line is a summary: N passed, N failed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

for argument; do
  [ -f "$argument" ] || { echo "usage: scripts/try-patches.sh [PATCH...]; no such file: $argument" >&2; exit 2; }
done
patches=("$@")
[ ${#patches[@]} -gt 0 ] || patches=(tests/house/*.patch tests/lessons/*.patch)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
copy=$work/hewn log=$work/log
mkdir "$copy"
git ls-files -z | while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
  tar -c --null -T - | tar -x -C "$copy" || exit 1

# Shares compilations with this tree and with other clones, if ccache is installed.
export CCACHE_BASEDIR=$copy CCACHE_NOHASHDIR=1
export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
export GIT_CEILING_DIRECTORIES=$work  # keeps git from finding a repository around the temporary directory
options=(-G Ninja -DHEWN_TESTS=ON -DHEWN_EXAMPLES=OFF -DHEWN_CUDA=OFF -DHEWN_ISAS=native)
command -v ccache >/dev/null && options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
if ! (cd "$copy" && cmake --preset release "${options[@]}") >"$log" 2>&1; then
  tail -n 20 "$log"
  exit 1
fi

header() { sed '/^diff /,$d' "$patch" | sed -n "s/^$1: *//p"; }

# The places that a patch changes: files, and new folders, which count once.
places() {
  local file folder
  git apply --numstat "$patch" | cut -f3 | while IFS= read -r file; do
    while folder=$(dirname "$file"); [ "$folder" != . ] && [ ! -e "$folder" ]; do file=$folder; done
    echo "$file"
  done | sort -u | wc -l
}

# Applies $patch in the copy; prints nothing or what went wrong.
why_not_applied() {
  local allowed count
  allowed=$(header places)
  if [[ ! $allowed =~ ^[0-9]+$ ]] || [ -z "$(header targets)" ]; then
    echo "has no lines 'places: N' and 'targets: ...'"
    return
  fi
  (cd "$copy" && git apply "$patch") >"$log" 2>&1 || { echo "does not apply"; return; }
  count=$(places)
  [ "$count" -le "$allowed" ] || echo "changes $count places; expected at most $allowed"
}

# build TARGETS: builds them in the copy.
build() { (cd "$copy" && cmake --build build -j "$(nproc)" --target "$@") >"$log" 2>&1; }

# Runs the commands of $patch; prints nothing or what went wrong.
why_not_run() {
  local command
  while IFS= read -r command; do
    (cd "$copy" && bash -c "$command") >"$log" 2>&1 </dev/null || { echo "fails: $command"; return; }
  done < <(header run)
}

# The same for all of $patch: applies, builds and runs it.
why_not() {
  local refused targets reason
  reason=$(why_not_applied)
  [ -z "$reason" ] || { echo "$reason"; return; }
  refused=$(header refused) targets=$(header targets)
  # shellcheck disable=SC2086
  if build $targets; then
    [ -z "$refused" ] || { echo "builds, though it should not"; return; }
  elif [ -n "$refused" ]; then
    grep -qF "$refused" "$log" || echo "fails to build, but without the message: $refused"
    return
  else
    echo "does not build"
    return
  fi
  why_not_run
}

passed=0 failed=0
# Prints what became of $patch, which has taken this many seconds. judge REASON SECONDS
judge() {
  if [ -z "$1" ]; then
    passed=$((passed + 1))
    echo "$(basename "$patch"): passes, with $(header places) places ($2 s)"
  else
    failed=$((failed + 1))
    grep -nE 'error|FAILED' "$log" | head -n 10
    tail -n 20 "$log"
    echo "$(basename "$patch"): $1 ($2 s)"
  fi
}

lessons=()
for patch in "${patches[@]}"; do
  patch=$(realpath "$patch") start=$SECONDS
  if [[ $patch = */tests/lessons/* ]]; then
    lessons+=("$patch")
    continue
  fi
  judge "$(why_not)" $((SECONDS - start))
  (cd "$copy" && git apply -R "$patch") 2>/dev/null
done

targets=() applied=()
for patch in "${lessons[@]}"; do
  reason=$(why_not_applied)
  if [ -n "$reason" ]; then
    judge "$reason" 0
  else
    applied+=("$patch")
    read -ra more < <(header targets | tr '\n' ' ')
    targets+=("${more[@]}")
  fi
done
if [ ${#applied[@]} -gt 0 ]; then
  start=$SECONDS
  built=yes
  build "${targets[@]}" || built=
  echo "${#applied[@]} patches of tests/lessons were built together ($((SECONDS - start)) s)"
  for patch in "${applied[@]}"; do
    start=$SECONDS
    if [ -n "$built" ]; then reason=$(why_not_run); else reason="does not build together with the others"; fi
    judge "$reason" $((SECONDS - start))
  done
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
