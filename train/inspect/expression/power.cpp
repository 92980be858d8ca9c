#include "train/inspect/expression/power.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/tape.h"

namespace hewn {
namespace {

constexpr OpInfo power_info{"pow", "y = a^b", "da = b a^(b-1) dy, db = y ln a dy"};

// The element of an operand that element i of the result reads.
int64_t place_in(const Shape& operand, const Shape& result, int64_t i) {
  int64_t at = 0, stride = 1;
  for (int d = 1; d <= operand.rank(); ++d) {
    if (operand[-d] > 1) at += i % result[-d] * stride;
    i /= result[-d];
    stride *= operand[-d];
  }
  return at;
}

// x^0 is 1, also at 0, where 0 a^(-1) is NaN.
double slope_by_base(double a, double b) { return b == 0 ? 0 : b * std::pow(a, b - 1); }

// 0^b is 0 for all b > 0. A negative number has powers at isolated b only, and 0^b jumps at b = 0.
double slope_by_exponent(double a, double b) {
  if (a > 0) return std::pow(a, b) * std::log(a);
  return a == 0 && b > 0 ? 0 : std::numeric_limits<double>::quiet_NaN();
}

// Calls visit(place in a, place in b, i) for every element i of the result.
template <class Visit>
void for_each_place(const Tensor& a, const Tensor& b, const Shape& result, const Visit& visit) {
  for (int64_t i = 0; i < result.numel(); ++i)
    visit(place_in(a.shape(), result, i), place_in(b.shape(), result, i), i);
}

struct PowerNode final : Node {
  Saved a, b;
  PowerNode(const Tensor& base, const Tensor& exponent) : a(base), b(exponent) {}
  const OpInfo& info() const override { return power_info; }
  std::vector<SavedField> saved() const override { return {{"a", &a}, {"b", &b}}; }

  void backward(const Tensor& dy, Grads& grads) override {
    const double *x = a->ptr<double>(), *k = b->ptr<double>(), *g = dy.ptr<double>();
    for (const size_t input : {size_t{0}, size_t{1}}) {
      if (!grads.wants(input)) continue;
      const auto [d, write] = grads.at(input);
      double* const sums = d.ptr<double>();
      if (write == Write::set) std::fill_n(sums, d.numel(), 0.0);
      for_each_place(*a, *b, dy.shape(), [&](int64_t at_a, int64_t at_b, int64_t i) {
        if (input == 0) sums[at_a] += slope_by_base(x[at_a], k[at_b]) * g[i];
        if (input == 1) sums[at_b] += slope_by_exponent(x[at_a], k[at_b]) * g[i];
      });
    }
  }
};

}  // namespace

Tensor power(const Tensor& base, const Tensor& exponent) {
  const InOp name(power_info);
  const Doing step("a power of shapes ", base.shape(), " and ", exponent.shape());
  const Tensor y = base.like(broadcast(base.shape(), exponent.shape()));
  for_each_place(base, exponent, y.shape(), [&](int64_t a, int64_t b, int64_t i) {
    y.ptr<double>()[i] = std::pow(base.ptr<double>()[a], exponent.ptr<double>()[b]);
  });
  return record(y, {base, exponent}, PowerNode(base, exponent));
}

}  // namespace hewn
