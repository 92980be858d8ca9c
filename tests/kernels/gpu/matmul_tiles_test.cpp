// How GPU kernels divide products: every tile, piece of K and matrix of a batch occurs exactly once.

#include "kernels/matmul/gpu/tiles.cuh"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <tuple>

#include "kernels/contract/case.h"
#include "kernels/contract/rooms.h"
#include "kernels/devices/devices.h"
#include "kernels/gpu/emulator/emulator.h"
#include "kernels/gpu/runtime/runtime.h"
#include "kernels/matmul/op.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/gpu.h"
#include "tests/support/random.h"

namespace hewn {

TEST_CASE("blocks cover the tiles of a product exactly once") {
  for (const auto& [tiles_m, tiles_n, splits, batch] :
       {std::tuple{1, 1, 1, 1}, {7, 1, 1, 1}, {8, 3, 2, 1}, {17, 5, 1, 6}, {9, 11, 3, 2}, {64, 2, 1, 1}}) {
    const TileGrid grid{tiles_m, tiles_n, splits, batch, 0, 0};
    std::set<std::tuple<int, int, int, int>> seen;
    for (int block = 0; block < grid.blocks(); ++block) {
      const TilePlace p = place_of(grid, block);
      CHECK((p.m >= 0 && p.m < tiles_m && p.n >= 0 && p.n < tiles_n));
      CHECK((p.split >= 0 && p.split < splits && p.batch >= 0 && p.batch < batch));
      seen.emplace(p.m, p.n, p.split, p.batch);
    }
    CHECK(static_cast<int64_t>(seen.size()) == grid.blocks());
  }
}

TEST_CASE("a wave of blocks reads few rows and columns of tiles") {
  const TileGrid grid{64, 64, 1, 1, 0, 0};
  std::set<int> rows, cols;
  for (int block = 0; block < 256; ++block) {
    rows.insert(place_of(grid, block).m);
    cols.insert(place_of(grid, block).n);
  }
  CHECK(rows.size() + cols.size() == 8 + 32);
}

TEST_CASE("pieces of K add up to K") {
  for (const int64_t K : {0, 1, 511, 1024, 1601, 4096, 65536, 65537}) {
    for (const int64_t M : {1, 64, 768, 4096}) {
      Matmul m{};
      m.M = M, m.N = 768, m.K = K;
      const TileGrid grid = tile_grid(m, large_floats);
      INFO(M << " x 768 x " << K << ": " << grid.splits << " pieces of " << grid.split_depth);
      CHECK(grid.splits >= 1);
      CHECK(grid.split_depth % large_floats.depth == 0);
      CHECK(grid.splits * grid.split_depth >= K);
      CHECK((K == 0 || (grid.splits - 1) * grid.split_depth < K));
      CHECK((grid.splits == 1) == (split_bytes(m, large_floats) == 0));
    }
  }
}

TEST_CASE("K is split where tiles are too few for the device") {
  CHECK(splits_of(large_bf16, 36, 65536) == 7);     // 768 x 768 of GPT-2 124M: 252 of 264 blocks
  CHECK(splits_of(large_bf16, 108, 65536) == 7);    // 768 x 2304: all but one of three rounds are full
  CHECK(splits_of(large_bf16, 36, 768) == 1);       // pieces would be less than 512 deep
  CHECK(splits_of(large_bf16, 264, 65536) == 1);    // full without splitting
  CHECK(splits_of(large_bf16, 10000, 65536) == 1);  // many rounds
}

TEST_CASE("the pieces of K take at most 3% longer than the best number of pieces") {
  for (const TileSize& tile : {large_bf16, small_bf16, large_floats, hopper_bf16})
    for (const int64_t K : {1024, 4096, 65536})
      for (int64_t tiles = 1; tiles < 1200; ++tiles) {
        const int chosen = splits_of(tile, tiles, K);
        double least = splits_time(tile, tiles, K, 1);
        for (int s = 2; s <= 16 && s * 512 <= K; ++s) least = std::min(least, splits_time(tile, tiles, K, s));
        INFO(tiles << " tiles of " << tile.rows << " x " << tile.cols << ", K " << K << ": " << chosen);
        CHECK(splits_time(tile, tiles, K, chosen) * 0.97 <= least);
      }
}

TEST_CASE("the time of blocks follows from those that share a multiprocessor") {
  const double fixed = SplitCosts::per_block;
  const auto time = [](int64_t blocks) { return rounds_time(large_bf16, blocks, 1000); };
  CHECK(time(1) == 1000 * 2 / SplitCosts::alone + fixed);  // alone on a multiprocessor
  CHECK(time(132) == time(1));
  CHECK(time(133) == 2000 + fixed);  // one multiprocessor has two
  CHECK(time(264) == time(133));
  CHECK(time(265) == time(264) + time(1));
  CHECK(rounds_time(small_bf16, 528, 1000) == 1000 + fixed);  // four on each, a quarter of the work
}

TEST_CASE("the fallback of products has a grid for attention composed of products") {
  Matmul m{};
  m.M = m.N = 1024, m.outer = 64, m.inner = 12;  // scores of 64 x 12 heads and 1024 tokens
  const PlainTiles tiles = plain_tiles(m);
  REQUIRE(tiles.count() == 128 * 32 * 768);
  CHECK(tiles.count() <= 0x7fffffff);
  bool right = true;
  for (int64_t t = 0; t < tiles.count(); ++t) {
    const PlainPlace p = place_of(tiles, t);
    right &=
        p.row >= 0 && p.row < m.M && p.col >= 0 && p.col < m.N && p.batch >= 0 && p.batch < 768 &&
        (p.batch * tiles.tiles_m + p.row / PlainTiles::rows) * tiles.tiles_n + p.col / PlainTiles::cols == t;
  }
  CHECK(right);
}

TEST_CASE("a product has more tiles than one dimension of the grid") {
  const auto device = test::make_test_gpu();
  const int64_t n = 65536;  // matrices of one element, in double, for which there is only the fallback
  const std::vector<double> x(static_cast<size_t>(n), 3);
  const Tensor a = Tensor::from(*device, x, {n, 1, 1});
  const std::vector<double> y = matmul(a, a).doubles();
  CHECK(std::all_of(y.begin(), y.end(), [](double v) { return v == 9; }));
}

TEST_CASE("large tiles, with K split, equal the reference") {
  if (test::left_out()) return;
  struct Try {
    DType dtype;
    std::string_view rung, shape;
    uint64_t order;
  };
  const auto device = test::make_test_gpu();
  const auto& all = rooms();
  const auto room =
      std::find_if(all.begin(), all.end(), [](const Room& r) { return r.name == std::string("matmul"); });
  for (const Try& t : {Try{DType::f32, "cuda.floats", "132x72x4096", test::run_seed() | 1},
                       Try{DType::bf16, "cuda.tensor", "72x80x4096", test::run_seed() | 1},
                       Try{DType::bf16, "cuda.tensor", "70x77x4100", 0},
                       Try{DType::bf16, "cuda.hopper", "136x72x2048", test::run_seed() | 1},
                       Try{DType::bf16, "cuda.hopper", "72x136x1608", 0}}) {
    emulator::options().order = t.order;
    const CaseRequest request{.dtype = t.dtype, .seed = test::run_seed(), .shape = std::string(t.shape)};
    for (const auto& c : room->cases(request)) {
      INFO(c->shape() << " " << name_of(t.dtype) << ", order " << t.order);
      const Reference reference = c->reference(1);
      c->reset();
      size_t rung = 0;
      while (c->rung_name(rung) != t.rung) ++rung;
      if (device->isa() == Isa::cuda && c->why_not(rung)) continue;  // for a GPU of another generation
      REQUIRE(c->why_not(rung) == nullptr);
      test::run_on(*device, *c, rung);
      CHECK(c->damage() == "");
      CHECK(c->difference(reference) == "");
    }
  }
  emulator::options().order = 0;
}

TEST_CASE("products are rounded to TF32 only on request") {
  const auto device = test::make_test_gpu();
  test::Random random("TF32");
  const Tensor a = Tensor::from(*device, random.normals(64 * 96), {64, 96});
  const Tensor b = Tensor::from(*device, random.normals(96 * 80), {96, 80});
  const auto exact = matmul(a, b).values<float>();
  device->gpu()->tf32 = true;
  const auto rounded = matmul(a, b).values<float>();
  double difference = 0, norm = 0;
  for (size_t i = 0; i < exact.size(); ++i) {
    const double x = exact[i], d = x - static_cast<double>(rounded[i]);
    norm += x * x, difference += d * d;
  }
  CHECK(difference > 1e-10 * norm);
  CHECK(difference < 1e-6 * norm);
}

TEST_CASE("a rung that has not run on a GPU is not the preferred one") {
  const auto device = make_emulated_gpu();
  Matmul m{};
  m.dtype = DType::bf16;
  m.M = m.N = m.K = m.lda = m.ldb = m.ldc = 1024;
  m.outer = m.inner = 1;
  bool accepted = false;
  for (const Rung<Matmul>& rung : ladder_of(m).rungs)
    if (rung.name == std::string_view("cuda.hopper")) accepted = rung.why_not(m) == nullptr;
  CHECK(accepted);
  CHECK(choose(*device, m)->name == std::string_view("cuda.tensor"));
}

}  // namespace hewn
