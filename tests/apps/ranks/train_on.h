#pragma once
// Small runs by several processes.

#include <sys/types.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/apps/small_run.h"

namespace hewn::test {

inline const std::vector<std::string> four_micro_steps{"--gradient_accumulation_steps=4", "--grad_shards=4",
                                                       "--dropout=0.1"};

inline std::vector<std::string> with(std::vector<std::string> some, const std::vector<std::string>& more) {
  some.insert(some.end(), more.begin(), more.end());
  return some;
}

/// `small_train` with four micro-steps in four groups, on this many processes.
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

/// What a file of a process in /proc says; "" where the process ends meanwhile.
inline std::string of_process(pid_t process, const char* file) {
  std::ostringstream text;
  text << std::ifstream("/proc/" + std::to_string(process) + "/" + file, std::ios::binary).rdbuf();
  return text.str();
}

/// The number of a rank, from the environment in which it was started; -1: it is none.
inline int rank_of(const std::string& environment) {
  const auto value_of = [&](const std::string& name) {
    const size_t at = ('\0' + environment).find('\0' + name + '=');
    return at == environment.npos ? "" : std::string(environment.c_str() + at + name.size() + 1);
  };
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMI_RANK"})
    if (const std::string number = value_of(name); !number.empty()) return std::stoi(number);
  const std::string sockets = value_of("HEWN_RANK_SOCKETS"), own = sockets.substr(0, sockets.find("-1"));
  return sockets.empty() ? -1 : static_cast<int>(std::count(own.begin(), own.end(), ','));
}

/// The process of a rank of the run in `dir`; -1: there is none.
inline pid_t process_of(const TempDir& dir, int rank) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string number = entry.path().filename().string();
    if (number.find_first_not_of("0123456789") != number.npos) continue;
    const auto process = static_cast<pid_t>(std::stoi(number));
    const std::string words = of_process(process, "cmdline");
    if (words.find("hewn") != words.npos && words.find(dir.path().string()) != words.npos &&
        rank_of(of_process(process, "environ")) == rank)
      return process;
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
