// Whole runs: resumed is the same as never stopped, whatever the threads; when a run ends, what it keeps.

#include "train/loop.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/io/limits.h"
#include "tests/support/gpu.h"
#include "tests/train/tiny.h"
#include "train/checkpoint/find_checkpoint.h"

namespace hewn {
namespace {

namespace fs = std::filesystem;

/// A text of its own with its directory.
struct Text {
  test::TempDir dir;
  Dataset data;
  Text() {
    test::Random random("text");
    std::string text;
    for (int i = 0; i < 3000; ++i) text += "abcdefghij \n"[random.integer(0, 11)];
    test::write_file(dir / "text.txt", text);
    data = open_dataset({.dataset = (dir / "text.txt").string()});
  }
  std::string run(const std::string& name) const { return (dir / name).string(); }
};

TrainConfig tiny_config(const Text& text) {
  TrainConfig config{.model = test::tiny_model(), .optimizer = {}, .schedule = {}};
  config.model.vocab_size = text.data.vocab_size;
  config.model.dropout = 0.1;
  config.schedule.warmup_iters = 3;
  config.schedule.lr_decay_iters = 12;
  config.batch_size = 3;
  config.gradient_accumulation_steps = 2;
  config.max_iters = 12;
  config.eval_interval = 5;
  config.eval_iters = 2;
  config.log_interval = 2;
  config.keep = 3;
  return config;
}

/// Batches of which those from one on cannot be read.
struct Unreadable final : BatchSource {
  const BatchSource& source;
  int64_t first;
  Unreadable(const BatchSource& from, int64_t first_bad) : source(from), first(first_bad) {}
  void fill(int64_t index, Batch& batch) const override {
    if (index >= first) fail(ErrorCode::input, "no batch ", index);
    source.fill(index, batch);
  }
  int64_t batch_count() const override { return source.batch_count(); }
};

/// What to do to a run beside training it.
struct Extra {
  int threads = 1;
  int64_t stop_after = -1;    ///< asked to stop after this step
  int64_t stop_at_call = -1;  ///< asked to stop when the loop asks for the n-th time
  std::function<void(Trainer&, int64_t step)> meddle = {};
  bool gpu = false, graphs = true;
  std::function<void(int64_t step)> on_sample = {};
  int64_t unreadable = std::numeric_limits<int64_t>::max();  ///< the first batch that cannot be read
};

/// Begins the run, or goes on with it if it is there; the trainer is as a new process would make it.
Outcome train(const Text& text, const TrainConfig& config, const std::string& path, const Extra& extra = {}) {
  const bool resumes = fs::exists(path + "/checkpoints");
  RunDirectory run(path, resumes ? RunDirectory::Open::resume : RunDirectory::Open::fresh);
  const auto device = extra.gpu ? test::make_test_gpu() : make_cpu(extra.threads);
  const auto model = make_model(config.model, *device, config.dtype, config.seed);
  Trainer trainer(*model, config);
  trainer.graphs().use(extra.graphs);
  RunState state;
  state.seed = config.seed;
  if (resumes) {
    const std::string checkpoint = find_checkpoint(path);
    load_checkpoint(checkpoint, trainer);
    state = checkpoint_state(checkpoint);
  }
  int64_t step = state.step;
  LoopEvents events;
  events.on_step = [&](const Progress& progress) {
    step = progress.step.step + 1;
    if (extra.meddle) extra.meddle(trainer, step);
  };
  int64_t calls = 0;
  events.should_stop = [&] { return ++calls == extra.stop_at_call || step == extra.stop_after; };
  events.on_sample = extra.on_sample;
  const BatchLoader loader = training_loader(text.data, config);
  const Unreadable source(loader, extra.unreadable);
  return run_training(&run, config, trainer, source, text_validator(text.data, config), state, events);
}

std::string weights_of(const std::string& run, int64_t step) {
  char name[32];
  std::snprintf(name, sizeof name, "/checkpoints/step-%06d", static_cast<int>(step));
  return test::read_file(run + name + "/model.safetensors") +
         test::read_file(run + name + "/optimizer.safetensors");
}

/// The metrics without what a clock says.
std::vector<std::string> metrics_of(const std::string& run) {
  std::istringstream in(test::read_file(run + "/metrics.jsonl"));
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    auto json = nlohmann::json::parse(line);
    json.erase("seconds");
    json.erase("tokens_per_s");
    lines.push_back(json.dump());
  }
  return lines;
}

void check_same_run(const std::string& got, const std::string& want) {
  CHECK((weights_of(got, 12) == weights_of(want, 12)));
  CHECK(metrics_of(got) == metrics_of(want));
  const RunState a = checkpoint_state(find_checkpoint(got)), b = checkpoint_state(find_checkpoint(want));
  CHECK(a.step == b.step);
  CHECK(a.val_loss == b.val_loss);
  CHECK(a.best_val_loss == b.best_val_loss);
  CHECK(a.best_step == b.best_step);
  CHECK(a.evals_without_better == b.evals_without_better);
  CHECK(a.tokens == b.tokens);
}

}  // namespace

