// Checkpoints: what comes back, what damage is found, what survives a full disk and a killed process.

#include <sys/resource.h>

#include <csignal>
#include <filesystem>

#include "core/io/manifest.h"
#include "model/config_json.h"
#include "model/weights/weights.h"
#include "tests/train/checkpoint/made.h"
#include "train/checkpoint/find_checkpoint.h"
#include "train/checkpoint/layout.h"

namespace hewn {
namespace {

namespace fs = std::filesystem;
using namespace test;

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

TEST_CASE("the first tensor that differs between checkpoints is named, of weights or moments",
          "[checkpoint]") {
  const TempDir dir;
  const auto saved = [&](const std::string& name, Trainer& trainer) {
    return save_checkpoint((dir / name).string(), state_at(2), trainer);
  };
  const auto trained = [](Trained& t) {
    Random random("equal");
    t.step(random, 2);
  };
  Trained one, same, other;
  trained(one), trained(same);
  const std::string path = saved("one", one.trainer);
  CHECK(first_different_tensor(path, saved("same", same.trainer)).empty());

  Parameter& last = same.model->parameters().all().back();
  last.value.ptr<float>()[last.shape.numel() - 1] += 1;
  const std::string changed = saved("changed", same.trainer);
  CHECK(first_different_tensor(path, changed) == last.name);
  CHECK(first_different_tensor(changed, path) == last.name);

  Random random("different");
  other.step(random, 2);
  load_weights(path + "/" + model_file, *other.model);
  const std::string moment = first_different_tensor(path, saved("moments", other.trainer));
  CHECK(SafetensorsFile(path + "/" + optimizer_file).find(moment) != nullptr);

  const std::string without = save_imported((dir / "imported").string(), state_at(2),
                                            [&](const auto& file) { return save_weights(file, *one.model); });
  CHECK(first_different_tensor(path, without) == optimizer_file);
  CHECK(first_different_tensor(without, path) == optimizer_file);
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

TEST_CASE("a state of another version or step is refused", "[checkpoint]") {
  const test::TempDir run;
  Trained trained;
  const fs::path path = save_checkpoint(run.path().string(), state_at(1), trained.trainer);
  const std::string state = test::read_file(path / "state.json");
  CHECK(state.find("\"base\"") == state.npos);
  const auto with = [&](const std::string& old, const std::string& changed) {
    const size_t at = state.find(old);
    REQUIRE(at != state.npos);
    test::write_file(path / "state.json", std::string(state).replace(at, old.size(), changed));
    return checkpoint_state(path.string()).step;
  };
  CHECK(with("\"step\": 1", "\"step\": 2") == 2);
  CHECK_ERROR(with("\"version\": 1", "\"version\": 2"), ErrorCode::input,
              "expected a checkpoint of format version 1");
  CHECK_ERROR(with("\"step\": 1", "\"step\": -1"), ErrorCode::input, "step is -1; expected 0 or more");
  CHECK_ERROR(with("\"seed\"", "\"sead\""), ErrorCode::input, "seed");
  CHECK_ERROR(with("\"step\": 1", "\"step\": \"1\""), ErrorCode::input, "state.json");
  CHECK_ERROR(with("\"step\": 1", "\"step\": 1" + std::string(size_t{1} << 20, ' ')), ErrorCode::input,
              "state.json: is larger than 1048576 bytes");
}

TEST_CASE("a checkpoint whose MANIFEST lists no weights is refused", "[checkpoint]") {
  const test::TempDir dir;
  Manifest manifest;
  manifest.add("state.json", write_file_atomically((dir / "state.json").string(), "{}"));
  manifest.write(dir.path().string());
  CHECK_ERROR(checkpoint_weights(dir.path().string()), ErrorCode::input,
              "its MANIFEST has no model.safetensors");
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

TEST_CASE("what a killed process left of a checkpoint and of its link is replaced", "[checkpoint]") {
  const test::TempDir dir;
  const std::string run = dir.path().string();
  const fs::path all = dir / "checkpoints", half = all / (unfinished_prefix + name_of_step(2)),
                 link = all / (std::string(unfinished_prefix) + "link-last");
  make_checkpoints(run, {1});
  fs::create_directory(half);
  test::write_file(half / "notes.txt", "of the killed process");
  fs::create_symlink("step-000009", link);
  Trained trained;
  const std::string path = save_checkpoint(run, state_at(2), trained.trainer);
  CHECK(Manifest::read(path).unlisted(path).empty());
  CHECK(fs::read_symlink(all / "last") == "step-000002");
  CHECK(leftovers(run).empty());
  CHECK_FALSE(fs::is_symlink(link));
}

TEST_CASE("an imported model becomes a checkpoint of weights, which cannot be resumed", "[checkpoint]") {
  const test::TempDir dir;
  Trained trained;
  const std::string path = save_imported(dir.path().string(), state_at(0), [&](const std::string& file) {
    CHECK(fs::path(file).filename() == "model.safetensors");
    return save_weights(file, *trained.model);
  });
  CHECK(checkpoint_weights(path) == sum_file(path + "/model.safetensors"));
  CHECK(Manifest::read(path).unlisted(path).empty());
  CHECK(checkpoint_state(path).data_hash == 7);
  CHECK(fs::read_symlink(dir / "checkpoints/last") == "step-000000");
  const auto model = make_model(test::tiny_model(), cpu(), DType::f32, 5);
  load_checkpoint(path, *model);
  for (const Parameter& p : model->parameters().all())
    CHECK((test::bytes_of(p.value) == test::bytes_of(trained.model->parameters().find(p.name)->value)));
  CHECK_ERROR(load_checkpoint(path, trained.trainer), ErrorCode::input, "contains only weights");
}

TEST_CASE("a directory in the place of the link to the last checkpoint is refused", "[checkpoint]") {
  const test::TempDir dir;
  const std::string run = dir.path().string(), last = (dir / "checkpoints/last").string();
  make_checkpoints(run, {1});
  fs::remove(last);
  fs::copy(dir / "checkpoints/step-000001", last);  // what a copy that follows links makes
  Trained trained;
  CHECK_ERROR(save_checkpoint(run, state_at(2), trained.trainer), ErrorCode::failed,
              last + ": is a directory, but a link to a checkpoint is expected");
  CHECK(steps_of(run) == std::vector<int64_t>{1, 2});
  CHECK(leftovers(run).empty());
  const fs::path fresh = dir / "checkpoints" / (std::string(unfinished_prefix) + "link-last");
  CHECK_FALSE(fs::is_symlink(fresh));
  fs::remove_all(last);
  fs::create_directories(fresh / "in the way");
  CHECK_ERROR(save_checkpoint(run, state_at(3), trained.trainer), ErrorCode::failed,
              last + ": cannot be linked to step-000003");
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
