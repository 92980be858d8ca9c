#pragma once
// Checks that the files of a run belong together and are unchanged.

#include <string>
#include <vector>

namespace hewn::cli {

/// Compares RUN/config.toml with the copy in a checkpoint of the run. Returns the keys that flags have changed since,
/// "learning_rate = 0.001, was 0.0003". Throws ErrorCode::input if the file is damaged, or differs in a key
/// that no flag can change. Checkpoints of earlier versions have no copy to compare.
std::vector<std::string> changed_since(const std::string& run, const std::string& checkpoint);

/// The result of `examine_run`.
struct Examination {
  std::vector<std::string> lines;        ///< "RUN/config.toml: intact", one for each file or checkpoint
  bool damaged = false;                  ///< whether one of them is not intact
  std::vector<std::string> not_checked;  ///< names in RUN without a checksum
};

/// Compares all files of a run with the checksums in its checkpoints. Training may continue meanwhile.
Examination examine_run(const std::string& run);

}  // namespace hewn::cli
