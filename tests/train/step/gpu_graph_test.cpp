// Training steps on a GPU without waiting for it: queued ahead, replayed as graphs. The bits are those of
// steps taken one by one.

#include <limits>

#include "kernels/gpu/runtime/runtime.h"
#include "tests/support/gpu.h"
#include "tests/train/tiny.h"
#include "train/eval.h"

namespace hewn {
namespace {

constexpr ScheduleConfig steady{.kind = ScheduleKind::constant, .learning_rate = 1e-2, .warmup_iters = 0};

/// A model in training, whose batches follow from the number of the step.
struct Ahead {
  explicit Ahead(Executor& on, const ModelConfig& config = test::tiny_model(), DType dtype = DType::f32,
                 OptimizerConfig optimizer = {}, bool recompute = false, int64_t groups = 1)
      : device(on), model(make_model(config, on, dtype, 3)), trainer(*model, optimizer, steady, 5, groups) {
    trainer.recompute(recompute);
  }

  std::vector<Batch> batches(int64_t micro_steps) const {
    test::Random random("graph step " + std::to_string(trainer.steps_done()));
    std::vector<Batch> all;
    for (int64_t m = 0; m < micro_steps; ++m) all.push_back(test::random_batch(random, model->config(), 3));
    return all;
  }
  StepResult step(int64_t micro_steps = 1) { return trainer.step(batches(micro_steps)); }
  void queue(int64_t micro_steps = 1) { trainer.queue(batches(micro_steps)); }

