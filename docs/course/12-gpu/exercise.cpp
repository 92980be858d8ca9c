// Chapter 12: a matrix product with tiles in shared memory, on the emulated GPU.

#include "apps/learn/chapters.h"
#include "kernels/matmul/op.h"

namespace hewn::cli::learn {
namespace gpu {

constexpr int tile = 32;

int tiles(int n) { return (n + tile - 1) / tile; }
unsigned blocks(int n) { return static_cast<unsigned>(tiles(n)); }

/// One thread for each element of C, which is [rows of A, columns of B].
Grid grid(const std::vector<Value>& values) {
  return {{blocks(values[1].matrix.cols), blocks(values[0].matrix.rows)}, {tile, tile}};
}

/// Every block reads, for each step along K, a tile of A and one of B; at the edges, as many elements at most.
int64_t tiled_loads(const std::vector<Value>& values) {
  const Matrix &a = values[0].matrix, &b = values[1].matrix;
  return int64_t{2} * tile * tile * tiles(a.rows) * tiles(b.cols) * tiles(a.cols);
}

/// Every thread reads a row of A and a column of B.
int64_t plain_loads(const std::vector<Value>& values) {
  const Matrix &a = values[0].matrix, &b = values[1].matrix;
  return int64_t{2} * a.rows * b.cols * a.cols;
}

/// Small multiples of 1/4, whose products and sums are exact in float32.
Matrix quarters(Rng& rng, int rows, int cols) {
  Matrix m(rows, cols);
  for (double& v : m.values) v = 0.25 * (static_cast<double>(rng.below(17)) - 8);
  return m;
}

LessonCase case_of(std::string name, Rng& rng, int M, int K, int N) {
  const Matrix a = quarters(rng, M, K), b = quarters(rng, K, N);
  const Matrix c = matrix_of(matmul(constant(a), constant(b)));
  return {std::move(name), {a, b, c, Matrix(tile, tile), Matrix(tile, tile)}};
}

std::vector<LessonCase> cases() {
  Rng rng(12);
  return {
      case_of("32 x 32 times 32 x 32: one block, one tile", rng, 32, 32, 32),
      case_of("32 x 64 times 64 x 32: two tiles, one after the other", rng, 32, 64, 32),
      case_of("64 x 32 times 32 x 96: six blocks", rng, 64, 32, 96),
      case_of("33 x 35 times 35 x 34: one beyond the tiles", rng, 33, 35, 34),
      case_of("20 x 50 times 50 x 40: tiles that are partly outside", rng, 20, 50, 40),
      case_of("1 x 1 times 1 x 1", rng, 1, 1, 1),
      case_of("1 x 70 times 70 x 33: one row", rng, 1, 70, 33),
      case_of("40 x 31 times 31 x 1: one column", rng, 40, 31, 1),
      case_of("5 x 1 times 1 x 6: one product each", rng, 5, 1, 6),
      case_of("3 x 0 times 0 x 4: nothing to add up", rng, 3, 0, 4),
      case_of("0 x 8 times 8 x 4: no row", rng, 0, 8, 4),
      case_of("100 x 90 times 90 x 70", rng, 100, 90, 70),
  };
}

}  // namespace gpu

const Exercise& matmul_shared_exercise() {
  using enum Role;
  static const KernelRules rules{
      .grid = gpu::grid, .most_loads = gpu::tiled_loads, .plain_loads = gpu::plain_loads};
  static const Exercise exercise{
      .lesson = "matmul_shared",
      .parameters = {{"a", global}, {"b", global}, {"c", sets}, {"ta", shared}, {"tb", shared}},
      .cases = gpu::cases,
      .when_endless = "the number of tiles ends the loop over them: let `k` grow by 32, to `a.cols`",
      .kernel = &rules};
  return exercise;
}

}  // namespace hewn::cli::learn
