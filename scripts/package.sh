#!/usr/bin/env bash
# Builds the packages in build-package/: hewn_VERSION_amd64.deb and hewn-VERSION-linux-x86_64.tar.gz, with code for
# all instruction sets. The program requires no library but libc (the .deb states the minimum version).
#   scripts/package.sh            without GPU code
#   scripts/package.sh --cuda     with GPU code for every GPU from Ampere on; needs nvcc and ten more minutes
#   scripts/package.sh --wheel    instead, a Python wheel, which `pip install` takes: hewn-VERSION-py3-none-PLATFORM.whl;
#                                 PLATFORM states the minimum version of libc: manylinux_2_34_x86_64 is for 2.34
#   scripts/package.sh --wheel --aarch64    the same for aarch64, cross-compiled in build-package-aarch64/
# scripts/package-test.sh installs and runs them.
set -euo pipefail
cd "$(dirname "$0")/.."

cuda=OFF kind=cpack machine=x86_64 dir=build-package sets=(build)
for option in "$@"; do
  case "$option" in
    --cuda) cuda=ON ;;
    --wheel) kind=wheel sets+=(wheel) ;;
    --aarch64) machine=aarch64 dir=build-package-aarch64 sets+=(arm) ;;
    *) kind=unknown ;;
  esac
done
case "$kind $machine $cuda" in
  "wheel x86_64 "* | "wheel aarch64 OFF" | "cpack x86_64 "*) ;;
  *) echo "usage: scripts/package.sh [--cuda] [--wheel [--aarch64]]" >&2; exit 2 ;;
esac

scripts/install-deps.sh "${sets[@]}"
mkdir -p $dir
log=$dir/package.log program=$dir/apps/hewn compiler=${CXX:-g++}
options=(-DHEWN_CUDA=$cuda -DHEWN_ISAS=all -DHEWN_TESTS=OFF -DHEWN_EXAMPLES=OFF -DHEWN_PORTABLE=ON
         # --gc-sections leaves out the code of libstdc++ that needs a newer libc than Hewn does.
         -DCMAKE_INSTALL_PREFIX=/usr -DCMAKE_EXE_LINKER_FLAGS=-Wl,--as-needed,--gc-sections)
if [ $machine = aarch64 ]; then
  compiler=aarch64-linux-gnu-g++
  options+=(-DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_CXX_COMPILER=$compiler
            "-DCMAKE_CROSSCOMPILING_EMULATOR=qemu-aarch64;-L;/usr/aarch64-linux-gnu"
            -DUtf8proc_LIBRARY="$PWD/$dir/debian/usr/lib/aarch64-linux-gnu/libutf8proc.a")
fi
# The static OpenMP runtime comes first, so that nothing needs the shared one, which -fopenmp adds.
options+=(-DCMAKE_CXX_STANDARD_LIBRARIES="$($compiler -print-file-name=libgomp.a)")
command -v ccache >/dev/null && options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)

# get_utf8proc: downloads Debian's utf8proc for aarch64, without making aarch64 an architecture of this machine.
get_utf8proc() {
  local state=$PWD/$dir/debian
  local apt=(apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State="$state"
             -o Dir::State::status=/dev/null -o Dir::Cache="$state")
  mkdir -p "$state/lists/partial" "$state/archives/partial"
  "${apt[@]}" update && (cd "$state" && "${apt[@]}" download libutf8proc-dev && dpkg-deb -x libutf8proc-dev_*.deb .)
}

# field NAME: this field of the project, as CMake read it.
field() { sed -n "s/^CMAKE_PROJECT_$1:STATIC=//p" $dir/CMakeCache.txt; }

# make_packages: builds the program, checks what it needs, and packs it.
make_packages() {
  local needs libc
  [ $machine = x86_64 ] || ls $dir/debian/usr/lib/*/libutf8proc.a || get_utf8proc || return
  cmake --preset release -B $dir -G Ninja "${options[@]}" && cmake --build $dir -j "$(nproc)" || return
  needs=$(readelf -d $program | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -vxE 'lib(c|m)\.so\.6|ld-linux-.*' | tr '\n' ' ')
  [ -z "$needs" ] || { echo "$program needs $needs; expected only libc"; return 1; }
  libc=$(readelf --dyn-syms -W $program | grep -o '@GLIBC_[0-9.]*' | sort -Vu | tail -n 1 | sed 's/@GLIBC_//')
  if [ $kind = cpack ]; then
    (cd $dir && rm -f hewn[-_]*.{deb,tar.gz} && cpack -D "CPACK_DEBIAN_PACKAGE_DEPENDS=libc6 (>= $libc)")
  else
    rm -rf $dir/prefix $dir/hewn-*.whl
    cmake --install $dir --strip --prefix $dir/prefix &&
      scripts/wheel.py $dir/prefix "$(field VERSION)" "$(field DESCRIPTION)" "manylinux_${libc/./_}_$machine" $dir
  fi
}

if ! make_packages >"$log" 2>&1; then
  tail -n 30 "$log" >&2
  echo "package.sh: no package was built; the whole output is in $log" >&2
  exit 1
fi
if [ $kind = cpack ]; then ls $dir/hewn[-_]*.{deb,tar.gz}; else ls $dir/hewn-*.whl; fi
