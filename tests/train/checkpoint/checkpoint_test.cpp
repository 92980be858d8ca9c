// Checkpoints: what comes back, what damage is found, what survives a full disk and a killed process.

#include <sys/resource.h>

#include <csignal>
#include <filesystem>

#include "tests/train/tiny.h"
#include "train/checkpoint/checkpoint.h"

namespace hewn {
namespace {

namespace fs = std::filesystem;

/// A model with a trainer that has done some steps.
struct Trained {
  std::unique_ptr<Model> model;
  Trainer trainer;
  explicit Trained(OptimizerKind kind = OptimizerKind::adamw, DType dtype = DType::f32, uint64_t seed = 3)
      : model(make_model(test::tiny_model(), cpu(), dtype, seed)),
        trainer(*model, {.kind = kind}, {.warmup_iters = 2, .lr_decay_iters = 20}, seed) {}
  void step(test::Random& random, int steps = 1) {
    for (int i = 0; i < steps; ++i) trainer.step(test::random_batch(random, model->config(), 3));
  }
};

RunState state_at(int64_t step) {
  RunState state;
  state.step = step;
  state.seed = 3;
  state.tokenizer_hash = 0xfedcba9876543210;
  state.data_hash = 7;
  return state;
}

/// A run with checkpoints of these steps, each of other weights.
void make_checkpoints(const std::string& run, const std::vector<int64_t>& steps, int64_t best = -1) {
  test::Random random("checkpoints");
  Trained trained;
  for (const int64_t step : steps) {
    trained.step(random);
    RunState state = state_at(step);
    state.best_step = best >= 0 && best <= step ? best : -1;
    save_checkpoint(run, state, trained.trainer);
  }
}

std::vector<int64_t> steps_of(const std::string& run) {
  std::vector<int64_t> steps;
  for (const auto& info : list_checkpoints(run)) steps.push_back(info.step);
  return steps;
}

/// The names in checkpoints/ that are no checkpoints.
std::vector<std::string> leftovers(const std::string& run) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(fs::path(run) / "checkpoints"))
    if (const std::string name = entry.path().filename().string();
        name != "last" && name != "best" && !fs::exists(entry.path() / "MANIFEST"))
      names.push_back(name);
  return names;
}

void flip(const fs::path& file, size_t at) {
  std::string bytes = test::read_file(file);
  bytes.at(at) = static_cast<char>(bytes.at(at) ^ 1);
  test::write_file(file, bytes);
}

/// No file may grow beyond this many bytes: what a full disk does. Writes then fail with EFBIG.
class FileLimit {
 public:
  explicit FileLimit(rlim_t bytes) {
    getrlimit(RLIMIT_FSIZE, &before_);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileLimit(const FileLimit&) = delete;
  FileLimit& operator=(const FileLimit&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

}  // namespace

TEST_CASE("a checkpoint restores everything, bit for bit", "[checkpoint]") {
  test::Random random("round trip");
  for (const auto kind : {OptimizerKind::adamw, OptimizerKind::adam, OptimizerKind::sgd})
    for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
      INFO(name_of(kind) << ", " << name_of(dtype));
      const test::TempDir run;
      Trained before(kind, dtype), after(kind, dtype, 4);
      before.step(random, 3);
      RunState state = state_at(3);
      state.evaluated_step = 2;
      state.val_loss = 2.0 / 3;
      state.best_val_loss = 0.1;
      state.best_step = 1;
      state.evals_without_better = 4;
      state.seconds = 1e-3;
      state.tokens = int64_t{1} << 60;
      const std::string path = save_checkpoint(run.path().string(), state, before.trainer);
      CHECK(path == (run / "checkpoints/step-000003").string());
      CHECK(checkpoint_damage(path).empty());
      CHECK(fs::equivalent(find_checkpoint(run.path().string()), path));
      CHECK(fs::read_symlink(run / "checkpoints/last") == "step-000003");

      load_checkpoint(path, after.trainer);
      CHECK((test::bytes_of(after.trainer) == test::bytes_of(before.trainer)));
      CHECK(after.trainer.steps_done() == 3);
      const RunState back = checkpoint_state(path);
      CHECK(back.step == state.step);
      CHECK(back.seed == state.seed);
      CHECK(back.tokenizer_hash == state.tokenizer_hash);
      CHECK(back.data_hash == state.data_hash);
      CHECK(back.evaluated_step == state.evaluated_step);
      CHECK(back.val_loss == state.val_loss);
      CHECK(back.best_val_loss == state.best_val_loss);
      CHECK(back.best_step == state.best_step);
      CHECK(back.evals_without_better == state.evals_without_better);
      CHECK(back.seconds == state.seconds);
      CHECK(back.tokens == state.tokens);
      CHECK(to_json(checkpoint_config(path)) == to_json(before.model->config()));

      const auto only_model = make_model(test::tiny_model(), cpu(), dtype, 5, false);
      load_checkpoint(path, *only_model);
      for (const Parameter& p : only_model->parameters().all())
        CHECK((test::bytes_of(p.value) == test::bytes_of(before.model->parameters().find(p.name)->value)));
    }
}

TEST_CASE("a model with a shorter context takes the first positions of a checkpoint", "[checkpoint]") {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const test::TempDir run;
    Trained before(OptimizerKind::adamw, dtype);
    const std::string path = save_checkpoint(run.path().string(), state_at(0), before.trainer);
    ModelConfig shorter = test::tiny_model();
    shorter.block_size = 3;
    const auto model = make_model(shorter, cpu(), dtype, 5);
    load_checkpoint(path, *model);
    for (const Parameter& p : model->parameters().all()) {
      INFO(p.name);
      const std::string all = test::bytes_of(before.model->parameters().find(p.name)->value);
      const bool positions = p.name == "transformer.wpe.weight";
      CHECK((test::bytes_of(p.value) == (positions ? all.substr(0, all.size() * 3 / 8) : all)));
    }
    ModelConfig longer = test::tiny_model();
    longer.block_size = 9;
    CHECK_ERROR(load_checkpoint(path, *make_model(longer, cpu(), dtype)), ErrorCode::input, "wpe");
  }
}