TEST_CASE("a resumed run has the same bits as one that never stopped", "[loop]") {
  const Text text;
  for (const auto kind : {OptimizerKind::adamw, OptimizerKind::sgd}) {
    TrainConfig config = tiny_config(text);
    config.optimizer.kind = kind;
    const std::string whole = text.run("whole-" + name_of(kind));
    CHECK(train(text, config, whole).reason == StopReason::max_iters);
    test::Random random("stops");
    std::vector<int64_t> stops{1, 5, 10, 12};  // among them the steps of evaluations, and the last
    if (!test::full()) stops = {5, random.integer(6, 12)};
    for (const int64_t stop : stops) {
      INFO(name_of(kind) << ", stopped after step " << stop);
      const std::string run = text.run(name_of(kind) + std::to_string(stop));
      const Outcome first = train(text, config, run, {.stop_after = stop});
      CHECK(first.reason == StopReason::asked);
      CHECK(first.state.step == stop);
      CHECK(fs::exists(first.checkpoint));
      CHECK(train(text, config, run).reason == StopReason::max_iters);
      check_same_run(run, whole);
      if (stop != 5) fs::remove_all(run);
    }
    const std::string many = text.run("many-" + name_of(kind));
    for (int64_t stop = 2; stop <= 12; stop += 5) train(text, config, many, {.stop_after = stop});
    train(text, config, many);
    check_same_run(many, whole);
  }
}

TEST_CASE("a run that was stopped during a validation has the same bits as one that never stopped",
          "[loop]") {
  const Text text;
  const TrainConfig config = tiny_config(text);
  const std::string whole = text.run("whole");
  train(text, config, whole);
  // The loop asks after every step, and before each of the two batches of a validation: at the steps 0, 5, 10, 12.
  for (const auto& [call, step] :
       {std::pair<int64_t, int64_t>{1, 0}, {2, 0}, {8, 5}, {9, 5}, {15, 10}, {18, 12}, {19, 12}}) {
    INFO("call " << call);
    const std::string run = text.run("run-" + std::to_string(call));
    const Outcome first = train(text, config, run, {.stop_at_call = call});
    CHECK(first.reason == StopReason::asked);
    CHECK(first.state.step == step);
    CHECK(first.state.evaluated_step < step + (step == 0));
    CHECK((step == 0 || checkpoint_state(find_checkpoint(run)).step == step));
    CHECK(train(text, config, run).reason == StopReason::max_iters);
    check_same_run(run, whole);
  }
}

TEST_CASE("training data that is shortened during a run ends it after the last good step, saved", "[loop]") {
  static const bool survives = (survive_lost_pages(), true);
  REQUIRE(survives);
  const test::TempDir dir;
  test::Random random("tokens");
  std::string ids;
  for (int i = 0; i < 30000; ++i) {
    ids += static_cast<char>(random.integer(0, 10));
    ids += '\0';
  }
  const auto open = [&] { return open_dataset({.dataset = (dir / "data").string()}); };
  fs::create_directory(dir / "data");
  for (const char* file : {"train.bin", "val.bin"}) test::write_file(dir / "data" / file, ids);
  Text text;
  text.data = open();
  TrainConfig config = tiny_config(text);
  config.model.vocab_size = text.data.vocab_size;
  const std::string whole = text.run("whole");
  train(text, config, whole);
  for (const std::string file : {"train.bin", "val.bin"}) {
    INFO(file);
    const std::string run = text.run(file);
    text.data = open();
    const auto thrown = test::thrown_by([&] {
      train(text, config, run, {.meddle = [&](Trainer&, int64_t step) {
              if (step == 7) fs::resize_file(dir / "data" / file, 5000);
            }});
    });
    INFO(thrown.text);
    CHECK(thrown.code == ErrorCode::input);
    CHECK(thrown.says(file + ": was shortened"));
    CHECK(thrown.says("saved " + run + "/checkpoints/step-000007"));
    CHECK(checkpoint_state(find_checkpoint(run)).step == 7);
    test::write_file(dir / "data" / file, ids);
    text.data = open();
    train(text, config, run);
    check_same_run(run, whole);
  }
}

