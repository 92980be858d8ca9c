#include "model/weights/gguf/error_feedback.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "kernels/contract/parallel.h"
#include "kernels/matmul/abi.h"
#include "kernels/qmatmul/abi.h"

namespace hewn {
namespace {

/// H = (I + U) D (I + U)^T, from the last column to the first.
class Factorisation {
 public:
  explicit Factorisation(const std::vector<float>& products)
      : h_(products.begin(), products.end()),
        n_(static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(products.size()))))) {
    require(n_ * n_ == std::ssize(products), "error feedback: ", products.size(),
            " products; expected a square matrix");
    double sum = 0;
    for (int64_t i = 0; i < n_; ++i) sum += at(i, i);
    const double mean = sum / static_cast<double>(n_);
    for (int64_t i = 0; i < n_; ++i) at(i, i) += mean > 0 ? mean / 100 : 1;
  }

  /// Columns are taken out of H in panels, as most of the work then is products of matrices.
  void run(Executor& device) {
    constexpr int64_t panel = 64;
    for (int64_t end = n_; end > 0;) {
      const int64_t begin = std::max<int64_t>(0, end - panel);
      for (int64_t j = end; j-- > begin;) take_column(j, begin);
      take_panel(device, begin, end);
      end = begin;
    }
  }

  /// After `run`, element i of column j: above the diagonal U_ij, on it D_jj.
  double& at(int64_t i, int64_t j) { return h_[static_cast<size_t>(i * n_ + j)]; }
  int64_t cols() const { return n_; }

 private:
  /// Divides what is above H_jj by it, and takes U_j D_jj U_j^T out of the panel's columns before it.
  void take_column(int64_t j, int64_t begin) {
    const double d = at(j, j);
    std::vector<double> u(static_cast<size_t>(j - begin));
    for (int64_t k = begin; k < j; ++k) u[static_cast<size_t>(k - begin)] = at(k, j) / d;
    for (int64_t i = 0; i < j; ++i) {
      const double ud = at(i, j);
      for (int64_t k = begin; k < j; ++k) at(i, k) -= ud * u[static_cast<size_t>(k - begin)];
      at(i, j) = ud / d;
    }
  }

  /// Takes U D U^T of a panel's columns out of all columns before the panel.
  void take_panel(Executor& device, int64_t begin, int64_t end) {
    if (begin == 0) return;
    const int64_t width = end - begin;
    std::vector<double> ud(static_cast<size_t>(begin * width));
    for (int64_t i = 0; i < begin; ++i)
      for (int64_t j = begin; j < end; ++j)
        ud[static_cast<size_t>(i * width + j - begin)] = at(i, j) * at(j, j);
    hewn::run(device, Matmul{.dtype = DType::f64,
                             .M = begin,
                             .N = begin,
                             .K = width,
                             .trans_a = false,
                             .trans_b = true,
                             .a = ud.data(),
                             .lda = width,
                             .b = &at(0, begin),
                             .ldb = n_,
                             .c = h_.data(),
                             .ldc = n_,
                             .to_c = Write::add,
                             .alpha = -1});
  }

  std::vector<double> h_;
  int64_t n_;
};

/// Columns of a matrix while they become blocks.
struct Columns {
  const BlockFormat& format;
  const float *w, *u;  ///< the block's first element of the row, and of U
  int64_t cols;        ///< of U
  float* wanted;       ///< [elements], w and what makes up for errors before the block
  float* error;        ///< the block's first element of the row, w - v
};

/// Rounds a row's block to the scales it has, element after element.
void round_block(const Columns& at, uint8_t* block) {
  const NumberRange range = numbers_in(at.format.type);
  const auto least = static_cast<float>(range.least), most = static_cast<float>(range.most);
  OpenBlock open;
  at.format.open(block, open);
  for (int i = 0; i < at.format.elements; ++i) {
    const int group = i / at.format.group;
    const float scale = open.scale[group], offset = at.format.offsets ? open.offset[group] : 0;
    const float q = scale == 0 ? 0 : std::clamp(std::nearbyint((at.wanted[i] - offset) / scale), least, most);
    open.q[i] = static_cast<int8_t>(q);
    at.error[i] = at.w[i] - (scale * q + offset);
    const float* const u = at.u + i * at.cols;
    for (int j = i + 1; j < at.format.elements; ++j) at.wanted[j] += at.error[i] * u[j];
  }
  set_numbers(at.format.type, open.q, block);
}

}  // namespace

ErrorFeedback::ErrorFeedback(Executor& device, const std::vector<float>& products) {
  Factorisation h(products);
  h.run(device);
  for (int64_t i = 0; i < h.cols(); ++i) {
    d_.push_back(static_cast<float>(h.at(i, i)));
    for (int64_t j = 0; j < h.cols(); ++j) u_.push_back(j > i ? static_cast<float>(h.at(i, j)) : 0);
  }
}

std::vector<uint8_t> ErrorFeedback::encode(Executor& device, BlockType type, std::span<const float> w) const {
  const BlockFormat& format = format_of(type);
  const int64_t n = format.elements, rows = std::ssize(w) / cols(), blocks = cols() / n;
  require(rows * cols() == std::ssize(w) && blocks * n == cols(), "error feedback: ", w.size(),
          " weights in rows of ", cols(), " and blocks of ", n);
  std::vector<uint8_t> all(static_cast<size_t>(rows * blocks * format.bytes)),
      some(static_cast<size_t>(rows * format.bytes));
  std::vector<float> errors(w.size()), wanted(static_cast<size_t>(rows * n));
  const Launch launch{.threads = device.threads()};
  for (int64_t b = 0; b < blocks; ++b) {
    const int64_t first = b * n;
    for (int64_t r = 0; r < rows; ++r) std::copy_n(w.begin() + r * cols() + first, n, wanted.begin() + r * n);
    if (first > 0)
      run(device, Matmul{.dtype = DType::f32,
                         .M = rows,
                         .N = n,
                         .K = first,
                         .trans_a = false,
                         .trans_b = false,
                         .a = errors.data(),
                         .lda = cols(),
                         .b = u_.data() + first,
                         .ldb = cols(),
                         .c = wanted.data(),
                         .ldc = n,
                         .to_c = Write::add});
    run(device, EncodeBlocks{.format = type,
                             .rows = rows,
                             .cols = n,
                             .x = wanted.data(),
                             .importance = d_.data() + first,
                             .blocks = some.data()});
    parallel_for(launch, rows, [&](int64_t begin, int64_t end, int) {
      for (int64_t r = begin; r < end; ++r) {
        const Columns at{.format = format,
                         .w = w.data() + r * cols() + first,
                         .u = u_.data() + first * cols() + first,
                         .cols = cols(),
                         .wanted = wanted.data() + r * n,
                         .error = errors.data() + r * cols() + first};
        round_block(at, some.data() + r * format.bytes);
        std::copy_n(some.data() + r * format.bytes, format.bytes,
                    all.data() + (r * blocks + b) * format.bytes);
      }
    });
  }
  return all;
}

}  // namespace hewn
