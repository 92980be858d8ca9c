// Products at full size: which block computes what, for all blocks, and the addresses that blocks at both ends use.

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

#include "kernels/gpu/simt/simt.h"
#include "kernels/matmul/abi.h"
#include "kernels/matmul/gpu/tiles.cuh"
#include "tests/kernels/gpu/full_size.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"

namespace hewn {
namespace {

using test::number_of;
using test::Sparse;

/// op(A) op(B) with ld of the next multiple of 8, contiguous otherwise.
Matmul product(DType dtype, int64_t M, int64_t N, int64_t K, bool trans_a, bool trans_b) {
  const auto row = [](int64_t n) { return (n + 7) / 8 * 8; };
  Matmul m{};
  m.dtype = dtype, m.M = M, m.N = N, m.K = K;
  m.trans_a = trans_a, m.trans_b = trans_b;
  m.lda = row(trans_a ? M : K), m.ldb = row(trans_b ? K : N), m.ldc = row(N);
  m.to_c = Write::set;
  return m;
}

/// Whether the blocks of a tile kernel cover rows, columns and terms exactly once.
bool covers(const Matmul& m, const TileSize& size) {
  const TileGrid grid = tile_grid(m, size);
  if (grid.blocks() > 0x7fffffff || int64_t{grid.tiles_m} * size.rows < m.M ||
      int64_t{grid.tiles_n} * size.cols < m.N)
    return false;
  std::vector<bool> seen(static_cast<size_t>(grid.blocks()));
  for (int64_t block = 0; block < grid.blocks(); ++block) {
    const TilePlace p = place_of(grid, static_cast<int>(block));
    if (p.m < 0 || p.m >= grid.tiles_m || p.n < 0 || p.n >= grid.tiles_n || p.split < 0 ||
        p.split >= grid.splits || p.batch < 0 || p.batch >= grid.batch || int64_t{p.m} * size.rows >= m.M ||
        int64_t{p.n} * size.cols >= m.N || p.split * grid.split_depth >= m.K)
      return false;
    const int64_t at = ((int64_t{p.batch} * grid.splits + p.split) * grid.tiles_m + p.m) * grid.tiles_n + p.n;
    if (seen[static_cast<size_t>(at)]) return false;
    seen[static_cast<size_t>(at)] = true;
  }
  return grid.splits * grid.split_depth >= m.K;
}

/// Operands of type T of a product, filled where the blocks at both ends read them.
template <class T>
class Operands {
 public:
  Operands(Matmul& m, int64_t c_elements)
      : m_(m), a_((m.trans_a ? m.K : m.M) * m.lda), b_((m.trans_b ? m.N : m.K) * m.ldb), c_(c_elements) {
    m.a = a_.data(), m.b = b_.data(), m.c = c_.data();
    const auto ends = [](int64_t n, const auto& put) {
      for (int64_t i = 0; i < n; ++i)
        if (i < edge || i >= n - edge) put(i);
    };
    ends(m.M, [&](int64_t i) {
      for (int64_t k = 0; k < m.K; ++k) put(a_[m.trans_a ? k * m.lda + i : i * m.lda + k], number_of(i, k));
    });
    ends(m.N, [&](int64_t j) {
      for (int64_t k = 0; k < m.K; ++k) put(b_[m.trans_b ? j * m.ldb + k : k * m.ldb + j], number_of(~j, k));
    });
  }

  /// The exact sum of terms k0 to k1 - 1.
  double sum(int64_t i, int64_t j, int64_t k0, int64_t k1) const {
    double all = 0;
    for (int64_t k = k0; k < k1; ++k)
      all += static_cast<double>(number_of(i, k)) * static_cast<double>(number_of(~j, k));
    return all;
  }
  float& c(int64_t i, int64_t j) const { return c_[i * m_.ldc + j]; }

