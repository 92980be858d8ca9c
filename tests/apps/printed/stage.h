#pragma once
// A directory in which printed commands can be typed: it has small files, runs and models of the names that they use.

#include <string>

#include "tests/apps/hewn.h"

namespace hewn::test {

class Stage {
 public:
  /// Makes the files (stage.sh), which takes seconds.
  Stage();

  /// Begins again with the files as they were made.
  void renew();
  /// Removes what a command is to make.
  void make_room(const std::string& command) const;
  /// Runs a command line of bash there, in which `hewn` uses small models (hewn.sh). With `check_only`, only parses the
  /// commands and their options.
  ProcessResult run(const std::string& command, bool check_only = false) const;
  /// A path in the directory.
  std::filesystem::path operator/(std::string_view name) const { return fresh_ / name; }

 private:
  TempDir dir_{directory_in_memory()};
  std::filesystem::path made_ = dir_ / "made", fresh_ = dir_ / "fresh";
};

}  // namespace hewn::test
