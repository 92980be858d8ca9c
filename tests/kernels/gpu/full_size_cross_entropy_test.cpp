// Cross-entropy of 65,536 tokens and GPT-2's vocabulary, more than 2^31 logits: the addresses that blocks at both ends
// use.

#include <cmath>
#include <limits>

#include "kernels/cross_entropy/abi.h"
#include "kernels/gpu/simt/simt.h"
#include "tests/kernels/gpu/full_size.h"
#include "tests/support/catch.h"

namespace hewn {

using test::check_both;
using test::run_ends;
using test::Sparse;

TEST_CASE("full size: cross-entropy of 65,536 x 50,304 logits") {
  constexpr int64_t N = 65536, V = 50304;
  const Sparse<float> logits(N * V), losses(N), stats(2 * N), dlogits(N * V);
  const Sparse<int32_t> targets(N);
  for (int64_t c = 0; c < V; ++c) logits[c] = logits[(N - 1) * V + c] = c == 7 ? 3.0f : 0.0f;
  targets[0] = 7, targets[N - 1] = V - 1;
  const double all = static_cast<double>(V - 1) * std::exp(-3.0) + 1;
  run_ends(CrossEntropyForward{DType::f32, N, V, logits.data(), targets.data(), losses.data(), stats.data()},
           [&] { check_both(losses, N, std::log(all), std::log(all) + 3); });
  const float dloss = 1;
  const int64_t kept = 1;
  for (int64_t r : {int64_t{0}, N - 1}) stats[2 * r] = 3, stats[2 * r + 1] = static_cast<float>(all);
  run_ends(CrossEntropyBackward{DType::f32, N, V, logits.data(), targets.data(), stats.data(), &dloss, &kept,
                                dlogits.data(), Write::set},
           [&] { check_both(dlogits, N * V, std::exp(-3.0) / all, std::exp(-3.0) / all - 1); });
}

// On an H200 a chunk of the head has as many rows.
TEST_CASE("full size: the fused cross-entropy of 65,536 x 50,257 bf16 logits in padded rows") {
  constexpr int64_t N = 65536, V = 50257, ld = 50304;
  static_assert(N * ld > int64_t{1} << 31);
  const Sparse<bf16> logits(N * ld);
  const Sparse<float> losses(N);
  const Sparse<int32_t> targets(N);
  const int64_t kept = 1;
  const double all = static_cast<double>(V - 1) * std::exp(-3.0) + 1;
  targets[0] = 7, targets[N - 1] = V - 1;
  const auto fill = [&] {
    for (const int64_t r : {int64_t{0}, N - 1})
      for (int64_t c = 0; c < ld; ++c)
        logits[r * ld + c] = to_bf16(c == 7 ? 3.0f : c < V ? 0.0f : std::numeric_limits<float>::quiet_NaN());
  };
  const auto check_at = [&](int64_t r, int64_t c, double expected) {
    INFO("row " << r << ", column " << c);
    const auto found = static_cast<double>(to_float(logits[r * ld + c]));
    CHECK(std::abs(found - expected) <= std::abs(expected) / 256);
  };
  for (const bool gradient : {true, false}) {
    INFO(gradient);
    fill();
    run_ends(CrossEntropyFused{DType::bf16, N, V, ld, logits.data(), targets.data(), &kept, losses.data(),
                               gradient},
             [&] { check_both(losses, N, std::log(all), std::log(all) + 3); });
    if (!gradient) {
      check_at(N - 1, 7, 3);
      continue;
    }
    check_at(0, 7, 1 / all - 1);
    check_at(0, V - 1, std::exp(-3.0) / all);
    check_at(N - 1, 7, 1 / all);
    check_at(N - 1, V - 1, std::exp(-3.0) / all - 1);
    for (const int64_t r : {int64_t{0}, N - 1})
      for (int64_t c = V; c < ld; ++c) check_at(r, c, 0);
  }
}

}  // namespace hewn
