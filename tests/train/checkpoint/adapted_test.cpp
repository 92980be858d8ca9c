// Adapted runs and the model that they rest on: where it is looked for, and when it is none.

#include "train/checkpoint/adapted.h"

#include <filesystem>

#include "tests/train/checkpoint/made.h"

namespace hewn {
namespace {

namespace fs = std::filesystem;
using namespace test;

/// A run with one checkpoint: random adapters of the model that state.json then names.
std::string save_adapted(const fs::path& run, const BaseModel& base) {
  const auto model =
      make_model(tiny_model(), {.what = "lora", .lora = {.rank = 2, .layers = ""}}, cpu(), DType::f32, 3);
  Random random("adapted");
  for (Parameter& p : model->parameters().all())
    if (p.of_adapter) p.value.upload(random.normals(p.shape.numel()).data());
  Trainer trainer(*model, {}, {.warmup_iters = 2, .lr_decay_iters = 20}, 3);
  RunState state = state_at(1);
  state.base = base;
  return save_checkpoint(run.string(), state, trainer);
}

}  // namespace

TEST_CASE("the base of an adapter is its checkpoint or, once that was pruned, the run", "[checkpoint]") {
  const TempDir dir;
  const std::string run = (dir / "base").string();
  Trained trained;
  const std::string first = save_checkpoint(run, state_at(1), trained.trainer);
  const BaseModel base = base_of(first, 0);
  const std::string checkpoint = save_adapted(dir / "tuned", base);
  save_checkpoint(run, state_at(2), trained.trainer);  // of the same weights
  fs::remove_all(first);
  CHECK(hash_of_weights(base_model(checkpoint, "")) == base.hash);
  const uint64_t merged_hash = hash_of_weights(checkpoint_model(checkpoint));
  CHECK(merged_hash != base.hash);
  CHECK(hash_of_weights(with_adapters(open_base(run, 0), {{(dir / "tuned").string()}})) == merged_hash);
  fs::rename(run, dir / "moved");
  CHECK_ERROR(base_model(checkpoint, ""), ErrorCode::input,
              "the base model " + base.path + " does not exist; give its new path with --base=RUN");
  CHECK(hash_of_weights(base_model(checkpoint, (dir / "moved").string())) == base.hash);
}

TEST_CASE("an adapter is merged when its checkpoint is opened for reading", "[checkpoint]") {
  const TempDir dir;
  const std::string base = (dir / "base/checkpoints/step-000001").string();
  make_checkpoints((dir / "base").string(), {1});
  const std::string checkpoint = save_adapted(dir / "tuned", base_of(base, 0));
  const auto expected = make_model(tiny_model(), cpu(), DType::f32, 5);
  load_checkpoint(checkpoint, *expected);
  const auto opened = open_checkpoint(checkpoint, cpu(), DType::f32),
             of_base = open_checkpoint(base, cpu(), DType::f32);
  bool changed = false;
  for (const Parameter& p : expected->parameters().all()) {
    INFO(p.name);
    const std::string merged = bytes_of(opened->parameters().find(p.name)->value);
    CHECK((merged == bytes_of(p.value)));
    changed |= merged != bytes_of(of_base->parameters().find(p.name)->value);
  }
  CHECK(changed);
}

TEST_CASE("a base is cut to a shorter context only", "[checkpoint]") {
  const TempDir dir;
  const std::string run = dir.path().string();
  make_checkpoints(run, {1});
  CHECK(open_base(run, 0).config.block_size == 8);
  CHECK(open_base(run, 3).config.block_size == 3);
  CHECK(open_base(run, 100).config.block_size == 8);
}

TEST_CASE("an adapter without a base, or that is its own, is refused", "[checkpoint]") {
  const TempDir dir;
  const std::string none = save_adapted(dir / "none", {}), lost = save_adapted(dir / "lost", {"gone", 5}),
                    own = save_adapted(dir / "own", {(dir / "own").string(), 5});
  CHECK_ERROR(checkpoint_model(none), ErrorCode::input,
              none + ": state.json names no base model for its adapter");
  CHECK_ERROR(checkpoint_model(lost), ErrorCode::input, "the base model gone does not exist");
  CHECK_ERROR(checkpoint_model(own), ErrorCode::input,
              (dir / "own").string() + ": more than 16 adapters are stacked; is a run its own base?");
}

TEST_CASE("only adapters are merged, and only into their base", "[checkpoint]") {
  const TempDir dir;
  const std::string run = (dir / "base").string(), tuned = (dir / "tuned").string();
  make_checkpoints(run, {1, 2});
  const std::string first = run + "/checkpoints/step-000001", second = run + "/checkpoints/step-000002";
  save_adapted(tuned, base_of(first, 0));
  const auto merging = [&](const std::string& base, const std::string& adapter) {
    return with_adapters(open_base(base, 0), {{adapter}}).config.block_size;
  };
  CHECK(merging(first, tuned) == 8);
  CHECK_ERROR(merging(second, tuned), ErrorCode::input,
              tuned + " is an adapter of " + first + ", whose weights have the hash ");
  CHECK_ERROR(merging(first, run), ErrorCode::input, run + " holds whole weights, not an adapter");
  CHECK_ERROR(merging(first, dir.path().string()), ErrorCode::input,
              dir.path().string() + " is neither an adapted run nor a directory with adapter_config.json");
}

TEST_CASE("an adapter's checkpoint is compared with its MANIFEST before it is merged", "[checkpoint]") {
  const TempDir dir;
  const std::string run = (dir / "base").string(), base = run + "/checkpoints/step-000001";
  make_checkpoints(run, {1});
  const fs::path checkpoint = save_adapted(dir / "tuned", base_of(base, 0));
  const auto merge = [&] {
    return hash_of_weights(with_adapters(open_base(base, 0), {{checkpoint.string()}}));
  };
  CHECK_NOTHROW(merge());
  const fs::path weights = checkpoint / "adapter_model.safetensors";
  flip(weights, fs::file_size(weights) - 1);
  CHECK_ERROR(merge(), ErrorCode::input, "adapter_model.safetensors has changed since it was written");
  fs::remove(checkpoint / "MANIFEST");  // PEFT's directories have none
  CHECK_NOTHROW(merge());
}

}  // namespace hewn