TEST_CASE("a sample that fails ends the run, saved, or says why it could not be saved", "[loop]") {
  const Text text;
  TrainConfig config = tiny_config(text);
  config.sample_interval = 7;
  const std::string run = text.run("saved"), checkpoints = text.run("unsaved") + "/checkpoints";
  const auto saved = test::thrown_by([&] {
    train(text, config, run, {.on_sample = [](int64_t step) {
            if (step > 0) fail(ErrorCode::failed, "no sample");
          }});
  });
  CHECK(saved.text == "no sample\n  saved " + run + "/checkpoints/step-000007");
  CHECK(checkpoint_state(find_checkpoint(run)).step == 7);
  std::vector<int64_t> sampled;
  train(text, config, run, {.on_sample = [&](int64_t step) { sampled.push_back(step); }});
  CHECK(sampled.at(0) == 7);  // what was missing
  const auto unsaved = test::thrown_by([&] {
    train(text, config, text.run("unsaved"), {.on_sample = [&](int64_t step) {
            if (step == 0) return;
            fs::remove_all(checkpoints);
            test::write_file(checkpoints, "in the place of the directory");
            fail(ErrorCode::failed, "no sample");
          }});
  });
  INFO(unsaved.text);
  CHECK(unsaved.says("no sample\n  step 7 could not be saved: " + checkpoints + "/"));
  CHECK(unsaved.text.ends_with(", while saving checkpoint " + checkpoints + "/step-000007"));
}

TEST_CASE("batches that cannot be read for an evaluation end the run after the last good step, saved",
          "[loop]") {
  const Text text;
  for (const bool norms : {true, false}) {
    INFO((norms ? "log_grad_norms" : "log_update_ratios"));
    TrainConfig config = tiny_config(text);
    config.log_grad_norms = norms;
    config.log_update_ratios = !norms;
    const std::string run = text.run(norms ? "norms" : "ratios");
    const auto thrown = test::thrown_by([&] { train(text, config, run, {.unreadable = 10}); });  // of step 5
    CHECK(thrown.code == ErrorCode::input);
    CHECK(thrown.text == "no batch 10\n  saved " + run + "/checkpoints/step-000005");
  }
}

TEST_CASE("the number of threads changes no bits, even when it changes during the run", "[loop]") {
  const Text text;
  for (const auto form : {AttentionForm::fused, AttentionForm::batched}) {
    TrainConfig config = tiny_config(text);
    config.model.attention = form;
    config.model.dropout = form == AttentionForm::fused ? 0.1 : 0;
    config.eval_interval = 6;
    const std::string one = text.run("one-" + name_of(form)), mixed = text.run("mixed-" + name_of(form));
    train(text, config, one);
    for (const int threads : {2, 4}) {
      INFO(threads << " threads, " << name_of(form));
      const std::string run = text.run(std::to_string(threads) + name_of(form));
      train(text, config, run, {.threads = threads});
      check_same_run(run, one);
    }
    train(text, config, mixed, {.threads = 4, .stop_after = 7});
    train(text, config, mixed, {.threads = 2});
    check_same_run(mixed, one);
  }
}

TEST_CASE("gradient norms of all parts are logged at evaluations, and change nothing else", "[loop]") {
  const Text text;
  TrainConfig config = tiny_config(text);
  config.max_iters = 0;  // its batches are those of step 0
  config.log_grad_norms = true;
  const std::string run = text.run("norms");
  train(text, config, run);
  const auto norms = nlohmann::ordered_json::parse(metrics_of(run).at(0)).at("grad_norms");
  const std::vector<std::string> expected{"wte", "wpe", "h.0", "h.1", "ln_f"};
  REQUIRE(norms.size() == expected.size());
  double squares = 0;
  for (const std::string& part : expected) {
    CHECK(norms.at(part) > 0);
    squares += std::pow(norms.at(part).get<double>(), 2);
  }
  config.max_iters = 12;
  config.log_grad_norms = false;
  const std::string whole = text.run("whole");
  train(text, config, whole);
  config.log_grad_norms = true;
  const std::string logged = text.run("logged");
  config.log_interval = 1;
  train(text, config, logged, {.stop_after = 5});
  train(text, config, logged);
  CHECK((weights_of(logged, 12) == weights_of(whole, 12)));
  int evaluations = 0;
  for (const std::string& line : metrics_of(logged)) {
    const auto json = nlohmann::json::parse(line);
    evaluations += json.contains("val_loss") ? 1 : 0;
    CHECK(json.contains("val_loss") == json.contains("grad_norms"));
    if (json["step"] == 1) {  // the global norm of the same step
      const double global = json["grad_norm"];
      CHECK(std::fabs(std::sqrt(squares) - global) <= 1e-5 * global);
    }
  }
  CHECK(evaluations == 4);  // before steps 0, 5, 10 and at the end, also if stopped and resumed
}

