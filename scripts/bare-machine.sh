#!/usr/bin/env bash
# Runs the two commands of README.md in the sources of this tree, without git, on a machine with nothing installed: the
# minimal system of Debian 12 in a directory. Both orders of the commands must pass, with the same tests.
#   scripts/bare-machine.sh               both orders
#   scripts/bare-machine.sh COMMAND...    instead, these commands, one after another
# Needs root, debootstrap and a network. The last line is the result.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null || ! unshare --mount true 2>/dev/null; then
  echo "skipped: a bare machine needs root, debootstrap and permission to mount"
  exit 0
fi
work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
if ! debootstrap --variant=minbase bookworm "$work/bare" >"$work/log" 2>&1; then
  tail -n 3 "$work/log"
  echo "skipped: debootstrap does not get Debian 12; it needs a network"
  exit 0
fi
cp /etc/resolv.conf "$work/bare/etc"
{ apt-config dump | grep -i '^Acquire::.*proxy' || true; } >"$work/bare/etc/apt/apt.conf.d/proxy"
mkdir "$work/bare/hewn"
changed=$(git stash create) # a commit of the changes to tracked files, empty if there are none
git archive "${changed:-HEAD}" | tar -x -C "$work/bare/hewn"

# run COMMAND: runs it in the sources on the machine $work/root; prints its time. Mounts and processes end with it.
run() {
  local start=$SECONDS
  # shellcheck disable=SC2016
  unshare --mount --pid --fork --kill-child bash -ec '
    mount -t proc proc "$1/proc"
    for directory in sys dev; do mount --rbind "/$directory" "$1/$directory"; done
    mount -t tmpfs tmpfs "$1/dev/shm"
    exec chroot "$1" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin HEWN_TEST_SEED=1 bash -c "cd /hewn && $2"' \
    bash "$work/root" "$1" </dev/null || { echo "$1 fails on a bare machine, after $((SECONDS - start)) s"; exit 1; }
  echo "$1: $((SECONDS - start)) s"
}

# new_machine: with nothing but Debian and the sources.
new_machine() {
  rm -rf --one-file-system "$work/root"
  cp -a "$work/bare" "$work/root"
}

if [ $# -gt 0 ]; then
  new_machine
  for command; do run "$command"; done
  exit
fi
times=() counts=()
for order in "quickstart test" "test quickstart"; do
  new_machine
  for name in $order; do
    run "scripts/$name.sh" | tee "$work/log"
    times+=("$(tail -n 1 "$work/log")")
    [ "$name" = quickstart ] || counts+=("$(tail -n 2 "$work/log" | head -n 1)")
  done
done
if [ "${counts[0]}" != "${counts[1]}" ]; then
  echo "the order matters: tests after quickstart.sh: ${counts[0]}; without it: ${counts[1]}"
  exit 1
fi
IFS=,
echo "on a bare machine, in both orders: ${counts[0]} (${times[*]})"