TEST_CASE("a checkpoint of another model or optimizer is refused", "[checkpoint]") {
  const test::TempDir run;
  Trained sgd(OptimizerKind::sgd), adam;
  const std::string path = save_checkpoint(run.path().string(), state_at(1), sgd.trainer);
  CHECK_ERROR(load_checkpoint(path, adam.trainer), ErrorCode::input, "v.");
  ModelConfig other = test::tiny_model();
  other.n_embd = 32;
  const auto wide = make_model(other, cpu());
  CHECK_ERROR(load_checkpoint(path, *wide), ErrorCode::input, "does not fit the model");
}

TEST_CASE("damage is detected and reported, and an intact checkpoint suggested", "[checkpoint]") {
  const test::TempDir dir;
  const std::string run = dir.path().string();
  make_checkpoints(run, {10, 20, 30});
  const fs::path newest = dir / "checkpoints/step-000030", offered = dir / "checkpoints/step-000020";
  test::Random random("damage");
  const auto damaged = [&](const std::string& what) {
    INFO("expected: " << what);
    CHECK(checkpoint_damage(newest.string()).find(what) != std::string::npos);
    CHECK_ERROR(find_checkpoint(run), ErrorCode::input, what);
    CHECK_ERROR(find_checkpoint(run), ErrorCode::input, offered.string());
    CHECK_ERROR(find_checkpoint(newest.string() + "/"), ErrorCode::input, offered.string());
  };
  for (const std::string name : {"model.safetensors", "optimizer.safetensors", "state.json"}) {
    const std::string whole = test::read_file(newest / name);
    for (int repeat = 0; repeat < test::repeats(5, 200); ++repeat) {
      const auto at = static_cast<size_t>(random.integer(0, static_cast<int64_t>(whole.size()) - 1));
      INFO("byte " << at);
      flip(newest / name, at);
      damaged(name + " has changed");
      test::write_file(newest / name, whole);
    }
    test::write_file(newest / name, whole.substr(0, whole.size() / 2));
    damaged(name + " has " + std::to_string(whole.size() / 2) + " bytes");
    test::write_file(newest / name, whole + "x");
    damaged(name + " has " + std::to_string(whole.size() + 1) + " bytes");
    fs::remove(newest / name);
    damaged(name + " cannot be read");
    test::write_file(newest / name, whole);
  }
  CHECK(fs::equivalent(find_checkpoint(run), newest));

  const std::string manifest = test::read_file(newest / "MANIFEST");
  for (const std::string& bad :
       {std::string(), std::string("\n"), std::string("garbage"), manifest.substr(0, manifest.size() / 2),
        manifest.substr(1), manifest.substr(0, manifest.find('\n') + 1), std::string(300, '\0')}) {
    INFO(bad);
    test::write_file(newest / "MANIFEST", bad);
    damaged("MANIFEST");
  }
  fs::remove(newest / "MANIFEST");  // then it does not count
  CHECK(fs::equivalent(find_checkpoint(run), offered));
  flip(offered / "model.safetensors", 1000);
  CHECK_ERROR(find_checkpoint(run), ErrorCode::input, (dir / "checkpoints/step-000010").string());
  flip(dir / "checkpoints/step-000010/state.json", 0);
  CHECK_ERROR(find_checkpoint(run), ErrorCode::input, "the run has no other intact checkpoint");
}

