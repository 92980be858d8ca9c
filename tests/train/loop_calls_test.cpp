// What the loop asks of its batches, its validator and its listeners, what it tells them, and what it writes down.

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/io/manifest.h"
#include "tests/support/gpu.h"
#include "tests/train/ranks/mailboxes.h"
#include "tests/train/tiny.h"
#include "train/checkpoint/find_checkpoint.h"
#include "train/loop.h"

namespace hewn {
namespace {

namespace fs = std::filesystem;

/// Batches that depend on their number only, and the numbers that were asked for.
struct Numbered : BatchSource {
  mutable std::vector<int64_t> asked;
  void fill(int64_t index, Batch& batch) const override {
    asked.push_back(index);
    test::Random random("batch " + std::to_string(index));
    batch = test::random_batch(random, test::tiny_model(), 2);
  }
  int64_t batch_count() const override { return 1000; }
};

std::vector<nlohmann::json> metrics_in(const std::string& run) {
  std::istringstream in(test::read_file(run + "/metrics.jsonl"));
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

TrainConfig tiny_config() {
  TrainConfig config{.model = test::tiny_model(), .optimizer = {}, .schedule = {}};
  config.schedule = {.kind = ScheduleKind::constant, .learning_rate = 1e-3, .warmup_iters = 0};
  config.max_iters = 5;
  config.eval_interval = config.log_interval = 2;
  config.keep = 10;
  return config;
}

/// A run in a directory of its own. Running it again resumes it.
struct Run {
  test::TempDir dir;
  TrainConfig config = tiny_config();
  RunState state = {};  ///< at its beginning
  Numbered batches;
  Validator validate;
  LoopEvents events;
  Trainer* trainer = nullptr;  ///< while it runs
  std::vector<Progress> steps;
  std::vector<std::string> messages;

  std::string path() const { return (dir / "run").string(); }
  Outcome go(Executor& device = cpu(), const BatchSource* source = nullptr,
             const std::function<void(Model&)>& prepare = {}) {
    const bool resumes = fs::exists(path() + "/checkpoints");
    RunDirectory run(path(), resumes ? RunDirectory::Open::resume : RunDirectory::Open::fresh);
    const auto model = make_model(config.model, device, config.dtype, 3);
    if (prepare) prepare(*model);
    Trainer of_model(*model, config);
    trainer = &of_model;
    RunState from = state;
    if (resumes) {
      const std::string checkpoint = find_checkpoint(path());
      load_checkpoint(checkpoint, of_model);
      from = checkpoint_state(checkpoint);
    }
    events.on_step = [&](const Progress& progress) { steps.push_back(progress); };
    events.on_message = [&](const std::string& text) { messages.push_back(text); };
    return run_training(&run, config, of_model, source ? *source : batches, validate, from, events);
  }
  std::vector<nlohmann::json> metrics() const { return metrics_in(path()); }
  std::vector<int64_t> saved() const {
    std::vector<int64_t> all;
    for (const CheckpointInfo& info : list_checkpoints(path())) all.push_back(info.step);
    return all;
  }
};

}  // namespace

TEST_CASE("the batches of a run are numbered by step and micro-step", "[loop]") {
  Run run;
  run.config.gradient_accumulation_steps = 3;
  run.go();
  std::vector<int64_t> all;
  for (int64_t i = 0; i < 15; ++i) all.push_back(i);
  CHECK(run.batches.asked == all);
}

TEST_CASE("without a validation every checkpoint that is due is saved, and only losses are logged",
          "[loop]") {
  Run run;
  run.state.seconds = 1000;
  run.state.tokens = 100;
  const Outcome outcome = run.go();
  CHECK(run.saved() == std::vector<int64_t>{2, 4, 5});
  const std::string all = run.path() + "/checkpoints/step-00000";
  CHECK(run.messages == std::vector<std::string>{"step 0", "step 2, saved " + all + "2",
                                                 "step 4, saved " + all + "4", "step 5, saved " + all + "5"});
  std::vector<int64_t> logged;
  double seconds = 1000;  // of the processes before this one
  for (const nlohmann::json& line : run.metrics()) {
    CHECK(line.contains("loss"));
    CHECK(line.at("seconds") >= seconds);
    CHECK(line.at("tokens_per_s") > 0);
    logged.push_back(line.at("step"));
    seconds = line.at("seconds");
  }
  CHECK(logged == std::vector<int64_t>{2, 4, 5});
  CHECK(outcome.state.seconds >= seconds);
  int64_t tokens = 100;
  for (const Progress& progress : run.steps) tokens += progress.step.tokens;
  CHECK(outcome.state.tokens == tokens);
}

TEST_CASE("a listener learns the pace, what is left and when the next checkpoint is written", "[loop]") {
  Run run;
  run.go();
  REQUIRE(run.steps.size() == 5);
  std::vector<int64_t> next;
  for (const Progress& progress : run.steps) {
    next.push_back(progress.next_save);
    CHECK(progress.tokens_per_s > 0);
    CHECK_FALSE(progress.mfu);
    CHECK(progress.max_iters == 5);
    CHECK((progress.seconds_left > 0) == (progress.step.step < 4));
  }
  CHECK(next == std::vector<int64_t>{2, 4, 4, 5, 5});

  Run timed;
  timed.config.max_iters = timed.config.schedule.lr_decay_iters = 1'000'000'000;
  timed.config.eval_interval = 1'000'000'000;
  timed.config.max_time = 0.75;
  timed.events.peak_tokens_per_s = 0.5;
  timed.events.should_stop = [&] { return timed.steps.size() == 2; };
  CHECK(timed.go().reason == StopReason::asked);
  for (const Progress& progress : timed.steps) {
    CHECK(progress.seconds_left <= 0.75);
    REQUIRE(progress.mfu);
    CHECK(*progress.mfu == progress.tokens_per_s / 0.5);
  }
}

TEST_CASE("the figures of a validation are logged, told to listeners and part of the message", "[loop]") {
  for (const bool always : {true, false}) {
    Run run;
    double loss = 0;  // rises, so that only the first one is the best
    run.validate = [&](Model&, const Stop&) {
      return Validation{.loss = ++loss, .metrics = {{"val_accuracy", loss / 8}}};
    };
    run.config.always_save_checkpoint = always;
    std::vector<double> told;
    run.events.on_evaluated = [&](const RunState& state, const std::vector<Metric>& metrics) {
      REQUIRE(metrics.size() == 1);
      CHECK(metrics[0].name == "val_accuracy");
      CHECK(state.best_step == 0);
      CHECK(state.best_val_loss == 1);
      CHECK(state.evals_without_better == static_cast<int64_t>(told.size()));
      told.push_back(metrics[0].value);
    };
    run.go();
    CHECK(told == std::vector<double>{0.125, 0.25, 0.375, 0.5});
    CHECK(run.saved() == (always ? std::vector<int64_t>{2, 4, 5} : std::vector<int64_t>{5}));
    CHECK(run.messages.at(0) == "step 0: val loss 1.0000 (best), val_accuracy 0.1250");
    CHECK(run.messages.at(3).starts_with("step 5: val loss 4.0000, val_accuracy 0.5000, saved "));
    CHECK(run.steps.at(2).metrics.at(0).value == 0.25);
    CHECK(run.steps.at(2).val_loss == 2.0);
    std::vector<double> logged;
    for (const nlohmann::json& line : run.metrics())
      if (line.contains("val_loss")) {
        CHECK(line.at("val_loss") == 8 * line.at("val_accuracy").get<double>());
        logged.push_back(line.at("val_accuracy"));
      }
    CHECK(logged == told);
  }
}

TEST_CASE("a sample that fails where nothing is new saves nothing", "[loop]") {
  Run run;
  run.config.sample_interval = 4;
  run.config.eval_interval = 100;
  int64_t bad = 0;
  run.events.on_sample = [&](int64_t step) {
    if (step == bad) fail(ErrorCode::failed, "no sample");
  };
  CHECK(test::thrown_by([&] { run.go(); }).text == "no sample");  // before the first step
  CHECK(run.saved().empty());
  bad = 4;
  CHECK(test::thrown_by([&] { run.go(); }).text ==
        "no sample\n  saved " + run.path() + "/checkpoints/step-000004");
  CHECK(test::thrown_by([&] { run.go(); }).text == "no sample");  // it is saved already
  bad = 5;
  CHECK(run.go().reason == StopReason::max_iters);
}

TEST_CASE("a better loss lets the patience begin anew", "[loop]") {
  const std::vector<double> losses{3, 4, 2, 3, 4, 1};
  for (const int64_t patience : {1, 2}) {
    Run run;
    size_t next = 0;
    run.validate = [&](Model&, const Stop&) { return Validation{.loss = losses.at(next++), .metrics = {}}; };
    run.config.eval_interval = 1;
    run.config.patience = patience;
    const Outcome outcome = run.go();
    CHECK(outcome.reason == StopReason::patience);
    CHECK(outcome.state.step == (patience == 1 ? 1 : 4));
    CHECK(outcome.state.best_step == (patience == 1 ? 0 : 2));
  }
}

TEST_CASE("a validation loss that is not finite ends the run, and nothing is saved or removed for it",
          "[loop]") {
  const double infinity = std::numeric_limits<double>::infinity(), nan = std::nan("");
  for (const auto& [loss, shown] :
       {std::pair{nan, "nan"}, {-nan, "nan"}, {infinity, "inf"}, {-infinity, "-inf"}})
    for (const int64_t last_good : {2, 4}) {  // the next validations are after steps 4 and 5, the end
      Run run;
      run.config.keep = 1;
      double good = 3;
      bool spoilt = true;
      run.validate = [&, loss = loss](Model&, const Stop&) {
        const int64_t step = run.trainer->steps_done();
        const bool bad = spoilt && step > last_good;
        return Validation{.loss = bad ? loss : good -= 0.5, .metrics = {{"val_x", bad ? loss : 1}}};
      };
      const auto thrown = test::thrown_by([&] { run.go(); });
      INFO(thrown.text);
      CHECK(thrown.code == ErrorCode::numerical);
      const int64_t bad = last_good == 2 ? 4 : 5;
      CHECK(thrown.says(join("after step ", bad, ": the validation loss is ", shown, ".")));
      CHECK(thrown.says(
          join("The last good checkpoint is ", run.path(), "/checkpoints/step-00000", last_good)));
      CHECK(run.messages.back() == join("step ", bad, ": val loss ", shown, ", val_x ", shown));
      CHECK(run.saved() == std::vector<int64_t>{last_good});
      for (const char* link : {"last", "best"})
        CHECK(fs::read_symlink(run.path() + "/checkpoints/" + link) == join("step-00000", last_good));
      CHECK(run.metrics().back().at("val_loss").is_null());
      spoilt = false;
      good += 0.5;
      CHECK(run.go().state.step == 5);  // from the last good checkpoint
      for (const nlohmann::json& line : run.metrics())
        CHECK_FALSE((line.contains("val_loss") && line["val_loss"].is_null()));
    }
}

TEST_CASE("a checkpoint whose own validation is not finite is not called good", "[loop]") {
  Run run;
  run.validate = [](Model&, const Stop&) { return Validation{.loss = 1, .metrics = {}}; };
  run.go();
  // As earlier versions saved it: evaluated, with a loss that JSON does not have.
  RunState state = checkpoint_state(run.path() + "/checkpoints/step-000005");
  state.val_loss.reset();
  const std::string last = run.path() + "/checkpoints/step-000005";
  Manifest manifest = Manifest::read(last);
  manifest.add("state.json", write_file_atomically(last + "/state.json", to_json(state)));
  manifest.write(last);
  run.validate = [](Model&, const Stop&) { return Validation{.loss = std::nan(""), .metrics = {}}; };
  const auto thrown = test::thrown_by([&] { run.go(); });
  INFO(thrown.text);
  CHECK(thrown.says("The last good checkpoint is " + run.path() + "/checkpoints/step-000004"));
  Run none;
  none.validate = run.validate;
  CHECK(test::thrown_by([&] { none.go(); }).says("There is no good checkpoint"));
}

TEST_CASE("no step is saved twice, and the first one is saved, too", "[loop]") {
  for (const int64_t steps : {int64_t{1}, int64_t{5}}) {
    Run run;
    run.config.max_iters = steps;
    const std::string mark = run.path() + "/checkpoints/step-00000" + std::to_string(steps) + "/mark";
    run.events.on_evaluated = [&](const RunState& state, const std::vector<Metric>&) {
      if (state.step == steps) test::write_file(mark, "");  // goes if the step is saved again
    };
    run.go();
    CHECK(fs::exists(mark));
    run.go();
    CHECK(fs::exists(mark));
  }
  Run stopped;
  stopped.events.should_stop = [&] { return !stopped.steps.empty(); };
  CHECK(stopped.go().reason == StopReason::asked);
  CHECK(stopped.saved() == std::vector<int64_t>{1});
}

TEST_CASE("a run that is resumed removes what a killed process would have removed", "[loop]") {
  Run run;
  run.go();
  CHECK(run.saved() == std::vector<int64_t>{2, 4, 5});
  run.config.keep = 1;
  run.go();
  CHECK(run.saved() == std::vector<int64_t>{5});
}

TEST_CASE("ranks end together when the first one says that the time is over", "[loop][ranks]") {
  const test::TempDir dir;
  test::Mailboxes(2, test::run_seed()).run([&](Ranks& ranks) {
    TrainConfig config = tiny_config();
    config.gradient_accumulation_steps = config.grad_shards = 2;
    config.max_iters = config.eval_interval = 1000;
    config.max_time = ranks.rank() == 0 ? 1e-9 : 1e9;
    std::optional<RunDirectory> run;
    if (ranks.rank() == 0) run.emplace((dir / "run").string(), RunDirectory::Open::fresh);
    const auto device = make_cpu(1);
    const auto model = make_model(config.model, *device, DType::f32, 3);
    Trainer trainer(*model, config, &ranks);
    const Outcome outcome = run_training(run ? &*run : nullptr, config, trainer, Numbered(), {}, {}, {});
    require(outcome.reason == StopReason::max_time, "rank ", ranks.rank(), " did not end");
    require(outcome.state.step == 0, "rank ", ranks.rank(), " ended after step ", outcome.state.step);
  });
}

TEST_CASE("a profile measures all steps but the first two", "[loop]") {
  Run run;
  StepProfile profile(MachineRoof(), cpu());
  run.events.profile = &profile;
  run.go();
  CHECK(profile.steps() == 3);
}

TEST_CASE("one of two ranks writes the run, with the bits of a process alone", "[loop][ranks]") {
  Run alone;
  alone.config.gradient_accumulation_steps = alone.config.grad_shards = 4;
  alone.config.model.dropout = 0.2;
  alone.config.max_time = 1e9;
  const int64_t tokens = alone.go().state.tokens;
  const test::TempDir dir;
  const std::string path = (dir / "run").string();
  test::Mailboxes(2, test::run_seed()).run([&](Ranks& ranks) {
    const bool first = ranks.rank() == 0;
    std::optional<RunDirectory> run;
    if (first) run.emplace(path, RunDirectory::Open::fresh);
    const auto device = make_cpu(1);
    const auto model = make_model(alone.config.model, *device, DType::f32, 3);
    Trainer trainer(*model, alone.config, &ranks);
    StepProfile profile(MachineRoof(), *device);
    Traffic traffic;
    Numbered batches;
    LoopEvents events;
    events.profile = &profile;
    events.profiled_traffic = &traffic;
    const int64_t before = ranks.traffic().bytes_sent;
    const Outcome outcome =
        run_training(first ? &*run : nullptr, alone.config, trainer, batches, {}, {}, events);
    std::vector<int64_t> mine;
    for (int64_t step = 0; step < 5; ++step)
      for (const int64_t m : {0, 1}) mine.push_back(4 * step + 2 * ranks.rank() + m);
    require(batches.asked == mine, "rank ", ranks.rank(), " asked for other batches");
    require(outcome.state.tokens == tokens, "rank ", ranks.rank(), " counted ", outcome.state.tokens,
            " targets");
    require(outcome.reason == StopReason::max_iters, "rank ", ranks.rank(), " ended early");
    require(traffic.bytes_sent > 0 && traffic.bytes_sent < ranks.traffic().bytes_sent - before,
            traffic.bytes_sent, " bytes were sent in three of five steps");
  });
  const auto lines = alone.metrics(), of_ranks = metrics_in(path);
  REQUIRE(lines.size() == of_ranks.size());
  for (size_t i = 0; i < lines.size(); ++i)
    for (const char* name : {"loss", "grad_norm"}) CHECK(lines[i].at(name) == of_ranks[i].at(name));
  for (const char* file : {"model.safetensors", "optimizer.safetensors"})
    for (const int step : {2, 4, 5}) {
      const std::string name = "/checkpoints/step-00000" + std::to_string(step) + "/" + file;
      INFO(name);
      CHECK((test::read_file(path + name) == test::read_file(alone.path() + name)));
    }
}

TEST_CASE("no step is queued on a GPU while the model is sampled, evaluated or saved", "[loop][gpu]") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  Run run;
  run.config.max_iters = 7;
  run.config.eval_interval = 3;
  run.config.sample_interval = 5;
  std::vector<int64_t> sampled, evaluated;
  run.events.on_sample = [&](int64_t step) {
    CHECK(run.trainer->queued() == 0);
    CHECK(run.trainer->steps_done() == step);
    sampled.push_back(step);
  };
  run.validate = [&](Model&, const Stop&) {
    CHECK(run.trainer->queued() == 0);
    evaluated.push_back(run.trainer->steps_done());
    return Validation{.loss = 1, .metrics = {}};
  };
  int64_t most = 0;
  run.events.should_stop = [&] { return most = std::max(most, run.trainer->queued()), false; };
  run.go(*gpu);
  CHECK(sampled == std::vector<int64_t>{0, 5});
  CHECK(evaluated == std::vector<int64_t>{0, 3, 6, 7});
  CHECK(most == 1);  // elsewhere, one is always queued behind that which is read
  run.config.max_iters = 9;
  run.config.sample_interval = 1;
  run.go(*gpu);
  CHECK(sampled == std::vector<int64_t>{0, 5, 7, 8, 9});
}

TEST_CASE("a step on a GPU that is not finite is repeated on its own batches", "[loop][gpu]") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  /// Only step 2 has the token whose embedding overflows.
  struct OneBad final : Numbered {
    void fill(int64_t index, Batch& batch) const override {
      Numbered::fill(index, batch);
      for (int32_t& token : batch.tokens) token = index == 2 ? 10 : token % 10;
    }
  };
  Run run;
  run.config.model.tie = false;
  run.config.eval_interval = 100;
  const OneBad batches;
  const auto thrown = test::thrown_by([&] {
    run.go(*gpu, &batches, [](Model& model) {
      Tensor& wte = model.parameters().find("transformer.wte.weight")->value;
      std::vector<float> values(static_cast<size_t>(wte.numel()));
      wte.device().download(values.data(), wte.data(), wte.bytes());
      for (size_t i = values.size() - 16; i < values.size(); ++i) values[i] = 3e38f;
      wte.upload(values.data());
    });
  });
  INFO(thrown.text);
  CHECK(thrown.code == ErrorCode::numerical);
  CHECK(thrown.says("step 2: "));
  CHECK(thrown.says("First bad node: "));
  CHECK_FALSE(thrown.says("First bad node: none"));
}

}  // namespace hewn
