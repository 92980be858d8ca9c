// Training of some parameters only: the others keep their values, have no gradients or moments, and the backward
// pass ends below the lowest layer that trains.

#include <set>

#include "tests/support/close.h"
#include "tests/train/tiny.h"
#include "train/plan.h"

namespace hewn {
namespace {

constexpr ScheduleConfig unchanging{.kind = ScheduleKind::constant, .learning_rate = 1e-2, .warmup_iters = 0};

TrainConfig config_training(const std::string& what, bool tie = false) {
  TrainConfig config{
      .model = test::tiny_model(), .optimizer = {}, .schedule = unchanging, .training = {what}};
  config.model.tie = tie;
  config.batch_size = 3;
  return config;
}

struct Learner {
  explicit Learner(const TrainConfig& config, Executor& device = cpu())
      : model(make_model(config.model, config.training, device, config.dtype, 3)),
        trainer(*model, config.optimizer, config.schedule, 5) {
    trainer.recompute(config.recompute);
  }
  std::unique_ptr<Model> model;
  Trainer trainer;
};

std::set<std::string> trained_names(Model& model) {
  std::set<std::string> names;
  for (const Parameter& p : model.parameters().all())
    if (p.trains) names.insert(p.name);
  return names;
}

/// The nodes that a step records.
class NodeCounter final : public TapeObserver {
 public:
  void recorded(const Node& node, const Tensor&) override { ++recorded_[node.info().name]; }
  std::map<std::string_view, int> recorded_;
};

const PlanTarget single_thread{.threads = 1, .isa = best_isa()};

size_t bytes_of_use(const Plan& plan, MemUse use) {
  return plan.memory.at_peak_by_use[static_cast<int>(use)];
}

}  // namespace

TEST_CASE("what trains changes, with the gradients of a whole model, and nothing else does", "[trained]") {
  test::Random random("what trains");
  for (const DType dtype : {DType::f64, DType::bf16})
    for (const bool recompute : {false, true})
      for (const bool tie : {false, true})
        for (const std::string what : {"head", "last:1", "last:2", "all"}) {
          INFO(what << ", tie " << tie << ", recompute " << recompute << ", " << name_of(dtype));
          TrainConfig config = config_training(what, tie);
          config.dtype = dtype;
          config.recompute = recompute;
          Learner some(config);
          config.training.what = "all";
          Learner all(config);
          const Batch batch = test::random_batch(random, config.model, 3);
          NodeCounter nothing;
          some.trainer.watch({&batch, 1}, nothing);
          all.trainer.watch({&batch, 1}, nothing);
          std::map<std::string, std::string> before;
          for (const Parameter& p : some.model->parameters().all()) {
            INFO(p.name);
            before[p.name] = test::bytes_of(p.value);
            CHECK(p.value.requires_grad() == p.trains);
            if (p.trains)
              CHECK(test::close_by_norm(grad_of(p.value).doubles(),
                                        grad_of(all.model->parameters().find(p.name)->value).doubles(),
                                        dtype == DType::f64 ? 1e-12 : 1e-2));
          }
          for (int step = 0; step < 3; ++step) some.trainer.step(batch);
          for (const Parameter& p : some.model->parameters().all()) {
            INFO(p.name);
            CHECK((test::bytes_of(p.value) != before[p.name]) == p.trains);
          }
          CHECK(some.trainer.optimizer().moments().size() == 2 * trained_names(*some.model).size());
        }
}

TEST_CASE("head, last:K and their meaning with tied embeddings", "[trained]") {
  const auto names = [](const std::string& what, bool tie) {
    const TrainConfig config = config_training(what, tie);
    const auto model = declare_model(config.model);
    choose_trained(*model, config.training);
    return trained_names(*model);
  };
  CHECK(names("head", false) == std::set<std::string>{"lm_head.weight"});
  CHECK(names("head", true) == std::set<std::string>{"transformer.wte.weight"});
  for (const bool tie : {false, true}) {
    std::set<std::string> last = names("last:1", tie);
    CHECK(last.erase("lm_head.weight") == (tie ? 0 : 1));
    CHECK(last.erase("transformer.ln_f.weight") + last.erase("transformer.ln_f.bias") == 2);
    CHECK(last.size() == 12);
    for (const std::string& name : last) CHECK(name.starts_with("transformer.h.1."));
    CHECK(names("last:2", tie).size() == names("last:1", tie).size() + 12);
  }
  CHECK_ERROR(names("last:3", false), ErrorCode::usage, "last:3, but the model has 2 blocks");
  for (const std::string wrong :
       {"", "last", "last:", "last:0", "last:-1", "last:1x", "last:99999999999999999999", "heads", "ALL"})
    CHECK_ERROR(names(wrong, false), ErrorCode::usage, "is not one of all");
  TrainConfig bigram = config_training("head");
  bigram.model.arch = "bigram";
  CHECK_ERROR(make_plan(bigram, single_thread), ErrorCode::usage, "arch = bigram has no output head");
  bigram.training.what = "last:1";
  CHECK_ERROR(make_plan(bigram, single_thread), ErrorCode::usage, "has 0 blocks");
}

TEST_CASE("the backward pass ends below the lowest layer that trains", "[trained]") {
  test::Random random("depth");
  const auto nodes_of = [&](const std::string& what, bool tie = false) {
    const TrainConfig config = config_training(what, tie);
    Learner trainee(config);
    const Batch batch = test::random_batch(random, config.model, 3);
    NodeCounter counter;
    trainee.trainer.watch({&batch, 1}, counter);
    return counter.recorded_;
  };
  using Nodes = std::map<std::string_view, int>;
  CHECK(nodes_of("head") == Nodes{{"linear_cross_entropy", 1}});
  const Nodes block{{"layernorm", 2}, {"linear", 4}, {"causal_attention_packed", 1}};
  for (const int blocks : {1, 2}) {
    Nodes nodes = nodes_of("last:" + std::to_string(blocks));
    for (const auto& [op, n] : block) CHECK(nodes[op] == n * blocks + (op == "layernorm"));
    CHECK(!nodes.contains("embedding"));
  }
  CHECK(nodes_of("head", true)["embedding"] == 1);  // the tied matrix is in the lowest layer, too

  // Launches and FLOPs. A layer has four products, each with two in the backward pass; the head has one and two.
  const auto plan_of = [](const std::string& what) {
    return make_plan(config_training(what), single_thread);
  };
  const Plan head = plan_of("head"), last = plan_of("last:1"), all = plan_of("all");
  const auto calls = [](const Plan& plan, const char* op) {
    const auto found = plan.kernels.find(op);
    return found == plan.kernels.end() ? 0 : found->second.calls;
  };
  CHECK(calls(head, "matmul") == 9 + 1);  // dW of the head; nobody needs its dx
  CHECK(calls(last, "matmul") == 9 + 2 + 8);
  CHECK(calls(all, "matmul") == 9 + 2 + 16);
  CHECK(calls(head, "attention.backward") == 0);
  CHECK(calls(last, "attention.backward") == 1);
  CHECK(calls(head, "layernorm.backward") == 0);
  CHECK(calls(last, "layernorm.backward") == 3);
  CHECK(calls(last, "embedding.backward") == 0);
  CHECK(head.flops_per_token < 0.5 * all.flops_per_token);
  CHECK(head.flops_per_token < last.flops_per_token);
  CHECK(last.flops_per_token < all.flops_per_token);
}

TEST_CASE("gradients and moments take memory only for what trains", "[trained]") {
  for (const DType dtype : {DType::f32, DType::bf16})
    for (const std::string what : {"head", "last:1", "last:2", "all"}) {
      INFO(what << " " << name_of(dtype));
      TrainConfig config = config_training(what);
      config.dtype = dtype;
      config.model.block_size = 64;
      const Plan plan = make_plan(config, single_thread);
      const auto model = declare_model(config.model);
      choose_trained(*model, config.training);
      // Of the rest and of what trains: bytes of the values, and of their copies in bf16.
      size_t values[2] = {}, copies[2] = {};
      for (const Parameter& p : model->parameters().all()) {
        const size_t bytes = (static_cast<size_t>(p.shape.numel()) * 4 + 255) / 256 * 256;
        values[p.trains] += bytes;
        if (dtype == DType::bf16 && p.decayed()) copies[p.trains] += bytes / 2;
      }
      CHECK(bytes_of_use(plan, MemUse::gradient) == test::allocated(values[true]));
      config.gradient_accumulation_steps = config.grad_shards = 8;
      CHECK(bytes_of_use(make_plan(config, single_thread), MemUse::gradient) ==
            4 * test::allocated(values[true]));
      CHECK(bytes_of_use(plan, MemUse::optimizer) == 2 * test::allocated(values[true]) + 2 * test::allocated(1));
      size_t all = 0;
      for (const bool trains : {false, true})
        all += test::allocated(values[trains]) + test::allocated(copies[trains]);
      CHECK(bytes_of_use(plan, MemUse::parameter) == all);
      CHECK(plan.trained_parameters == model->parameters().numel_trained());
      if (what == "head" || what == "last:1") {
        config.training.what = "all";
        CHECK(static_cast<double>(bytes_of_use(plan, MemUse::activation)) <
              0.8 * static_cast<double>(bytes_of_use(make_plan(config, single_thread), MemUse::activation)));
      }
    }
}

TEST_CASE("a checkpoint holds all weights and the moments of what trains, and resumes with the same bits",
          "[trained]") {
  test::Random random("resume some");
  const test::TempDir dir;
  for (const DType dtype : {DType::f32, DType::bf16}) {
    TrainConfig config = config_training("last:1");
    config.dtype = dtype;
    Learner first(config), second(config);
    std::vector<Batch> batches;
    for (int i = 0; i < 6; ++i) batches.push_back(test::random_batch(random, config.model, 3));
    for (int i = 0; i < 3; ++i) first.trainer.step(batches[static_cast<size_t>(i)]);
    RunState state;
    state.step = 3;
    const std::string saved =
        save_checkpoint((dir / std::string(name_of(dtype))).string(), state, first.trainer);
    const SafetensorsFile moments(saved + "/optimizer.safetensors"), weights(saved + "/model.safetensors");
    CHECK(moments.entries().size() == 2 * trained_names(*first.model).size());
    CHECK(weights.entries().size() == first.model->parameters().all().size());
    for (Parameter& p : second.model->parameters().all()) p.value.zero();
    load_checkpoint(saved, second.trainer);
    for (int i = 3; i < 6; ++i) {
      first.trainer.step(batches[static_cast<size_t>(i)]);
      second.trainer.step(batches[static_cast<size_t>(i)]);
    }
    CHECK(test::bytes_of(first.trainer) == test::bytes_of(second.trainer));
  }
}

}  // namespace hewn