TEST_CASE("resuming a finished run does not change it", "[loop]") {
  const Text text;
  const std::string run = text.run("run");
  const TrainConfig config = tiny_config(text);
  const Outcome first = train(text, config, run);
  const std::string weights = weights_of(run, 12), metrics = test::read_file(run + "/metrics.jsonl");
  const Outcome again = train(text, config, run);
  CHECK(again.reason == StopReason::max_iters);
  CHECK(again.checkpoint.empty());
  CHECK(again.state.evals_without_better == first.state.evals_without_better);
  CHECK((weights_of(run, 12) == weights));
  CHECK(test::read_file(run + "/metrics.jsonl") == metrics);
}

TEST_CASE("a run killed before its links were updated corrects them", "[loop]") {
  const Text text;
  const TrainConfig config = tiny_config(text);
  const std::string run = text.run("run");
  const int64_t best_step = train(text, config, run).state.best_step;
  const fs::path all = fs::path(run) / "checkpoints";
  for (const char* link : {"last", "best"}) {
    fs::remove(all / link);
    fs::create_symlink("step-000010", all / link);
  }
  train(text, config, run);
  CHECK(fs::read_symlink(all / "last") == "step-000012");
  if (best_step > 0) CHECK(checkpoint_state(find_checkpoint(run, "best")).step == best_step);
}

TEST_CASE("a run ends when the loss no longer improves", "[loop]") {
  const Text text;
  TrainConfig config = tiny_config(text);
  config.schedule = {.kind = ScheduleKind::constant, .learning_rate = 0, .min_lr = 0, .warmup_iters = 0};
  config.patience = 2;
  config.eval_interval = 3;
  config.max_iters = 1000;
  const std::string run = text.run("patience");
  const Outcome outcome = train(text, config, run, {.stop_after = 4});
  CHECK(outcome.reason == StopReason::asked);
  const Outcome end = train(text, config, run);
  CHECK(end.reason == StopReason::patience);
  CHECK(end.state.step == 6);  // the first evaluation, before training, was the best
  CHECK(end.state.best_step == 0);
}

TEST_CASE("a run ends at max_time, evaluated and saved", "[loop]") {
  const Text text;
  TrainConfig config = tiny_config(text);
  config.max_iters = 1'000'000'000;
  config.schedule.lr_decay_iters = config.max_iters;
  config.eval_interval = 1'000'000'000;
  config.max_time = 0.1;
  const std::string run = text.run("time");
  const Outcome outcome = train(text, config, run);
  CHECK(outcome.reason == StopReason::max_time);
  CHECK(outcome.state.evaluated_step == outcome.state.step);
  CHECK(checkpoint_state(outcome.checkpoint).step == outcome.state.step);
  CHECK(outcome.state.seconds >= 0.1);
  CHECK(outcome.state.tokens == outcome.state.step * 6 * config.model.block_size);
}

TEST_CASE("best is the best evaluation, last is the end, and only some checkpoints are kept", "[loop]") {
  const Text text;
  TrainConfig config = tiny_config(text);
  config.schedule.learning_rate = 0.5;  // too large: it gets worse
  config.schedule.warmup_iters = 0;
  config.eval_interval = 1;
  config.keep = 1;
  const std::string run = text.run("best");
  const Outcome outcome = train(text, config, run);
  double best = std::numeric_limits<double>::infinity();
  for (const std::string& line : metrics_of(run))
    best = std::min(best, nlohmann::json::parse(line).value("val_loss", best));
  CHECK(outcome.state.best_val_loss == best);
  if (outcome.state.best_step > 0) {
    const RunState state = checkpoint_state(find_checkpoint(run, "best"));
    CHECK(state.step == outcome.state.best_step);
    CHECK(state.val_loss == best);
  }
  CHECK(checkpoint_state(find_checkpoint(run)).step == 12);
  CHECK(list_checkpoints(run).size() <= 2);
}

