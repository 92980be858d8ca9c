#include "train/inspect/expression/functions.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/error.h"
#include "core/tape.h"
#include "core/text.h"
#include "kernels/activation/op.h"
#include "kernels/attention/op.h"
#include "kernels/copy/op.h"
#include "kernels/elementwise/op.h"
#include "kernels/matmul/op.h"
#include "kernels/norm/op.h"
#include "kernels/reduce/op.h"
#include "kernels/softmax/op.h"

namespace hewn {
namespace {

using Arguments = std::span<const Tensor>;

void require_matrix(const Tensor& x, const char* what) {
  require(x.rank() == 2, what, " must be a matrix, but its shape is ", x.shape());
}

Tensor plain_layernorm(const Tensor& x) {
  const std::vector<double> ones(static_cast<size_t>(x.cols()), 1);
  const Tensor weight = Tensor::from(x.device(), ones, {x.cols()});
  weight.set_name("ones");
  return layernorm(x, weight, Tensor());
}

// One head, without a batch: q, k and v are [T, D].
Tensor attention(Arguments a) {
  for (const Tensor& t : a) require_matrix(t, "an argument of attention");
  const auto head = [](const Tensor& t) { return reshape(t, {1, 1, t.dim(0), t.dim(1)}); };
  const Tensor y = causal_attention(head(a[0]), head(a[1]), head(a[2]));
  return reshape(y, {a[0].dim(0), a[0].dim(1)});
}

template <Tensor (*f)(const Tensor&)>
Tensor of_one(Arguments a) {
  return f(a[0]);
}

template <Activation f>
Tensor activated(Arguments a) {
  return activation(f, a[0]);
}

constexpr ExpressionFunction functions[] = {
    {"exp", "x", of_one<exp>},
    {"log", "x", of_one<log>},
    {"sqrt", "x", of_one<sqrt>},
    {"tanh", "x", of_one<tanh>},
    {"sigmoid", "x", of_one<sigmoid>},
    {"relu", "x", activated<Activation::relu>},
    {"gelu", "x", activated<Activation::gelu_tanh>},
    {"silu", "x", activated<Activation::silu>},
    {"sum", "x", of_one<sum>},
    {"mean", "x", of_one<mean>},
    {"max", "x", of_one<max>},
    {"matmul", "a, b", [](Arguments a) { return product(a[0], a[1]); }},
    {"softmax", "x", of_one<softmax>},
    {"layernorm", "x", of_one<plain_layernorm>},
    {"layernorm", "x, weight, bias", [](Arguments a) { return layernorm(a[0], a[1], a[2]); }},
    {"attention", "q, k, v", attention},
};

size_t count_parameters(const ExpressionFunction& f) {
  return static_cast<size_t>(std::count(f.parameters.begin(), f.parameters.end(), ',')) + 1;
}

}  // namespace

const ExpressionFunction* find_function(std::string_view name, size_t arguments) {
  const auto at = std::find_if(std::begin(functions), std::end(functions), [&](const auto& f) {
    return f.name == name && count_parameters(f) == arguments;
  });
  return at == std::end(functions) ? nullptr : at;
}

bool is_function(std::string_view name) {
  return std::any_of(std::begin(functions), std::end(functions),
                     [&](const auto& f) { return f.name == name; });
}

std::string calls_of(std::string_view name) {
  std::string text;
  for (const ExpressionFunction& f : functions)
    if (name.empty() || f.name == name)
      text += join(text.empty() ? "" : ", ", f.name, "(", f.parameters, ")");
  return text;
}

Tensor product(const Tensor& a, const Tensor& b) {
  if (a.rank() == 1 && b.rank() == 1) return sum(mul(a, b));
  if (a.rank() == 1) return reshape(matmul(reshape(a, {1, a.dim(0)}), b), {b.dim(-1)});
  if (b.rank() == 1) return reshape(matmul(a, reshape(b, {b.dim(0), 1})), {a.dim(0)});
  return matmul(a, b);
}

Tensor transpose(const Tensor& x) {
  require_matrix(x, "what is transposed");
  return contiguous(permute(x, {1, 0}));
}

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
