#include "kernels/dropout/op.h"

#include <cmath>

#include "core/gradcheck.h"
#include "kernels/devices/devices.h"
#include "tests/support/catch.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

Tensor ones(DType dtype, int64_t n) {
  return dtype == DType::f64 ? Tensor::from(cpu(), std::vector<double>(static_cast<size_t>(n), 1), {n})
                             : Tensor::from(cpu(), std::vector<float>(static_cast<size_t>(n), 1), {n});
}

}  // namespace

TEST_CASE("dropout: gradient") {
  test::Random random("dropout");
  const StepState state{.seed = random.bits()};
  const Tensor x = Tensor::from(cpu(), random.normals<double>(100), {100});
  const auto result =
      gradcheck([&](const std::vector<Tensor>& in) { return dropout(in[0], 0.3, 1, &state); }, {x});
  CHECK(result.below(1e-8));
}

TEST_CASE("dropout: a fraction of 1 - p is kept and the mean is preserved") {
  const StepState state{.seed = 7};
  const int64_t n = 100'000;
  for (const double p : {0.1, 0.5, 0.9}) {
    int64_t kept = 0, wrong = 0;
    for (const double v : dropout(ones(DType::f32, n), p, 0, &state).doubles()) {
      kept += v != 0;
      wrong += v != 0 && !(std::fabs(v * (1 - p) - 1) < 1e-6);
    }
    CHECK(wrong == 0);
    // Five standard deviations of a binomial.
    CHECK(std::fabs(static_cast<double>(kept) - n * (1 - p)) < 5 * std::sqrt(n * p * (1 - p)));
  }
}

TEST_CASE("dropout: the mask depends on seed, step, micro-step and site, and is the same in f32 and f64") {
  const auto mask = [](const StepState& state, uint32_t site, DType dtype = DType::f32) {
    std::vector<bool> kept;
    for (const double v : dropout(ones(dtype, 1000), 0.5, site, &state).doubles()) kept.push_back(v != 0);
    return kept;
  };
  const auto base = mask({.seed = 1, .step = 2, .micro_step = 3}, 4);
  CHECK(base == mask({.seed = 1, .step = 2, .micro_step = 3}, 4));
  CHECK(base == mask({.seed = 1, .step = 2, .micro_step = 3}, 4, DType::f64));
  CHECK(base != mask({.seed = 2, .step = 2, .micro_step = 3}, 4));
  CHECK(base != mask({.seed = uint64_t{1} << 32 | 1, .step = 2, .micro_step = 3}, 4));
  CHECK(base != mask({.seed = 1, .step = 3, .micro_step = 3}, 4));
  CHECK(base != mask({.seed = 1, .step = 2, .micro_step = 4}, 4));
  CHECK(base != mask({.seed = 1, .step = 2, .micro_step = 3}, 5));
}

TEST_CASE("dropout: p = 0 is the identity, invalid p is refused") {
  const StepState state;
  const Tensor x = ones(DType::f32, 3);
  CHECK(dropout(x, 0, 0, nullptr).storage() == x.storage());
  CHECK_THROWS_WITH(dropout(x, 1, 0, &state), Catch::Contains("p = 1"));
  CHECK_THROWS_WITH(dropout(x, -0.1, 0, &state), Catch::Contains("p = -0.1"));
  CHECK_THROWS_WITH(dropout(x, NAN, 0, &state), Catch::Contains("nan"));
  CHECK_THROWS_WITH(dropout(x, 0.5, 0, nullptr), Catch::Contains("StepState"));
}

}  // namespace hewn
