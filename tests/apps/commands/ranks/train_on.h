#pragma once
// Small runs by several processes.

#include <filesystem>
#include <string>
#include <vector>

#include "tests/apps/commands/ranks/mpi.h"
#include "tests/apps/small_run.h"

namespace hewn::test {

inline const std::vector<std::string> four_micro_steps{"--gradient_accumulation_steps=4", "--grad_shards=4",
                                                       "--dropout=0.1"};

inline std::vector<std::string> with(std::vector<std::string> some, const std::vector<std::string>& more) {
  some.insert(some.end(), more.begin(), more.end());
  return some;
}

/// `small_train` with four micro-steps in four groups, on this many processes; 1: without MPI.
inline std::vector<std::string> train_on(const TempDir& dir, int ranks,
                                         const std::vector<std::string>& more = {}) {
  std::vector<std::string> words = small_train(dir, with(four_micro_steps, more));
  if (ranks > 1) words.push_back("--ranks=" + std::to_string(ranks));
  return words;
}

/// Weights and moments of the last checkpoint.
inline std::string last_bits(const std::filesystem::path& run) {
  return read_file(run / "checkpoints/last/model.safetensors") +
         read_file(run / "checkpoints/last/optimizer.safetensors");
}

}  // namespace hewn::test