  Executor& device;
  std::unique_ptr<Model> model;
  Trainer trainer;
};

void check_same_step(const StepResult& a, const StepResult& b) {
  INFO("step " << b.step);
  CHECK(a.step == b.step);
  CHECK(a.loss == b.loss);
  CHECK(a.grad_norm == b.grad_norm);
  CHECK(a.learning_rate == b.learning_rate);
  CHECK(a.tokens == b.tokens);
  CHECK(a.finite == b.finite);
}

struct GraphVariant {
  const char* name;
  ModelConfig config;
  DType dtype = DType::f32;
  OptimizerConfig optimizer = {};
  bool recompute = false;
};

std::vector<GraphVariant> graph_variants() {
  std::vector<GraphVariant> list{{"gpt", test::tiny_model()}, {"f64", test::tiny_model(), DType::f64}};
  GraphVariant dropped{"dropout, clipped", test::tiny_model()};
  dropped.config.dropout = 0.2;
  dropped.optimizer.grad_clip = 0.1;
  list.push_back(dropped);
  dropped.name = "dropout, recomputing";
  dropped.recompute = true;
  list.push_back(dropped);
  GraphVariant llama{"llama, sgd", test::tiny_model()};
  llama.config.n_kv_head = 1;
  llama.config.norm = NormKind::rmsnorm;
  llama.config.pos = Positions::rotary;
  llama.config.act = MlpActivation::swiglu;
  llama.config.bias = llama.config.qkv_bias = llama.config.tie = false;
  llama.optimizer.kind = OptimizerKind::sgd;
  list.push_back(llama);
  GraphVariant joined{"positions beside embeddings", test::tiny_model()};
  joined.config.pos_combine = PosCombine::concat;
  joined.config.pos = Positions::sinusoidal;
  joined.config.tie = false;
  list.push_back(joined);
  GraphVariant plain{"batched attention", test::tiny_model()};
  plain.config.attention = AttentionForm::batched;
  list.push_back(plain);
  if (test::full()) list.push_back({"bf16", test::tiny_model(), DType::bf16});
  return list;
}

}  // namespace

TEST_CASE("gpu graphs: replayed steps have the same bits as steps without graphs", "[gpu]") {
  if (test::left_out()) return;
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  int turn = 0;
  for (const auto& [name, config, dtype, optimizer, recompute] : graph_variants()) {
    ++turn;
    for (const int64_t micro_steps : {1, 2, 4}) {
      const bool its_turn = micro_steps == int64_t{1} << turn % 3;
      if ((!test::full() && !its_turn) || !test::in_sample()) continue;
      INFO(name << ", micro-steps: " << micro_steps);
      Ahead replayed(*gpu, config, dtype, optimizer, recompute), plain(*gpu, config, dtype, optimizer);
      plain.trainer.graphs().use(false);
      for (int step = 0; step < 6; ++step) {
        check_same_step(replayed.step(micro_steps), plain.step(micro_steps));
        if (step == 3)  // another shape and no tape, in between
          for (Ahead* run : {&replayed, &plain})
            generate(*run->model, {1, 2, 3}, {.max_new_tokens = 3}, [](int32_t) { return true; });
      }
      CHECK((test::bytes_of(replayed.trainer) == test::bytes_of(plain.trainer)));
      CHECK(replayed.trainer.graphs().replays() >= 4);
      CHECK(plain.trainer.graphs().replays() == 0);
    }
  }
}

TEST_CASE("gpu graphs: batches of other shapes and without targets are handled", "[gpu]") {
  if (test::left_out()) return;
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  const std::pair<int, int> divisions[] = {{3, 1}, {4, 4}, {4, 2}};
  for (const auto& [micro_steps, groups] : divisions) {
    if (!test::full() && &micro_steps != &divisions[test::run_seed() % 3].first) continue;
    INFO(micro_steps << " micro-steps in " << groups << " groups");
    Ahead replayed(*gpu, test::tiny_model(), DType::f32, {}, false, groups);
    Ahead plain(*gpu, test::tiny_model(), DType::f32, {}, false, groups);
    plain.trainer.graphs().use(false);
    test::Random random("shapes");
    for (int step = 0; step < 24; ++step) {
      std::vector<Batch> batches;
      const int64_t rows = 2 + step / 5 % 3;  // also more than there was room for
      for (int m = 0; m < micro_steps; ++m)
        batches.push_back(test::random_batch(random, test::tiny_model(), rows));
      for (const auto& [turn, batch] : {std::pair(3, &batches.back()), std::pair(4, &batches.front())})
        if (step % 7 == turn) std::fill(batch->targets.begin(), batch->targets.end(), ignored_target);
      check_same_step(replayed.trainer.step(batches), plain.trainer.step(batches));
    }
    CHECK((test::bytes_of(replayed.trainer) == test::bytes_of(plain.trainer)));
    CHECK(replayed.trainer.graphs().replays() > 12);
  }
}

TEST_CASE("gpu graphs: batches of several lengths have graphs of their own", "[gpu]") {
  if (test::left_out()) return;
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  Ahead replayed(*gpu), plain(*gpu);
  plain.trainer.graphs().use(false);
  test::Random random("lengths");
  for (int step = 0; step < 12; ++step) {
    ModelConfig config = test::tiny_model();
    config.block_size = step % 3 == 0 ? 8 : 4 + step % 3;
    const Batch batch = test::random_batch(random, config, 3);
    check_same_step(replayed.trainer.step(batch), plain.trainer.step(batch));
  }
  CHECK((test::bytes_of(replayed.trainer) == test::bytes_of(plain.trainer)));
  CHECK(replayed.trainer.graphs().replays() == 6);  // from the third step of each length on
}

TEST_CASE("gpu graphs: a replayed step does not touch memory in use elsewhere", "[gpu]") {
  if (test::left_out()) return;
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  Ahead replayed(*gpu), plain(*gpu);
  plain.trainer.graphs().use(false);
  const auto both = [&](int steps) {
    for (int step = 0; step < steps; ++step) check_same_step(replayed.step(), plain.step());
  };
  both(4);
  const int64_t before = replayed.trainer.graphs().replays();
  std::vector<Tensor> mine;  // of the sizes of activations, which the pool has
  for (int64_t n = 64; n < 4096; n += 64)
    mine.push_back(Tensor::from(*gpu, std::vector<float>(static_cast<size_t>(n), 7.0f), {n}));
  both(2);
  CHECK(replayed.trainer.graphs().replays() == before);
  both(4);
  CHECK(replayed.trainer.graphs().replays() > before);
  for (const Tensor& t : mine)
    CHECK(t.values<float>() == std::vector<float>(static_cast<size_t>(t.numel()), 7.0f));
  CHECK((test::bytes_of(replayed.trainer) == test::bytes_of(plain.trainer)));
}

TEST_CASE("gpu graphs: the next step uses weights that were loaded", "[gpu]") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  std::vector<DType> dtypes{DType::f32};
  if (test::full()) dtypes.push_back(DType::bf16);  // whose copies of matrices have to follow
  for (const DType dtype : dtypes) {
    const test::TempDir dir;
    Ahead replayed(*gpu, test::tiny_model(), dtype), plain(*gpu, test::tiny_model(), dtype);
    plain.trainer.graphs().use(false);
    const auto both = [&](int steps) {
      for (int step = 0; step < steps; ++step) check_same_step(replayed.step(), plain.step());
    };
    both(2);
    RunState state;
    state.step = plain.trainer.steps_done();
    const std::string checkpoint = save_checkpoint(dir.path().string(), state, plain.trainer);
    both(3);
    for (Ahead* run : {&replayed, &plain}) load_checkpoint(checkpoint, run->trainer);
    const int64_t before = replayed.trainer.graphs().replays();
    both(2);
    CHECK(replayed.trainer.graphs().replays() == before + 2);
    // Whatever is computed from parameters follows their version.
    for (size_t i = 0; i < plain.model->parameters().all().size(); ++i)
      CHECK(replayed.model->parameters().all()[i].value.storage()->version ==
            plain.model->parameters().all()[i].value.storage()->version);
    CHECK((test::bytes_of(replayed.trainer) == test::bytes_of(plain.trainer)));
  }
}