 private:
  static constexpr int64_t edge = 128;
  static void put(float& to, float x) { to = x; }
  static void put(bf16& to, float x) { to = to_bf16(x); }
  Matmul m_;
  Sparse<T> a_, b_;
  Sparse<float> c_;
};

/// Runs the rungs that do not split K on the first and last block, checks elements at both ends of C, and
/// returns the number of rungs.
template <class T>
int check_ends(Matmul m) {
  INFO(m.M << " x " << m.N << " x " << m.K << (m.trans_a ? " T" : " N") << (m.trans_b ? "T" : "N"));
  const Operands<T> operands(m, m.M * m.ldc);
  const std::pair<int64_t, int64_t> places[] = {{0, 0}, {1, 7}, {m.M - 1, m.N - 1}, {m.M - 2, m.N - 3}};
  int checked = 0;
  test::for_gpu_rungs(m, [&](const Rung<Matmul>& rung) {
    if (rung.scratch_bytes && rung.scratch_bytes(m, 1) > 0) return;
    test::run_blocks(rung, m, test::both_ends);
    for (const auto& [i, j] : places) {
      INFO("row " << i << ", column " << j);
      CHECK(static_cast<double>(operands.c(i, j)) == operands.sum(i, j, 0, m.K));
      operands.c(i, j) = NAN;
    }
    ++checked;
  });
  return checked;
}

/// The tiles of the rungs that split K where the tiles of C are few.
TileSize tile_of(std::string_view rung) {
  return rung == "cuda.hopper" ? hopper_bf16 : rung == "cuda.tensor" ? large_bf16 : large_floats;
}

/// Runs the last block of the rungs that split K and checks the last element of C, the sum of the last piece.
template <class T>
int check_last_piece(Matmul m) {
  const Operands<T> operands(m, m.M * m.ldc);
  int checked = 0;
  test::for_gpu_rungs(m, [&](const Rung<Matmul>& rung) {
    if (!rung.scratch_bytes || rung.scratch_bytes(m, 1) == 0) return;
    test::run_blocks(rung, m,
                     [](std::string_view, size_t blocks) { return std::vector<size_t>{blocks - 1}; });
    const TileGrid grid = tile_grid(m, tile_of(rung.name));
    const int64_t first = (grid.splits - 1) * grid.split_depth;
    CHECK(static_cast<double>(operands.c(m.M - 1, m.N - 1)) == operands.sum(m.M - 1, m.N - 1, first, m.K));
    operands.c(m.M - 1, m.N - 1) = NAN;
    ++checked;
  });
  return checked;
}

}  // namespace

TEST_CASE("full size: blocks cover the products of GPT-2 at 64 x 1024 tokens exactly once") {
  for (const TileSize& size : {large_floats, small_floats, large_bf16, small_bf16, hopper_bf16})
    for (const int64_t V : {50304, 50257}) {
      INFO(size.rows << " x " << size.cols << " x " << size.depth << ", vocabulary " << V);
      CHECK(covers(product(DType::bf16, 65536, V, 768, false, true), size));   // logits
      CHECK(covers(product(DType::bf16, 65536, 768, V, false, false), size));  // the gradient of their input
      CHECK(covers(product(DType::bf16, V, 768, 65536, true, false), size));   // and of the embedding
      CHECK(covers(product(DType::bf16, 768, 768, 65536, true, false), size));
      Matmul scores = product(DType::bf16, 1024, 1024, 64, false, true);
      scores.outer = 64, scores.inner = 12;
      CHECK(covers(scores, size));
    }
}

TEST_CASE("full size: a product with more than 2^31 results") {
  if (test::left_out()) return;
  CHECK(check_ends<float>(product(DType::f32, 65536, 50304, 768, false, false)) >= 5);
  CHECK(check_ends<float>(product(DType::f32, 65536, 50257, 768, false, true)) >= 2);
  CHECK(check_ends<bf16>(product(DType::bf16, 65536, 50304, 768, false, true)) >= 3);
  CHECK(check_ends<bf16>(product(DType::bf16, 65536, 50257, 768, true, false)) >= 2);
}

TEST_CASE("full size: a product with more than 2^31 elements of an operand") {
  if (test::left_out()) return;
  constexpr int64_t many = 1 << 22;
  CHECK(check_ends<float>(product(DType::f32, 64, many, 768, false, true)) >= 2);
  CHECK(check_ends<float>(product(DType::f32, 3, many, 768, false, false)) >= 3);
  CHECK(check_ends<bf16>(product(DType::bf16, 64, many, 768, false, true)) >= 3);
  CHECK(check_ends<bf16>(product(DType::bf16, 3, many, 768, false, false)) >= 4);
  CHECK(check_ends<float>(product(DType::f32, many, 64, 768, true, false)) >= 2);
  CHECK(check_ends<bf16>(product(DType::bf16, many, 64, 768, false, true)) >= 3);
  CHECK(check_ends<bf16>(product(DType::bf16, many, 64, 768, true, false)) >= 3);
}

TEST_CASE("full size: the scores of attention composed of products, 64 x 12 heads of 1024 tokens") {
  if (test::left_out()) return;
  constexpr int64_t heads = 64 * 12, T = 1024, D = 64;
  const Sparse<float> q(heads * T * D), k(heads * T * D), scores(heads * T * T);
  for (const int64_t head : {int64_t{0}, heads - 1})
    for (int64_t e = head * T * D; e < (head + 1) * T * D; ++e)
      q[e] = number_of(0, e), k[e] = number_of(1, e);
  Matmul m = product(DType::f32, T, T, D, false, true);
  m.outer = 64, m.inner = 12;
  m.a = q.data(), m.b = k.data(), m.c = scores.data();
  m.a_step = m.b_step = {12 * T * D, T * D};
  m.c_step = {12 * T * T, T * T};
  const int rungs = test::for_gpu_rungs(m, [&](const Rung<Matmul>& rung) {
    test::run_blocks(rung, m, test::both_ends);
    for (const auto& [head, i] : {std::pair{int64_t{0}, int64_t{1}}, {heads - 1, T - 1}}) {
      double sum = 0;
      for (int64_t t = (head * T + i) * D; t < (head * T + i + 1) * D; ++t)
        sum += static_cast<double>(q[t]) * static_cast<double>(k[t]);
      float& score = scores[(head * T + i) * T + i];
      CHECK(static_cast<double>(score) == sum);
      score = NAN;
    }
  });
  CHECK(rungs >= 2);
}

TEST_CASE("full size: the last piece of a split K") {
  if (test::left_out()) return;
  CHECK(check_last_piece<float>(product(DType::f32, 768, 768, 65536, true, false)) == 1);
  CHECK(check_last_piece<bf16>(product(DType::bf16, 768, 768, 65536, true, false)) == 2);
}

}  // namespace hewn