TEST_CASE("without always_save_checkpoint only better checkpoints and the last are written", "[loop]") {
  const Text text;
  TrainConfig config = tiny_config(text);
  config.schedule.learning_rate = 0;
  config.schedule.min_lr = 0;
  config.always_save_checkpoint = false;
  const std::string run = text.run("few");
  train(text, config, run);
  const auto found = list_checkpoints(run);
  REQUIRE(found.size() == 1);
  CHECK(found[0].step == 12);
}

TEST_CASE("non-finite numbers end a run, and the error names the last good checkpoint", "[loop]") {
  const Text text;
  const TrainConfig config = tiny_config(text);
  const auto poison = [](Trainer& trainer, int64_t step) {
    if (step != 8) return;
    Tensor& bias = trainer.model().parameters().find("transformer.h.0.ln_2.weight")->value;
    bias.ptr<float>()[3] = std::numeric_limits<float>::quiet_NaN();
  };
  const std::string run = text.run("nan");
  const auto thrown = test::thrown_by([&] { train(text, config, run, {.meddle = poison}); });
  INFO(thrown.text);
  CHECK(thrown.code == ErrorCode::numerical);
  for (const char* part : {"step 8", "parameter transformer.h.0.ln_2.weight: 1 of 16",
                           "The parameters were not changed", "checkpoints/step-000005"})
    CHECK(thrown.says(part));
  CHECK(train(text, config, run).reason == StopReason::max_iters);  // from step 5
}

TEST_CASE("parameters that overflowed are not saved", "[loop]") {
  const Text text;
  TrainConfig config = tiny_config(text);
  config.eval_interval = 4;
  const auto overflow = [](Trainer& trainer, int64_t step) {
    if (step != 8) return;
    trainer.model().parameters().find("transformer.wpe.weight")->value.ptr<float>()[0] =
        std::numeric_limits<float>::infinity();
  };
  const std::string run = text.run("overflow");
  const auto thrown = test::thrown_by([&] { train(text, config, run, {.meddle = overflow}); });
  INFO(thrown.text);
  CHECK(thrown.code == ErrorCode::numerical);
  for (const char* part : {"after step 8", "transformer.wpe.weight: 1 of", "checkpoints/step-000004"})
    CHECK(thrown.says(part));
  CHECK(checkpoint_state(find_checkpoint(run)).step == 4);
}

TEST_CASE("a run on a GPU has the same bits with and without graphs, resumed or not", "[loop][gpu]") {
  if (test::left_out()) return;
  if (!test::make_test_gpu()) return;
  const Text text;
  TrainConfig config = tiny_config(text);
  config.max_iters = 12;
  config.eval_interval = 6;
  config.sample_interval = 4;
  const std::string graphs = text.run("graphs"), kernels = text.run("kernels"), halves = text.run("halves");
  train(text, config, graphs, {.gpu = true});
  train(text, config, kernels, {.gpu = true, .graphs = false});
  check_same_run(graphs, kernels);
  const Outcome first = train(text, config, halves, {.stop_after = 9, .gpu = true});
  CHECK(first.reason == StopReason::asked);
  CHECK(first.state.step == 10);  // the step that was queued behind is done, and counts
  CHECK(checkpoint_state(first.checkpoint).step == 10);
  train(text, config, halves, {.gpu = true});
  check_same_run(halves, kernels);
}

TEST_CASE("a run on a GPU ends at non-finite numbers, as on the CPU", "[loop][gpu]") {
  if (!test::make_test_gpu()) return;
  const Text text;
  TrainConfig config = tiny_config(text);
  config.eval_interval = 4;
  const auto overflow = [](Trainer& trainer, int64_t step) {
    if (step != 6) return;  // step 6 was queued already, step 7 is the first with these
    Tensor& bias = trainer.model().parameters().find("transformer.h.0.ln_2.weight")->value;
    bias.upload(std::vector<float>(16, std::numeric_limits<float>::quiet_NaN()).data());
  };
  const std::string run = text.run("nan");
  const auto thrown = test::thrown_by([&] { train(text, config, run, {.meddle = overflow, .gpu = true}); });
  INFO(thrown.text);
  CHECK(thrown.code == ErrorCode::numerical);
  for (const char* part : {"step 7", "parameter transformer.h.0.ln_2.weight: 16 of 16",
                           "The parameters were not changed", "checkpoints/step-000004"})
    CHECK(thrown.says(part));
}

}  // namespace hewn