TEST_CASE("gpu: a step is queued without waiting for anything", "[gpu]") {
  if (test::left_out()) return;
  const auto gpu = test::make_test_gpu();
  if (!gpu || gpu->isa() != Isa::emulated) return;  // a GPU may be done at any time
  for (const auto& [graphs, micro_steps] :
       {std::pair{false, 1}, std::pair{false, 4}, std::pair{true, 1}, std::pair{true, 4}}) {
    INFO((graphs ? "graphs" : "kernels") << ", micro-steps: " << micro_steps);
    Ahead ahead(*gpu), one_by_one(*gpu);
    ahead.trainer.graphs().use(graphs);
    one_by_one.trainer.graphs().use(false);
    GpuRuntime& runtime = *gpu->gpu();
    const GpuRuntime::Event begun = runtime.make_event();
    ahead.queue(micro_steps);
    for (int step = 0; step < 6; ++step) {
      INFO("step " << step);
      runtime.record(begun);
      ahead.queue(micro_steps);
      // Else somebody asked for a result, and so for what came before. While its graphs are captured, a step
      // of several micro-steps may drop one that cannot stay, which waits.
      if (!graphs || micro_steps == 1 || step >= 2) CHECK_FALSE(runtime.reached(begun));
      CHECK(ahead.trainer.queued() == 2);
      check_same_step(ahead.trainer.read(), one_by_one.step(micro_steps));
    }
    check_same_step(ahead.trainer.read(), one_by_one.step(micro_steps));
    CHECK(ahead.trainer.queued() == 0);
    CHECK((test::bytes_of(ahead.trainer) == test::bytes_of(one_by_one.trainer)));
    runtime.drop_event(begun);
  }
}

TEST_CASE("gpu: the queue of steps is bounded and cannot be mixed with plain steps", "[gpu]") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  Ahead run(*gpu);
  CHECK_ERROR(run.trainer.read(), ErrorCode::usage, "none is queued");
  run.queue();
  CHECK_ERROR(run.step(), ErrorCode::usage, "1 are queued");
  run.queue();
  CHECK_ERROR(run.queue(), ErrorCode::usage, "more than 2 steps");
}

TEST_CASE("gpu: a step queued behind a non-finite step does not change anything either", "[gpu]") {
  if (test::left_out()) return;
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  for (const bool graphs : {false, true})
    for (const int good_steps : {1, 4}) {
      INFO((graphs ? "graphs" : "kernels") << " after " << good_steps);
      Ahead hurt(*gpu), well(*gpu);
      hurt.trainer.graphs().use(graphs);
      const auto both = [&](int steps) {
        for (int step = 0; step < steps; ++step) check_same_step(hurt.step(), well.step());
      };
      both(good_steps);
      const std::string before = test::bytes_of(hurt.trainer);
      Tensor& weight = hurt.model->parameters().find("transformer.ln_f.weight")->value;
      const std::vector<float> good = weight.values<float>();
      weight.upload(std::vector<float>(good.size(), std::numeric_limits<float>::infinity()).data());
      hurt.queue();
      weight.upload(good.data());  // so that the second step would be a good one
      hurt.queue();
      const StepResult bad = hurt.trainer.read();
      CHECK_FALSE(bad.finite);
      CHECK(bad.step == good_steps);
      CHECK(hurt.trainer.queued() == 0);
      CHECK(hurt.trainer.steps_done() == good_steps);
      CHECK((test::bytes_of(hurt.trainer) == before));
      both(2);
      CHECK((test::bytes_of(hurt.trainer) == test::bytes_of(well.trainer)));
    }
}

}  // namespace hewn
