// Kernels over elements and rows at more than 2^31 elements: the addresses that blocks at both ends use.

#include <cmath>
#include <vector>

#include "kernels/activation/abi.h"
#include "kernels/contract/random_words.h"
#include "kernels/copy/abi.h"
#include "kernels/dropout/abi.h"
#include "kernels/elementwise/abi.h"
#include "kernels/embedding/abi.h"
#include "kernels/global_norm/abi.h"
#include "kernels/gpu/simt/simt.h"
#include "kernels/norm/abi.h"
#include "kernels/optimizer/abi.h"
#include "kernels/reduce/abi.h"
#include "kernels/rotary/abi.h"
#include "kernels/softmax/abi.h"
#include "tests/kernels/gpu/full_size.h"
#include "tests/support/catch.h"

namespace hewn {
namespace {

using test::check_both;
using test::run_ends;
using test::Sparse;

constexpr int64_t many = (int64_t{1} << 31) + 5;  // elements
/// A matrix with as many. Kernels whose blocks loop over the rows have 512 blocks of four rows, so that the last block
/// has the last row.
constexpr int64_t cols = 768, rows = int64_t{1366} * 2048;
static_assert(rows * cols > many);

/// The values of both ends.
constexpr float first = 0.75f, last = -0.5f;
void put_ends(const Sparse<float>& x, int64_t n) { x[0] = first, x[n - 1] = last; }

/// A matrix whose first and last row are 1, 2, 3, ... and whose other rows are zero.
void put_rows(const Sparse<float>& x, int64_t n_rows, int64_t n_cols) {
  for (int64_t c = 0; c < n_cols; ++c) x[c] = x[(n_rows - 1) * n_cols + c] = static_cast<float>(c % 100) / 50;
}

double slope_of_square_root(double y) { return 0.5 / y; }

}  // namespace

TEST_CASE("full size: elementwise kernels reach more than 2^31 elements") {
  const Sparse<float> x(many), y(many), z(many);
  put_ends(x, many);
  run_ends(UnaryForward{UnaryOp::scale, DType::f32, many, 3, x.data(), y.data(), Write::set},
           [&] { check_both(y, many, 2.25, -1.5); });
  z[0] = 4, z[many - 1] = 2;
  run_ends(UnaryBackward{UnaryOp::sqrt, DType::f32, many, z.data(), x.data(), y.data(), Write::set},
           [&] { check_both(y, many, first * slope_of_square_root(4), last * slope_of_square_root(2)); });
  run_ends(ActivationForward{Activation::relu, DType::f32, many, x.data(), y.data()},
           [&] { check_both(y, many, first, 0); });
  run_ends(ActivationBackward{Activation::relu, DType::f32, many, x.data(), z.data(), y.data(), Write::set},
           [&] { check_both(y, many, 4, 0); });
  Binary same{BinaryOp::add, DType::f32, DType::f32, 1,        {many},    {1},
              {1},           x.data(),   z.data(),   y.data(), Write::set};
  run_ends(same, [&] { check_both(y, many, 4.75, 1.5); });
  Binary with_number = same;
  with_number.b_stride[0] = 0;
  run_ends(with_number, [&] { check_both(y, many, 4.75, 3.5); });
}

TEST_CASE("full size: stretched and converted elements reach more than 2^31 elements") {
  const Sparse<float> x(rows * cols), y(rows * cols);
  const std::vector<float> row(cols, 10.0f);
  put_ends(x, rows * cols);
  Binary stretched{BinaryOp::add, DType::f32, DType::f32, 2,        {rows, cols}, {cols, 1},
                   {0, 1},        x.data(),   row.data(), y.data(), Write::set};
  run_ends(stretched, [&] { check_both(y, rows * cols, 10.75, 9.5); });
  const Sparse<uint16_t> rounded(rows * cols);
  Copy cast{DType::f32, DType::bf16,    2,         {rows, cols}, {cols, 1}, {cols, 1},
            x.data(),   rounded.data(), Write::set};
  run_ends(cast, [&] {
    CHECK((rounded[0] == BFloat16(first).bits && rounded[rows * cols - 1] == BFloat16(last).bits));
    rounded[0] = rounded[rows * cols - 1] = 0;
  });
  Copy transposed{DType::f32, DType::f32, 2,        {cols, rows}, {1, cols},
                  {rows, 1},  x.data(),   y.data(), Write::set};
  run_ends(transposed, [&] { check_both(y, rows * cols, first, last); });
}

TEST_CASE("full size: dropout and the optimizer reach more than 2^31 elements") {
  const Sparse<float> x(many), y(many), w(many), m(many), v(many);
  const StepState state{.seed = 9, .step = 4, .learning_rate = 0.1};
  for (int64_t i = 0; i < 256; ++i) x[i] = x[many - 1 - i] = 1;
  run_ends(Dropout{DType::f32, many, 0.5, 7, &state, x.data(), y.data(), Write::set}, [&] {
    int kept = 0;
    const auto check_at = [&](int64_t i) {
      const bool keep = random_word(i, 4, 0, 7, 9) >= 0x80000000u;
      CHECK(y[i] == (keep ? 2.0f : 0.0f));
      kept += keep;
    };
    for (int64_t i = 0; i < 100; ++i) check_at(i);
    for (int64_t i = many - 5; i < many; ++i) check_at(i);  // the last block has no more
    CHECK((kept > 20 && kept < 80));
  });
  const Sparse<uint16_t> rounded(many);
  ParameterUpdate update{};
  update.rule = UpdateRule::sgd, update.dtype = DType::f32, update.n = update.n_decayed = many;
  update.w = w.data(), update.g = x.data(), update.m = m.data(), update.v = nullptr;
  update.state = &state, update.w_bf16 = rounded.data();
  run_ends(update, [&] {
    CHECK((rounded[0] == BFloat16(-0.1f).bits && rounded[many - 1] == BFloat16(-0.1f).bits));
    check_both(w, many, -0.1, -0.1);
  });
  for (int64_t i = 0; i < 64; ++i) w[i] = w[many - 1 - i] = 1.5f;
  run_ends(StochasticRounding{many, w.data(), rounded.data(), &state, 1}, [&] {
    CHECK((rounded[0] == BFloat16(1.5f).bits && rounded[many - 1] == BFloat16(1.5f).bits));
    rounded[0] = rounded[many - 1] = 0;
  });
}

TEST_CASE("full size: rows of SwiGLU and rotated heads reach more than 2^31 elements") {
  // As many rows as the grid has in y, so that the last block has the last row.
  constexpr int64_t n_rows = 65535, width = 32772, n = n_rows * width;
  static_assert(n > int64_t{1} << 31);
  const Sparse<float> pairs(2 * n), y(n);  // gate and up side by side
  const auto silu = [](double x) { return x / (1 + std::exp(-x)); };
  pairs[0] = 2, pairs[width] = 3;
  pairs[2 * n - width - 1] = -1, pairs[2 * n - 1] = 5;
  run_ends(SwigluForward{DType::f32, n_rows, width, 2 * width, pairs.data(), pairs.data() + width, y.data()},
           [&] { check_both(y, n, 3 * silu(2), 5 * silu(-1)); });
  const Sparse<float> gradients(2 * n);
  y[0] = y[n - 1] = 0.5f;
  run_ends(SwigluBackward{DType::f32, n_rows, width, 2 * width, pairs.data(), pairs.data() + width, y.data(),
                          nullptr, Write::set, gradients.data() + width, Write::set},
           [&] {
             CHECK(test::is_near(gradients[width], 0.5 * silu(2)));
             CHECK(test::is_near(gradients[2 * n - 1], 0.5 * silu(-1)));
             gradients[width] = gradients[2 * n - 1] = NAN;
           });

  constexpr int64_t B = 64, T = 16384, H = 36, D = 64, all = B * T * H * D;
  static_assert(all > int64_t{1} << 31);
  const Sparse<float> x(all), rotated(all);
  x[0] = first, x[D / 2] = last, x[all - 1 - D / 2] = first, x[all - 1] = last;
  Rotary rotary{};
  rotary.pairs = RotaryPairs::half, rotary.dtype = DType::f32;
  rotary.B = B, rotary.T = T, rotary.H = rotary.rotated = H, rotary.D = D;
  rotary.base = 10000, rotary.direction = 1;
  rotary.x = {x.data(), T * H * D, D, H * D}, rotary.y = {rotated.data(), T * H * D, D, H * D};
  const double angle = static_cast<double>(T - 1) * std::pow(10000.0, -62.0 / 64);
  run_ends(rotary, [&] {
    check_both(rotated, all, first,  // position 0 is not rotated
               double{last} * std::cos(angle) + double{first} * std::sin(angle));
  });
}

TEST_CASE("full size: the norm of more than 2^31 gradients") {
  const Sparse<float> gradients(many);
  gradients[0] = 3, gradients[many - 1] = -4;
  std::vector<double> sums(static_cast<size_t>(blocks_of_norm(many)));
  run_ends(BlockSquares{DType::f32, many, gradients.data(), sums.data()}, [&] {
    CHECK(sums.front() == 9);
    CHECK(sums.back() == 16);
    sums.front() = sums.back() = 0;
  });
}

TEST_CASE("full size: softmax and norms reach more than 2^31 elements") {
  const int64_t n = rows * cols;
  const Sparse<float> x(n), y(n), dx(n);
  put_rows(x, rows, cols);
  double sum = 0, squares = 0, exps = 0;
  for (int64_t c = 0; c < cols; ++c) {
    const auto e = static_cast<double>(x[c]);
    sum += e, squares += e * e, exps += std::exp(e);
  }
  const double mean = sum / cols, deviation = std::sqrt(squares / cols - mean * mean + 1e-5);
  const auto at_end = static_cast<double>(x[cols - 1]);
  run_ends(SoftmaxForward{DType::f32, rows, cols, x.data(), y.data()},
           [&] { check_both(y, n, 1 / exps, std::exp(at_end) / exps); });
  const std::vector<float> weight(cols, 2.0f), bias(cols, 1.0f);
  const Sparse<double> stats(2 * rows);
  run_ends(LayernormForward{DType::f32, DType::f32, rows, cols, 1e-5, x.data(), weight.data(), bias.data(),
                            y.data(), stats.data()},
           [&] {
             check_both(y, n, 1 - 2 * mean / deviation, 1 + 2 * (at_end - mean) / deviation);
             CHECK(std::abs(stats[2 * rows - 2] - mean) < 1e-6);
             stats[2 * rows - 2] = 0;
           });
  const double scale = 1 / std::sqrt(squares / cols + 1e-5);
  run_ends(RmsnormForward{DType::f32, DType::f32, rows, cols, 1e-5, x.data(), weight.data(), nullptr,
                          y.data(), stats.data()},
           [&] {
             check_both(y, n, 0, 2 * at_end * scale);
             CHECK(std::abs(stats[rows - 1] - scale) < 1e-6);
             stats[rows - 1] = 0;
           });
  // Gradients for y = softmax(x) with y and dy given: y dy - y sum(y dy).
  for (int64_t c = 0; c < cols; ++c) y[c] = y[n - cols + c] = 1.0f / 1024;
  run_ends(SoftmaxBackward{DType::f32, rows, cols, y.data(), x.data(), dx.data(), Write::set},
           [&] { check_both(dx, n, -sum / 1024 / 1024, (at_end - sum / 1024) / 1024); });
}

TEST_CASE("full size: gradients of norms reach more than 2^31 elements") {
  const int64_t n = rows * cols;
  const Sparse<float> x(n), dy(n), dx(n);
  const Sparse<double> stats(2 * rows);
  const std::vector<float> weight(cols, 1.0f);
  put_rows(x, rows, cols);
  // Mean 0 and rstd 1 are what the kernels are told: dx = g - mean(g) - x mean(g x) with g = dy.
  for (int64_t r : {int64_t{0}, rows - 1}) stats[2 * r + 1] = 1;
  for (int64_t c = 0; c < cols; ++c) dy[c] = dy[n - cols + c] = c % 2 == 0 ? 1.0f : 0.5f;
  double mean = 0, mean_x = 0;
  for (int64_t c = 0; c < cols; ++c) {
    mean += static_cast<double>(dy[c]) / cols;
    mean_x += static_cast<double>(dy[c] * x[c]) / cols;
  }
  const auto at_end = static_cast<double>(x[cols - 1]);
  LayernormBackward norm{DType::f32, DType::f32,    rows,         cols,
                         x.data(),   weight.data(), stats.data(), dy.data()};
  norm.dx = dx.data();
  run_ends(norm, [&] { check_both(dx, n, 1 - mean, 0.5 - mean - at_end * mean_x); });
  for (int64_t r : {int64_t{0}, rows - 1}) stats[r] = 1;
  RmsnormBackward rms{DType::f32, DType::f32, rows, cols, x.data(), weight.data(), stats.data(), dy.data()};
  rms.dx = dx.data();
  run_ends(rms, [&] { check_both(dx, n, 1, 0.5 - at_end * mean_x); });
}

TEST_CASE("full size: embeddings and reductions reach more than 2^31 elements") {
  const int64_t n = rows * cols;
  const Sparse<float> x(n), y(n), sums(rows);
  const Sparse<int32_t> ids(rows);
  put_rows(x, rows, cols);
  ids[0] = static_cast<int32_t>(rows - 1),
  ids[rows - 1] = 0;  // a table with as many rows as there are tokens
  x[0] = 2, x[n - 1] = 5;
  run_ends(EmbeddingForward{DType::f32, DType::f32, DType::i32, rows, 1, rows, cols, ids.data(), x.data(),
                            nullptr, y.data()},
           [&] { check_both(y, n, static_cast<double>(x[n - cols]), static_cast<double>(x[cols - 1])); });
  double head = 0, tail = 0;
  for (int64_t c = 0; c < cols; ++c)
    head += static_cast<double>(x[c]), tail += static_cast<double>(x[n - cols + c]);
  run_ends(Reduce{ReduceOp::sum, DType::f32, rows, cols, 1, 1, x.data(), sums.data(), Write::set},
           [&] { check_both(sums, rows, head, tail); });
  run_ends(Reduce{ReduceOp::sum, DType::f32, 1, rows, cols, 1, x.data(), sums.data(), Write::set},
           [&] { check_both(sums, cols, 2, 5); });  // of one row each, since only the blocks at both ends run
  put_ends(sums, rows);
  run_ends(Expand{DType::f32, rows, cols, 1, 2, sums.data(), y.data(), Write::set},
           [&] { check_both(y, n, 1.5, -1); });
}

}  // namespace hewn
