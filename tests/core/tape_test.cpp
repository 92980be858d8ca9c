#include "core/tape.h"

#include <cmath>

#include "core/gradcheck.h"
#include "core/recompute.h"
#include "core/text.h"
#include "kernels/devices/devices.h"
#include "kernels/softmax/op.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

constexpr int line_before_square = __LINE__;
constexpr OpInfo square_info{"square", "y = x^2", "dx = 2 x dy"};

/// An op made of host loops alone: core's tests need no kernels.
struct SquareNode final : Node {
  Saved x;
  explicit SquareNode(const Tensor& input) : x(input) {}
  const OpInfo& info() const override { return square_info; }
  std::vector<SavedField> saved() const override { return {{"x", &x}}; }
  void backward(const Tensor& dy, Grads& grads) override {
    auto [dx, write] = grads.at(0);
    for (int64_t i = 0; i < dy.numel(); ++i) {
      const double g = 2 * x->ptr<double>()[i] * dy.ptr<double>()[i];
      double& d = dx.ptr<double>()[i];
      d = write == Write::add ? d + g : g;
    }
  }
};

Tensor square(const Tensor& x) {
  Tensor y = x.like();
  for (int64_t i = 0; i < x.numel(); ++i) y.ptr<double>()[i] = x.ptr<double>()[i] * x.ptr<double>()[i];
  return record(y, {x}, SquareNode(x));
}

constexpr OpInfo sum2_info{"sum2", "y = a + b", "da = db = dy"};

struct Sum2Node final : Node {
  const OpInfo& info() const override { return sum2_info; }
  void backward(const Tensor& dy, Grads& grads) override {
    for (size_t i = 0; i < 2; ++i)
      if (grads.wants(i)) grads.give(i, dy);
  }
};

Tensor sum2(const Tensor& a, const Tensor& b) {
  Tensor y = a.clone();
  a.device().add(a.dtype(), a.numel(), y.data(), b.data());
  return record(y, {a, b}, Sum2Node());
}

constexpr OpInfo given_info{"given", "y = x", "dx = what the test says"};

/// Gives its input a gradient that the test chose.
struct GivenNode final : Node {
  Tensor gradient;
  explicit GivenNode(Tensor g) : gradient(std::move(g)) {}
  const OpInfo& info() const override { return given_info; }
  void backward(const Tensor&, Grads& grads) override { grads.give(0, gradient); }
};

Tensor scalar_leaf(double value) {
  Tensor x = Tensor::from(cpu(), std::vector<double>{value}, {1});
  require_grad(x, "x");
  return x;
}

}  // namespace

TEST_CASE("tape: a chain, a fan-out and a shared gradient") {
  Tensor x = scalar_leaf(3);
  Tape tape;
  // y = (x^2 + x^2) + x = 2 x^2 + x, with x^2 used twice and its gradient handed over unshared buffers.
  const Tensor s = square(x);
  tape.backward(sum2(sum2(s, s), x));
  CHECK(grad_of(x).item() == 2 * 2 * 3.0 + 1);
  CHECK(tape.size() == 0);
}

TEST_CASE("tape: a gradient that two inputs share stays when one of them gets more") {
  Tensor a = scalar_leaf(3), b = scalar_leaf(5);
  Tape tape;
  const Tensor u = square(a), v = square(b);
  const Tensor q =
      square(u);  // recorded before the sum: adds to u's gradient, which the sum has shared with v
  tape.backward(sum2(sum2(u, v), q));
  CHECK(grad_of(a).item() == 2 * 3.0 + 4 * 27.0);
  CHECK(grad_of(b).item() == 2 * 5.0);
}

TEST_CASE("tape: gradients add over backward passes until cleared") {
  Tensor x = scalar_leaf(2);
  for (const double expected : {4.0, 8.0}) {
    Tape tape;
    tape.backward(square(x));
    CHECK(grad_of(x).item() == expected);
  }
  clear_grad(x);
  CHECK(!grad_of(x).defined());
}

TEST_CASE("tape: nothing is recorded without a tape, under NoGrad, or for constants") {
  Tensor x = scalar_leaf(2);
  CHECK(!square(x).requires_grad());
  const auto given = [&](const Tensor& in) {  // the node exists already
    return record(in.clone(), {in}, std::unique_ptr<Node>(std::make_unique<GivenNode>(in)));
  };
  CHECK(!record(x.clone(), std::vector<Tensor>{x}, std::make_unique<GivenNode>(x)).requires_grad());
  CHECK(!given(x).requires_grad());
  Tape tape;
  {
    const NoGrad none;
    CHECK(!square(x).requires_grad());
  }
  CHECK(!square(Tensor::zeros(cpu(), DType::f64, {1})).requires_grad());
  CHECK(!given(Tensor::zeros(cpu(), DType::f64, {1})).requires_grad());
  CHECK(tape.size() == 0);
}

