#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/dtype.h"
#include "kernels/contract/rooms.h"
#include "kernels/devices/devices.h"
#include "kernels/qmatmul/abi.h"
#include "tests/kernels/cases/every_rung.h"
#include "tests/support/catch.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

constexpr const char* format_names[] = {"q8_0", "q4_0", "q4_1", "q5_0", "q5_1",
                                        "q2_k", "q3_k", "q4_k", "q5_k", "q6_k"};

/// A product with random operands, "17x9x512 q4_k".
std::unique_ptr<Case> product_case(const std::string& shape) {
  for (const Room& room : rooms())
    if (std::string(room.name) == "qmatmul")
      for (auto& c : room.cases({.seed = test::run_seed(), .shape = shape.substr(0, shape.find(' '))}))
        if (c->shape() == shape) return std::move(c);
  FAIL("no case " << shape);
  return nullptr;
}

const QMatmul& args_of(Case& c) { return static_cast<CaseOf<QMatmul>&>(c).args(); }

/// Rows [first, first + count) of the product.
QMatmul some_rows(QMatmul a, int64_t first, int64_t count, std::vector<float>& y) {
  const int64_t padded = padded_cols(a.K);
  a.x += first * padded;
  a.x_scale += first * padded / quantised_block;
  a.x_sum += first * padded / quantised_block;
  a.M = count;
  y.assign(static_cast<size_t>(count * a.N), 0);
  a.y = y.data();
  return a;
}

struct Quantised {
  std::vector<int8_t> q;
  std::vector<float> scale;
  std::vector<int32_t> sum;
};

Quantised quantised(const std::vector<float>& x, int64_t rows, int64_t cols) {
  const auto n = static_cast<size_t>(rows * padded_cols(cols)), blocks = n / quantised_block;
  Quantised to{std::vector<int8_t>(n), std::vector<float>(blocks), std::vector<int32_t>(blocks)};
  run(cpu(), QuantizeRows{rows, cols, x.data(), to.q.data(), to.scale.data(), to.sum.data()});
  return to;
}

QMatmul with_rows(QMatmul a, const Quantised& x, int64_t rows, std::vector<float>& y) {
  a.M = rows;
  a.x = x.q.data(), a.x_scale = x.scale.data(), a.x_sum = x.sum.data();
  y.assign(static_cast<size_t>(rows * a.N), 0);
  a.y = y.data();
  return a;
}

}  // namespace

TEST_CASE("qmatmul: a row has the same bits alone and in company, on any number of threads") {
  for (const std::string format : format_names) {
    const auto c = product_case("17x21x512 " + format);
    const QMatmul& a = args_of(*c);
    for_each_rung(a, [&](Isa, const auto& run) {
      std::vector<float> alone, company;
      for (int64_t m = 0; m < a.M; ++m) {
        std::vector<float> row;
        run(some_rows(a, m, 1, row), 1);
        alone.insert(alone.end(), row.begin(), row.end());
      }
      for (const int64_t rows : {1, 2, 3, 16, 17})
        for (const int threads : {1, 2, 3, 4}) {
          INFO(format << ", " << rows << " rows, " << threads << " threads");
          const int64_t first = a.M - rows;
          run(some_rows(a, first, rows, company), threads);
          CHECK(std::memcmp(company.data(), alone.data() + first * a.N, company.size() * sizeof(float)) == 0);
        }
    });
  }
}

TEST_CASE("qmatmul: vector code with a fused multiply-add computes the same bits on every instruction set") {
  for (const std::string format : {"q8_0", "q4_0", "q5_0", "q4_k", "q5_k", "q6_k"}) {
    const auto c = product_case((format.ends_with("_k") ? "3x21x1536 " : "3x21x1568 ") + format);
    const QMatmul& a = args_of(*c);
    const auto rungs = ladder_of(a).rungs;
    const Rung<QMatmul>& preferred = *std::find_if(
        rungs.begin(), rungs.end(), [](const auto& rung) { return rung.name == std::string("simd"); });
    std::vector<float> first, other;
    for (const Isa isa : known_isas) {
      const KernelFn<QMatmul> code = preferred.run[static_cast<size_t>(isa)];
      if (!code || !supported(isa) || isa == Isa::sse2) continue;
      INFO(format << " on " << name_of(isa));
      std::vector<float>& y = first.empty() ? first : other;
      run_code(preferred, code, some_rows(a, 0, a.M, y), 1);
      CHECK(std::memcmp(y.data(), first.data(), y.size() * sizeof(float)) == 0);
    }
  }
}

