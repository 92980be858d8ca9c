#!/usr/bin/env bash
# Applies each patch of tests/house to a copy of this tree, then builds and tests it: the patches are the exercises
# of docs/start-here.md and prove the promises of CONTRIBUTING.md on how few changes an addition needs.
#   scripts/try-patches.sh [PATCH...]     default: tests/house/*.patch
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
[ ${#patches[@]} -gt 0 ] || patches=(tests/house/*.patch)

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

# Applies $patch in the copy, builds and runs it; prints nothing or what went wrong.
why_not() {
  local allowed targets refused command count
  allowed=$(header places) targets=$(header targets) refused=$(header refused)
  if [[ ! $allowed =~ ^[0-9]+$ ]] || [ -z "$targets" ]; then
    echo "has no lines 'places: N' and 'targets: ...'"
    return
  fi
  (cd "$copy" && git apply "$patch") >"$log" 2>&1 || { echo "does not apply"; return; }
  count=$(places)
  [ "$count" -le "$allowed" ] || { echo "changes $count places; expected at most $allowed"; return; }
  # shellcheck disable=SC2086
  if (cd "$copy" && cmake --build build -j "$(nproc)" --target $targets) >"$log" 2>&1; then
    [ -z "$refused" ] || { echo "builds, though it should not"; return; }
  elif [ -n "$refused" ]; then
    grep -qF "$refused" "$log" || echo "fails to build, but without the message: $refused"
    return
  else
    echo "does not build"
    return
  fi
  while IFS= read -r command; do
    (cd "$copy" && bash -c "$command") >"$log" 2>&1 </dev/null || { echo "fails: $command"; return; }
  done < <(header run)
}

passed=0 failed=0
for patch in "${patches[@]}"; do
  patch=$(realpath "$patch") start=$SECONDS
  reason=$(why_not)
  if [ -z "$reason" ]; then
    passed=$((passed + 1))
    echo "$(basename "$patch"): passes, with $(header places) places ($((SECONDS - start)) s)"
  else
    failed=$((failed + 1))
    grep -nE 'error|FAILED' "$log" | head -n 10
    tail -n 20 "$log"
    echo "$(basename "$patch"): $reason ($((SECONDS - start)) s)"
  fi
  (cd "$copy" && git apply -R "$patch") 2>/dev/null
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
