// Two passes beside each other, up to where their tapes part.

#include "train/inspect/trace/kept_pass.h"

#include <cmath>

#include "kernels/copy/op.h"
#include "kernels/devices/devices.h"
#include "kernels/elementwise/op.h"
#include "kernels/reduce/op.h"
#include "tests/support/catch.h"

namespace hewn {
namespace {

/// The pass of sum(f(a)) for a = (3, 4).
template <class Function>
PassKeeper kept(const Function& f) {
  Tensor a = Tensor::from(cpu(), std::vector<double>{3, 4}, {2});
  require_grad(a, "a");
  PassKeeper keeper;
  Tape tape;
  tape.observe(&keeper);
  tape.backward(f(a));
  keeper.note_leaf("a", a);
  return keeper;
}

}  // namespace

TEST_CASE("kept pass: the distances of nodes and leaves", "[trace]") {
  const PassKeeper one = kept([](const Tensor&a) { return sum(scale(a, 2)); }),
                   two = kept([](const Tensor&a) { return sum(scale(a, 3)); });
  const PassDistance none = distance_of(one, one), some = distance_of(two, one);
  CHECK(none.parted.empty());
  CHECK(some.parted.empty());
  REQUIRE(none.nodes.size() == 2);
  REQUIRE(some.nodes.size() == 2);
  CHECK(none.nodes[0].value == 0);
  CHECK(std::abs(some.nodes[0].value - 0.5) <= 1e-15);
  CHECK(some.nodes[0].grad == 0);
  REQUIRE(some.leaves.size() == 1);
  CHECK(some.leaves[0].place == "a");
  CHECK(some.leaves[0].value == 0);
  CHECK(std::abs(some.leaves[0].grad - 0.5) <= 1e-15);
}

TEST_CASE("kept pass: tapes are compared up to where they part", "[trace]") {
  const PassKeeper brief = kept([](const Tensor&a) { return sum(scale(a, 2)); }),
                   other = kept([](const Tensor&a) { return sum(exp(a)); }),
                   longer = kept([](const Tensor&a) { return scale(sum(scale(a, 2)), 2); });
  const PassDistance differs = distance_of(other, brief);
  CHECK(differs.parted == "scale, where the other tape has exp");
  CHECK(differs.nodes.empty());
  CHECK(differs.leaves.size() == 1);
  const PassDistance ends = distance_of(brief, longer);
  CHECK(ends.parted == "scale, where the other tape ends");
  CHECK(ends.nodes.size() == 2);
  const PassDistance goes_on = distance_of(longer, brief);
  CHECK(goes_on.parted == "scale, which only the other tape has");
  CHECK(goes_on.nodes.size() == 2);
}

TEST_CASE("kept pass: casts are left out, and what the result does not depend on has no gradient",
          "[trace]") {
  Tensor a = Tensor::from(cpu(), std::vector<double>{3, 4}, {2}), b = a.clone();
  require_grad(a, "a");
  require_grad(b, "b");
  PassKeeper keeper;
  Tape tape;
  tape.observe(&keeper);
  (void)exp(b);
  tape.backward(sum(cast(scale(a, 2), DType::f32)));
  keeper.note_leaf("a", a);
  keeper.note_leaf("b", b);
  REQUIRE(keeper.nodes().size() == 3);
  CHECK(keeper.nodes()[0].place == "exp");
  CHECK(keeper.nodes()[0].grad.empty());
  CHECK(keeper.nodes()[1].place == "scale");
  CHECK(keeper.nodes()[1].grad == std::vector<double>{1, 1});
  CHECK(keeper.nodes()[2].place == "sum");
  REQUIRE(keeper.leaves().size() == 2);
  CHECK(keeper.leaves()[0].grad == std::vector<double>{2, 2});
  CHECK(keeper.leaves()[1].grad.empty());
  const PassDistance distance = distance_of(keeper, keeper);
  CHECK(std::isnan(distance.nodes.at(0).grad));
  CHECK(distance.nodes.at(1).grad == 0);
  CHECK(distance.leaves.at(0).grad == 0);
  CHECK(std::isnan(distance.leaves.at(1).grad));
  // Only one of two passes has a gradient.
  PassKeeper without;
  without.note_leaf("a", b);
  CHECK(std::isinf(distance_of(without, keeper).leaves.at(0).grad));
}

}  // namespace hewn
