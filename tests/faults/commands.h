#pragma once
// The commands whose calls are made to fail, on files small enough to try thousands of faults.

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/env.h"

namespace hewn::test {

using Words = std::vector<std::string>;
/// A command in the directory of a `Workplace`, and what is true of it.
struct TriedCommand {
  std::string name;
  Words arguments;
  Words outputs = {};                  ///< paths below the directory that it writes
  std::vector<Words> afterwards = {};  ///< what one does after a fault, in this order, until one succeeds
  std::string run = {};                ///< the run that it goes on with, whose older checkpoints remain whole
  int rank = -1;  ///< that it is, of two processes with these arguments; the other one is undisturbed
};

/// A directory `work` with texts, tables and trained runs, which can be had again at the same path.
class Workplace {
 public:
  /// Trains the runs, which takes two seconds. In memory, since waiting for a disk takes half the time.
  Workplace();

  const std::filesystem::path& path() const { return work_; }
  /// A path outside of `work`, for the test's own files.
  std::filesystem::path aside(const std::string& name) const { return dir_ / name; }
  /// Everything as it was at first.
  void restore() const;
  bool is_restored() const;
  /// `hewn train` of a small run, with these keys added; the run is `out`.
  Words training(const std::string& out, const Words& more,
                 const Words& tokenizer = {"--tokenizer=bpe", "--vocab_size=262"}) const;
  /// `hewn train` of an adapter for the run `run`; the adapted run is `out`.
  Words adapting(const std::string& out) const;
  /// The commands that write files, and `sample`.
  std::vector<TriedCommand> commands() const;

 private:
  TriedCommand training_as(int rank) const;
  std::string at(const std::string& name) const { return (work_ / name).string(); }

  TempDir dir_{directory_in_memory()};
  std::filesystem::path work_;
};

}  // namespace hewn::test
