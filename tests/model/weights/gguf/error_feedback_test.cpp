#include "model/weights/gguf/error_feedback.h"

#include <numeric>

#include "kernels/devices/devices.h"
#include "kernels/qmatmul/abi.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

/// W [rows, cols] and H, the mean of x^T x over inputs whose columns go together.
struct Problem {
  int64_t rows = 9, cols;
  std::vector<float> w, h;

  explicit Problem(int64_t cols, double together = 1) : cols(cols) {
    test::Random random("feedback");
    for (int64_t i = 0; i < rows * cols; ++i) w.push_back(static_cast<float>(0.02 * random.normal()));
    const int64_t n = 3 * cols;
    std::vector<double> x;
    for (int64_t r = 0; r < n; ++r) {
      double common = 0;
      for (int64_t c = 0; c < cols; ++c) {
        common = 0.9 * common + random.normal();
        x.push_back((1 + static_cast<double>(c % 7)) * (together * common + random.normal()));
      }
    }
    h.resize(static_cast<size_t>(cols * cols));
    for (int64_t r = 0; r < n; ++r)
      for (int64_t i = 0; i < cols; ++i)
        for (int64_t j = 0; j < cols; ++j)
          h[static_cast<size_t>(i * cols + j)] +=
              static_cast<float>(x[static_cast<size_t>(r * cols + i)] * x[static_cast<size_t>(r * cols + j)] /
                                 static_cast<double>(n));
  }

  /// With the hundredth of the mean that is added to the diagonal.
  std::vector<double> damped() const {
    std::vector<double> d(h.begin(), h.end());
    double sum = 0;
    for (int64_t i = 0; i < cols; ++i) sum += d[static_cast<size_t>(i * cols + i)];
    for (int64_t i = 0; i < cols; ++i)
      d[static_cast<size_t>(i * cols + i)] += sum / static_cast<double>(cols) / 100;
    return d;
  }
};

std::vector<float> widened(BlockType format, int64_t rows, int64_t cols, const std::vector<uint8_t>& blocks) {
  std::vector<int32_t> ids(static_cast<size_t>(rows));
  std::iota(ids.begin(), ids.end(), 0);
  std::vector<float> values(static_cast<size_t>(rows * cols));
  run(*make_cpu(1), WidenRows{format, rows, cols, ids.data(), blocks.data(), values.data()});
  return values;
}

/// (w - v) H (w - v)^T of a row.
double error_of(const Problem& p, const std::vector<double>& h, int64_t row, const std::vector<float>& v) {
  double sum = 0;
  const auto e = [&](int64_t i) {
    const auto at = static_cast<size_t>(row * p.cols + i);
    return static_cast<double>(p.w[at]) - static_cast<double>(v[at]);
  };
  for (int64_t i = 0; i < p.cols; ++i)
    for (int64_t j = 0; j < p.cols; ++j) sum += e(i) * h[static_cast<size_t>(i * p.cols + j)] * e(j);
  return sum;
}

double error_of(const Problem& p, const std::vector<float>& v) {
  double sum = 0;
  for (int64_t r = 0; r < p.rows; ++r) sum += error_of(p, p.damped(), r, v);
  return sum;
}

std::vector<float> without_feedback(const Problem& p, BlockType format) {
  std::vector<float> importance;
  for (int64_t i = 0; i < p.cols; ++i)
    importance.push_back(static_cast<float>(p.damped()[static_cast<size_t>(i * p.cols + i)]));
  const BlockFormat& f = format_of(format);
  std::vector<uint8_t> blocks(static_cast<size_t>(p.rows * p.cols / f.elements * f.bytes));
  run(*make_cpu(1), EncodeBlocks{format, p.rows, p.cols, p.w.data(), importance.data(), blocks.data()});
  return widened(format, p.rows, p.cols, blocks);
}

std::vector<float> with_feedback(const Problem& p, BlockType format) {
  const auto device = make_cpu(1);
  return widened(format, p.rows, p.cols, ErrorFeedback(*device, p.h).encode(*device, format, p.w));
}

constexpr BlockType formats[] = {BlockType::q8_0, BlockType::q4_0, BlockType::q5_0,
                                 BlockType::q4_k, BlockType::q5_k, BlockType::q6_k};

}  // namespace

TEST_CASE("error feedback changes results of products less than rounding each weight alone") {
  if (test::left_out()) return;
  for (const BlockType format : formats) {
    INFO(format_of(format).name);
    const Problem p(format_of(format).elements == 256 ? 512 : 160);
    CHECK(error_of(p, with_feedback(p, format)) < 0.8 * error_of(p, without_feedback(p, format)));
  }
}

TEST_CASE("error feedback changes nothing where columns do not go together") {
  for (const BlockType format : formats) {
    INFO(format_of(format).name);
    Problem p(format_of(format).elements == 256 ? 256 : 96);
    for (int64_t i = 0; i < p.cols; ++i)
      for (int64_t j = 0; j < p.cols; ++j)
        if (i != j) p.h[static_cast<size_t>(i * p.cols + j)] = 0;
    CHECK(error_of(p, with_feedback(p, format)) ==
          Approx(error_of(p, without_feedback(p, format))).epsilon(1e-5));
  }
}

// What comes before it being given, the last column's value is the best of all: this needs the right U and D.
TEST_CASE("error feedback gives the last column the value that errs least") {
  const Problem p(96);
  const std::vector<float> v = with_feedback(p, BlockType::q4_0);
  const auto device = make_cpu(1);
  const std::vector<uint8_t> blocks = ErrorFeedback(*device, p.h).encode(*device, BlockType::q4_0, p.w);
  const BlockFormat& f = format_of(BlockType::q4_0);
  for (int64_t r = 0; r < p.rows; ++r) {
    OpenBlock open;
    f.open(blocks.data() + ((r + 1) * p.cols / f.elements - 1) * f.bytes, open);
    const double least = error_of(p, p.damped(), r, v);
    for (const int other : {-8, -4, -1, 1, 2, 7}) {
      std::vector<float> changed = v;
      changed[static_cast<size_t>((r + 1) * p.cols - 1)] = open.scale[0] * static_cast<float>(other);
      CHECK(error_of(p, p.damped(), r, changed) >= least * (1 - 1e-6));
    }
  }
}

TEST_CASE("error feedback gives the same bytes on any number of threads") {
  const Problem p(512);
  std::vector<uint8_t> once;
  for (const int threads : {1, 2, 5}) {
    const auto device = make_cpu(threads);
    const auto bytes = ErrorFeedback(*device, p.h).encode(*device, BlockType::q4_k, p.w);
    if (once.empty()) once = bytes;
    CHECK((bytes == once));
  }
}

TEST_CASE("error feedback takes columns that were never read for columns that all count alike") {
  Problem unread(64), alike(64);
  for (size_t i = 0; i < unread.h.size(); ++i) {
    unread.h[i] = 0;
    alike.h[i] = i % 65 == 0 ? 1 : 0;
  }
  CHECK((with_feedback(unread, BlockType::q8_0) == without_feedback(alike, BlockType::q8_0)));
}

TEST_CASE("error feedback refuses products and blocks that do not fit") {
  const auto device = make_cpu(1);
  const Problem p(64);
  CHECK(
      test::fails(ErrorCode::usage, {"7 products"}, [&] { ErrorFeedback(*device, std::vector<float>(7)); }));
  CHECK(test::fails(ErrorCode::usage, {"rows of 64", "blocks of 256"},
                    [&] { ErrorFeedback(*device, p.h).encode(*device, BlockType::q4_k, p.w); }));
}

}  // namespace hewn
