#include "model/weights/gguf/importance.h"

#include <algorithm>
#include <cmath>

#include "tests/support/catch.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

using Matrices = std::vector<std::vector<FormatCost>>;

/// Bytes and divergence of a choice.
FormatCost total_of(const Matrices& matrices, const std::vector<size_t>& chosen) {
  FormatCost all;
  for (size_t m = 0; m < matrices.size(); ++m) {
    all.bytes += matrices[m][chosen[m]].bytes;
    all.divergence += matrices[m][chosen[m]].divergence;
  }
  return all;
}

/// The least divergence of all choices.
double least(const Matrices& matrices, int64_t most) {
  double best = 1e30;
  std::vector<size_t> chosen(matrices.size());
  while (true) {
    const FormatCost all = total_of(matrices, chosen);
    if (all.bytes <= most) best = std::min(best, all.divergence);
    size_t m = 0;
    while (m < chosen.size() && ++chosen[m] == matrices[m].size()) chosen[m++] = 0;
    if (m == chosen.size()) return best;
  }
}

}  // namespace

TEST_CASE("allocate bits: keeps within the bytes, and near the best of all choices", "[quantise]") {
  test::Random random("bits");
  double found = 0, best = 0;
  for (int i = 0; i < 60; ++i) {
    Matrices matrices(6);
    int64_t smallest = 0, largest = 0;
    for (auto& costs : matrices) {
      const int64_t size = random.integer(1, 40);
      const double matters = std::exp(random.uniform(-3, 3));
      for (const int64_t bits : {16, 4, 5, 6, 8})  // an error is quartered by each bit
        costs.push_back(
            {size * bits, matters * std::exp2(-2.0 * static_cast<double>(bits)) * random.uniform(0.7, 1.4)});
      smallest += 4 * size, largest += 16 * size;
    }
    const int64_t most = random.integer(smallest, largest + 10);
    const auto chosen = allocate_bits(matrices, most);
    REQUIRE(chosen.size() == 6);
    const FormatCost all = total_of(matrices, chosen);
    CHECK(all.bytes <= most);
    found += std::log(all.divergence), best += std::log(least(matrices, most));
    CHECK(allocate_bits(matrices, smallest - 1).empty());
  }
  CHECK(found >= best - 1e-9);
  CHECK(found - best < 60 * std::log(1.3));
}

TEST_CASE("allocate bits: leaves out what is larger and no better", "[quantise]") {
  const Matrices matrices{{{10, 5.0}, {12, 6.0}, {20, 5.0}, {30, 1.0}}, {{10, 3.0}, {10, 2.0}}};
  CHECK(allocate_bits(matrices, 20) == std::vector<size_t>{0, 1});
  CHECK(allocate_bits(matrices, 39) == std::vector<size_t>{0, 1});
  CHECK(allocate_bits(matrices, 40) == std::vector<size_t>{3, 1});
  CHECK(allocate_bits({}, 0).empty());
}

}  // namespace hewn
