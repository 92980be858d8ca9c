#include "kernels/dropout/abi.h"

#include "kernels/contract/parallel.h"
#include "kernels/dropout/mask.h"

namespace hewn {

template <>
void kernel<"vector", Isa::HEWN_ISA>(const Launch& launch, const Dropout& a) {
  const float* x = static_cast<const float*>(a.x);
  float* y = static_cast<float*>(a.y);
  parallel_elements(launch, a.n, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i += 64) {
      float factors[64];
      dropout_factors(a, i / 64, factors);
      for_lanes(0, i + 64 < end ? 64 : end - i, [&](int64_t k, auto lanes) {
        write(y + i + k, load(x + i + k, lanes) * load(factors + k), a.to_y, lanes);
      });
    }
  });
}

}  // namespace hewn