TEST_CASE("a run without checkpoints is distinguished from other directories", "[checkpoint]") {
  const test::TempDir dir;
  CHECK_ERROR(find_checkpoint((dir / "nothing").string()), ErrorCode::input, "is not a run");
  CHECK_ERROR(find_checkpoint(dir.path().string()), ErrorCode::input, "has no checkpoint");
  test::write_file(dir / "config.json", "{}");
  CHECK_ERROR(find_checkpoint(dir.path().string()), ErrorCode::input,
              "is not a run; `hewn import` makes a run of another program's model");
  CHECK_ERROR(find_checkpoint((dir / "config.json").string()), ErrorCode::input,
              "is not a run or checkpoint directory (the --out_dir of a training); `hewn import`");
  CHECK(list_checkpoints(dir.path().string()).empty());
}

TEST_CASE("old checkpoints are removed, the best and the newest are kept", "[checkpoint]") {
  const test::TempDir dir;
  const std::string run = dir.path().string();
  make_checkpoints(run, {1, 2, 3, 4, 5}, 2);
  fs::create_directories(dir / "checkpoints/.unfinished-step-000006");  // what killed processes leave
  test::write_file(dir / "checkpoints/.unfinished-step-000006/model.safetensors", "half");
  fs::create_directories(dir / "checkpoints/.unfinished-old-step-000001");
  fs::create_symlink("step-000001", dir / "checkpoints/.unfinished-link-last");
  fs::create_directories(dir / "checkpoints/notes");  // what a person put there
  prune_checkpoints(run, 2);
  CHECK(steps_of(run) == std::vector<int64_t>{2, 4, 5});
  CHECK(leftovers(run) == std::vector<std::string>{"notes"});
  CHECK(checkpoint_state(find_checkpoint(run, "best")).step == 2);
  CHECK(checkpoint_state(find_checkpoint(run)).step == 5);
  prune_checkpoints(run, 1);
  CHECK(steps_of(run) == std::vector<int64_t>{2, 5});
}

TEST_CASE("links that a killed process did not update are corrected", "[checkpoint]") {
  const test::TempDir dir;
  const std::string run = dir.path().string();
  make_checkpoints(run, {1, 2}, 1);
  fs::remove(dir / "checkpoints/last");
  fs::create_symlink("step-000001", dir / "checkpoints/last");
  fs::remove(dir / "checkpoints/best");
  CHECK(checkpoint_state(find_checkpoint(run)).step == 2);
  Trained trained;
  RunState state = state_at(3);
  state.best_step = 2;
  save_checkpoint(run, state, trained.trainer);
  CHECK(checkpoint_state(find_checkpoint(run, "best")).step == 2);
  CHECK(checkpoint_state(find_checkpoint(run, "last")).step == 3);
}

TEST_CASE("saving a step again replaces its checkpoint", "[checkpoint]") {
  const test::TempDir dir;
  const std::string run = dir.path().string();
  Trained trained;
  RunState state = state_at(1);
  const std::string path = save_checkpoint(run, state, trained.trainer);
  state.val_loss = 1.5;
  CHECK(save_checkpoint(run, state, trained.trainer) == path);
  CHECK(checkpoint_state(find_checkpoint(run)).val_loss == 1.5);
  CHECK(steps_of(run) == std::vector<int64_t>{1});
  CHECK(leftovers(run).empty());
}

TEST_CASE("a full disk leaves the older checkpoint and no partial one", "[checkpoint]") {
  const test::TempDir dir;
  const std::string run = dir.path().string();
  make_checkpoints(run, {1});
  const auto size = fs::file_size(dir / "checkpoints/step-000001/optimizer.safetensors");
  Trained trained;
  for (const uintmax_t limit : {uintmax_t{0}, uintmax_t{1}, uintmax_t{200}, size / 4, size - 1}) {
    test::Thrown thrown;
    {
      const FileLimit full(static_cast<rlim_t>(limit));
      thrown = test::thrown_by([&] { save_checkpoint(run, state_at(2), trained.trainer); });
    }
    INFO("limit " << limit << ": " << thrown.text);
    CHECK(thrown.code == ErrorCode::failed);
    CHECK(thrown.says("saving checkpoint"));
    CHECK(steps_of(run) == std::vector<int64_t>{1});
    CHECK(leftovers(run).empty());
    CHECK(checkpoint_state(find_checkpoint(run)).step == 1);
  }
  save_checkpoint(run, state_at(2), trained.trainer);
  CHECK(checkpoint_state(find_checkpoint(run)).step == 2);
}

}  // namespace hewn