TEST_CASE("tape: what is no leaf, cannot be one or is one already is refused") {
  Tensor integer = Tensor::zeros(cpu(), DType::i32, {1}), leaf = scalar_leaf(1);
  CHECK_THROWS_WITH(require_grad(integer, "count"), "a tensor of dtype i32 cannot require a gradient");
  CHECK_THROWS_WITH(require_grad(leaf, "again"), "tensor again is already on the tape");
  for (const Tensor& constant : {integer, Tensor::zeros(cpu(), DType::f64, {1})}) {
    CHECK_THROWS_WITH(grad_of(constant), "gradient of a tensor that does not require one");
    CHECK_THROWS_WITH(clear_grad(constant), "gradient of a tensor that does not require one");
  }
}

TEST_CASE("tape: a saved tensor changed in place is detected") {
  Tensor x = scalar_leaf(2);
  Tape tape;
  const Tensor y = square(x);
  x.zero();
  CHECK_THROWS_WITH(tape.backward(y), Catch::Contains("changed in place"));
}

TEST_CASE("tape: a leaf's hook runs once, when all consumers have contributed") {
  Tensor x = scalar_leaf(3);
  std::vector<double> seen;
  x.variable()->hooks.push_back({[&](const Tensor& g) { seen.push_back(g.item()); }, true});
  for (const bool last : {false, true}) {
    Tape tape;
    tape.backward(sum2(square(x), square(x)), {.last_micro_step = last});
  }
  CHECK(seen == std::vector<double>{24});
  CHECK(x.variable()->consumers == 0);
}

TEST_CASE("tape: an unfinished tape releases its claims on leaves") {
  Tensor x = scalar_leaf(3);
  {
    Tape tape;
    (void)square(square(x));
    CHECK(x.variable()->consumers == 1);
  }
  CHECK(x.variable()->consumers == 0);
}

TEST_CASE("tape: tapes nest") {
  Tensor x = scalar_leaf(3);
  Tape outer;
  const Tensor y = square(x);
  {
    Tape inner;
    inner.backward(square(x));
  }
  CHECK(Tape::current() == &outer);
  outer.backward(y);
  CHECK(grad_of(x).item() == 12);
}

TEST_CASE("tape: deep chains need no stack") {
  Tensor x = scalar_leaf(1);
  Tape tape;
  Tensor y = x;
  for (int i = 0; i < 100000; ++i) y = sum2(y, Tensor::zeros(cpu(), DType::f64, {1}));
  tape.backward(y);
  CHECK(grad_of(x).item() == 1);
}

TEST_CASE("tape: nodes know their scope, op and saved fields") {
  Tensor x = scalar_leaf(3);
  Tape tape;
  {
    const Scope block("h.2");
    const Scope attention("attn");
    (void)square(x);
  }
  const Node& node = *tape.node(0);
  CHECK(Scope::path(node.scope) == "h.2.attn");
  CHECK(place_of(node) == "h.2.attn square");
  CHECK(node.shape == Shape{1});
  CHECK(std::string(node.info().name) == "square");
  REQUIRE(node.saved().size() == 1);
  CHECK(node.saved()[0].value->peek().item() == 3);
}

TEST_CASE("tape: backward from a tensor of another tape is refused") {
  Tensor x = scalar_leaf(3);
  Tensor y;
  {
    Tape gone;
    y = square(x);
  }
  Tape tape;
  CHECK_THROWS_WITH(tape.backward(y), Catch::Contains("not on this tape"));
  CHECK_THROWS_WITH(tape.backward(x), Catch::Contains("not on this tape"));
}

TEST_CASE("tape: backward from a constant, or again from what is no longer recorded, is refused") {
  const Tensor x = scalar_leaf(3);
  Tape tape;
  const Tensor y = square(x);
  tape.backward(y);
  CHECK_THROWS_WITH(tape.backward(y), Catch::Contains("not on this tape"));
  (void)square(x);  // takes its place
  CHECK_THROWS_WITH(tape.backward(y), Catch::Contains("not on this tape"));
  CHECK_THROWS_WITH(tape.backward(Tensor::zeros(cpu(), DType::f64, {1})),
                    Catch::Contains("not on this tape"));
  CHECK(grad_of(x).item() == 6);
}

