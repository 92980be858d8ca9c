// Prints what CMake's HEWN_ISAS=native stands for: the widest vectors that this processor runs, and what adds to them.

#include <cstdio>

#include "kernels/contract/isa.h"

int main() {
  using namespace hewn;
  Isa widest = architecture_isas[0];
  for (const Isa isa : architecture_isas)
    if (has_vectors(isa) && supported(isa)) widest = isa;
  for (const Isa isa : architecture_isas)
    if (isa >= widest && supported(isa)) std::printf("%s%s", isa > widest ? ";" : "", name_of(isa).data());
}
