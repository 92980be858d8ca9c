// Layouts of elements in a warp's registers and in shared memory: every element occurs once, and there are no
// bank conflicts.

#include "kernels/gpu/tiles/tile.cuh"

#include <cmath>
#include <set>
#include <vector>

#include "tests/kernels/gpu/banks.h"
#include "tests/support/catch.h"

namespace hewn {
namespace {

using Place = Element (*)(int lane, int i);

size_t places(Place place, int values, int rows, int cols) {
  std::set<std::pair<int, int>> seen;
  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < values; ++i) {
      const Element e = place(lane, i);
      CHECK((e.row >= 0 && e.row < rows && e.col >= 0 && e.col < cols));
      seen.emplace(e.row, e.col);
    }
  return seen.size();
}

/// The number of accesses for eight lanes that access these pieces of 16 bytes.
int passes(std::vector<int> pieces) {
  for (int& piece : pieces) piece *= 16;
  return test::passes(pieces, 16);
}

template <int pieces>
void check_swizzle(int rows) {
  INFO(rows << " rows of " << pieces << " pieces");
  std::set<int> seen;
  for (int row = 0; row < rows; ++row)
    for (int piece = 0; piece < pieces; ++piece) seen.insert(swizzled<pieces>(row, piece));
  CHECK(static_cast<int>(seen.size()) == rows * pieces);
  CHECK(*seen.begin() == 0);
  CHECK(*seen.rbegin() == rows * pieces - 1);
  for (int row = 0; row < rows; row += 8)  // a matrix of ldmatrix
    for (int piece = 0; piece < pieces; ++piece) {
      std::vector<int> read;
      for (int r = 0; r < 8; ++r) read.push_back(swizzled<pieces>(row + r, piece));
      CHECK(passes(read) == 1);
    }
  for (int first = 0; first < rows * pieces; first += 8) {  // eight adjacent lanes that write
    std::vector<int> written;
    for (int p = first; p < first + 8; ++p) written.push_back(swizzled<pieces>(p / pieces, p % pieces));
    CHECK(passes(written) == 1);
  }
}

struct Stage {
  float x[32];
};

template <bool awaited>
__global__ void through_shared(const float* from, float* to) {
  Stage& stage = shared_memory<Stage>();
  copy_async<4>(&stage.x[threadIdx.x], from + threadIdx.x, threadIdx.x < 20 ? 4 : 0);
  end_copies();
  if constexpr (awaited) await_copies<0>();
  __syncthreads();
  to[threadIdx.x] = stage.x[31 - threadIdx.x];
  __syncthreads();
  await_copies<0>();
}

}  // namespace

TEST_CASE("fragments of a tensor-core product cover every element once") {
  CHECK(places(place_in_a, 8, 16, 16) == 256);
  CHECK(places(place_in_b, 4, 16, 8) == 128);
  CHECK(places(place_in_c, 4, 16, 8) == 128);
  CHECK(places(place_in_matrix, 2, 8, 8) == 64);
  CHECK(places(place_in_tf32_a, 4, 16, 8) == 128);
  CHECK(places(place_in_tf32_b, 2, 8, 8) == 64);
}

TEST_CASE("a fragment of A is four matrices, one of B two") {
  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < 2; ++i) {
      const Element e = place_in_matrix(lane, i);
      for (int matrix = 0; matrix < 4; ++matrix) {
        const Element a = place_in_a(lane, 2 * matrix + i);
        CHECK((a.row == e.row + matrix % 2 * 8 && a.col == e.col + matrix / 2 * 8));
      }
      for (int matrix = 0; matrix < 2; ++matrix) {
        const Element b = place_in_b(lane, 2 * matrix + i);
        CHECK((b.col == e.row && b.row == e.col + matrix * 8));  // transposed
      }
    }
}

TEST_CASE("two adjacent result fragments form a fragment of A") {
  for (int lane = 0; lane < 32; ++lane)
    for (int half = 0; half < 2; ++half)
      for (int i = 0; i < 4; ++i) {
        const Element a = place_in_a(lane, 4 * half + i), c = place_in_c(lane, i);
        CHECK((a.row == c.row && a.col == c.col + 8 * half));
      }
  const uint32_t pair = pair_of(1, -2);
  CHECK(bf16_of(&pair, 0) == 1);
  CHECK(bf16_of(&pair, 1) == -2);
}

TEST_CASE("TF32 rounds to 10 bits of mantissa, to nearest with ties away from zero") {
  const auto rounded = [](float x) { return __uint_as_float(to_tf32(x)); };
  const float ulp = 0x1p-10f, half = 0x1p-11f, less = half - 0x1p-23f;
  CHECK(rounded(1 + half) == 1 + ulp);
  CHECK(rounded(1 + less) == 1.0f);
  CHECK(rounded(1 + ulp + half) == 1 + 2 * ulp);
  CHECK(rounded(-1 - half) == -1 - ulp);
  CHECK(rounded(2 - 0x1p-23f) == 2.0f);
  CHECK(rounded(0.0f) == 0.0f);
  CHECK(rounded(0x1.ffffp127f) == INFINITY);
  CHECK(rounded(-INFINITY) == -INFINITY);
  CHECK(std::isnan(rounded(NAN)));
  for (int i = 0; i < 1000; ++i) {
    const float x = std::ldexp(1 + static_cast<float>(i) * 0.0009765f, i % 60 - 30);
    CHECK(std::fabs(rounded(x) - x) <= half * x);
    CHECK((to_tf32(x) & 0x1fff) == 0);
  }
}

TEST_CASE("swizzled rows are accessed without bank conflicts") {
  check_swizzle<4>(128);
  check_swizzle<8>(64);
  check_swizzle<16>(32);
  std::vector<int> plain;
  for (int row = 0; row < 8; ++row) plain.push_back(row * 8);
  CHECK(passes(plain) == 8);  // without swizzling
}

TEST_CASE("asynchronous copies arrive only when they are awaited") {
  std::vector<float> from(32), to(32);
  for (size_t i = 0; i < 32; ++i) from[i] = static_cast<float>(i + 1);
  const Launch on{};
  for (const uint64_t order : {uint64_t{0}, uint64_t{17}}) {
    emulator::options().order = order;
    launch(on, "awaited", {1, 32}, through_shared<true>, from.data(), to.data());
    for (size_t i = 0; i < 32; ++i) CHECK(to[i] == (31 - i < 20 ? from[31 - i] : 0.0f));
  }
  launch(on, "not awaited", {1, 32}, through_shared<false>, from.data(), to.data());
  for (const float x : to) CHECK(std::isnan(x));
  emulator::options().order = 0;
}

}  // namespace hewn
