// Sums of gradients in a tree, whose order does not depend on how it is divided.

#include "train/step/gradient_groups.h"

#include <cmath>

#include "tests/support/close.h"
#include "tests/train/tiny.h"
#include "train/inspect/grad_norms.h"

namespace hewn::test {
namespace {

constexpr ScheduleConfig steady{.kind = ScheduleKind::constant, .learning_rate = 0.1, .warmup_iters = 0};

/// The sum of values [begin, end) as the tree adds them: the two halves.
float sum_of(const std::vector<float>& values, size_t begin, size_t end) {
  if (end - begin == 1) return values[begin];
  const size_t middle = (begin + end) / 2;
  return sum_of(values, begin, middle) + sum_of(values, middle, end);
}

/// Micro-batches of a step; those in `empty` have no targets.
std::vector<Batch> micro_batches(const std::string& name, size_t n, const std::vector<size_t>& empty = {}) {
  Random random(name);
  std::vector<Batch> batches;
  for (size_t i = 0; i < n; ++i) batches.push_back(random_batch(random, tiny_model(), 2));
  for (const size_t i : empty) batches[i].targets.assign(batches[i].targets.size(), ignored_target);
  return batches;
}

}  // namespace

TEST_CASE("gradient groups are added as a binary tree", "[ranks]") {
  Random random("groups");
  for (const int64_t groups : {1, 2, 4, 8, 16}) {
    Parameters parameters;
    std::vector<Parameter*> all{parameters.add("matrix", {3, 50}, {}), parameters.add("vector", {7}, {}),
                                parameters.add("unreached", {5}, {})};
    parameters.allocate(cpu(), DType::f32, 1);
    GradientGroups tree(parameters, groups);
    CHECK(tree.count() == groups);
    for (int step = 0; step < 2; ++step) {
      std::vector<std::vector<std::vector<float>>> written(2);  // by parameter, element and group
      for (size_t p = 0; p < 2; ++p) written[p].resize(static_cast<size_t>(all[p]->shape.numel()));
      for (int64_t group = 0; group < groups; ++group) {
        tree.begin(group);
        parameters.clear_grads();
        for (size_t p = 0; p < 2; ++p) {
          Variable& leaf = *all[p]->value.variable();
          leaf.has_grad = true;
          for (size_t i = 0; i < written[p].size(); ++i) {
            written[p][i].push_back(random.normals<float>(1)[0]);
            leaf.grad.ptr<float>()[i] = written[p][i].back();
          }
        }
        tree.end(group);
      }
      const auto* sums = static_cast<const uint8_t*>(parameters.slab().grads->data());
      for (size_t p = 0; p < 2; ++p) {
        const auto* grad = reinterpret_cast<const float*>(sums + parameters.slab().grads->offset(p));
        CHECK(grad_of(all[p]->value).data() == grad);
        for (size_t i = 0; i < written[p].size(); ++i)
          CHECK(grad[i] == sum_of(written[p][i], 0, static_cast<size_t>(groups)));
      }
      for (const double zero : grad_of(all[2]->value).doubles()) CHECK(zero == 0);
    }
  }
  Parameters parameters;
  parameters.add("matrix", {2, 2}, {});
  parameters.allocate(cpu(), DType::f32, 1);
  CHECK_ERROR(GradientGroups(parameters, 6), ErrorCode::usage,
              "6 groups of micro-steps; expected a power of two");
}

TEST_CASE("the loss has the same bits for any number of groups, the gradient is the same", "[ranks]") {
  // Groups without targets: none, the first, the last, one in the middle.
  for (const auto& empty : std::vector<std::vector<size_t>>{{}, {0, 1}, {6, 7}, {2, 3, 4}, {0, 7}}) {
    std::vector<StepResult> first;
    std::vector<double> norms, weights;
    for (const int64_t groups : {1, 2, 4, 8}) {
      const auto model = make_model(tiny_model(), cpu(), DType::f64, 7);
      Trainer trainer(*model, {.kind = OptimizerKind::sgd, .grad_clip = 0}, steady, 1, groups);
      std::vector<double> found;
      for (const PartNorm& part : grad_norms(trainer, micro_batches("step 0", 8, empty)))
        found.push_back(part.norm);
      if (groups == 1) norms = found;
      CHECK(close_by_norm(found, norms, 1e-13));
      for (size_t step = 0; step < 3; ++step) {
        const StepResult result = trainer.step(micro_batches("step " + std::to_string(step), 8, empty));
        CHECK(result.finite);
        if (groups == 1) first.push_back(result);
        if (step == 0) CHECK(result.loss == first[0].loss);
        CHECK(near(result.loss, first[step].loss, 1e-12));
        CHECK(near(result.grad_norm, first[step].grad_norm, 1e-12));
        CHECK(result.tokens == first[step].tokens);
      }
      std::vector<double> after;
      for (const Parameter& p : model->parameters().all())
        for (const double v : p.value.doubles()) after.push_back(v);
      if (groups == 1) weights = after;
      CHECK(close_by_norm(after, weights, 1e-12));
    }
  }
}

TEST_CASE("micro-steps that do not fall into the groups are refused", "[ranks]") {
  const auto model = make_model(tiny_model(), cpu());
  Trainer trainer(*model, {}, steady, 1, 4);
  CHECK_ERROR(trainer.step(micro_batches("six", 6)), ErrorCode::usage,
              "6 micro-batches cannot be divided into 4 groups");
}

TEST_CASE("a bad number in any group is found", "[ranks]") {
  Random random("bad");
  ModelConfig shorter = tiny_model();
  --shorter.block_size;
  for (size_t bad = 0; bad < 4; ++bad) {
    const auto model = make_model(tiny_model(), cpu());
    Trainer trainer(*model, {}, steady, 1, 4);
    Tensor& positions = model->parameters().find("transformer.wpe.weight")->value;
    positions.ptr<float>()[positions.numel() - 1] = NAN;  // of the last position, which one batch alone has
    std::vector<Batch> batches;
    for (size_t i = 0; i < 4; ++i) batches.push_back(random_batch(random, shorter, 2));
    CHECK(trainer.step(batches).finite);
    batches[bad] = random_batch(random, tiny_model(), 2);
    const std::string before = bytes_of(trainer);
    CHECK_FALSE(trainer.step(batches).finite);
    CHECK(bytes_of(trainer) == before);
  }
}

}  // namespace hewn::test
