#include "kernels/matmul/cpu/tile_amx.h"
#include "kernels/roof/simd.h"

namespace hewn {

template <>
double roof_tile_products<Isa::HEWN_ISA>(DType, int64_t rounds) {
  const TileRegisters registers;
  alignas(64) float kept[16 * 16];
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
  _tile_zero(5);
  for (int64_t r = 0; r < rounds; ++r) {
    _tile_dpbf16ps(0, 4, 5);
    _tile_dpbf16ps(1, 4, 5);
    _tile_dpbf16ps(2, 4, 5);
    _tile_dpbf16ps(3, 4, 5);
  }
  _tile_stored(0, kept, 64);
  return static_cast<double>(kept[0]);
}

template <>
int64_t roof_tile_products_fmas<Isa::HEWN_ISA>() {
  return 4 * 16 * 16 * square_terms;
}

}  // namespace hewn