TEST_CASE("tape: a backward pass that failed fails likewise when it is repeated") {
  Tensor x = scalar_leaf(3);
  {
    Tape tape;
    const Tensor y = square(x);
    (void)square(x);  // finished, without a gradient, before y's node fails
    x.zero();
    for (int i = 0; i < 2; ++i) CHECK_THROWS_WITH(tape.backward(y), Catch::Contains("changed in place"));
  }
  CHECK(x.variable()->consumers == 0);
}

TEST_CASE("tape: backward from a loss that is neither f32 nor f64 is refused") {
  Tape tape;
  for (const DType dtype : {DType::bf16, DType::i32})
    CHECK_THROWS_WITH(tape.backward(Tensor::zeros(cpu(), dtype, {1})),
                      join("backward from a loss of dtype ", name_of(dtype), "; expected f32 or f64"));
}

TEST_CASE("tape: gradients of another shape or type are refused") {
  Tensor x = scalar_leaf(3);
  for (const Tensor& wrong : {Tensor::zeros(cpu(), DType::f64, {2}), Tensor::zeros(cpu(), DType::f32, {1})}) {
    Tape tape;
    const Tensor y = record(x.clone(), std::vector<Tensor>{x}, std::make_unique<GivenNode>(wrong));
    CHECK_THROWS_WITH(tape.backward(y, wrong), Catch::Contains("shape and dtype must be the same"));
    CHECK_THROWS_WITH(tape.backward(y), Catch::Contains("gradient of shape " + wrong.shape().str() +
                                                        " for an input of shape [1]"));
  }
}

TEST_CASE("tape: what the result does not depend on gets no gradient") {
  Tensor a = scalar_leaf(3), b = scalar_leaf(5);
  int calls = 0;
  for (const Tensor& leaf : {a, b})
    leaf.variable()->hooks.push_back({[&](const Tensor&) { ++calls; }, false});
  Tape tape;
  const Tensor y = square(a), other = square(b);
  tape.backward(y, {.last_micro_step = false});
  CHECK(grad_of(a).item() == 6);
  CHECK(!grad_of(b).defined());
  CHECK(calls == 1);
}

TEST_CASE("tape: a kept tape shows its gradients and runs backward once") {
  Tensor x = scalar_leaf(3);
  {
    Tape tape;
    const Tensor y = square(square(x));
    tape.backward(y, {.keep = true});
    CHECK(tape.output_grad(0).item() == 2 * 9.0);
    CHECK(tape.edges(0).at(0).name == "x");
    CHECK(tape.edges(1).at(0).node == 0);
    CHECK_THROWS_WITH(tape.backward(y), Catch::Contains("already"));
  }
  CHECK(grad_of(x).item() == 4 * 27.0);
  CHECK(x.variable()->consumers == 0);
}

TEST_CASE("tape: the inputs of a node can be read") {
  const Tensor x = scalar_leaf(3);
  const Tensor c = Tensor::from(cpu(), std::vector<double>{2}, {1});
  c.set_name("two");
  Tape tape;
  const Tensor y = sum2(square(x), c);
  (void)record(y.clone(), {Tensor(), y}, Sum2Node());
  const std::vector<Edge> of_square = tape.edges(0), of_sum = tape.edges(1), of_last = tape.edges(2);
  REQUIRE(of_square.size() == 1);
  CHECK(of_square[0].from == Edge::From::leaf);
  CHECK(of_square[0].name == "x");
  REQUIRE(of_sum.size() == 2);
  CHECK(of_sum[0].from == Edge::From::node);
  CHECK(of_sum[0].node == 0);
  CHECK(of_sum[1].from == Edge::From::constant);
  CHECK(of_sum[1].name == "two");
  CHECK(of_sum[1].shape == Shape{1});
  CHECK(of_sum[1].dtype == DType::f64);
  REQUIRE(of_last.size() == 2);
  CHECK(of_last[0].from == Edge::From::nothing);
  CHECK(of_last[1].from == Edge::From::node);
  CHECK(of_last[1].node == 1);
}

namespace {

/// Writes down what happens in a backward pass.
struct Diary final : TapeObserver {
  std::string text;
  bool looks_inside = false;
  void after_backward(const Node& node, size_t input, const Tensor&, Contribution how) override {
    const char* const names[] = {"none", "set", "add", "give"};
    text += join(node.info().name, " ", names[static_cast<int>(how)], " ", input, "; ");
  }
  void completed(const Variable& leaf) override { text += leaf.name + " complete; "; }
  void freed(int64_t id) override { text += join("free ", id, "; "); }
  TapeObserver* inside(const Node& node) override {
    text += join("inside ", node.info().name, "; ");
    return looks_inside ? this : nullptr;
  }
};

}  // namespace

