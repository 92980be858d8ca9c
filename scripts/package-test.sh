#!/usr/bin/env bash
# Builds the packages (scripts/package.sh), installs each in a bare root that contains only libc, and trains a
# model and samples from it there. The root is built from this machine's libc6, so it needs Debian and root.
# The last line is the result.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# = 0 ] || { echo "usage: scripts/package-test.sh" >&2; exit 2; }

if [ "$(id -u)" != 0 ] || ! command -v dpkg-query >/dev/null || ! chroot / true 2>/dev/null; then
  echo "skipped: packages can be tested only as root on Debian"
  exit 0
fi
scripts/package.sh
deb=$(ls build-package/hewn_*.deb) tarball=$(ls build-package/hewn-*.tar.gz)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

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
echo "$deb and $tarball run in a bare root"
