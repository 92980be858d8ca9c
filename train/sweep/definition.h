#pragma once
// sweep.json: the definition of a sweep, so that it can be continued and rejects other runs.

#include <string>
#include <utility>
#include <vector>

#include "train/sweep/grid.h"

namespace hewn {

struct SweepDefinition {
  std::vector<std::pair<std::string, std::string>> base;  ///< keys of all runs that are not in the grid
  std::vector<GridKey> grid;
  int64_t seeds = 1;  ///< runs per combination, with the seeds `seed`, `seed` + 1, ...

  /// The content of sweep.json.
  std::string to_json() const;
  /// The inverse. Throws ErrorCode::input with the reason; `source` names the file.
  static SweepDefinition from_json(const std::string& text, const std::string& source);
};

/// Checks that `wanted` has everything of `stored` and adds only values and seeds, which extend the sweep.
/// Values keep the order of `stored`, followed by the new ones. Returns the extended grid. Throws usage,
/// naming what differs; `directory` is that of the sweep.
std::vector<GridKey> extended_grid(const std::vector<GridKey>& stored, const std::vector<GridKey>& wanted,
                                   const std::string& directory);

}  // namespace hewn