TEST_CASE("tape: an observer sees how gradients are made, completed and freed") {
  const Tensor x = scalar_leaf(3);
  Diary diary;
  Tape tape;
  tape.observe(&diary);
  const Tensor s = square(x);   // node 0
  const Tensor y = sum2(s, s);  // node 1 gives its gradient to the first, and adds it for the second
  const Tensor z = sum2(y, square(x));
  tape.backward(z);
  CHECK(diary.text ==
        "sum2 give 0; sum2 give 1; free 3; square set 0; free 2; sum2 give 0; sum2 add 1; free 1; "
        "square add 0; free 0; x complete; ");
}

TEST_CASE("tape: an observer of values sees them and all gradients in the order of computation") {
  struct Values final : ValueObserver {
    std::string text;
    void look(const Node& node, const std::string& what, const Tensor& t) override {
      text += join(node.id, " ", what, " ", t.item(), "; ");
    }
  };
  const Tensor x = scalar_leaf(3);
  Values values;
  Tape tape;
  tape.observe(&values);
  tape.backward(square(square(x)));
  CHECK(values.text ==
        "0 values 9; 1 values 81; 1 gradient of its output 1; 1 gradient of input 0 18; "
        "0 gradient of its output 18; 0 gradient of input 0 108; ");
}

TEST_CASE("tape: an observer can look inside a recomputed part") {
  const Tensor x = scalar_leaf(3);
  for (const bool looks_inside : {false, true}) {
    clear_grad(x);
    Diary diary;
    diary.looks_inside = looks_inside;
    Tape tape;
    tape.observe(&diary);
    tape.backward(recomputed(x, [](const Tensor& t) { return square(square(t)); }));
    CHECK(grad_of(x).item() == 4 * 27);
    CHECK(diary.text == join("inside recompute; ",
                             looks_inside ? "square set 0; free 1; square set 0; free 0;  complete; " : "",
                             "recompute set 0; free 0; x complete; "));
  }
}

TEST_CASE("tape: an operation knows where it is defined") {
  CHECK(std::string(square_info.file) == "tests/core/tape_test.cpp");
  CHECK(square_info.line == line_before_square + 1);
}

TEST_CASE("gradcheck finds a wrong gradient") {
  struct WrongNode final : Node {
    const OpInfo& info() const override { return square_info; }
    void backward(const Tensor& dy, Grads& grads) override { grads.give(0, dy); }
  };
  const auto wrong = [](const std::vector<Tensor>& in) {
    return record(square(in[0].detached()), {in[0]}, WrongNode());
  };
  const Tensor x = Tensor::from(cpu(), test::Random("x").normals<double>(5), {5});
  CHECK(!gradcheck(wrong, {x}).below(1e-2));
  CHECK(gradcheck([](const auto& in) { return square(in[0]); }, {x}).below(1e-9));
}

TEST_CASE("gradcheck: an input that is not used, or has no elements, has no error") {
  const auto first = [](const std::vector<Tensor>& in) { return square(in[0]); };
  const Tensor x = Tensor::from(cpu(), test::Random("x").normals<double>(5), {5});
  const auto unused = gradcheck(first, {x, x}),
             none = gradcheck(first, {Tensor::zeros(cpu(), DType::f64, {0})});
  CHECK(unused.below(1e-9));
  CHECK(none.by_norm == 0);
  CHECK(none.directional == 0);
}

TEST_CASE("gradcheck: entries and directions are judged each by themselves") {
  const double nan = std::nan("");
  CHECK(GradcheckResult{.by_norm = 0.5, .directional = 0.5, .worst = ""}.below(1));
  for (const double wrong : {1.0, nan}) {
    CHECK_FALSE(GradcheckResult{.by_norm = wrong, .directional = 0.5, .worst = ""}.below(1));
    CHECK_FALSE(GradcheckResult{.by_norm = 0.5, .directional = wrong, .worst = ""}.below(1));
  }
}

TEST_CASE("tape: memory goes back to the pool as nodes finish") {
  const auto device = make_cpu(1);
  Tensor x = Tensor::from(*device, std::vector<double>(1000, 1.0), {1000});
  require_grad(x);
  size_t before = 0;
  for (int step = 0; step < 4; ++step) {
    Tape tape;
    tape.backward(square(square(x)), x.detached());
    if (step == 1) before = device->pool().stats().system_calls;
  }
  CHECK(device->pool().stats().system_calls == before);
}

}  // namespace hewn
