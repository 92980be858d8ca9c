#pragma once
// Runs with checkpoints, made without a training loop.

#include <filesystem>
#include <string>
#include <vector>

#include "tests/train/tiny.h"
#include "train/checkpoint/checkpoint.h"
#include "train/checkpoint/find_checkpoint.h"

namespace hewn::test {

/// A model with a trainer that has done some steps.
struct Trained {
  std::unique_ptr<Model> model;
  Trainer trainer;
  explicit Trained(OptimizerKind kind = OptimizerKind::adamw, DType dtype = DType::f32, uint64_t seed = 3)
      : model(make_model(tiny_model(), cpu(), dtype, seed)),
        trainer(*model, {.kind = kind}, {.warmup_iters = 2, .lr_decay_iters = 20}, seed) {}
  void step(Random& random, int steps = 1) {
    for (int i = 0; i < steps; ++i) trainer.step(random_batch(random, model->config(), 3));
  }
};

inline RunState state_at(int64_t step) {
  RunState state;
  state.step = step;
  state.seed = 3;
  state.tokenizer_hash = 0xfedcba9876543210;
  state.data_hash = 7;
  return state;
}

/// A run with checkpoints of these steps, each of other weights.
inline void make_checkpoints(const std::string& run, const std::vector<int64_t>& steps, int64_t best = -1) {
  Random random("checkpoints");
  Trained trained;
  for (const int64_t step : steps) {
    trained.step(random);
    RunState state = state_at(step);
    state.best_step = best >= 0 && best <= step ? best : -1;
    save_checkpoint(run, state, trained.trainer);
  }
}

inline std::vector<int64_t> steps_of(const std::string& run) {
  std::vector<int64_t> steps;
  for (const auto& info : list_checkpoints(run)) steps.push_back(info.step);
  return steps;
}

/// The names in checkpoints/ that are no checkpoints.
inline std::vector<std::string> leftovers(const std::string& run) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(run) / "checkpoints"))
    if (const std::string name = entry.path().filename().string();
        name != "last" && name != "best" && !std::filesystem::exists(entry.path() / "MANIFEST"))
      names.push_back(name);
  return names;
}

inline void flip(const std::filesystem::path& file, size_t at) {
  std::string bytes = read_file(file);
  bytes.at(at) = static_cast<char>(bytes.at(at) ^ 1);
  write_file(file, bytes);
}

}  // namespace hewn::test
