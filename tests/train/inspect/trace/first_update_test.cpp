// What the first step of the optimizer would do, beside a trace.

#include "train/inspect/trace/kept_pass.h"

#include <algorithm>
#include <cmath>

#include "tests/train/tiny.h"

namespace hewn::test {

TEST_CASE("first update: leaves of the trace have it, the model keeps its values", "[trace]") {
  Random random("first update");
  const ModelConfig config = tiny_model();
  const auto model = make_model(config, cpu(), DType::f64, 5);
  const Batch batch = random_batch(random, config, 2);
  const Shape shape{batch.rows, batch.block_size};
  {
    Tape tape;
    tape.backward(
        model->loss(Tensor::from(cpu(), batch.tokens, shape), Tensor::from(cpu(), batch.targets, shape)));
  }
  const Parameter& norm = *model->parameters().find("transformer.ln_f.weight");
  const std::vector<double> before = norm.value.doubles(), gradient = grad_of(norm.value).doubles();
  Trace trace;
  trace.leaves.push_back({.name = norm.name});
  trace.leaves.push_back({.name = "of another model"});
  take_first_update(*model, trace, 16);
  CHECK(norm.value.doubles() == before);

  REQUIRE(trace.update);
  CHECK(trace.update->grad_norm > 0);
  const double rate = trace.update->learning_rate, clip = trace.update->clip_factor;
  CHECK(rate == 1e-3);
  const TracedLeaf& leaf = trace.leaves[0];
  REQUIRE(leaf.m);
  REQUIRE(leaf.v);
  REQUIRE(leaf.updated);
  REQUIRE(leaf.updated->values.size() == before.size());
  double largest = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    const double change = leaf.updated->values[i] - before[i];
    CHECK(std::abs(leaf.m->values[i] - 0.1 * clip * gradient[i]) <= 1e-6 * std::abs(gradient[i]));
    CHECK(change * gradient[i] <= 0);
    CHECK(std::abs(change) <= 1.001 * rate);
    largest = std::max(largest, std::abs(change));
  }
  CHECK(largest > 0.9 * rate);  // Adam's first step goes as far in every direction
  CHECK_FALSE(trace.leaves[1].m);
  CHECK_FALSE(trace.leaves[1].v);
  CHECK_FALSE(trace.leaves[1].updated);
}

}  // namespace hewn::test
