// The products of simd.cpp with VPDPBUSD, which multiplies four bytes by four and adds the products to a 32-bit sum.

#include "kernels/qmatmul/abi.h"
#include "kernels/qmatmul/products.h"

namespace hewn {

template <>
void kernel<"vnni", Isa::HEWN_ISA>(const Launch& launch, const QMatmul& a) {
  multiply_in_format(launch, a);
}

}  // namespace hewn
