#!/usr/bin/env bash
# Counts lines and places that keep the project easy to navigate; exits 1 if a limit is exceeded:
#   lines of the product      by room, the folder of an operation or of a family of commands; no limit
#   lines of a source file    at most 500
#   places to touch           for each patch of tests/house, the number in its line "places: N": at most 3 for an
#                             operation, 5 for an optimizer, 2 for others
# Also checks, in a checkout, that the patches of tests/house and tests/lessons still apply.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# = 0 ] || { echo "usage: scripts/house.sh" >&2; exit 2; }

# Tracked and new files; without git, all files but builds.
files() {
  if git rev-parse --git-dir >/dev/null 2>&1; then
    git ls-files --cached --others --exclude-standard | sort -u | while IFS= read -r file; do [ ! -e "$file" ] || echo "$file"; done
  else
    find . -type f -not -path './build*' -not -path './out/*' | sed 's|^\./||' | sort
  fi
}

passed_limits=0
# judge WHAT COUNT LIMIT
judge() {
  local note=''
  if [ "$2" -gt "$3" ]; then note="  OVER THE LIMIT" passed_limits=$((passed_limits + 1)); fi
  printf '%-44s %5s of %s%s\n' "$1" "$2" "$3" "$note"
}

echo "lines of the product by room, without blanks, comments, includes and lone braces"
files | grep -E '^((core|kernels|model|train|apps)/.*\.(cpp|h|cu|cuh|js|css|inl)|docs/course/.*/exercise\.cpp)$' | tr '\n' '\0' | xargs -0 awk '
  { sub(/^[ \t]+/, "") }
  /^$|^\/\/|^#include|^#pragma once|^[{}();,]*$|^\/?\*/ { next }
  FILENAME ~ /^docs/ { ++course; next }
  { parts = split(FILENAME, part, "/"); ++room[part[1] (parts > 2 ? "/" part[2] : "")]; ++layer[part[1]]; ++all }
  END {
    for (name in room) printf "  %-42s %6d\n", name, room[name] | "sort"
    close("sort")
    for (name in layer) printf "  all of %-35s %6d\n", name "/", layer[name] | "sort"
    close("sort")
    printf "  %-42s %6d\n", "all", all
    printf "  %-42s %6d\n", "beside it, exercises of docs/course/", course
  }'

echo "lines per source file (the longest, and all that exceed the limit)"
rank=0
while read -r count file; do
  rank=$((rank + 1))
  if [ $rank -le 3 ] || [ "$count" -gt 500 ]; then judge "  $file" "$count" 500; fi
done < <(files | grep -E '\.(h|cpp|cu|cuh|sh|py|cmake)$' | tr '\n' '\0' | xargs -0 wc -l | grep -v ' total$' | sort -k1,1nr)

echo "places to touch for an addition (scripts/try-patches.sh checks the patches)"
for patch in tests/house/*.patch; do
  [ -e "$patch" ] || continue
  limit=2
  case "$patch" in */op.patch) limit=3 ;; */optimizer.patch) limit=5 ;; esac
  judge "  ${patch#tests/house/}" "$(sed -n '/^diff /q; s/^places: *//p' "$patch")" $limit
done

for patch in $(git ls-files 'tests/house/*.patch' 'tests/lessons/*.patch' 2>/dev/null); do
  git apply --check "$patch" || judge "  ${patch#tests/}: lines that do not apply" 1 0
done

[ $passed_limits = 0 ] || { echo "$passed_limits over the limit"; exit 1; }
echo "all within the limits"