TEST_CASE("qmatmul: the largest sums of products do not overflow") {
  for (const std::string format : format_names)
    for (const int byte : {0x00, 0x7f, 0x80, 0xff})
      for (const int number : {-127, 127}) {
        INFO(format << ", blocks of " << byte << " times " << number);
        const auto c = product_case("1x1x512 " + format);
        QMatmul a = args_of(*c);
        const BlockFormat& f = format_of(a.format);
        std::vector<uint8_t> w(static_cast<size_t>(a.K / f.elements * f.bytes), static_cast<uint8_t>(byte));
        const Float16 one(1);
        for (size_t at = static_cast<size_t>(f.scale_at); at < w.size(); at += static_cast<size_t>(f.bytes)) {
          std::memcpy(w.data() + at, &one.bits, sizeof one.bits);
          if (f.offsets) std::memcpy(w.data() + at + 2, &one.bits, sizeof one.bits);
        }
        const auto blocks = static_cast<size_t>(a.K / quantised_block);
        const Quantised x{std::vector<int8_t>(static_cast<size_t>(a.K), static_cast<int8_t>(number)),
                          std::vector<float>(blocks, 1), std::vector<int32_t>(blocks, 32 * number)};
        a.w = w.data();
        std::vector<float> expected, y;
        kernel<"reference">({}, with_rows(a, x, 1, expected));
        for_each_rung(a, [&](Isa, const auto& run) {
          run(with_rows(a, x, 1, y), 1);
          CHECK(std::abs(y[0] - expected[0]) <= 1e-6f * std::abs(expected[0]));
        });
      }
}

TEST_CASE("qmatmul: the error is at most half a step of x for each weight") {
  test::Random random("qmatmul error");
  for (const std::string format : format_names) {
    const auto c = product_case("5x13x512 " + format);
    const QMatmul& a = args_of(*c);
    const BlockFormat& f = format_of(a.format);
    const std::vector<float> x = random.normals(a.M * a.K, 3);
    const Quantised q = quantised(x, a.M, a.K);
    std::vector<float> y, w(static_cast<size_t>(f.elements));
    run(cpu(), with_rows(a, q, a.M, y));
    std::vector<double> exact(y.size(), 0), bound(y.size(), 0);
    OpenBlock open;
    for (int64_t n = 0; n < a.N; ++n)
      for (int64_t k = 0; k < a.K; k += f.elements) {
        f.open(static_cast<const uint8_t*>(a.w) + (n * a.K + k) / f.elements * f.bytes, open);
        widen_block(f, open, w.data());
        for (int64_t m = 0; m < a.M; ++m)
          for (int64_t i = 0; i < f.elements; ++i) {
            const auto at = static_cast<size_t>(m * a.N + n), of_x = static_cast<size_t>(m * a.K + k + i);
            const double weight = static_cast<double>(w[static_cast<size_t>(i)]);
            const double step = static_cast<double>(q.scale[of_x / quantised_block]);
            exact[at] += weight * static_cast<double>(x[of_x]);
            // And the rounding of the sums in float32.
            bound[at] += std::abs(weight) * (step / 2 + 1e-6 * std::abs(static_cast<double>(x[of_x])));
          }
      }
    double largest = 0;
    for (size_t i = 0; i < y.size(); ++i) {
      const double error = std::abs(static_cast<double>(y[i]) - exact[i]);
      INFO(format << ", element " << i << " of " << exact[i]);
      CHECK(error <= bound[i]);
      largest = std::max(largest, error / bound[i]);
    }
    CHECK(largest > 0.001);  // or x is not quantised at all
  }
}

TEST_CASE("qmatmul: NaN and infinities of a row stay in that row's results") {
  test::Random random("qmatmul nan");
  const auto c = product_case("4x7x512 q4_0");
  const QMatmul& a = args_of(*c);
  std::vector<float> x = random.normals(a.M * a.K);
  x[static_cast<size_t>(a.K + 40)] = NAN;
  x[static_cast<size_t>(2 * a.K + 300)] = -std::numeric_limits<float>::infinity();
  const Quantised q = quantised(x, a.M, a.K);
  std::vector<float> y;
  for (const std::string format : format_names) {
    const auto other = product_case("4x7x512 " + format);
    for_each_rung(args_of(*other), [&](Isa, const auto& run) {
      run(with_rows(args_of(*other), q, a.M, y), 2);
      for (size_t i = 0; i < y.size(); ++i) {
        const size_t row = i / static_cast<size_t>(a.N);
        CHECK(std::isnan(y[i]) == (row == 1 || row == 2));
      }
    });
  }
}

TEST_CASE("qmatmul: shapes that blocks do not divide are refused") {
  CHECK_THROWS_WITH(product_case("1x8x33 q8_0"), Catch::Contains("K is 33; expected a multiple of 32"));
  CHECK_THROWS_WITH(product_case("1x8 q8_0"), Catch::Contains("MxNxK"));
}

}  // namespace hewn
