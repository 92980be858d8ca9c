// Prints the value of CMake's HEWN_ISAS=native: the instruction set with this processor's widest vectors, and its
// extensions.

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
