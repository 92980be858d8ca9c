#!/usr/bin/env bash
# Builds the packages (scripts/package.sh). Installs the wheel in an empty virtual environment and runs quickstart.sh's
# commands with it. Installs the others each in a bare root that contains only libc, and trains a model and samples from
# it there; the root is built from this machine's libc6, so it needs Debian and root. The last line is the result.
#   scripts/package-test.sh              the packages for x86-64
#   scripts/package-test.sh --aarch64    the wheel for aarch64, under qemu
set -euo pipefail
cd "$(dirname "$0")/.."
aarch64=()
case "$*" in
  "") ;;
  --aarch64) aarch64=(--aarch64) ;;
  *) echo "usage: scripts/package-test.sh [--aarch64]" >&2; exit 2 ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# refuses TEXT ARGUMENT...: hewn fails with this text in its message.
refuses() {
  if "$hewn" "${@:2}" >"$work/log" 2>&1 || ! grep -F "$1" "$work/log" >/dev/null; then
    cat "$work/log"
    echo "hewn ${*:2}: expected a refusal that names $1"
    exit 1
  fi
}

wheel=$(scripts/package.sh --wheel "${aarch64[@]}")
cp "$wheel" "$work/first.whl"
[ "$(scripts/package.sh --wheel "${aarch64[@]}")" = "$wheel" ]
cmp "$wheel" "$work/first.whl"
python3 -m venv "$work/env"
hewn=$work/env/bin/hewn pip=("$work/env/bin/pip" install --quiet --no-index --disable-pip-version-check)
if [ ${#aarch64[@]} = 0 ]; then
  "${pip[@]}" "$wheel"
else # pip installs for another processor only outside of the environment
  platform=$(basename "${wheel##*-}" .whl)
  "${pip[@]}" --only-binary=:all: --platform="$platform" --target="$work/other" "$wheel"
  cp -r "$work/other/share" "$work/env"
  printf '#!/bin/sh\nexec qemu-aarch64 -L /usr/aarch64-linux-gnu %s/other/bin/hewn "$@"\n' "$work" >"$hewn"
  chmod +x "$hewn"
fi
mkdir -p "$work/tree/scripts"
cp scripts/quickstart.sh "$work/tree/scripts"
cp -r "$work/env/share/hewn/configs" "$work/tree"
HEWN_PROGRAM=$hewn HEWN_MAX_ITERS=100 "$work/tree/scripts/quickstart.sh" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
if [ ${#aarch64[@]} = 0 ]; then # the emulator of a processor does not start programs for it
  "$hewn" -q train --dataset=tales --ranks=2 --gradient_accumulation_steps=2 --max_iters=2 --out_dir="$work/ranks"
fi
# What such a build lacks.
echo "127.0.0.1 2" >"$work/hosts"
refuses "build Hewn with MPI" train --dataset=tales --ranks=2 --hosts="$work/hosts" --gradient_accumulation_steps=2 \
  --out_dir="$work/on_hosts"
echo "$wheel, installed with pip, runs the commands of quickstart.sh"
[ ${#aarch64[@]} = 0 ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v dpkg-query >/dev/null || ! chroot / true 2>/dev/null; then
  echo "skipped: the other packages can be tested only as root on Debian"
  exit 0
fi
scripts/package.sh
deb=$(ls build-package/hewn_*.deb) tarball=$(ls build-package/hewn-*.tar.gz)

# bare_root DIR: installs only libc6 and its dependencies, with their entries in dpkg's list.
bare_root() {
  local packages=() pattern
  for pattern in libc6 libgcc-s1 libcrypt1 'gcc-*-base'; do
    mapfile -t -O ${#packages[@]} packages < <(dpkg-query -W -f='${Package}\n' "$pattern" 2>/dev/null)
  done
  mkdir -p "$1"/{tmp,var/lib/dpkg/{info,updates,triggers}}
  dpkg-query -s "${packages[@]}" >"$1/var/lib/dpkg/status"
  dpkg-query -L "${packages[@]}" | sort -u | while IFS= read -r file; do [ -d "$file" ] || printf '%s\0' "${file#/}"; done |
    tar -C / -c --null -T - | tar -C "$1" -x
}

# try ROOT PROGRAM: prints the program's version, trains and samples.
try() {
  chroot "$1" "$2" --version
  chroot "$1" "$2" train --dataset=tales --n_layer=1 --n_head=1 --n_embd=8 --max_iters=3 --out_dir=/tmp/run --quiet
  chroot "$1" "$2" sample /tmp/run --max_new_tokens=5 --quiet >/dev/null
}

bare_root "$work/deb"
dpkg --root="$work/deb" --force-script-chrootless --install "$deb" >/dev/null 2>"$work/dpkg.log" ||
  { cat "$work/dpkg.log"; exit 1; }
try "$work/deb" /usr/bin/hewn
for path in share/man/man1/hewn.1 share/hewn/configs/quickstart.toml share/doc/hewn/LICENSE include/hewn/hewn.h; do
  ls "$work/deb/usr/$path" >/dev/null
done

bare_root "$work/tar"
tar -C "$work/tar" -xzf "$tarball" --strip-components=1
try "$work/tar" /bin/hewn
echo "$deb and $tarball run in a bare root, $wheel in a virtual environment"
