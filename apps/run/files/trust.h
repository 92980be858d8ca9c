#pragma once
// Whether the files of a run belong together and are as they were written.

#include <string>
#include <vector>

namespace hewn::cli {

/// Compares RUN/config.toml with the copy in a checkpoint of the run. Returns the keys that flags have changed since,
/// "learning_rate = 0.001, was 0.0003". Throws ErrorCode::input if the file is damaged, or differs in what no flag can
/// change. Checkpoints by earlier versions have no copy; then there is nothing to compare.
std::vector<std::string> changed_since(const std::string& run, const std::string& checkpoint);

/// What `examine_run` found.
struct Examination {
  std::vector<std::string> lines;        ///< "RUN/config.toml: intact", one for each file or checkpoint
  bool damaged = false;                  ///< whether one of them is not intact
  std::vector<std::string> not_checked;  ///< names in RUN that no checksum is about
};

/// Compares all files of a run with what its checkpoints say about them. A training may write to it meanwhile.
Examination examine_run(const std::string& run);

}  // namespace hewn::cli
