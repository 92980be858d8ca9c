#!/usr/bin/env bash
# Builds the packages in build-package/: hewn_VERSION_amd64.deb and hewn-VERSION-linux-x86_64.tar.gz, with code for
# all instruction sets. The program requires no library but libc (the .deb states the minimum version).
#   scripts/package.sh           without GPU code
#   scripts/package.sh --cuda    with GPU code for every GPU from Ampere on; needs nvcc and ten more minutes
# scripts/package-test.sh installs and runs both.
set -euo pipefail
cd "$(dirname "$0")/.."

cuda=OFF
case "${1:-}" in
  "") ;;
  --cuda) cuda=ON ;;
  *) echo "usage: scripts/package.sh [--cuda]" >&2; exit 2 ;;
esac

scripts/install-deps.sh build
mkdir -p build-package
log=build-package/package.log
options=(-DHEWN_CUDA=$cuda -DHEWN_ISAS=all -DHEWN_TESTS=OFF -DHEWN_EXAMPLES=OFF -DHEWN_PORTABLE=ON
         -DCMAKE_INSTALL_PREFIX=/usr
         # The static OpenMP runtime comes first, so that nothing needs the shared one, which -fopenmp adds.
         -DCMAKE_CXX_STANDARD_LIBRARIES="$(${CXX:-g++} -print-file-name=libgomp.a)" -DCMAKE_EXE_LINKER_FLAGS=-Wl,--as-needed)
command -v ccache >/dev/null && options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
# needs_libc PROGRAM: the newest libc version among the symbols that it uses.
needs_libc() { objdump -T "$1" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -n 1 | sed 's/GLIBC_//'; }

if ! { cmake --preset release -B build-package -G Ninja "${options[@]}" && cmake --build build-package -j "$(nproc)"; } >"$log" 2>&1 ||
   ! (cd build-package && rm -f hewn[-_]*.{deb,tar.gz} &&
      cpack -D "CPACK_DEBIAN_PACKAGE_DEPENDS=libc6 (>= $(needs_libc apps/hewn))") >>"$log" 2>&1; then
  tail -n 30 "$log" >&2
  echo "package.sh: no package was built; the whole output is in $log" >&2
  exit 1
fi
ls build-package/hewn[-_]*.{deb,tar.gz}
