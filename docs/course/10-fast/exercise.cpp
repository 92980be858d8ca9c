// Chapter 10: a rung of the matmul ladder.

#include <algorithm>
#include <cmath>

#include "apps/learn/chapters.h"
#include "apps/learn/judge/rung_judge.h"
#include "kernels/matmul/abi.h"

namespace hewn::cli::learn {
namespace fast {

std::string sizes(const void* arguments) {
  const auto& m = *static_cast<const Matmul*>(arguments);
  return join("M = ", m.M, ", N = ", m.N, ", K = ", m.K, m.ldc > m.N ? ", rows apart" : "");
}

std::string element(const void* arguments, size_t i) {
  const auto& m = *static_cast<const Matmul*>(arguments);
  const auto at = static_cast<int64_t>(i);
  return join("row ", at / m.ldc, ", column ", at % m.ldc, " of c");
}

/// A product whose result is wrong. Elements are those of C, without the gaps between its rows.
class WrongProduct {
 public:
  explicit WrongProduct(const RungResult& result)
      : m_(*static_cast<const Matmul*>(result.arguments)), r_(result) {
    for (const double right : r_.right) largest_ = std::max(largest_, std::abs(right));
  }

  /// The element is what f(i, j) computes, for all rows i and columns j.
  template <class F>
  bool all(const F& f) const {
    for (int64_t i = 0; i < m_.M; ++i)
      for (int64_t j = 0; j < m_.N; ++j)
        if (!close(now(i, j), f(i, j))) return false;
    return true;
  }

  RungMistake mistake() const {
    if (const RungMistake edge = unwritten(); !edge.kind.empty()) return edge;
    if (all([&](int64_t i, int64_t j) { return before(i, j) + right(i, j); }))
      return {"added", "each element is the right one plus the old number in c"};
    if (m_.N == m_.K && all([&](int64_t i, int64_t j) { return sum(i, j, 0, 1, m_.ldb); }))
      return {"transposed", "the result is that for B transposed"};
    for (int64_t k = 1; k < m_.K; ++k)
      if (close(now(0, 0), sum(0, 0, k, m_.ldb, 1)) &&
          all([&](int64_t i, int64_t j) { return sum(i, j, k, m_.ldb, 1); }))
        return {"last block", join("the sums hold only the products from k = ", k, " on")};
    return {};
  }

 private:
  double at(const std::vector<double>& values, int64_t i, int64_t j) const {
    return values[static_cast<size_t>(i * m_.ldc + j)];
  }
  double before(int64_t i, int64_t j) const { return at(r_.before, i, j); }
  double now(int64_t i, int64_t j) const { return at(r_.after, i, j); }
  double right(int64_t i, int64_t j) const { return at(r_.right, i, j); }
  bool close(double a, double b) const { return std::abs(a - b) <= 1e-4 * largest_; }

  /// The products from k = first on, where elements of B are so far apart along k and along j.
  double sum(int64_t i, int64_t j, int64_t first, int64_t along_k, int64_t along_j) const {
    const auto *a = static_cast<const float*>(m_.a), *b = static_cast<const float*>(m_.b);
    double total = 0;
    for (int64_t k = first; k < m_.K; ++k)
      total += static_cast<double>(a[i * m_.lda + k]) * static_cast<double>(b[k * along_k + j * along_j]);
    return total;
  }

  /// Whether the only wrong elements are the last rows and columns, which hold what they held before.
  RungMistake unwritten() const {
    int64_t rows = 0, cols = 0;  // before the first unwritten row, and column
    bool any = false;
    for (int64_t i = 0; i < m_.M; ++i)
      for (int64_t j = 0; j < m_.N; ++j) {
        if (close(now(i, j), right(i, j))) rows = std::max(rows, i + 1), cols = std::max(cols, j + 1);
      }
    for (int64_t i = 0; i < m_.M; ++i)
      for (int64_t j = 0; j < m_.N; ++j) {
        const bool untouched = now(i, j) == before(i, j), outside = i >= rows || j >= cols;
        if (untouched != outside) return {};
        any = any || untouched;
      }
    if (!any) return {};
    if (m_.K == 0) return {"no products", "nothing was written, but a sum of no products is 0"};
    if (rows == 0) return {"nothing", "your rung writes nothing"};
    return {"edge", join("only the first ", rows, " rows and ", cols, " columns were written")};
  }

  const Matmul& m_;
  const RungResult& r_;
  double largest_ = 0;
};

RungMistake mistake(const RungResult& result) { return WrongProduct(result).mistake(); }

}  // namespace fast

const LessonJudge& matmul_rung_judge() {
  static const RungJudge judge({.room = "matmul",
                                .first = "67x67x67",  // no tile divides a prime number
                                .timed = "256x512x512",
                                .rivals = {"cached", "tiles"},
                                .sizes = fast::sizes,
                                .element = fast::element,
                                .mistake = fast::mistake,
                                .when_endless =
                                    "a loop over blocks must end where a matrix ends: does its variable "
                                    "grow in every round?"});
  return judge;
}

}  // namespace hewn::cli::learn
