#pragma once
// The runs of `hewn sweep`: builds the list of runs from the settings and the stored definition.

#include <cstdint>
#include <string>
#include <vector>

#include "apps/cli/settings.h"
#include "core/io/descriptor.h"
#include "train/sweep/definition.h"
#include "train/sweep/results.h"

namespace hewn::cli {

/// A run of a sweep.
struct SweepRun {
  std::string name;
  std::string directory;            ///< SWEEP/runs/NAME
  std::vector<std::string> values;  ///< of the grid's keys
  uint64_t seed = 0;
  std::vector<Assignment> keys;  ///< of `hewn train`
  bool finished = false;         ///< has a result
  int64_t parameters = 0;        ///< from the plan:
  double flops_per_token = 0;
  int64_t steps = 0, steps_done = 0;
  double seconds_per_step = 0, seconds_left = 0;

  /// The keys as settings of `train`.
  Settings settings() const;
};

/// A directory that holds sweep.json, results.jsonl, runs/ and logs/.
inline std::string definition_file(const std::string& sweep) { return sweep + "/sweep.json"; }
inline std::string results_file(const std::string& sweep) { return sweep + "/results.jsonl"; }

/// The sweep that the settings describe: every key is checked, file names are absolute. If `directory` already
/// holds a sweep, the settings need not repeat the stored definition; they may extend it, but not change it.
/// Throws usage and input.
SweepDefinition define_sweep(const Settings& settings, const std::string& directory);

/// All runs of a sweep, those with a result marked as finished.
std::vector<SweepRun> runs_of(const SweepDefinition& sweep, const std::string& directory,
                              const std::vector<SweepResult>& results);

/// The results in a sweep's directory, without repetitions. Throws ErrorCode::input, naming the line of the
/// error.
std::vector<SweepResult> read_results(const std::vector<std::string>& lines, const std::string& path);

// The lock of a sweep's directory, held by the sweep and its runs.

/// Locks SWEEP/.lock. Programs that are started while it exists inherit the lock, so that the runs of a killed
/// sweep, which save after their step, are never started twice.
class SweepLock {
 public:
  /// Creates the directory if there is none. If the lock is held by the runs of a sweep that has ended, waits for
  /// them. Throws ErrorCode::failed if another sweep holds it or the directory is not writable.
  explicit SweepLock(const std::string& directory);

 private:
  Descriptor lock_;
};

}  // namespace hewn::cli
