#pragma once
// Comparisons that fail on NaN: `CHECK(close_by_norm(got, want, 1e-6));`. A failure prints the largest
// difference and its position.

#include <cmath>
#include <ostream>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace hewn::test {

/// The outcome of a comparison: converts to bool, prints as the reason.
struct Closeness {
  bool ok = false;
  std::string text;
  explicit operator bool() const { return ok; }
  friend std::ostream& operator<<(std::ostream& out, const Closeness& c) { return out << c.text; }
};

/// ‖got − want‖ ≤ tol · max(‖want‖, 1e-6·√n). Sizes must agree; equal infinities do not differ.
Closeness close_by_norm(std::span<const double> got, std::span<const double> want, double tol);
/// |got − want| ≤ tol; false for NaN.
inline bool near(double got, double want, double tol = 1e-9) { return std::abs(got - want) <= tol; }
/// |got − want| ≤ tol for every element.
Closeness close_abs(std::span<const double> got, std::span<const double> want, double tol);
/// |got − want| ≤ tol · |want| for every element.
Closeness close_rel(std::span<const double> got, std::span<const double> want, double tol);
/// |got − want| ≤ tol plus half the distance of bf16 numbers at |want|, for every element: `want` is exact to
/// tol, and `got` was rounded to bf16 once.
Closeness close_to_bf16(std::span<const double> got, std::span<const double> want, double tol);

/// The values of a vector, span or array of any float type (also BFloat16 and Float16), as double.
template <class Range>
std::vector<double> doubles(const Range& values) {
  std::vector<double> out;
  out.reserve(static_cast<size_t>(std::size(values)));
  for (const auto& v : values) {
    if constexpr (std::is_arithmetic_v<std::remove_cvref_t<decltype(v)>>)
      out.push_back(static_cast<double>(v));
    else
      out.push_back(static_cast<double>(static_cast<float>(v)));
  }
  return out;
}

/// The same three for any ranges of numbers.
template <class Got, class Want>
Closeness close_by_norm(const Got& got, const Want& want, double tol) {
  const std::vector<double> a = doubles(got), b = doubles(want);
  return close_by_norm(std::span<const double>(a), std::span<const double>(b), tol);
}
template <class Got, class Want>
Closeness close_abs(const Got& got, const Want& want, double tol) {
  const std::vector<double> a = doubles(got), b = doubles(want);
  return close_abs(std::span<const double>(a), std::span<const double>(b), tol);
}
template <class Got, class Want>
Closeness close_rel(const Got& got, const Want& want, double tol) {
  const std::vector<double> a = doubles(got), b = doubles(want);
  return close_rel(std::span<const double>(a), std::span<const double>(b), tol);
}

}  // namespace hewn::test
