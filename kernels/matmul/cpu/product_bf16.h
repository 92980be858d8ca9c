#pragma once
// One product of a batch of bf16 products, and its division among threads. Compiled per instruction set;
// included only by simd*.cpp.

#include "kernels/contract/parallel.h"
#include "kernels/matmul/abi.h"
#include "kernels/matmul/cpu/blocks.h"
#include "kernels/matmul/cpu/epilogue.h"

namespace hewn {
namespace {

struct Product {
  const Matmul& m;
  const BFloat16 *a, *b;
  int64_t c;  ///< elements from the start of C and of the epilogue's operands
  Finish<float> finish;

  Product(const Matmul& all, int64_t index) : m(all) {
    const int64_t o = index / m.inner, i = index % m.inner;
    const auto offset = [&](MatmulStep step) { return o * step.outer + i * step.inner; };
    const Epilogue& e = m.epilogue;
    a = static_cast<const BFloat16*>(m.a) + offset(m.a_step);
    b = static_cast<const BFloat16*>(m.b) + offset(m.b_step);
    c = offset(m.c_step);
    finish = {static_cast<const float*>(e.bias), e.pre ? static_cast<float*>(e.pre) + c : nullptr,
              e.activation, e.residual ? static_cast<const float*>(e.residual) + c : nullptr};
  }
};

/// Calls work(product, rows, columns, worker) for rectangles of whole tiles that cover all products.
template <class Work>
HEWN_INLINE void for_rectangles(const Launch& launch, const Matmul& m, int64_t tile_m, int64_t tile_n,
                                const Work& work) {
  const int64_t products = m.outer * m.inner;
  const int64_t row_tiles = blocks_of(m.M, tile_m), col_tiles = blocks_of(m.N, tile_n);
  const Split split = split_for(products, row_tiles, tile_m, col_tiles, tile_n, launch.threads);
  const int64_t parts = split.rows * split.cols;
  parallel_for(launch, products * parts, [&](int64_t begin, int64_t end, int worker) {
    for (int64_t item = begin; item < end; ++item) {
      const int64_t r = item % parts / split.cols, c = item % parts % split.cols;
      const auto range = [](int64_t tiles, int64_t tile, int64_t n, int64_t part, int64_t of) {
        const int64_t from = tiles * part / of * tile, to = tiles * (part + 1) / of * tile;
        return Range{from, to < n ? to : n};
      };
      const Range rows = range(row_tiles, tile_m, m.M, r, split.rows);
      const Range cols = range(col_tiles, tile_n, m.N, c, split.cols);
      if (rows.size() > 0 && cols.size() > 0) work(Product(m, item / parts), rows, cols, worker);
    }
  });
}

}  // namespace
}  // namespace hewn
