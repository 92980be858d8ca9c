#include "kernels/roof/roof.h"

#include <vector>

#include "kernels/contract/huge_pages.h"
#include "kernels/contract/parallel.h"
#include "kernels/roof/simd.h"
#include "kernels/roof/timing.h"

namespace hewn {
namespace {

using Apply = void (*)(MathFunction, const float*, float*, int64_t);

Apply apply_on(Isa isa) {
  return best_of(isa, []<Isa I>() -> Apply { return roof_function<I>; });
}

}  // namespace

double measured_functions(MathFunction function, Isa isa, int threads) {
  constexpr int64_t n = 1024, passes = 200;  // 8 KiB per thread
  HugeVector<float> memory(static_cast<size_t>(2 * n * threads));
  for (size_t i = 0; i < memory.size(); ++i) memory[i] = static_cast<float>(i % 97) * 0.1f - 5;
  const Apply apply = apply_on(isa);
  const double seconds = best_seconds([&] {
    parallel_for(Launch{.threads = threads}, threads, [&](int64_t, int64_t, int worker) {
      float* const x = memory.data() + 2 * n * worker;
      for (int64_t p = 0; p < passes; ++p) apply(function, x, x + n, n);
    });
  });
  return static_cast<double>(n * passes * threads) / seconds;
}

}  // namespace hewn
