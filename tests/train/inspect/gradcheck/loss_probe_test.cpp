// The loss that a gradient check displaces: of which batches, and what a recorded pass holds.

#include "train/inspect/gradcheck/loss_probe.h"

#include <algorithm>

#include "tests/support/close.h"
#include "tests/train/tiny.h"

namespace hewn::test {
namespace {

Batch without_targets(Batch batch) {
  std::fill(batch.targets.begin(), batch.targets.end(), ignored_target);
  return batch;
}

}  // namespace

TEST_CASE("loss probe: batches without a target that counts are left out", "[gradcheck]") {
  Random random("loss probe");
  const ModelConfig config = tiny_model();
  const auto model = make_model(config, cpu(), DType::f64, 5);
  const std::vector<Batch> one{random_batch(random, config, 2)},
      two{without_targets(random_batch(random, config, 3)), one[0]}, none{two[0]};
  LossProbe expected(*model, one, 1, false), probe(*model, two, 1, false);
  CHECK(probe.targets() == expected.targets());
  CHECK(probe.rows() == 2);
  CHECK(probe.loss() == expected.loss());
  CHECK(probe.evaluations() == 1);
  CHECK_ERROR(LossProbe(*model, none, 1, false), ErrorCode::usage, "needs a target that is not ignored");
}

TEST_CASE("loss probe: a recorded pass has values and gradients, recomputed or not", "[gradcheck]") {
  Random random("recorded pass");
  const ModelConfig config = tiny_model();
  const auto model = make_model(config, cpu(), DType::f64, 5);
  const std::vector<Batch> batches{random_batch(random, config, 2)};
  LossProbe whole(*model, batches, 1, false), recomputing(*model, batches, 1, true);
  TapeObserver observer;
  const TapePass pass = whole.record(), observed = whole.record(&observer);
  REQUIRE(pass.nodes.size() == observed.nodes.size());
  for (size_t i = 0; i < pass.nodes.size(); ++i) {
    CHECK(pass.nodes[i].place == observed.nodes[i].place);
    CHECK(pass.nodes[i].value == observed.nodes[i].value);
    CHECK(pass.nodes[i].grad == observed.nodes[i].grad);
  }
  for (TapeObserver* const watching : {static_cast<TapeObserver*>(nullptr), &observer}) {
    const TapePass shorter = recomputing.record(watching);
    CHECK(std::count_if(shorter.nodes.begin(), shorter.nodes.end(),
                        [](const NodeValues& node) { return node.place == "recompute"; }) == config.n_layer);
    CHECK(close_by_norm(shorter.nodes.back().value, pass.nodes.back().value, 1e-12));
    CHECK(shorter.nodes.front().place == pass.nodes.front().place);
    CHECK(close_by_norm(shorter.nodes.front().grad, pass.nodes.front().grad, 1e-12));
  }
}

}  // namespace hewn::test
