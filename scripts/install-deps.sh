#!/usr/bin/env bash
# Installs the missing Debian packages that Hewn is built and tested with.
#   scripts/install-deps.sh [build] [test] [several] [mpi] [full] [coverage] [arm] [wheel]   (default: build)
# build: to build `hewn`; test: to build and run its tests; several: to share compilations among several builds;
# mpi: to train on several hosts; full: other compilers, sanitizers; coverage: to count with clang
# (scripts/coverage.sh); arm: to test on aarch64; wheel: to make and install Python wheels.
set -euo pipefail

packages_build="g++ cmake ninja-build nlohmann-json3-dev libtomlplusplus-dev libutf8proc-dev"
packages_test="catch2 fish zsh libcurl4"
packages_several="ccache"
packages_mpi="libopenmpi-dev openmpi-bin"
packages_full="clang libomp-dev libclang-rt-14-dev"
packages_coverage="llvm"
packages_arm="g++-aarch64-linux-gnu qemu-user"
packages_wheel="python3-venv"

missing=()
for set in "${@:-build}"; do
  names=packages_$set
  for package in ${!names?"no such set: $set (build, test, several, mpi, full, coverage, arm, wheel)"}; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q ' installed$' || missing+=("$package")
  done
done
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "This is not Debian; install the equivalents of these Debian packages: ${missing[*]}" >&2
  exit 0 # cmake will report missing packages
fi
as_root=()
if [ "$(id -u)" != 0 ]; then
  as_root=(sudo)
  if ! command -v sudo >/dev/null; then
    echo "Packages are missing; run as root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
fi

echo "installing ${missing[*]}" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@"; }
if ! { apt update && apt install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  cat "$log" >&2
  echo "These packages could not be installed (see above): ${missing[*]}" >&2
  exit 1
fi
