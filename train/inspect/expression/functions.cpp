#include "train/inspect/expression/functions.h"

#include <algorithm>
#include <vector>

#include "core/error.h"
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

}  // namespace hewn
