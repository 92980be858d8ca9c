// Kernels claim that certain accesses to shared memory have no bank conflicts; checks this with
// their own constants.

#include "tests/kernels/gpu/banks.h"

#include "kernels/attention/gpu/layout.cuh"
#include "kernels/gpu/tiles/hopper.cuh"
#include "kernels/matmul/gpu/layout.cuh"
#include "tests/support/catch.h"

namespace hewn {
namespace {

using test::passes_of_warp;

void check_float_lanes(const TileSize& size, const FloatLanes& lanes) {
  const auto row = [&](int lane) { return first_of_lane(lane, lanes.lanes_n()).row; };
  const auto col = [&](int lane) { return first_of_lane(lane, lanes.lanes_n()).col; };
  CHECK(passes_of_warp(16, row) == 1);
  CHECK(passes_of_warp(16, col) == 1);
  const int staged = row_of_staged_fours(size.cols);
  CHECK(passes_of_warp(16, [&](int lane) { return row(lane) * staged + col(lane); }) == 1);
  const int span = size.rows + floats_gap;
  CHECK(passes_of_warp(4, [&](int lane) {
          const TransposedPlace place = transposed_place(lane);
          return place.term * span + place.row;
        }) == 1);
}

template <int D, int n>
void check_rows() {
  INFO("rows of " << D << ", " << n << " of them");
  constexpr int stride = Rows<D, n>::stride, scores = Scores<n>::stride;
  CHECK(passes_of_warp(4, [](int lane) { return lane / D * stride + lane % D; }) == 1);  // load_rows
  CHECK(passes_of_warp(16, [](int lane) { return tx_of(lane) * stride; }) == 1);         // dots
  CHECK(passes_of_warp(16, [](int lane) { return ty_of(lane) * stride; }) == 1);
  CHECK(passes_of_warp(8, [](int lane) { return 2 * tx_of(lane); }) == 1);  // add_products
  CHECK(passes_of_warp(16, [](int lane) { return ty_of(lane) * scores; }) == 1);
  CHECK(passes_of_warp(4, [](int lane) { return ty_of(lane) * scores + tx_of(lane); }) == 1);  // scores
}

}  // namespace

TEST_CASE("bank conflicts are counted correctly") {
  const auto every = [](int stride) { return [=](int lane) { return stride * lane; }; };
  CHECK(passes_of_warp(4, every(0)) == 1);
  CHECK(passes_of_warp(4, every(1)) == 1);
  CHECK(passes_of_warp(4, every(2)) == 2);
  CHECK(passes_of_warp(4, every(32)) == 32);
  CHECK(passes_of_warp(4, every(33)) == 1);
  CHECK(passes_of_warp(8, every(2)) == 1);
  CHECK(passes_of_warp(8, every(4)) == 2);
  CHECK(passes_of_warp(16, every(4)) == 1);
  CHECK(passes_of_warp(16, every(32)) == 8);
  CHECK(passes_of_warp(16, every(36)) == 1);
}

TEST_CASE("tiles of float32 products are accessed without bank conflicts") {
  check_float_lanes(large_floats, large_float_lanes);
  check_float_lanes(small_floats, small_float_lanes);
}

TEST_CASE("TF32 fragments are read without bank conflicts") {
  for (const TileSize& size : {large_floats, small_floats})
    for (int i = 0; i < 4; ++i) {
      const int row = size.rows + tf32_gap, col = size.cols + tf32_gap;
      CHECK(passes_of_warp(4, [&](int lane) {
              const Element e = place_in_tf32_a(lane, i);
              return e.col * row + e.row;
            }) == 1);
      if (i < 2)
        CHECK(passes_of_warp(4, [&](int lane) {
                const Element e = place_in_tf32_b(lane, i);
                return e.row * col + e.col;
              }) == 1);
    }
}

TEST_CASE("sums in fragments are staged without bank conflicts") {
  for (const int cols : {large_bf16.cols, small_bf16.cols, large_floats.cols, small_floats.cols}) {
    const int row = row_of_staged_pairs(cols);
    for (int i = 0; i < 4; i += 2)
      CHECK(passes_of_warp(8, [&](int lane) {
              const Element e = place_in_c(lane, i);
              return e.row * row + e.col;
            }) == 1);
  }
  const int row = row_of_staged_pairs(hopper_bf16.cols);
  for (int warp = 0; warp < 4; ++warp)
    for (int i = 0; i < 64; i += 2)
      CHECK(passes_of_warp(8, [&](int lane) {
              const Element e = place_in_group(32 * warp + lane, i);
              return e.row * row + e.col;
            }) == 1);
}

TEST_CASE("float32 attention blocks are accessed without bank conflicts") {
  check_rows<32, 64>();
  check_rows<64, 64>();
  check_rows<128, 64>();
  check_rows<128, 32>();
  check_rows<128, 16>();
}

}  // namespace hewn
