#pragma once
// Small runs by several processes.

#include <sys/types.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/apps/ranks/mpi.h"
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

/// The process of a rank of the run in `dir`; -1: there is none.
inline pid_t process_of(const TempDir& dir, int rank) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string number = entry.path().filename().string();
    if (number.find_first_not_of("0123456789") != number.npos) continue;
    const auto content = [&](const char* file) {
      std::ostringstream text;  // does not throw where the process ends while it is read
      text << std::ifstream(entry.path() / file, std::ios::binary).rdbuf();
      return text.str();
    };
    const std::string words = content("cmdline"), variables = content("environ");
    if (words.find("hewn") == words.npos || words.find(dir.path().string()) == words.npos) continue;
    for (const char* name : {"OMPI_COMM_WORLD_RANK=", "PMI_RANK="})
      if (variables.find('\0' + (name + std::to_string(rank)) + '\0') != variables.npos)
        return static_cast<pid_t>(std::stoi(number));
  }
  return -1;
}

/// The process that started this one.
inline pid_t parent_of(pid_t process) {
  std::ifstream in("/proc/" + std::to_string(process) + "/status");
  for (std::string word; in >> word;)
    if (word == "PPid:" && in >> word) return static_cast<pid_t>(std::stoi(word));
  return -1;
}

}  // namespace hewn::test
