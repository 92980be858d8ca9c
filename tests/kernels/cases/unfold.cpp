// Every fused operation equals what it unfolds into, in values and gradients.

#include "kernels/contract/unfold.h"

#include <functional>
#include <set>

#include "kernels/activation/op.h"
#include "kernels/attention/op.h"
#include "kernels/cross_entropy/abi.h"
#include "kernels/cross_entropy/op.h"
#include "kernels/devices/devices.h"
#include "kernels/embedding/op.h"
#include "kernels/linear/op.h"
#include "kernels/linear_cross_entropy/op.h"
#include "kernels/norm/op.h"
#include "kernels/softmax/op.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

using UnfoldInputs = std::vector<Tensor>;

/// Value and gradients, and the operations on the tape.
struct UnfoldPass : TapeObserver {
  std::vector<std::vector<double>> results;
  std::set<std::string> operations;
  void recorded(const Node& node, const Tensor&) override { operations.insert(node.info().name); }
};

UnfoldPass unfold_pass(const std::function<Tensor(const UnfoldInputs&)>& f, UnfoldInputs inputs,
                       uint64_t seed) {
  for (Tensor& t : inputs) t = t.clone(), require_grad(t);
  UnfoldPass pass;
  Tape tape;
  tape.observe(&pass);
  const Tensor y = f(inputs);
  pass.results.push_back(y.doubles());
  test::Random random("unfold gradient " + std::to_string(seed));
  tape.backward(y, Tensor::from(y.device(), random.normals<double>(y.numel()), y.shape()));
  for (const Tensor& t : inputs) pass.results.push_back(grad_of(t).doubles());
  return pass;
}

struct UnfoldCase {
  const char* name;
  std::vector<Shape> shapes;
  std::function<Tensor(const UnfoldInputs&)> f;
  std::set<std::string> allowed = {};  ///< operations that stay as they are, beside the simple ones
};

const Tensor& unfold_ids() {
  static const Tensor t = Tensor::from(cpu(), std::vector<int32_t>{2, 0, 2, 4, 1, 3}, {2, 3});
  return t;
}
const Tensor& unfold_targets() {
  static const Tensor t = Tensor::from(cpu(), std::vector<int32_t>{2, ignored_target, 0, 4}, {4});
  return t;
}

std::vector<UnfoldCase> unfold_cases() {
  return {
      {"softmax", {{3, 5}}, [](const UnfoldInputs& t) { return softmax(t[0]); }},
      {"causal_softmax", {{2, 3, 5}}, [](const UnfoldInputs& t) { return causal_softmax(t[0]); }},
      {"layernorm", {{2, 3, 6}, {6}, {6}}, [](const UnfoldInputs& t) { return layernorm(t[0], t[1], t[2]); }},
      {"layernorm without bias",
       {{4, 6}, {6}},
       [](const UnfoldInputs& t) { return layernorm(t[0], t[1], {}); }},
      {"rmsnorm", {{2, 3, 6}, {6}}, [](const UnfoldInputs& t) { return rmsnorm(t[0], t[1]); }},
      {"cross_entropy",
       {{4, 5}},
       [](const UnfoldInputs& t) { return cross_entropy(t[0], unfold_targets()); }},
      {"cross_entropy_rows",
       {{4, 5}},
       [](const UnfoldInputs& t) { return cross_entropy_rows(t[0], unfold_targets()); }},
      {"embedding", {{5, 3}}, [](const UnfoldInputs& t) { return embedding(t[0], unfold_ids()); }},
      {"embedding with positions",
       {{5, 3}, {7, 3}},
       [](const UnfoldInputs& t) { return embedding(t[0], t[1], unfold_ids(), 2); }},
      {"gelu", {{3, 5}}, [](const UnfoldInputs& t) { return activation(Activation::gelu_tanh, t[0]); }},
      {"silu", {{3, 5}}, [](const UnfoldInputs& t) { return activation(Activation::silu, t[0]); }},
      {"swiglu", {{3, 10}}, [](const UnfoldInputs& t) { return swiglu(t[0]); }},
      {"linear", {{2, 3, 4}, {4, 5}, {5}}, [](const UnfoldInputs& t) { return linear(t[0], t[1], t[2]); }},
      {"linear with a residual",
       {{3, 4}, {5, 4}, {5}, {3, 5}},
       [](const UnfoldInputs& t) {
         return linear(t[0], t[1], t[2], {.layout = Layout::out_in, .residual = t[3]});
       }},
      {"linear, gelu, linear",
       {{3, 4}, {4, 6}, {6}, {6, 4}, {4}},
       [](const UnfoldInputs& t) {
         return linear(linear_activated(t[0], t[1], t[2], Activation::gelu_tanh), t[3], t[4]);
       }},
      {"linear_cross_entropy",
       {{4, 3}, {5, 3}, {5}},
       [](const UnfoldInputs& t) { return linear_cross_entropy(t[0], t[1], t[2], unfold_targets()); }},
      {"linear_cross_entropy_rows",
       {{4, 3}, {5, 3}, {5}},
       [](const UnfoldInputs& t) { return linear_cross_entropy_rows(t[0], t[1], t[2], unfold_targets()); }},
      {"attention",
       {{2, 4, 3, 2}, {2, 2, 5, 2}, {2, 2, 5, 2}},
       [](const UnfoldInputs& t) { return causal_attention(t[0], t[1], t[2], {.window = 2}); }},
      {"packed attention",
       {{2, 5, 16}},
       [](const UnfoldInputs& t) { return causal_attention(t[0], {.n_head = 4, .n_kv_head = 2}); }},
  };
}

}  // namespace

TEST_CASE("unfold: every fused operation equals its simple ones, with gradients") {
  const std::set<std::string> simple{
      "add", "sub", "mul",  "div",    "scale",   "add_scalar", "exp",   "log",     "sqrt",      "tanh",
      "sum", "max", "mean", "matmul", "sigmoid", "reshape",    "slice", "permute", "contiguous"};
  uint64_t seed = 0;
  for (const UnfoldCase& c : unfold_cases()) {
    INFO(c.name);
    test::Random random(std::string("unfold ") + c.name);
    UnfoldInputs inputs;
    for (const Shape& shape : c.shapes)
      inputs.push_back(Tensor::from(cpu(), random.normals<double>(shape.numel()), shape));
    const UnfoldPass fused = unfold_pass(c.f, inputs, ++seed);
    const Unfold unfold;
    const UnfoldPass unfolded = unfold_pass(c.f, inputs, seed);
    for (const std::string& operation : unfolded.operations) {
      INFO(operation);
      CHECK(simple.contains(operation));
    }
    CHECK(unfolded.operations != fused.operations);
    REQUIRE(fused.results.size() == unfolded.results.size());
    for (size_t i = 0; i < fused.results.size(); ++i) {
      INFO((i == 0 ? "value" : "gradient of input ") << i);
      CHECK(test::close_by_norm(unfolded.results[i], fused.results[i], 1e-12));
    }
  }
}

TEST_CASE("unfold: it ends with its scope, and leaves errors as they are") {
  const Tensor x = Tensor::from(cpu(), std::vector<double>{1, 2, 3}, {3});
  Tensor leaf = x.clone();
  require_grad(leaf);
  {
    const Unfold unfold;
    CHECK_THROWS_WITH(embedding(Tensor::zeros(cpu(), DType::f64, {2, 3}), unfold_ids()),
                      Catch::Contains("id 2"));
  }
  CHECK_FALSE(Unfold::on());
  Tape tape;
  softmax(leaf);
  CHECK(tape.size() == 1);
}

}  // namespace hewn
